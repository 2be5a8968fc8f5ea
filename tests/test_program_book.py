"""The book of rules holds: every document publishes, every basket gets the answer shown, on the whole service.

Nothing of a scene depends on the day of the test: the day's secret of draws follows from a keyring that is always the
same, and where a scene tells the time, the database's clock stands still at it.
"""

import asyncio
import base64
import json
import re
import shlex
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from io import StringIO
from typing import Any

import httpx
import pytest

from app.api.program_schema import PROGRAM_SCHEMA
from app.backtest_command import try_draft
from app.domain.program import (
    Algorithm,
    Base,
    Combine,
    Debt,
    Down,
    ExpireRound,
    Kind,
    Measure,
    OnReturn,
    Per,
    Period,
    Scope,
    Which,
    Window,
)
from app.domain.programs.texts import ALIGNS, FORMATS, PLACEHOLDERS, READERS
from app.draw_check import read_day, verify_draws
from app.keyring import NAMES
from app.storage.keys import create_key
from app.vault import KeyringVault
from tests.e2e.held_clock import HeldClock, clock_of
from tests.kit import Desk, Stage, line, live, purchase, refund
from tests.program_book import BOOK, CALLS, CUSTOMER, Scene, Step, differences, scenes

SCENES = scenes()
TILL = {"role": "pos", "shop": "S1", "terminal": "T1"}
# Calls that a till makes; all others are an admin's.
OF_A_TILL = re.compile(r"/v1/(redeem|returns|customers/lookup|gift-cards/[^/]+/activate)\b")
APP = ".venv/bin/python -m app "


@dataclass(slots=True)
class Play:
    """A scene as it is played. `names` are what braces stand for; `answer` is the last call's, `purchase` the last
    purchase's.
    """

    stage: Stage
    http: httpx.AsyncClient
    clock: HeldClock
    names: dict[str, Any] = field(default_factory=dict)
    answer: Any = None
    purchase: dict[str, Any] = field(default_factory=dict)
    desks: dict[str, Desk] = field(default_factory=dict)

    async def desk(self, key: Mapping[str, str]) -> Desk:
        """Whoever has such a key."""
        name = json.dumps(key, sort_keys=True)
        if name not in self.desks:
            made = await create_key(
                self.stage.owner_url,
                role=key["role"],
                shops=[key["shop"]] if "shop" in key else [],
                terminal=key.get("terminal"),
                partner=key.get("partner"),
            )
            self.desks[name] = Desk(self.http, made.key)
        return self.desks[name]

    async def call(self, step: Step) -> httpx.Response:
        text = step.filled(self.names)
        if step.kind == "http":
            first, _, rest = text.partition("\n")
            method, _, path = first.partition(" ")
            desk = await self.desk(TILL if OF_A_TILL.match(path) else {"role": "admin"})
            return await desk.call(method, path.strip(), rest.encode() if rest.strip() else None)
        body = json.loads(text)
        desk = await self.desk(body.pop("key", TILL))
        if step.kind == "return":
            return await desk.post(
                f"/v1/purchases/{self.purchase['id']}/returns", {"receipt": refund()["receipt"], **body}
            )
        headers = {"Accept-Language": body.pop("language", "en")}
        customer = body.pop("customer", {"id": self.names[CUSTOMER]})
        receipt = body.pop("receipt", {}).get("number")
        sale = purchase(customer, receipt=receipt, **body)
        path = "/v1/accrue" if step.kind == "basket" else "/v1/quote"
        return await desk.post(f"{path}?explain=true", sale, headers=headers)

    async def command(self, text: str) -> str:
        """What one of the service's commands prints; it runs in this process."""
        assert text.startswith(APP), text
        match shlex.split(text.removeprefix(APP)):
            case ["draws", "verify", first, last]:
                vault, said = KeyringVault(self.stage.keyring()), list[str]()
                await verify_draws(
                    self.stage.database_url,
                    vault,
                    first=read_day(first),
                    last=read_day(last),
                    say=said.append,
                    progress=False,
                )
                return "\n".join(said)
            case ["backtest"]:
                nothing: Any = dict.fromkeys(("start", "until", "last", "html"))
                return await asyncio.to_thread(try_draft, self.stage.database_url, None, workers=1, **nothing)
            case words:
                return pytest.fail(f"no test runs {words}")


