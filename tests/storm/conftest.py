"""What several storms share: a service of two workers, on a database of its own."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from app.engines import ThrowawayEngines
from tests.kit import Stage, small_program
from tests.storm.stands import Ground, ground


@pytest.fixture(scope="session")
async def arena(
    engines: ThrowawayEngines, template: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Ground]:
    """For storms that leave processes alone; `small_program` is published."""
    maker = await asyncpg.connect(engines.database_url(database="postgres"))
    await maker.execute(f"create database storm template {template}")
    await maker.close()
    stage = Stage(
        database_url=engines.database_url(user="loyalty_app", database="storm"),
        owner_url=engines.database_url(database="storm"),
        redis_url=engines.redis_url,
        data_dir=tmp_path_factory.mktemp("storm"),
    )
    async with ground(stage, workers=2) as arena:
        await arena.admin.publish(small_program())
        yield arena
