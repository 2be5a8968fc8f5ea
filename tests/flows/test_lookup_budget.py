"""The budget of look-up misses on real PostgreSQL: what races, cancelled waits, other processes and a lost database do
to it.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

import pytest

from app.domain.abuse.misses import MissLimits
from app.domain.rejections import Rejected, Rejection
from app.flows import lookup_budget
from app.flows.failures import DatabaseGone
from app.flows.guessing import Guess
from app.flows.lookup_budget import LookupBudget
from app.flows.requests import Caller, Role
from app.storage.budgets import BudgetsDatabase
from app.storage.engine import Database
from tests.kit import Stage

TILL = Caller("k", Role.POS, ("S1",), "T1")
MISS = Rejection.CUSTOMER_NOT_FOUND
GUESS = Guess(MISS)
LIMITS = MissLimits(burst=10, day=60, shop_day=300)
HIT = "hit"


class Seen:
    """The port `BudgetWatch`."""

    def __init__(self) -> None:
        self.misses = 0
        self.failed: list[Exception] = []
        self.exhausted_by: list[Caller] = []

    def missed(self, count: int) -> None:
        self.misses += count

    def look_failed(self, error: Exception) -> None:
        self.failed.append(error)

    async def exhausted(self, caller: Caller) -> None:
        self.exhausted_by.append(caller)


@pytest.fixture
async def database(stage: Stage) -> AsyncIterator[Database]:
    database = Database(stage.database_url)
    await database.open()
    yield database
    await database.close()


def process(database: Database, *, limits: MissLimits = LIMITS, watch: Seen | None = None) -> LookupBudget:
    """The budget as one more process knows it."""
    return LookupBudget(BudgetsDatabase(database), limits=limits, watch=watch or Seen())


async def hit() -> str:
    await asyncio.sleep(0.002)
    return HIT


async def miss() -> str:
    await asyncio.sleep(0.002)
    raise Rejected(MISS, "nobody")


async def said(budget: LookupBudget, ask: Callable[[], Awaitable[str]]) -> str:
    try:
        return await budget.guess(TILL, GUESS, ask)
    except Rejected as rejected:
        return rejected.rejection.value


async def test_beyond_the_budget_nothing_is_asked(database: Database) -> None:
    watch = Seen()
    budget = process(database, watch=watch)
    assert [await said(budget, miss) for _ in range(10)] == [MISS.value] * 10
    asked: list[str] = []

    async def ask() -> str:
        asked.append("asked")
        return HIT

    assert await said(budget, ask) == Rejection.LOOKUP_BUDGET_EXHAUSTED
    assert asked == []
    assert (watch.misses, watch.exhausted_by) == (10, [TILL])


async def test_together_they_learn_what_one_after_another_would(database: Database) -> None:
    """Every fifth is right: three of the first thirteen, and then ten misses are used up."""
    budget = process(database)
    answers = Counter(await asyncio.gather(*(said(budget, hit if number % 5 == 0 else miss) for number in range(300))))
    assert answers == {MISS.value: 10, HIT: 3, Rejection.LOOKUP_BUDGET_EXHAUSTED.value: 287}


async def test_a_process_that_has_not_heard_tells_of_no_miss(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = process(database), process(database)
    assert await said(second, hit) == HIT  # It looked while there was nothing to hear.
    monkeypatch.setattr(lookup_budget, "REFRESH_SECONDS", 1_000.0)
    for _ in range(10):
        await said(first, miss)
    assert await said(second, hit) == HIT
    assert await said(second, miss) == Rejection.LOOKUP_BUDGET_EXHAUSTED
    assert await said(second, hit) == Rejection.LOOKUP_BUDGET_EXHAUSTED


async def test_who_had_room_is_told_though_later_misses_were_heard_of_first(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the commit of the tenth miss and its answer another process's eleventh is counted and heard of."""
    monkeypatch.setattr(lookup_budget, "REFRESH_SECONDS", 0.0)

    class Overtaken(BudgetsDatabase):
        async def note_misses(self, whose: Sequence[str], count: int, *, kept: int) -> Mapping[str, Sequence[float]]:
            found = await super().note_misses(whose, count, kept=kept)
            later.append(await said(other, miss))
            with pytest.raises(Rejected):
                await heard()
            return found

    async def heard() -> None:
        while True:
            await budget.guessed(TILL, named=1, missed=0)
            await asyncio.sleep(0.01)

    other, later = process(database), list[str]()
    budget = LookupBudget(Overtaken(database), limits=LIMITS, watch=Seen())
    for _ in range(9):
        await said(other, miss)
    assert await said(budget, miss) == MISS.value
    assert later == [Rejection.LOOKUP_BUDGET_EXHAUSTED.value]


