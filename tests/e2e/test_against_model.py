"""The whole service against the independent model: random sequences through HTTP and the database, days passing on a
clock that the test holds; every answer compared, and at the end everything that can be read.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from app.verification import findings
from tests.e2e.errands import Errands, with_held
from tests.e2e.held_clock import HeldClock, clock_of
from tests.kit import Desk, Stage, client_of, purchase, served_here, small_program
from tests.model import busy, sequences, strategies
from tests.model.arithmetic import Json
from tests.model.books import Books
from tests.model.corners import CORNERS
from tests.model.examples import HUNT, examples

START = datetime(2040, 2, 10, 12, tzinfo=UTC)  # Later than whatever the real clock has stamped on the customers.
SEQUENCES = 12  # That a batch runs side by side under one program.
BATCHES = (HUNT or 480) // SEQUENCES
DAYS = [0, 0, 1, 2, 13, 14, 15, 31]


@dataclass(frozen=True, slots=True)
class Batch:
    """Sequences that share a program, the days that pass before each of their steps and after all of them, and a later
    version of the program with the step that it is published before, or none.
    """

    program: Json
    sequences: list[list[Json]]
    days: list[int]
    days_after: int
    later: Json | None = None
    published_before: int = 0


@st.composite
def batches(draw: st.DrawFn) -> Batch:
    if draw(st.integers(0, 2)):
        program = draw(busy.programs())
        later, play = draw(busy.programs(after=program)), busy.operations(program)
    else:
        program = draw(strategies.programs())
        later, play = draw(strategies.programs(after=program)), sequences.operations(program)
    together = [draw(play) for _ in range(SEQUENCES)]
    steps = max(len(each) for each in together)
    *days, days_after = [draw(st.sampled_from(DAYS)) for _ in range(steps + 1)]
    return Batch(program, together, days, days_after, later=later, published_before=draw(st.integers(0, 2 * steps)))


def drawn(count: int) -> list[Batch]:
    """So many batches, the same ones each time unless chance is asked for."""
    found: list[Batch] = []

    @settings(examples(count), max_examples=count, phases=[Phase.generate], database=None)
    @given(batches())
    def draw(batch: Batch) -> None:
        found.append(batch)

    draw()
    return found


@dataclass(slots=True)
class Town:
    """The service on a stage, with a desk in each shop and channel."""

    clock: HeldClock
    office: Desk
    desks: dict[tuple[str, str], Desk]
    now: datetime = START

    async def wait(self, days: int) -> None:
        """Days pass; the service hears of it with its next round, which is nobody's purchase here."""
        self.now += timedelta(days=days)
        await self.clock.hold(self.now)
        heard = await next(iter(self.desks.values())).post("/v1/accrue", purchase(None))
        assert heard.status_code == 201, heard.text

    async def play(self, batch: Batch) -> None:
        """All sequences of a batch, step by step side by side; compared at every step, and in full at the end."""
        await self.wait(1)
        await self.office.publish(batch.program)
        errands = [Errands(self.office, self.desks, batch.program, each) for each in batch.sequences]
        await asyncio.gather(*(each.register() for each in errands))
        past: dict[datetime, list[Json]] = {}
        for step, days in enumerate(batch.days):
            if days:
                past[self.now] = [balances_of(each.books, now=self.now) for each in errands]
                await self.wait(days)
            if batch.later is not None and step == batch.published_before:
                await self.office.publish(batch.later)
                for each in errands:
                    each.books.publish(batch.later)
            await asyncio.gather(*(self._step(each, step) for each in errands if step < len(each.operations)))
        for each in errands:
            await self._compare_balances(each)
        await self.wait(batch.days_after)
        await asyncio.gather(
            *(
                self._compare(each, {then: balances[place] for then, balances in past.items()})
                for place, each in enumerate(errands)
            )
        )

    async def _step(self, errands: Errands, step: int) -> None:
        try:
            await errands.perform(errands.operations[step], now=self.now)
        except AssertionError as error:
            tell(error, errands)
            raise

    async def _compare(self, errands: Errands, past: dict[datetime, Json]) -> None:
        errands.books.advance(self.now)
        try:
            for name, customer in errands.customers.items():
                await self._compare_customer(errands.books, name, f"/v1/customers/{customer['id']}")
                for then, balances in list(past.items())[-1::-3]:
                    shown = await self.office.good("GET", f"/v1/customers/{customer['id']}/balance?as_of={utc(then)}")
                    assert bare(shown["wallets"]) == balances[name], f"as of {then}"
        except AssertionError as error:
            tell(error, errands)
            raise

    async def _compare_balances(self, errands: Errands) -> None:
        """Also puts them into the cache, for a later read to count in what time has brought since."""
        balances = balances_of(errands.books, now=self.now)
        for name, customer in errands.customers.items():
            shown = await self.office.good("GET", f"/v1/customers/{customer['id']}/balance")
            assert bare(shown["wallets"]) == balances[name], f"customer {name} before the last days"

    async def _compare_customer(self, books: Books, name: str, path: str) -> None:
        """Everything that can be read of a customer."""
        get, state = self.office.good, books.state(name)
        history = (await get("GET", f"{path}/history?limit=100"))["items"]
        assert [item["version"] for item in history] == list(range(len(history), 0, -1))
        shown = await get("GET", f"{path}/balance?min_version={len(history)}")
        assert (shown["version"], shown["wallets"]) == (len(history), with_horizon(books, name, now=self.now))
        lots = (await get("GET", f"{path}/lots?limit=100"))["items"]
        assert {wallet: [lot_of(lot) for lot in lots if lot["wallet"] == wallet] for wallet in state["lots"]} == {
            wallet: [(lot["remaining"], lot["active_at"], lot["expires_at"]) for lot in each]
            for wallet, each in state["lots"].items()
        }
        profile = await get("GET", path)
        said = (profile["tier"], profile["purchases"], profile["balances"])
        assert said == (state["tier"], state["purchases"], with_held(state["balances"]))
        later = self.now + timedelta(days=20, minutes=1)
        shown = await get("GET", f"{path}/balance?as_of={utc(later)}")
        assert bare(shown["wallets"]) == balances_of(deepcopy(books), now=later)[name], "as of 20 days later"


