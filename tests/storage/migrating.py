"""An empty database, and a database taken to one migration, there or back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
from alembic import command
from alembic.config import Config

from app.engines import ThrowawayEngines
from app.storage import migrate

VERSIONS = Path(migrate.__file__).resolve().parents[2] / "migrations" / "versions"


async def migrated(url: str, *, to: str, back: bool = False) -> None:
    """Returns when the schema at the address is that of the migration."""
    config = Config()
    config.set_main_option("script_location", str(VERSIONS.parent))
    config.attributes["url"] = url
    await asyncio.to_thread(command.downgrade if back else command.upgrade, config, to)


async def made_ahead(connection: asyncpg.Connection, *, months: int) -> int:
    """How many partitions of coming months it took; a call makes those of one table."""
    ahead = "select ensure_partitions(clock_timestamp() + make_interval(months => $1))"
    total = 0
    while made := await connection.fetchval(ahead, months):
        total += made
    return total


@asynccontextmanager
async def empty_database(engines: ThrowawayEngines, name: str) -> AsyncIterator[str]:
    """The address of one that is dropped afterwards."""
    postgres = await asyncpg.connect(engines.database_url(database="postgres"))
    try:
        await postgres.execute(f"create database {name}")
        yield engines.database_url(database=name)
    finally:
        await postgres.execute(f"drop database if exists {name} with (force)")
        await postgres.close()
