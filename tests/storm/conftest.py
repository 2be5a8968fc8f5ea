"""Engines of the storms' own, since they are killed here, and as durable as real ones; services that storms share."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from itertools import count
from pathlib import Path

import asyncpg
import pytest
from redis.asyncio import Redis

from app.engines import ThrowawayEngines, throwaway_engines
from app.storage import migrate
from tests.kit import Stage, small_program
from tests.storm.stands import Cable, Ground, ground, on_a_cable

TEMPLATE = "template_storm"
_SERIAL = count(1)


@pytest.fixture(scope="session")
def engines() -> Iterator[ThrowawayEngines]:
    with throwaway_engines() as running:
        yield running


@pytest.fixture(scope="session")
def template(engines: ThrowawayEngines) -> str:
    """The name of a migrated database that storms clone."""
    asyncio.run(_run(engines, f"create database {TEMPLATE}"))
    migrate.upgrade(engines.database_url(database=TEMPLATE), say=lambda _: None)
    return TEMPLATE


@pytest.fixture
async def stage(engines: ThrowawayEngines, template: str, tmp_path: Path) -> Stage:
    name = f"storm_{next(_SERIAL)}"
    await _run(engines, f"create database {name} template {template}")
    async with Redis.from_url(engines.redis_url) as redis:
        await redis.flushall()
    return _stage(engines, name, tmp_path)  # The database goes with its engine: dropping it would be a checkpoint.


@pytest.fixture(scope="session")
async def arena(
    engines: ThrowawayEngines, template: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Ground]:
    """A service of two workers, for storms that leave processes and engines alone; `small_program` is published."""
    await _run(engines, f"create database arena template {template}")
    async with ground(_stage(engines, "arena", tmp_path_factory.mktemp("arena")), workers=2) as arena:
        await arena.admin.publish(small_program())
        yield arena


@pytest.fixture(scope="module")
async def calm(
    engines: ThrowawayEngines, template: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Ground]:
    """A service of one worker to which nothing happens, beside one to which something does: where both are slower than
    before, the machine is.
    """
    await _run(engines, f"create database calm template {template}")
    async with ground(_stage(engines, "calm", tmp_path_factory.mktemp("calm"))) as calm:
        await calm.admin.publish(small_program())
        yield calm


@pytest.fixture(scope="session")
async def cable(
    engines: ThrowawayEngines, template: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Cable]:
    """Two instances of one worker; the first one's connections to their database can be delayed and cut."""
    await _run(engines, f"create database cable template {template}")
    async with on_a_cable(_stage(engines, "cable", tmp_path_factory.mktemp("cable"))) as cable:
        yield cable


def _stage(engines: ThrowawayEngines, database: str, data_dir: Path) -> Stage:
    return Stage(
        database_url=engines.database_url(user="loyalty_app", database=database),
        owner_url=engines.database_url(database=database),
        redis_url=engines.redis_url,
        data_dir=data_dir,
    )


async def _run(engines: ThrowawayEngines, statement: str) -> None:
    connection = await asyncpg.connect(engines.database_url(database="postgres"))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
