"""What `make growth` makes of what it measures, and runs of it against services of its own: a whole one, a cut one."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from itertools import repeat
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from loadtest import growth
from loadtest.factors import Factor, Growth, show
from loadtest.generator import ROOT, Outcome
from loadtest.goods import LINES, baskets
from loadtest.growing import Growing
from loadtest.growth import Course, read_options
from loadtest.place import Place
from loadtest.program import program, with_rules
from loadtest.scenarios import Chain, Customer

OUTCOME = Outcome(
    seconds=2.0, right=200, wrong=0, unsent=0, statuses={"201": 200}, p50_ms=1.0, p99_ms=2.0, max_ms=3.0,
    processor_us={"service": 100.0, "postgres": 50.0, "valkey": 1.0, "generator": 9.0}, others_share=0.0, errors=(),
)  # fmt: skip


def growing(found: Growth, *, repeats: int = 3) -> Growing:
    return Growing(found, seconds=1.0, repeats=repeats, tell=lambda _: None)


class Recorded(Place):
    """Answers with so many right ones in turn, all of them over two seconds; keeps who came and what was asked."""

    def __init__(self, rights: Iterator[int], *people: str) -> None:
        customers = tuple(Customer(id=one, phone=one, card=one) for one in people)
        object.__setattr__(self, "chain", Chain(tills=(), customers=customers))
        object.__setattr__(self, "rights", rights)
        object.__setattr__(self, "runs", [])

    def run(self, scenario: str, **more: Any) -> Outcome:
        self.runs.append((scenario, [each.id for each in self.chain.customers], more))  # type: ignore[attr-defined]
        return replace(OUTCOME, right=next(self.rights), wrong=1)  # type: ignore[attr-defined]

    def of(self, people: Any) -> "Recorded":
        some = Recorded(self.rights, *(each.id for each in people))  # type: ignore[attr-defined]
        object.__setattr__(some, "runs", self.runs)  # type: ignore[attr-defined]
        return some


def test_a_factor_is_met_from_its_goal_on_and_always_without_one() -> None:
    assert Factor("x", 0.9, 0.9).is_met
    assert not Factor("x", 0.899, 0.9).is_met
    assert Factor("x", 0.1).is_met


def test_a_comparison_is_the_median_of_neighbours_and_counts_wrong_answers() -> None:
    found = Growth()
    growing(found).compare("x", repeat(Recorded(iter([100] * 3))), Recorded(iter([50, 95, 90])), "accrue")
    assert [(each.value, each.is_met) for each in found.factors] == [(0.9, True)]
    assert found.factors[0].note == "50 to 45 a second, 160 to 160 µs; others up to 0%"
    assert found.wrong == 6


def test_everybody_visits_once_in_either_service_and_the_cold_figure_has_no_goal() -> None:
    small, large = Recorded(iter([100] * 3), *"abcdefghij"), Recorded(iter([50] * 3), *"0123456789")
    found = Growth()
    growing(found).first_visits("x", small, large)
    for place, people in ((small, "abcdefghij"), (large, "0123456789")):
        runs = place.runs  # type: ignore[attr-defined]
        assert [scenario for scenario, _, _ in runs] == ["visit"] * 3
        assert sorted(one for _, came, _ in runs for one in came) == sorted(people)
        assert [more["requests"] for _, _, more in runs] == [len(came) for _, came, _ in runs]
    assert [(each.value, each.goal) for each in found.factors] == [(0.5, None)]


def test_lines_are_linear_where_a_line_costs_no_more_in_a_large_basket(monkeypatch: pytest.MonkeyPatch) -> None:
    costs = {5: 200.0, 50: 650.0, 500: 5150.0}

    def run(*_: object, lines: int, seconds: float) -> Outcome:
        assert seconds == 1.0
        return replace(OUTCOME, processor_us={"service": costs[lines] - 50, "postgres": 50.0})

    monkeypatch.setattr(Place, "run", run)
    found = Growth()
    growing(found).lines(Place.__new__(Place))
    assert found.line_us == costs
    assert found.factors[0].value == pytest.approx(1.0)
    costs[500] = 9650.0
    growing(found).lines(Place.__new__(Place))
    assert not found.factors[1].is_met


def test_memory_is_judged_by_the_most_and_by_the_second_half() -> None:
    found = Growth(memory=[50.0, 90.0, 100.0, 110.0, 120.0])
    growing(found).judge_memory()
    assert [(round(each.value, 3), each.is_met) for each in found.factors] == [(1.25, True), (0.833, False)]


def test_more_rules_are_rules_that_no_basket_meets() -> None:
    few, many = with_rules(10), with_rules(500)
    assert (len(few["rules"]), len(many["rules"])) == (10, 500)
    assert many["rules"][:10] == few["rules"]
    assert all("nobody-buys" in rule["on"]["sku"][0] for rule in many["rules"][10:])
    assert program()["lanes"] == many["lanes"]


def test_large_baskets_are_real_lines_too() -> None:
    assert all(basket.count(b'"sku"') == 50 for basket in baskets(50)[:20])
    assert baskets()[0].count(b'"sku"') == LINES


def test_veterans_stay_the_same_and_are_held_against_newcomers_in_each_run() -> None:
    with ExitStack() as stack:
        course = Course(stack, read_options(["--repeats", "2", "--purchases", "5"]), Growth(), lambda _: None)
        small = Recorded(repeat(100), *map(str, range(100)))
        course._places.append(small)
        for step in course.steps():
            if ("keepers" in step.what or "spenders" in step.what) and "vacuum" not in step.what:
                step.do()
    runs = small.runs  # type: ignore[attr-defined]
    bought = [(scenario, set(people)) for scenario, people, more in runs if "requests" in more]
    assert bought == [("redeem", {"99", "98", "97", "96"}), ("accrue", set(runs[21][1]))]
    compared = [set(people) for _, people, more in runs if "requests" not in more]
    assert compared[1:20:2] == [bought[0][1]] * 10
    assert compared[21::2] == [bought[1][1]] * 10
    newcomers = [one for people in compared[::2] for one in people]
    assert len(set(newcomers)) == len(newcomers) == 80
    assert not set(newcomers) & (bought[0][1] | bought[1][1])


def test_a_whole_course_is_planned_within_twenty_minutes() -> None:
    with ExitStack() as stack:
        steps = list(Course(stack, read_options([]), Growth(), lambda _: None).steps())
    assert sum(step.seconds for step in steps) < 20 * 60
    assert sum("purchases of" in step.what for step in steps) == 10
    assert max(step.seconds for step in steps if not step.what.startswith("loading")) < 75


SMALL = ["--seconds", "0.3", "--repeats", "1", "--customers", "60", "--purchases", "3", "--day-requests", "80"]


def test_all_of_it_runs_on_small_services(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(signal.SIGTERM)
    try:
        assert growth.main([*SMALL, "--data", str(tmp_path)]) == 0
    finally:
        signal.signal(signal.SIGTERM, before)
    told = capsys.readouterr().out
    assert "first visit: 60 to 60 customers" in told, told
    assert "3 purchases of spenders" in told, told
    assert "10 to 500 rules" in told, told
    (kept,) = tmp_path.iterdir()
    document = json.loads(kept.read_text())
    assert document["core"].startswith(("compiled", "pure"))
    assert len(document["memory"]) == 5


def test_an_interrupted_run_tells_what_it_found_and_leaves_everything_as_it_was(tmp_path: Path) -> None:
    earlier = tmp_path / "growth-20260101T000000.json"
    earlier.write_text("{}")
    running = subprocess.Popen(
        [sys.executable, "-u", "-m", "loadtest.growth", *SMALL, "--data", str(tmp_path)],
        cwd=ROOT, env=os.environ | {"PYTHONUNBUFFERED": "1"}, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert running.stdout is not None
    told = ""
    for line in running.stdout:
        told += line
        if "quote: 60 to 60" in line:  # Two services stand, and one generator runs.
            break
    running.send_signal(signal.SIGTERM)
    told += running.communicate(timeout=60)[0]
    assert running.returncode == 130, told
    assert "interrupted" in told
    assert "accrue: 60 to 60 customers" in told[told.rindex("what grew") :]
    assert list(tmp_path.iterdir()) == [earlier]
    assert not [one for one in Path("/proc").glob("[0-9]*/cmdline") if str(tmp_path).encode() in _read(one)]


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b""


def test_what_is_missed_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    show(Growth(factors=[Factor("x", 0.5, 0.9), Factor("y", 1.0, 0.9)], bytes={"txs": 270.4}), Console())
    told = capsys.readouterr().out
    assert told.count("MISSED") == told.count("reached") == 1
    assert "270" in told
