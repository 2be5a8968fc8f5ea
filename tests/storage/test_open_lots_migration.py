"""The index of open lots: made, taken away and made again, or found where somebody has made it before."""

from collections.abc import AsyncIterator
from itertools import count

import asyncpg
import pytest

from app.engines import ThrowawayEngines
from app.storage.migrate import read_schema_state
from tests.storage.migrating import VERSIONS, empty_database, migrated

_STATEMENT = (VERSIONS / "2026_11_24_open_lots" / "lots.sql").read_text(encoding="utf-8")
_INDEX = "select pg_get_indexdef(to_regclass('lots_open'))"
_SERIAL = count(1)


@pytest.fixture
async def before(engines: ThrowawayEngines) -> AsyncIterator[str]:
    """The address of a database as the migration finds it."""
    name = f"open_lots_{next(_SERIAL)}"
    async with empty_database(engines, name) as url:
        await migrated(url, to="0003")
        yield url


async def test_the_index_is_made_goes_and_comes_back(before: str) -> None:
    owner = await asyncpg.connect(before)
    assert await owner.fetchval(_INDEX) is None
    await migrated(before, to="0004")
    made = await owner.fetchval(_INDEX)
    assert made.endswith("WHERE ((remaining > 0) OR (held > 0))")
    await migrated(before, to="0003", back=True)
    assert await owner.fetchval(_INDEX) is None
    assert (await read_schema_state(before)).current == "0003"
    await migrated(before, to="0004")
    assert await owner.fetchval(_INDEX) == made
    await owner.close()


async def test_an_index_made_beforehand_without_a_lock_is_found(before: str) -> None:
    owner = await asyncpg.connect(before)
    await owner.execute(_STATEMENT.split("\n", 1)[1].replace("create index", "create index concurrently"))
    found = await owner.fetchval("select to_regclass('lots_open')::oid")
    await migrated(before, to="0004")
    assert await owner.fetchval("select to_regclass('lots_open')::oid") == found
    await owner.close()
