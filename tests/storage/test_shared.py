"""The program's shared state: locked in one order, made where it is missing, never taken twice."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import asyncpg
import pytest

from app.domain.counters import Count
from app.domain.coupons import Coupon
from app.flows.failures import Conflict, DrawSecretDiffers
from app.flows.ledger_port import Changes, NewClaim, SharedChanges
from app.storage.engine import Database
from app.storage.ledger import LedgerDatabase, Round
from app.storage.reads import ReadsDatabase
from tests.kit import Stage

SOON_SECONDS = 0.3
DAY = date(2026, 11, 22)


@pytest.fixture
async def database(stage: Stage) -> AsyncIterator[Database]:
    database = Database(stage.database_url, allow_unsafe=True)
    await database.open()
    yield database
    await database.close()


@pytest.fixture
def ledger(database: Database) -> LedgerDatabase:
    return LedgerDatabase(database)


async def _coupon(owner: asyncpg.Connection, code: str, *, pool: str | None = None, **columns: object) -> None:
    if pool is not None:
        await owner.execute(
            "insert into coupon_pools (id, created_by) values ($1, 'test') on conflict do nothing", pool
        )
    names = ["code", "pool", "created_by", *columns]
    values = ", ".join(f"${place}" for place in range(1, len(names) + 1))
    statement = f"insert into coupons ({', '.join(names)}) values ({values})"
    await owner.execute(statement, code, pool, "test", *columns.values())


async def _lock_codes(tx: Round, **pools: int) -> dict[str, list[str]]:
    return (await tx.lock_shared(counters=(), coupons=(), pools=pools)).codes


async def _write(tx: Round, changes: SharedChanges) -> None:
    """With a claim, since a round that posts nothing writes nothing."""
    claims = [NewClaim(uuid4(), "k", None, uuid4())]
    await tx.write(Changes(claims=claims, shared=changes))


async def test_counters_begin_at_nothing_and_are_as_they_were_written(ledger: LedgerDatabase) -> None:
    async with ledger.round() as tx:
        found = await tx.lock_shared(counters=["a", "b"], coupons=(), pools={})
        assert found.counts == {"a": Count("", 0), "b": Count("", 0)}
        await _write(tx, SharedChanges(counts={"b": Count("2026-11", 7)}))
    async with ledger.round() as tx:
        found = await tx.lock_shared(counters=["b", "c"], coupons=(), pools={})
        assert found.counts == {"b": Count("2026-11", 7), "c": Count("", 0)}


async def test_a_counter_that_went_missing_under_a_process_is_made_again(
    ledger: LedgerDatabase, owner: asyncpg.Connection
) -> None:
    async with ledger.round() as tx:
        await tx.lock_shared(counters=["a"], coupons=(), pools={})
    await owner.execute("delete from counters")
    async with ledger.round() as tx:
        assert (await tx.lock_shared(counters=["a"], coupons=(), pools={})).counts == {"a": Count("", 0)}
        assert await owner.fetchval("select count(*) from counters") == 0  # Not yet committed, so locked.


async def test_a_counter_is_had_by_one_round_after_the_other_also_when_it_is_new(stage: Stage) -> None:
    databases = [Database(stage.database_url, allow_unsafe=True) for _ in range(2)]
    for database in databases:
        await database.open()
    try:
        ledgers = [LedgerDatabase(database) for database in databases]

        async def count(place: int) -> None:
            names = [f"old{place % 3}", "hot", f"new{place}"]
            async with ledgers[place % 2].round() as tx:
                found = await tx.lock_shared(counters=sorted(names), coupons=(), pools={})
                await asyncio.sleep(0)
                used = {name: Count("", count.used + 1) for name, count in found.counts.items()}
                await _write(tx, SharedChanges(counts=used))

        await asyncio.gather(*(count(place) for place in range(12)))
        async with ledgers[0].round() as tx:
            found = await tx.lock_shared(counters=["hot", "old0", "old1", "old2"], coupons=(), pools={})
        assert [count.used for count in found.counts.values()] == [12, 4, 4, 4]
    finally:
        for database in databases:
            await database.close()


async def test_a_code_is_read_with_its_bounds_and_counts_its_uses(
    ledger: LedgerDatabase, owner: asyncpg.Connection
) -> None:
    start = datetime(2026, 11, 1, tzinfo=UTC)
    await _coupon(owner, "SPRING", uses_max=2, per_customer=1, starts_at=start)
    async with ledger.round() as tx:
        found = await tx.lock_shared(counters=(), coupons=["NONE", "SPRING"], pools={})
        assert found.coupons == {"SPRING": Coupon("SPRING", uses_max=2, per_customer=1, start=start)}
        await _write(tx, SharedChanges(coupons={"SPRING": 2}))
    with pytest.raises(Conflict):  # The database is the last guard.
        async with ledger.round() as tx:
            await _write(tx, SharedChanges(coupons={"SPRING": 1}))
    async with ledger.round() as tx:
        assert (await tx.lock_shared(counters=(), coupons=["SPRING"], pools={})).coupons["SPRING"].uses == 2
        await _write(tx, SharedChanges(coupons={"SPRING": -1}))
    assert await owner.fetchval("select uses from coupons") == 1


async def test_free_codes_come_in_order_without_those_that_are_of_no_use(
    ledger: LedgerDatabase, owner: asyncpg.Connection
) -> None:
    customer = uuid4()
    await owner.execute("insert into customers (id) values ($1)", customer)
    await _coupon(owner, "A-OWNED", pool="p", customer_id=customer)
    await _coupon(owner, "B-USED", pool="p", uses=1)
    await _coupon(owner, "C-BLOCKED", pool="p", is_blocked=True)
    await _coupon(owner, "D-OVER", pool="p", ends_at=datetime.now(UTC) - timedelta(hours=1))
    for code in ("G", "F", "E"):
        await _coupon(owner, code, pool="p")
    await _coupon(owner, "X", pool="q")
    async with ledger.round() as tx:
        assert await _lock_codes(tx, p=2, q=5, none=1) == {"p": ["E", "F"], "q": ["X"]}


async def test_a_pool_that_is_over_gives_nothing_out(owner: asyncpg.Connection, ledger: LedgerDatabase) -> None:
    await _coupon(owner, "A", pool="over")
    await owner.execute("update coupon_pools set ends_at = clock_timestamp() where id = 'over'")
    async with ledger.round() as tx:
        assert await _lock_codes(tx, over=1) == {}


async def test_codes_that_another_round_holds_are_passed_over(
    ledger: LedgerDatabase, owner: asyncpg.Connection
) -> None:
    customer = uuid4()
    await owner.execute("insert into customers (id) values ($1)", customer)
    for code in ("A", "B", "C"):
        await _coupon(owner, code, pool="p")
    async with ledger.round() as first:
        assert await _lock_codes(first, p=1) == {"p": ["A"]}
        async with ledger.round() as second:
            async with asyncio.timeout(SOON_SECONDS):
                assert await _lock_codes(second, p=1) == {"p": ["B"]}
            await _write(second, SharedChanges(given={"B": customer}))
    async with ledger.round() as tx:
        assert await _lock_codes(tx, p=3) == {"p": ["A", "C"]}
    row = await owner.fetchrow("select customer_id, is_given from coupons where code = 'B'")
    assert tuple(row) == (customer, True)


async def test_a_code_that_goes_back_is_no_longer_good_unless_it_was_used(
    ledger: LedgerDatabase, owner: asyncpg.Connection
) -> None:
    await _coupon(owner, "UNUSED", uses_max=1)
    await _coupon(owner, "USED", uses=1, uses_max=1)
    async with ledger.round() as tx:
        await tx.lock_shared(counters=(), coupons=["UNUSED", "USED"], pools={})
        await _write(tx, SharedChanges(voided=["UNUSED", "USED"]))
    rows = await owner.fetch("select code, is_blocked from coupons order by code")
    assert [tuple(row) for row in rows] == [("UNUSED", True), ("USED", False)]


async def test_a_quote_reads_the_same_and_waits_for_nobody(
    database: Database, ledger: LedgerDatabase, owner: asyncpg.Connection
) -> None:
    await _coupon(owner, "SPRING", pool="p", uses_max=1)
    reads = ReadsDatabase(database)
    async with ledger.round() as tx:
        locked = await tx.lock_shared(counters=["a"], coupons=["SPRING"], pools={"p": 1})
        await _write(tx, SharedChanges(counts={"a": Count("", 3)}, coupons={"SPRING": 1}))
        async with asyncio.timeout(SOON_SECONDS):
            seen = await reads.shared(counters=["a", "b"], coupons=["SPRING"], pools={"p": 1})
        assert (seen.counts, seen.coupons, seen.codes) == ({}, locked.coupons, {"p": ["SPRING"]})
    seen = await reads.shared(counters=["a"], coupons=["SPRING"], pools={"p": 1})
    assert seen.counts == {"a": Count("", 3)}
    assert seen.coupons["SPRING"].uses == 1
    assert seen.codes == {}


@pytest.mark.parametrize("is_at_once", [False, True])
async def test_a_day_has_one_secret_whoever_draws_first(ledger: LedgerDatabase, is_at_once: bool) -> None:
    async def draw(commitment: str) -> None:
        async with ledger.round() as tx:
            await _write(tx, SharedChanges(commitments={DAY: commitment}))

    ours, other = "a" * 64, "b" * 64
    if is_at_once:
        outcomes = await asyncio.gather(draw(ours), draw(other), return_exceptions=True)
        assert [type(outcome) for outcome in outcomes].count(DrawSecretDiffers) == 1
        return
    await draw(ours)
    await draw(ours)
    with pytest.raises(DrawSecretDiffers):
        await draw(other)
