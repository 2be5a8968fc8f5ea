"""A filled database to plant errors in: a copy for each test, or for many tests one that is put right again."""

from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path

import asyncpg
import pytest

from app.engines import ThrowawayEngines
from tests.kit import Stage
from tests.storage.books import Books, fill

_FILLED = "template_filled"
_KEPT = (
    "programs", "customers", "lots", "claims", "txs", "entries", "purchases", "acts", "answers", "events", "counters",
    "gift_cards", "holds", "tier_changes",
)  # fmt: skip
_SERIAL = count(1)


@pytest.fixture(scope="session")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of the secrets that the filled books and all their copies were made with."""
    return tmp_path_factory.mktemp("filled")


@pytest.fixture(scope="session")
async def books(engines: ThrowawayEngines, template: str, secrets: Path) -> Books:
    """Filled once; `forged` hands out copies."""
    await _run(engines, f"create database {_FILLED} template {template}")
    return await fill(_stage(engines, _FILLED, secrets))


@pytest.fixture
async def forged(engines: ThrowawayEngines, books: Books, secrets: Path) -> AsyncIterator[Stage]:
    """A copy of the filled books; their ids are those of `books`."""
    name = f"forged_{next(_SERIAL)}"
    await _run(engines, f"create database {name} template {_FILLED}")
    yield _stage(engines, name, secrets)
    await _run(engines, f"drop database {name} with (force)")


@pytest.fixture(scope="session")
async def plot(engines: ThrowawayEngines, books: Books, secrets: Path) -> Stage:
    """One copy that remembers how it was: a copy for each of a hundred errors would take ten times as long."""
    await _run(engines, f"create database plot template {_FILLED}")
    stage = _stage(engines, "plot", secrets)
    remember = "; ".join(f"create table saved.{table} as table {table}" for table in _KEPT)
    await _plant(stage, f"create schema saved; {remember}")
    return stage


@pytest.fixture
async def planted(plot: Stage) -> AsyncIterator[Stage]:
    """The filled books for one error, which is undone."""
    yield plot
    undo = "; ".join(f"delete from {table}; insert into {table} table saved.{table}" for table in _KEPT)
    await _plant(plot, undo)


@pytest.fixture
async def owner_of_forged(forged: Stage) -> AsyncIterator[asyncpg.Connection]:
    """A superuser's connection to the copy."""
    connection = await asyncpg.connect(forged.owner_url)
    yield connection
    await connection.close()


async def _plant(stage: Stage, sql: str) -> None:
    connection = await asyncpg.connect(stage.owner_url)
    try:
        await connection.execute(f"set session_replication_role = replica; {sql}")
    finally:
        await connection.close()


def _stage(engines: ThrowawayEngines, database: str, secrets: Path) -> Stage:
    return Stage(
        database_url=engines.database_url(user="loyalty_app", database=database),
        owner_url=engines.database_url(database=database),
        redis_url=engines.redis_url,
        data_dir=secrets,
    )


async def _run(engines: ThrowawayEngines, statement: str) -> None:
    connection = await asyncpg.connect(engines.database_url(database="postgres"))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