def balances_of(books: Books, *, now: datetime) -> Json:
    """By customer, with what time has brought by `now`."""
    books.advance(now)
    return {name: books.balances(name) for name in books.customers}


def with_horizon(books: Books, name: str, *, now: datetime) -> Json:
    """The balance endpoint's wallets by the model: what expires next, and what becomes active next."""
    wallets: Json = {}
    for wallet, balance in with_held(books.balances(name)).items():
        lots = [lot for lot in books.customers[name].lots if lot.wallet == wallet and lot.remaining]
        waiting = [lot for lot in lots if not lot.is_active and not lot.never_becomes_active]
        wallets[wallet] = {
            **balance,
            "next_expiry": soonest([(lot.expires_at, lot.remaining) for lot in lots if lot.expires_at]),
            "next_activation": soonest([(lot.active_at, lot.remaining) for lot in waiting]),
        }
    return wallets


def soonest(changes: list[tuple[datetime, int]]) -> Json | None:
    if not changes:
        return None
    first = min(at for at, _ in changes)
    return {"points": sum(units for at, units in changes if at == first), "at": utc(first)}


def lot_of(shown: Json) -> tuple[int, datetime, datetime | None]:
    ends = shown["expires_at"]
    return shown["remaining"], datetime.fromisoformat(shown["active_at"]), ends and datetime.fromisoformat(ends)


def bare(wallets: Json) -> Json:
    return {wallet: {name: each[name] for name in ("available", "pending")} for wallet, each in wallets.items()}


def utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def tell(error: AssertionError, errands: Errands) -> None:
    """The whole sequence, and how far it went."""
    error.add_note(f"program {json.dumps(errands.program)}")
    error.add_note("\n".join(json.dumps(each) for each in errands.log))


@pytest.fixture
async def town(stage: Stage) -> AsyncIterator[Town]:
    async with clock_of(stage) as clock, served_here(stage) as edge, client_of(edge) as http:
        desks = {
            (shop, channel): Desk(http, await stage.key(role, shop=shop, terminal=f"T{channel}"))
            for shop in strategies.SHOPS
            for channel, role in (("pos", "pos"), ("online", "shop"))
        }
        office = Desk(http, await stage.key("admin"))
        await office.publish(small_program())
        yield Town(clock, office, desks)


async def test_hundreds_of_sequences_end_where_the_model_says(town: Town, stage: Stage) -> None:
    for batch in drawn(BATCHES):
        await town.play(batch)
    assert await findings(stage.database_url) == []


async def test_corners_end_where_the_model_says(town: Town, stage: Stage) -> None:
    for program, operations in CORNERS.values():
        days = [operation["days"] for operation in operations]
        for days_after in (0, 14):
            await town.play(Batch(program, [operations], days, days_after))
    assert await findings(stage.database_url) == []
