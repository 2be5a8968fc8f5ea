"""Lots in the database: the first ones in spending order, and the plans that read them without the rest."""

import random
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
import pytest

from app.domain.ledger.lots import spending_order
from app.storage import hot_reads, ledger
from app.storage.engine import Database
from app.storage.ledger import FIRST_LOTS_MAX, LedgerDatabase
from app.storage.round_rows import lots_by_customer
from tests.kit import Stage

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
CUSTOMERS = [UUID(int=2**64 + number) for number in range(20)]
WALLETS = ("points", "miles")
# Of each customer most are spent; of the rest the dates tie, some never end, some are pending or set aside.
FILL = """
insert into lots (customer_id, lot_id, wallet, tx_id, remaining, active_at, expires_at, is_pending, held)
select c, gen_random_uuid(), case n % 5 when 0 then 'miles' else 'points' end, gen_random_uuid(),
    case when n % 3 > 0 then 0 else 1 + n % 7 end, $2::timestamptz - n % 4 * interval '1 day',
    case when n % 11 > 0 then $2::timestamptz + n % 30 * interval '1 day' end, n % 13 = 0, n % 17
from unnest($1::uuid[]) c, generate_series(1, 600) n
"""


@pytest.fixture
async def filled(stage: Stage) -> Stage:
    owner = await asyncpg.connect(stage.owner_url)
    await owner.execute("insert into customers (id) select unnest($1::uuid[])", CUSTOMERS)
    await owner.execute(FILL, CUSTOMERS, NOW)
    await owner.execute("analyze lots")
    await owner.close()
    return stage


def _wanted(seed: random.Random) -> Mapping[tuple[UUID, str], int]:
    """Little, more than one reading brings, and more than there is."""
    pairs = [(customer, wallet) for customer in CUSTOMERS for wallet in WALLETS]
    return {pair: seed.choice((1, 5, 30, 400, 10**12)) for pair in seed.sample(pairs, 6)}


async def test_the_first_lots_are_those_that_spending_begins_with(filled: Stage) -> None:
    owner = await asyncpg.connect(filled.owner_url)
    kept = lots_by_customer(await owner.fetch("select * from lots"))
    await owner.close()
    database, seed, longest = Database(filled.database_url, allow_unsafe=True), random.Random(7), 0
    await database.open()
    async with LedgerDatabase(database).round() as tx:
        for _ in range(40):
            wanted = _wanted(seed)
            found = await tx.read_first_lots(wanted)
            expected: dict[UUID, set[UUID]] = {}
            for (customer, wallet), units in wanted.items():
                left = units
                for lot in spending_order(kept[customer]):
                    if lot.wallet == wallet and lot.remaining and not lot.is_pending and left > 0:
                        left -= lot.remaining
                        expected.setdefault(customer, set()).add(lot.id)
            assert {customer: {lot.id for lot in lots} for customer, lots in found.items()} == expected
            longest = max(longest, *map(len, expected.values()))
    await database.close()
    assert longest > FIRST_LOTS_MAX


@pytest.mark.parametrize(
    ("statement", "arguments"),
    [
        (ledger.READ_FIRST_LOTS, (CUSTOMERS[:3], ["points"] * 3, [5] * 3, FIRST_LOTS_MAX)),
        (ledger.READ_LOTS, (CUSTOMERS[:3],)),
        (hot_reads.READ_BOOKS, (CUSTOMERS[:3],)),
    ],
)
async def test_open_lots_are_read_out_of_their_index(
    filled: Stage, statement: str, arguments: tuple[object, ...]
) -> None:
    """However many are spent already."""
    plan = await _plan(filled, statement, *arguments)
    assert re.search(r"Index Scan using lots_open on lots|Bitmap Index Scan on lots_open", plan), plan
    assert not re.search(r"Seq Scan on lots|lots_pkey", plan), plan


async def test_the_first_lots_come_in_order_and_their_reading_ends(filled: Stage) -> None:
    """A sort would have read all of them."""
    owner = await asyncpg.connect(filled.owner_url)
    async with owner.transaction():
        await owner.execute("set local plan_cache_mode = force_generic_plan")
        arguments = (CUSTOMERS[:1], ["points"], [5], FIRST_LOTS_MAX)
        rows = await owner.fetch(f"explain (analyze, costs off, timing off) {ledger.READ_FIRST_LOTS}", *arguments)
    await owner.close()
    plan = "\n".join(row[0] for row in rows)
    assert "Sort" not in plan, plan
    [read] = re.findall(r"Index Scan using lots_open on lots o \(actual rows=([\d.]+)", plan)
    assert float(read) <= 5, plan


async def _plan(stage: Stage, statement: str, *arguments: object) -> str:
    owner = await asyncpg.connect(stage.owner_url)
    async with owner.transaction():
        await owner.execute("set local plan_cache_mode = force_generic_plan")
        rows = await owner.fetch(f"explain {statement}", *arguments)
    await owner.close()
    return "\n".join(row[0] for row in rows)
