"""The profile: every module of the hot path has its layer, looks are added up, and the command tells a real service."""

from __future__ import annotations

import gc
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from app.storage import ledger
from loadtest import layers, sampling
from loadtest.generator import ROOT
from loadtest.layers import CALLER, LAYERS, ORDER, REST, layer_of, layer_of_stack
from loadtest.profile import Profile, table
from loadtest.program import program
from loadtest.sampling import Place, Sampler, _name_of_statement
from tests.kit import Desk, Stage, line

_SIGNALS = (signal.SIGPROF, signal.SIGUSR1, signal.SIGUSR2)


@pytest.fixture
def sampler(tmp_path: Path) -> Iterator[Sampler]:
    """In this process, which is as it was afterwards."""
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    callbacks = list(gc.callbacks)
    sampler = Sampler(tmp_path / "looks")
    sampler.start()
    yield sampler
    signal.setitimer(signal.ITIMER_PROF, 0)
    gc.callbacks[:] = callbacks
    for number, handler in before.items():
        signal.signal(number, handler)


def busy(seconds: float) -> None:
    until = time.process_time() + seconds
    while time.process_time() < until:
        json.dumps([1, 2, 3])


def written(tmp_path: Path, number: int) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((tmp_path / f"looks.{number}").read_text())
    return document


def test_looks_add_up_to_the_processor_time_of_the_window(sampler: Sampler, tmp_path: Path) -> None:
    busy(0.1)  # Before the window: counts for nothing.
    signal.raise_signal(signal.SIGUSR1)
    time.sleep(0.1)  # Idling counts for nothing.
    busy(0.4)
    signal.raise_signal(signal.SIGUSR2)
    seen = written(tmp_path, 1)
    weights = sum(weight for weight, *_ in seen["stacks"])
    assert seen["looks"] >= 20
    assert 0.35e9 <= seen["total_ns"] <= 0.6e9
    assert 0.8 * seen["total_ns"] <= weights + seen["garbage_ns"] <= 1.05 * seen["total_ns"]
    # What is written in C has no frame: it is known by the call.
    assert any(stack[0] == ["json", "dumps"] or stack[0] == ["time", "process_time"] for _, *stack in seen["stacks"])
    mine = sum(weight for weight, *stack in seen["stacks"] if [__name__, "busy"] in stack)
    assert mine >= 0.8 * weights
    assert not [stack for _, *stack in seen["stacks"] if any(module == "loadtest.sampling" for module, _ in stack)]


def test_each_window_begins_anew(sampler: Sampler, tmp_path: Path) -> None:
    for _ in range(2):
        signal.raise_signal(signal.SIGUSR1)
        busy(0.1)
        signal.raise_signal(signal.SIGUSR2)
    assert written(tmp_path, 2)["total_ns"] < 0.2e9


def test_the_garbage_collector_is_told_apart(sampler: Sampler, tmp_path: Path) -> None:
    signal.raise_signal(signal.SIGUSR1)
    for _ in range(20):
        gc.collect()
    signal.raise_signal(signal.SIGUSR2)
    seen = written(tmp_path, 1)
    assert seen["collections"][2] == 20
    assert seen["garbage_ns"] >= 0.5 * seen["total_ns"]