@pytest.fixture
async def play(stage: Stage) -> AsyncIterator[Play]:
    secrets = {name: base64.b64encode(sha256(name.encode()).digest()).decode() for name in NAMES}
    (stage.data_dir / "secrets.json").write_text(json.dumps(secrets))
    async with (
        clock_of(stage) as clock,
        live(stage) as service,
        httpx.AsyncClient(base_url=service.url, timeout=30) as http,
    ):
        yield Play(stage, http, clock)


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.title)
async def test_the_book_tells_the_truth(scene: Scene, play: Play) -> None:
    now = datetime.now(UTC)
    for hours, name in enumerate(("now", "in_an_hour", "in_two_hours")):
        play.names[name] = (now + timedelta(hours=hours)).isoformat()
    if scene.steps and scene.steps[0].kind == "clock":
        await play.clock.hold(datetime.fromisoformat(scene.steps[0].filled(play.names)))
    admin = await play.desk({"role": "admin"})
    await admin.publish(scene.program)
    for name, profile in scene.customers.items():
        play.names[name] = await admin.register(**profile)
    for step in scene.steps:
        await _do(step, play)


async def _do(step: Step, play: Play) -> None:
    place = f"docs/program.md, line {step.line}"
    if step.kind == "clock":
        await play.clock.hold(datetime.fromisoformat(step.filled(play.names)))
        # The service hears of it with its next round: one that neither takes nor gives anything.
        till = await play.desk(TILL)
        await till.good("POST", "/v1/accrue", purchase(None, line(price=0)))
    elif step.kind == "sh":
        printed = await play.command(step.filled(play.names))
        if isinstance(step.answer, str):
            assert re.fullmatch(_pattern(step.answer), printed.strip()), f"{place}: {printed}"
        elif step.answer is not None:
            _compare(step, json.loads(printed), play, place)
    elif step.kind == "python":
        # As the reader does: the last answer is at hand, and what the receipt said.
        with redirect_stdout(StringIO()):
            exec(compile(step.filled(play.names), place, "exec"), {"answer": play.answer})  # noqa: S102 - our own book
    elif step.kind in CALLS:
        response = await play.call(step)
        assert response.is_error == step.is_refused, f"{place}: {response.status_code} {response.text}"
        play.answer = response.json()
        if step.kind == "basket" and not step.is_refused:
            play.purchase = play.answer
        if step.answer is not None:
            _compare(step, play.answer, play, place)


def _compare(step: Step, answer: Any, play: Play, place: str) -> None:
    found = differences(step.answer, answer, play.names)
    assert not found, "\n".join((place, *found))


def _pattern(shown: str) -> str:
    """What a command prints, with any text where the book has an ellipsis."""
    return ".*".join(re.escape(part) for part in shown.strip().split("…"))


def test_links_of_the_book_lead_somewhere() -> None:
    text = BOOK.read_text(encoding="utf-8")
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    headings = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert len(links) > len(headings) // 3
    for link in links:
        assert link[1:] in headings if link.startswith("#") else (BOOK.parent / link).exists(), link


def test_every_mechanic_of_the_language_is_in_the_book() -> None:
    """Each key that the published schema knows is in some example, and each choice of a word at least in the text."""
    examples = {key for scene in SCENES for key in _keys(scene.program)}
    assert set(_of_schema("properties")) - examples == set()
    assert CHOICES - examples == set()
    text = BOOK.read_text(encoding="utf-8")
    assert {word for word in WORDS if f"`{word}`" not in text and f'"{word}"' not in text} == set()


# What examples have to show, as `_keys` writes it; what the text has to name.
CHOICES = {f"={choice}" for words in (Combine, Kind, Algorithm) for choice in words}
WORDS = {
    str(word)
    for words in (Base, Debt, Down, ExpireRound, Measure, OnReturn, Per, Period, Scope, Which, Window)
    for word in words
} | set(ALIGNS + FORMATS + READERS + PLACEHOLDERS)


def _of_schema(member: str, value: object = PROGRAM_SCHEMA) -> Iterator[str]:
    """The names in all objects `member` of the schema."""
    if isinstance(value, dict):
        yield from value.get(member, ())
        for inner in value.values():
            yield from _of_schema(member, inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _of_schema(member, inner)


def _keys(value: object) -> set[str]:
    """All keys of a document, and the words of its choices with `=` before them."""
    if isinstance(value, dict):
        words = {f"={value[key]}" for key in ("combine", "kind", "algorithm") if isinstance(value.get(key), str)}
        return words | set(value) | {key for member in value.values() for key in _keys(member)}
    if isinstance(value, list):
        return {key for member in value for key in _keys(member)}
    return set()
