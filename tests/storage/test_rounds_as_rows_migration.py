"""The types of what a round writes: made, taken away, made again, under a running service too; their columns are those
of their tables, and never others than they were made with.
"""

import asyncpg
import pytest

from app.engines import ThrowawayEngines
from tests.kit import Desk
from tests.storage.migrating import VERSIONS, empty_database, migrated

_STATEMENTS = (VERSIONS / "2026_11_27_rounds_as_rows" / "types.sql").read_text(encoding="utf-8")
# Each column of a type with the type of the table's column, null where it has none of that name.
_COLUMNS = """
select t.attname, format_type(t.atttypid, t.atttypmod) as is_of, format_type(c.atttypid, c.atttypmod) as there
from pg_attribute t
left join pg_attribute c on c.attrelid = $2::text::regclass and c.attname = t.attname and c.attnum > 0
where t.attrelid = $1::text::regclass and t.attnum > 0 order by t.attnum
"""


async def test_the_types_are_made_go_and_come_back(engines: ThrowawayEngines) -> None:
    made = "select count(*) from pg_type where typname ~ '^new_' and typtype = 'c'"
    async with empty_database(engines, "rounds_as_rows") as url:
        await migrated(url, to="0006")
        owner = await asyncpg.connect(url)
        assert await owner.fetchval(made) == 0
        await migrated(url, to="0007")
        assert await owner.fetchval(made) == 8
        await migrated(url, to="0006", back=True)
        assert await owner.fetchval(made) == 0
        await migrated(url, to="0007")
        assert await owner.fetchval(made) == 8
        await owner.close()


# A process of this release sends these, in this order, for as long as it runs.
_TYPES = {
    "customers": (
        "new_book",
        "id revision version balances tier paid purchases units last_purchase_at due_at head updated_at memory holds",
    ),
    "claims": ("new_claim", "digest kind fingerprint answer_id"),
    "txs": (
        "new_tx",
        (
            "customer_id version tx_id kind idempotency_key shop terminal receipt parent_tx program at created_at "
            "hash reason"
        ),
    ),
    "entries": ("new_entry", "customer_id tx_id seq account wallet amount lot_id rule"),
    "lots": ("new_lot", "customer_id lot_id wallet tx_id remaining active_at expires_at is_pending held"),
    "answers": ("new_answer", "id status body"),
    "tier_changes": ("new_tier", "customer_id version path"),
    "purchases": (
        "new_purchase",
        "id customer_id shop terminal program at answer basket verdicts lines uses draws day spent",
    ),
}


@pytest.mark.parametrize("table", _TYPES)
async def test_a_types_columns_are_its_tables(owner: asyncpg.Connection, table: str) -> None:
    name, columns = _TYPES[table]
    rows = await owner.fetch(_COLUMNS, name, table)
    assert [row["attname"] for row in rows] == columns.split()
    assert [row["is_of"] for row in rows] == [row["there"] for row in rows]


async def test_a_service_goes_on_when_they_were_made_anew(owner: asyncpg.Connection, till: Desk) -> None:
    """As a dump does that is restored into the database in which the service works."""
    customer = await till.register()
    for _ in range(2):
        assert (await till.accrue(customer)).status_code == 201
    number = "select oid from pg_type where typname = 'new_tx'"
    before = await owner.fetchval(number)
    async with owner.transaction():
        for name, _ in _TYPES.values():
            await owner.execute(f"drop type {name}")
        for statement in _STATEMENTS.split("\n--;\n"):
            await owner.execute(statement)
    assert await owner.fetchval(number) != before
    for _ in range(2):
        assert (await till.accrue(customer)).status_code == 201