def test_what_is_collected_while_the_window_is_written_is_none_of_its(
    sampler: Sampler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def collecting(*_: object) -> list[Place]:
        gc.collect()
        return []

    monkeypatch.setattr(sampling, "_places", collecting)
    gc.disable()
    try:
        signal.raise_signal(signal.SIGUSR1)
        busy(0.05)
        signal.raise_signal(signal.SIGUSR2)
    finally:
        gc.enable()
    seen = written(tmp_path, 1)
    assert seen["looks"] > 0
    assert (seen["garbage_ns"], seen["collections"]) == (0, [0, 0, 0])


def test_statements_are_named_as_the_code_names_them() -> None:
    assert _name_of_statement(ledger.TAKE) == "storage.ledger.TAKE"
    assert _name_of_statement(ledger.LOCK_PATRONS) == "storage.ledger.LOCK_PATRONS"
    assert _name_of_statement("select  1\n from x") == "select 1 from x"


def test_the_innermost_frame_that_the_table_names_decides() -> None:
    evaluating = [("app.domain.rules.evaluate", "evaluate"), ("app.flows.rounds", "Rounds._run")]
    assert layer_of_stack(evaluating) == layers.RULES
    assert layer_of_stack([("copy", "deepcopy"), ("app.domain.amounts", "half_up"), *evaluating]) == layers.RULES
    assert layer_of_stack([("app.domain.amounts", "half_up"), ("app.domain.ledger.plans", "f")]) == layers.LEDGER
    assert layer_of_stack([("app.api.exchange", "Served.body"), ("app.api.edge", "f")]) == layers.PARSING
    assert layer_of_stack([("app.api.exchange", "Exchange.tell")]) == layers.EDGE
    assert layer_of_stack([("app.apix", "f"), ("json", "dumps")]) == REST
    assert layer_of_stack([]) == REST


def test_every_layer_of_the_table_is_printed() -> None:
    assert set(LAYERS.values()) - {CALLER} <= set(ORDER)
    assert len(set(ORDER)) == len(ORDER)


def test_a_profile_is_of_one_request() -> None:
    loop = ["asyncio.runners", "Runner.run"]
    document = {
        "total_ns": 10_000_000,
        "looks": 3,
        "garbage_ns": 1_000_000,
        "collections": [5, 1, 0],
        "statements": {"storage.ledger.TAKE": 500_000},
        "stacks": [
            [6_000_000, ["copy", "deepcopy"], ["app.domain.rules.evaluate", "evaluate"], loop, ["app.cli", "main"]],
            [2_000_000, ["app.domain.rules.evaluate", "evaluate"], loop],
            [1_000_000, loop],
        ],
    }
    profile = Profile.of("accrue", document, requests=100)
    assert profile.total_us == 100
    assert profile.layers == {layers.RULES: 80, layers.SERVER: 10, layers.GARBAGE: 10}
    assert profile.selfs == {
        "copy:deepcopy": 60,
        "app.domain.rules.evaluate:evaluate": 20,
        "asyncio.runners:Runner.run": 10,
    }
    assert profile.cumulative == {"copy:deepcopy": 60, "app.domain.rules.evaluate:evaluate": 80}
    printed = table(profile)
    assert "     80.0 µs  80.0 %  rules" in printed
    assert "      5.0 µs   5.0 %      storage.ledger.TAKE" in printed


async def test_every_module_of_the_hot_path_has_a_layer(admin: Desk, stage: Stage) -> None:
    """A new module takes a place in the table, or it would be somebody else's time."""
    await admin.publish(program())
    till = Desk(admin.http, await stage.key("pos", shop="S1", terminal="T1"))
    phone = {"phone": "+79000000001"}
    customer = await till.register(**phone, name="Anna", birthday="1980-05-17")
    goods = [line(place, category="sweets/chocolate", brand="A", sku=f"s{place}") for place in (1, 2, 3)]
    basket = {"lines": goods, "coupons": ["SPRING"], "payments": [{"method": "card", "amount": 100}]}
    ran: set[str] = set()

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            ran.add(str(frame.f_globals.get("__name__")))

    sys.setprofile(note)
    try:
        for number, named in enumerate(({"id": customer}, phone, phone)):
            await till.good("POST", "/v1/quote", {"customer": named, "basket": basket})
            redeem = {"redeem": {"points": "max"}} if number == 2 else {}
            await till.good(
                "POST",
                "/v1/accrue",
                {"customer": named, "receipt": {"number": f"R{number}"}, "basket": basket, **redeem},
            )
            await till.good("POST", "/v1/customers/lookup", {"customer": named})
            await till.balance(customer)
    finally:
        sys.setprofile(None)
    ours = {module for module in ran if module.startswith("app.")}
    assert {"app.flows.post_round", "app.api.edge", "app.flows.quote_basket"} <= ours
    assert sorted(module for module in ours if layer_of(module) is None) == []


def test_the_command_tells_where_a_purchase_s_time_goes(tmp_path: Path) -> None:
    words = ["accrue", "--seconds", "1", "--connections", "4", "--customers", "8", "--data", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-m", "loadtest.profile", *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    rows = re.findall(r"^ *[\d.]+ µs +([\d.]+) %  (.+)$", done.stdout, re.MULTILINE)
    shares = {layer: float(share) for share, layer in rows if layer in ORDER}
    assert sum(shares[layer] for layer in ORDER) == pytest.approx(100, abs=5)
    assert shares[REST] < 5
    for layer in (layers.RULES, layers.LEDGER, layers.SERVER):
        assert shares[layer] > 0
    assert not list(tmp_path.iterdir())
