"""What the database itself refuses, whoever asks: the last guard."""

from datetime import UTC, datetime
from uuid import UUID

import asyncpg
import pytest

from tests.kit import Desk, Stage, line, purchase
from tests.storage.migrating import made_ahead

_ID = UUID(int=1)
_MONTH = f"{datetime.now(UTC):%Y_%m}"


@pytest.fixture
async def posted(till: Desk) -> str:
    """A customer with one purchase and 100 points."""
    customer = await till.register()
    assert (await till.accrue(customer, line(price=10000))).status_code == 201
    return customer


@pytest.mark.parametrize(
    "statement",
    [
        "update entries set amount = amount + 1",
        "delete from entries",
        "truncate entries",
        "update txs set receipt = 'x'",
        "delete from txs",
        "update purchases set answer = 'x'",
        "delete from purchases",
        "delete from customers",
        "delete from claims",
        "update claims set answer_id = gen_random_uuid()",
        "update programs set document = '{}'",
        "delete from lots",
        "update holds set units = '[]'",
        "update holds set expires_at = expires_at + interval '1 day'",
        "delete from holds",
        "update ledger_roots set root = root",
        "delete from ledger_heads",
        "update tier_changes set path = '[]'",
        "create table mine (id int)",
        "drop view audit_tx",
    ],
)
async def test_the_application_may_not_rewrite_history(stage: Stage, posted: str, statement: str) -> None:
    assert posted
    connection = await asyncpg.connect(stage.database_url)
    try:
        assert await connection.fetchval("select current_user") == "loyalty_app"
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)
    finally:
        await connection.close()


@pytest.mark.parametrize(
    "statement",
    [
        "update entries set amount = amount + 1",
        "delete from txs",
        "truncate txs",
        "truncate txs_other",
        "delete from entries_other",
        f"delete from entries_{_MONTH}",
        f"truncate txs_{_MONTH}",
    ],
)
async def test_nor_may_the_owner_by_accident(owner: asyncpg.Connection, posted: str, statement: str) -> None:
    assert posted
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
        await owner.execute(statement)


@pytest.mark.parametrize("table", ["entries", "entries_other"])
async def test_entries_that_do_not_sum_to_0_are_refused(owner: asyncpg.Connection, table: str) -> None:
    insert = f"insert into {table} (customer_id, tx_id, seq, account, wallet, amount) values ($1, $1, $2, $3, $4, $5)"
    with pytest.raises(asyncpg.CheckViolationError, match="do not sum to 0"):
        await owner.execute(insert, _ID, 1, "customer:available", "points", 10)


@pytest.mark.parametrize(
    "purse",
    [
        '{"available": -1, "pending": 0, "held": 0, "floor": 0}',
        '{"available": -11, "pending": 0, "held": 0, "floor": -10}',
        '{"available": 5, "pending": -1, "held": 0, "floor": 0}',
        '{"available": 5, "pending": 0, "held": -1, "floor": 0}',
        '{"available": 5, "pending": 0, "held": 0, "floor": 1}',
    ],
)
async def test_no_balance_stands_below_its_floor(owner: asyncpg.Connection, posted: str, purse: str) -> None:
    with pytest.raises(asyncpg.CheckViolationError, match="balances_above_floor"):
        await owner.execute(
            "update customers set balances = jsonb_build_object('points', $2::jsonb) where id = $1", UUID(posted), purse
        )


async def test_a_claim_is_taken_once(owner: asyncpg.Connection) -> None:
    insert = "insert into claims (digest, kind, answer_id) values ($1, 'k', $1)"
    await owner.execute(insert, _ID)
    with pytest.raises(asyncpg.UniqueViolationError):
        await owner.execute(insert, _ID)


async def test_a_lot_never_holds_less_than_nothing(owner: asyncpg.Connection, posted: str) -> None:
    assert posted
    with pytest.raises(asyncpg.CheckViolationError):
        await owner.execute("update lots set remaining = -1")


async def test_partitions_are_made_ahead_and_only_once(owner: asyncpg.Connection, stage: Stage) -> None:
    connection = await asyncpg.connect(stage.database_url)
    try:
        made = await made_ahead(connection, months=6)
        again = await made_ahead(connection, months=6)
    finally:
        await connection.close()
    assert (made > 0, again) == (True, 0)


async def test_a_month_that_has_begun_without_a_partition_stays_in_the_default_one(owner: asyncpg.Connection) -> None:
    """Nobody made partitions for months: the next start must not fail for it."""
    late = await owner.fetchval("select month_bound(date_trunc('month', clock_timestamp()) + interval '4 months')")
    await owner.execute("insert into answers (id, status, body) values ($1, 201, '')", late)
    await made_ahead(owner, months=5)
    tables = await owner.fetch("select relname from pg_class where relkind = 'r' and relname ~ '^(answers|txs)_2'")
    months = {prefix: sum(table["relname"].startswith(prefix) for table in tables) for prefix in ("answers", "txs")}
    assert months["answers"] == months["txs"] - 1
    assert await owner.fetchval("select tableoid::regclass::text from answers where id = $1", late) == "answers_other"


async def test_purchases_land_in_the_partition_of_their_month(
    owner: asyncpg.Connection, till: Desk, posted: str
) -> None:
    answer = await till.post("/v1/accrue", purchase(posted))
    where = await owner.fetchval("select tableoid::regclass::text from txs where tx_id = $1", answer.json()["tx_id"])
    month = await owner.fetchval("select to_char(clock_timestamp() at time zone 'UTC', 'YYYY_MM')")
    assert where == f"txs_{month}"
