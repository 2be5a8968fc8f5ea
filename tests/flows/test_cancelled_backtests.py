"""Back-tests cancelled by many at once, on the service's own connections, of which there are twelve."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest

from app.api.answers import JsonAnswers
from app.flows.once import Once
from app.flows.requests import Write
from app.flows.try_draft import TryDraft
from app.storage.backtests import INSERT, BacktestsDatabase
from app.storage.customers import CustomersDatabase
from app.storage.engine import POOL_MAX, Database
from tests.flows.rig import TILL, Rig, open_rig
from tests.kit import Stage


@pytest.fixture
async def rig(stage: Stage) -> AsyncIterator[Rig]:
    async with open_rig(stage) as rig:
        yield rig


@pytest.fixture
async def trials(stage: Stage) -> AsyncIterator[TryDraft]:
    database = Database(stage.database_url)
    await database.open()
    yield TryDraft(
        Once(CustomersDatabase(database), answers=JsonAnswers()),
        BacktestsDatabase(database),
        start=lambda _: None,
        answer=lambda backtest: backtest.bytes,
    )
    await database.close()


async def test_more_cancels_than_connections_wait_for_none_of_theirs(rig: Rig, trials: TryDraft) -> None:
    backtests = [await _running(rig) for _ in range(2 * POOL_MAX)]
    answers = await asyncio.gather(
        *(trials.cancel(Write(TILL, str(each), bytes(16), "request"), each) for each in backtests)
    )
    assert [each.status for each in answers] == [200] * len(backtests)
    assert {(await trials.one(each)).state for each in backtests} == {"cancelled"}


async def _running(rig: Rig) -> UUID:
    backtest = uuid4()
    await rig.owner.execute(INSERT, backtest, "{}", bytes(32), "{}", "key")
    return backtest
