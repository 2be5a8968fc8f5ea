"""Lots in the database: the first ones in spending order, and the plans that read them without the rest."""

import json
import random
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
import pytest

from app.domain.ledger.lots import Lot, spending_order
from app.flows.read_customer import horizon_of
from app.storage import hot_reads, ledger
from app.storage.engine import Database
from app.storage.ledger import FIRST_LOTS_MAX, LedgerDatabase
from app.storage.reads import ReadsDatabase
from app.storage.round_rows import lots_by_customer
from tests.kit import Stage
from tests.storage.plans import plan_of

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
        (hot_reads.READ_OUTLOOKS, (CUSTOMERS[:3],)),
        (hot_reads.READ_OPEN_LOTS, (CUSTOMERS[:1], 100, 51)),
    ],
)
async def test_open_lots_are_read_out_of_their_index(
    filled: Stage, statement: str, arguments: tuple[object, ...]
) -> None:
    """However many are spent already."""
    plan = await _plan(filled, statement, *arguments)
    assert re.search(r"Index Scan using lots_open on lots|Bitmap Index Scan on lots_open", plan), plan
    assert not re.search(r"Seq Scan on lots|lots_pkey", plan), plan


async def test_lots_of_postings_are_found_without_the_others(filled: Stage) -> None:
    plan = await _plan(filled, ledger.READ_LOTS_OF_POSTINGS, CUSTOMERS[:3], CUSTOMERS[:3])
    assert re.search(r"Index (Only )?Scan using entries_\w+_pkey", plan), plan
    assert re.search(r"lots_pkey on lots.*\n\s+Index Cond: \(\(customer_id = .*AND \(lot_id = ", plan), plan
    assert not re.search(r"Seq Scan on (lots|entries)", plan), plan


async def test_the_first_lots_come_in_order_and_their_reading_ends(filled: Stage) -> None:
    """A sort would have read all of them."""
    arguments = (CUSTOMERS[:1], ["points"], [5], FIRST_LOTS_MAX)
    plan = await _plan(filled, ledger.READ_FIRST_LOTS, *arguments, options="analyze, costs off, timing off")
    assert "Sort" not in plan, plan
    [read] = re.findall(r"Index Scan using lots_open on lots o \(actual rows=([\d.]+)", plan)
    assert float(read) <= 5, plan


async def test_an_outlook_is_what_all_lots_would_tell(filled: Stage) -> None:
    """Dates tie; some lots never end, some end before they begin, some are pending, set aside or spent."""
    owner = await asyncpg.connect(filled.owner_url)
    await owner.execute("update customers set balances = $1", _balances({"points": 5, "miles": 5, "stamps": 0}))
    await owner.execute("update customers set balances = $1 where id = $2", _balances({"points": 0}), CUSTOMERS[0])
    await owner.execute("update lots set is_pending = false where customer_id = $1", CUSTOMERS[0])
    await owner.execute("update lots set active_at = expires_at where is_pending and expires_at = $1", NOW)
    await owner.close()
    database = Database(filled.database_url, allow_unsafe=True)
    await database.open()
    reads, told = ReadsDatabase(database), 0
    for customer in CUSTOMERS:
        outlook, whole = await reads.outlook(customer), await reads.books(customer)
        assert outlook is not None
        assert whole is not None
        assert outlook.horizon == horizon_of(whole.book)
        told += sum(next_one is not None for pair in outlook.horizon.values() for next_one in pair)
    assert await reads.outlook(UUID(int=1)) is None
    await database.close()
    assert told >= 4 * (len(CUSTOMERS) - 1)


async def test_pages_of_open_lots_are_cut_out_of_all_of_them(filled: Stage) -> None:
    owner = await asyncpg.connect(filled.owner_url)
    await owner.execute("update customers set balances = $1", _balances({"points": 5, "miles": 0, "stamps": 0}))
    await owner.close()
    database = Database(filled.database_url, allow_unsafe=True)
    await database.open()
    reads, customer = ReadsDatabase(database), CUSTOMERS[0]
    whole = await reads.books(customer)
    assert whole is not None
    expected = [lot for lot in spending_order(whole.book.all_lots().values()) if lot.remaining]
    paged: list[Lot] = []
    for start in range(0, len(expected) + 70, 70):
        found = await reads.open_lots(customer, start=start, limit=70)
        assert found is not None
        patron, page = found
        assert patron.book.customer_id == customer
        paged += page
    assert paged == expected
    assert len(expected) >= 200
    assert await reads.open_lots(UUID(int=1), start=0, limit=1) is None
    await database.close()


def _balances(pending: Mapping[str, int]) -> str:
    purses = {wallet: {"available": 9, "pending": units, "held": 0, "floor": 0} for wallet, units in pending.items()}
    return json.dumps(purses)


async def _plan(stage: Stage, statement: str, *arguments: object, options: str = "costs off") -> str:
    owner = await asyncpg.connect(stage.owner_url)
    async with owner.transaction():
        plan = await plan_of(owner, statement, *arguments, options=options)
    await owner.close()
    return plan
