"""Reads that go out together: one statement for many, values of one's own, and a fault for whoever shares it."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from app.flows.failures import DatabaseGone
from app.storage.engine import Database
from app.storage.hot_reads import HotReads
from app.storage.reads import ReadsDatabase
from tests.kit import Desk, Stage


@pytest.fixture
async def database(stage: Stage) -> AsyncIterator[Database]:
    database = Database(stage.database_url, allow_unsafe=True)
    await database.open()
    yield database
    await database.close()


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is asked of the database from here on."""
    told: list[str] = []
    fetch = asyncpg.Connection.fetch

    async def noted(self: asyncpg.Connection, query: str, *arguments: Any, **more: Any) -> Any:
        told.append(query)
        return await fetch(self, query, *arguments, **more)

    monkeypatch.setattr(asyncpg.Connection, "fetch", noted)
    return told


async def test_many_misses_for_one_customer_are_one_query(
    till: Desk, database: Database, statements: list[str]
) -> None:
    customer = UUID(await till.register())
    reads = ReadsDatabase(database)
    statements.clear()
    patrons = await asyncio.gather(*(reads.patron(customer) for _ in range(50)))
    assert len(statements) == 1
    assert len({id(patron) for patron in patrons}) == 50, "a customer is changed by who reads it"
    assert {patron.book.customer_id for patron in patrons if patron is not None} == {customer}


async def test_misses_of_a_tick_are_one_query_a_kind(till: Desk, database: Database, statements: list[str]) -> None:
    customers = [UUID(await till.register()) for _ in range(5)]
    await till.accrue(str(customers[0]))
    reads = ReadsDatabase(database)
    statements.clear()
    nobody = uuid4()
    books = await asyncio.gather(*(reads.books(customer) for customer in [*customers, nobody]))
    assert len(statements) == 1
    assert books[-1] is None
    found = [patron.book for patron in books if patron is not None]
    assert [book.customer_id for book in found] == customers
    assert [len(book.lots or {}) for book in found] == [1, 0, 0, 0, 0]
    assert found[0].purse("points").available == 100


async def test_owners_are_found_together(till: Desk, database: Database, owner: asyncpg.Connection) -> None:
    customers = [UUID(await till.register()) for _ in range(3)]
    rows = await owner.fetch("select customer_id, digest from identifiers")
    digests = {row["customer_id"]: row["digest"] for row in rows}
    reads = ReadsDatabase(database)
    found = await asyncio.gather(*(reads.owner(digests[each]) for each in customers), reads.owner(bytes(32)))
    assert found == [*customers, None]


async def test_a_row_that_cannot_be_read_fails_nobody_else(
    till: Desk, database: Database, owner: asyncpg.Connection
) -> None:
    bad, good = UUID(await till.register()), UUID(await till.register())
    await owner.execute("""update customers set balances = '{"points": {"unknown": 1}}' where id = $1""", bad)
    reads = ReadsDatabase(database)
    broken, whole = await asyncio.gather(reads.patron(bad), reads.patron(good), return_exceptions=True)
    assert isinstance(broken, TypeError)
    assert not isinstance(whole, BaseException)
    assert whole is not None
    assert whole.book.customer_id == good


async def test_each_quote_gets_its_own_part_of_the_shared_state(
    admin: Desk, database: Database, owner: asyncpg.Connection, statements: list[str]
) -> None:
    for code in ("A1", "B2"):
        await admin.good("POST", "/v1/coupons", {"code": code})
    await owner.execute("insert into counters (name, period, used) values ('one', '', 3), ('two', '2026', 5)")
    reads: HotReads = ReadsDatabase(database)
    statements.clear()
    first, second, third = await asyncio.gather(
        reads.shared(counters=["one"], coupons=("A1",), pools={}),
        reads.shared(counters=["two", "three"], coupons=(), pools={}),
        reads.shared(counters=["one"], coupons=("A1",), pools={}),
    )
    assert len(statements) == 3, "coupons, counters, and what holds give back"
    assert (set(first.counts), set(first.coupons)) == ({"one"}, {"A1"})
    assert (set(second.counts), set(second.coupons)) == ({"two"}, set())
    assert first == third
    first.counts.clear()
    first.coupons.clear()
    assert (third.counts["one"].used, set(third.coupons)) == (3, {"A1"})


async def test_codes_read_together_begin_as_those_read_alone(admin: Desk, database: Database) -> None:
    """A quote takes the first of a pool: how many others look at has no part in it."""
    await admin.good("POST", "/v1/coupons", {"pool": "p", "count": 5, "prefix": "P-"})
    reads = ReadsDatabase(database)
    alone = {most: await reads.shared(counters=(), coupons=(), pools={"p": most}) for most in (1, 3)}
    together = await asyncio.gather(*(reads.shared(counters=(), coupons=(), pools={"p": most}) for most in (1, 3)))
    for most, found in zip((1, 3), together, strict=True):
        assert len(alone[most].codes["p"]) == most
        assert found.codes["p"][:most] == alone[most].codes["p"]


async def test_a_database_that_is_gone_is_told_to_all_who_ask(stage: Stage) -> None:
    database = Database(stage.database_url, allow_unsafe=True)
    reads = ReadsDatabase(database)
    told = await asyncio.gather(*(reads.patron(uuid4()) for _ in range(3)), return_exceptions=True)
    assert [type(error) for error in told] == [DatabaseGone] * 3
