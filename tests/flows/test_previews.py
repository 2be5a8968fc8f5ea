"""Previews of returns on the service's own connections, of which there are twelve."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from app.api.answers import JsonAnswers
from app.clock import DatabaseClock
from app.domain.rejections import Rejection
from app.flows import return_lines
from app.flows.publish_program import ProgramShelf
from app.flows.requests import Receipt, ReturnRequest
from app.flows.return_lines import PREVIEWS_MAX, ReturnLines
from app.storage.engine import POOL_MAX, Database
from app.storage.ledger import LedgerDatabase
from app.storage.reads import ReadsDatabase
from tests.flows.rig import TILL, Rig, open_rig, refusal_of
from tests.kit import Desk, Stage, line


@pytest.fixture
async def rig(stage: Stage) -> AsyncIterator[Rig]:
    async with open_rig(stage) as rig:
        yield rig


@pytest.fixture
async def returns(stage: Stage, rig: Rig) -> AsyncIterator[ReturnLines]:
    """In a process of their own, which has read no program."""
    database = Database(stage.database_url)
    await database.open()
    shelf = ProgramShelf(ReadsDatabase(database), clock=DatabaseClock())
    store = LedgerDatabase(database)
    yield ReturnLines(rig.rounds, store=store, programs=shelf, answers=JsonAnswers(), any_shop=False)
    await database.close()


async def test_more_previews_than_connections_by_a_program_nobody_has_read_wait_for_none_of_theirs(
    till: Desk, returns: ReturnLines
) -> None:
    sales = [await _sold(till) for _ in range(2 * POOL_MAX)]
    previews = await asyncio.gather(*(returns.preview(TILL, _all_of(sale)) for sale in sales))
    assert [each.id for each in previews] == [None] * len(sales)
    assert {each.refund for each in previews} == {10_000}


async def test_who_waits_too_long_for_a_preview_is_told_so(
    till: Desk, rig: Rig, returns: ReturnLines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(return_lines, "QUEUE_SECONDS_MAX", 0.1)
    sale = await _sold(till)
    async with rig.owner.transaction():
        await rig.owner.execute("select from purchases where id = $1 for update", sale)
        first = [asyncio.create_task(returns.preview(TILL, _all_of(sale))) for _ in range(PREVIEWS_MAX)]
        await asyncio.sleep(0)
        assert await refusal_of(asyncio.create_task(returns.preview(TILL, _all_of(sale)))) is Rejection.OVERLOADED
    assert {each.refund for each in await asyncio.gather(*first)} == {10_000}
    assert (await returns.preview(TILL, _all_of(sale))).refund == 10_000


async def _sold(till: Desk) -> UUID:
    return UUID((await till.accrue(await till.register(), line())).json()["id"])


def _all_of(sale: UUID) -> ReturnRequest:
    return ReturnRequest(sale, Receipt("S1", "T1", f"back-{sale}"), None)
