"""The types of what a round writes: made, taken away, made again; their columns are those of their tables."""

import asyncio
from pathlib import Path

import asyncpg
import pytest
from alembic import command
from alembic.config import Config

from app.engines import ThrowawayEngines
from app.storage import migrate

_MIGRATIONS = Path(migrate.__file__).resolve().parents[2] / "migrations"
# Each column of a type with the type of the table's column, null where it has none of that name.
_COLUMNS = """
select t.attname, format_type(t.atttypid, t.atttypmod) as is_of, format_type(c.atttypid, c.atttypmod) as there
from pg_attribute t
left join pg_attribute c on c.attrelid = $2::text::regclass and c.attname = t.attname and c.attnum > 0
where t.attrelid = $1::text::regclass and t.attnum > 0 order by t.attnum
"""


async def _migrate(url: str, *, to: str, back: bool = False) -> None:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["url"] = url
    await asyncio.to_thread(command.downgrade if back else command.upgrade, config, to)


async def test_the_types_are_made_go_and_come_back(engines: ThrowawayEngines) -> None:
    postgres = await asyncpg.connect(engines.database_url(database="postgres"))
    await postgres.execute("create database rounds_as_rows")
    url = engines.database_url(database="rounds_as_rows")
    await _migrate(url, to="0006")
    owner = await asyncpg.connect(url)
    made = "select count(*) from pg_type where typname ~ '^new_' and typtype = 'c'"
    assert await owner.fetchval(made) == 0
    await _migrate(url, to="0007")
    assert await owner.fetchval(made) == 8
    await _migrate(url, to="0006", back=True)
    assert await owner.fetchval(made) == 0
    await _migrate(url, to="0007")
    assert await owner.fetchval(made) == 8
    await owner.close()
    await postgres.execute("drop database rounds_as_rows with (force)")
    await postgres.close()


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("new_book", "customers"),
        ("new_claim", "claims"),
        ("new_tx", "txs"),
        ("new_entry", "entries"),
        ("new_lot", "lots"),
        ("new_answer", "answers"),
        ("new_tier", "tier_changes"),
        ("new_purchase", "purchases"),
    ],
)
async def test_a_types_columns_are_its_tables(owner: asyncpg.Connection, name: str, table: str) -> None:
    columns = await owner.fetch(_COLUMNS, name, table)
    assert columns
    assert {row["attname"]: row["is_of"] for row in columns} == {row["attname"]: row["there"] for row in columns}