async def test_a_process_hears_of_others_within_a_moment_and_at_its_start_of_the_whole_day(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookup_budget, "REFRESH_SECONDS", 0.0)
    first, second = process(database), process(database)
    await said(second, hit)
    for _ in range(10):
        await said(first, miss)
    await said(second, hit)  # Asks beside it.
    assert second._looking is not None
    await asyncio.wait([second._looking], timeout=5)
    assert await said(second, hit) == Rejection.LOOKUP_BUDGET_EXHAUSTED
    assert await said(process(database), hit) == Rejection.LOOKUP_BUDGET_EXHAUSTED
    await second.drain()


async def test_who_hangs_up_while_waiting_keeps_nobody_waiting(database: Database) -> None:
    budget = process(database, limits=MissLimits(burst=1, day=0, shop_day=0))
    begun, go = asyncio.Event(), asyncio.Event()

    async def slow() -> str:
        begun.set()
        await go.wait()
        return HIT

    under_way = asyncio.create_task(said(budget, slow))
    await begun.wait()
    waiting = [asyncio.create_task(said(budget, hit)) for _ in range(3)]
    await asyncio.sleep(0.01)
    waiting[0].cancel()
    go.set()
    assert await asyncio.wait_for(asyncio.gather(under_way, *waiting[1:]), 5) == [HIT] * 3


async def test_who_waits_too_long_is_told_to_come_again(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookup_budget, "WAIT_SECONDS_MAX", 0.05)
    budget = process(database, limits=MissLimits(burst=1, day=0, shop_day=0))
    await budget.guess(TILL, GUESS, hit)  # The first look at the database is over.
    go = asyncio.Event()

    async def slow() -> str:
        await go.wait()
        return HIT

    under_way = asyncio.create_task(said(budget, slow))
    await asyncio.sleep(0.01)
    assert await said(budget, hit) == Rejection.BUSY
    go.set()
    assert await under_way == HIT


async def test_a_miss_that_can_not_be_counted_is_not_told(database: Database) -> None:
    budget = process(database)
    assert await said(budget, hit) == HIT
    await database.close()
    with pytest.raises(DatabaseGone):
        await budget.guess(TILL, GUESS, miss)
    assert await said(budget, hit) == HIT


async def test_a_look_that_fails_at_the_end_keeps_nobody_from_ending(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = Seen()
    budget = process(database, watch=watch)
    assert await said(budget, hit) == HIT

    async def fails(*_args: object, **_more: object) -> None:
        raise LookupError("no such table")

    monkeypatch.setattr(lookup_budget, "REFRESH_SECONDS", 0.0)
    monkeypatch.setattr(BudgetsDatabase, "changed", fails)
    assert await said(budget, hit) == HIT  # Looks beside it.
    await asyncio.sleep(0)
    await budget.drain()
    assert [type(error) for error in watch.failed] == [LookupError]
    await process(database).drain()  # Nothing to let go of.


async def test_budgets_of_other_names_have_nothing_in_common(database: Database) -> None:
    limits = MissLimits(burst=0, day=3, shop_day=0)
    bulk = LookupBudget(BudgetsDatabase(database), limits=limits, watch=Seen(), name="bulk")
    await bulk.guessed(TILL, named=3, missed=3)
    with pytest.raises(Rejected, match="lookup_budget_exhausted"):
        await bulk.guessed(TILL, named=1, missed=0)
    budget = process(database, limits=MissLimits(burst=1, day=1, shop_day=1))
    assert await said(budget, miss) == MISS
    assert await said(budget, miss) == Rejection.LOOKUP_BUDGET_EXHAUSTED


async def test_another_refusal_is_no_miss(database: Database) -> None:
    budget = process(database, limits=MissLimits(burst=1, day=0, shop_day=0))

    async def blocked() -> str:
        raise Rejected(Rejection.CUSTOMER_BLOCKED, "blocked")

    assert [await said(budget, blocked) for _ in range(3)] == [Rejection.CUSTOMER_BLOCKED.value] * 3


async def test_many_at_once_have_room_or_use_up_what_is_left(database: Database) -> None:
    budget = process(database)
    await budget.guessed(TILL, named=400, missed=4)
    await budget.guessed(TILL, named=400, missed=6)
    with pytest.raises(Rejected, match="lookup_budget_exhausted"):
        await budget.guessed(TILL, named=1, missed=0)
    await budget.guessed(TILL, named=0, missed=0)
    other = process(database, limits=MissLimits(burst=0, day=60, shop_day=0))
    with pytest.raises(Rejected, match="lookup_budget_exhausted"):
        await other.guessed(TILL, named=400, missed=51)
    with pytest.raises(Rejected, match="lookup_budget_exhausted"):
        await other.guess(TILL, GUESS, hit)
