"""Real engines for all tests: PostgreSQL and Valkey start once a test process; each test gets a database of its own,
cloned from a migrated template, and an empty cache.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from itertools import count
from pathlib import Path

import asyncpg
import httpx
import pytest
from redis.asyncio import Redis

from app.api.edge import Edge
from app.engines import ThrowawayEngines, throwaway_engines
from app.storage import migrate
from tests.kit import Desk, Stage, client_of, served_here, small_program

TEMPLATE = "template_kopilka"
_SERIAL = count(1)


@pytest.fixture(scope="session")
def engines() -> Iterator[ThrowawayEngines]:
    with throwaway_engines() as running:
        yield running


@pytest.fixture(scope="session")
def template(engines: ThrowawayEngines) -> str:
    """The name of a migrated database that tests clone."""
    asyncio.run(_run(engines, f"create database {TEMPLATE}"))
    migrate.upgrade(engines.database_url(database=TEMPLATE), say=lambda _: None)
    return TEMPLATE


@pytest.fixture
async def stage(engines: ThrowawayEngines, template: str, tmp_path: Path) -> AsyncIterator[Stage]:
    name = f"test_{next(_SERIAL)}"
    await _run(engines, f"create database {name} template {template}")
    async with Redis.from_url(engines.redis_url) as redis:
        await redis.flushall()
    yield Stage(
        database_url=engines.database_url(user="loyalty_app", database=name),
        owner_url=engines.database_url(database=name),
        redis_url=engines.redis_url,
        data_dir=tmp_path,
    )
    await _run(engines, f"drop database {name} with (force)")


@pytest.fixture
async def owner(stage: Stage) -> AsyncIterator[asyncpg.Connection]:
    """A superuser's connection to the test's database: for looking behind the curtain."""
    connection = await asyncpg.connect(stage.owner_url)
    yield connection
    await connection.close()


@pytest.fixture
async def edge(stage: Stage) -> AsyncIterator[Edge]:
    """The whole service in this process."""
    async with served_here(stage) as edge:
        yield edge


@pytest.fixture
async def http(edge: Edge) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(edge) as client:
        yield client


@pytest.fixture
async def admin(http: httpx.AsyncClient, stage: Stage) -> Desk:
    """A person who may do everything, with `small_program` published."""
    desk = Desk(http, await stage.key("admin"))
    await desk.publish(small_program())
    return desk


@pytest.fixture
async def till(http: httpx.AsyncClient, stage: Stage, admin: Desk) -> Desk:
    """Terminal T1 of shop S1."""
    return Desk(http, await stage.key("pos", shop="S1", terminal="T1"))


async def _run(engines: ThrowawayEngines, statement: str) -> None:
    connection = await asyncpg.connect(engines.database_url(database="postgres"))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
