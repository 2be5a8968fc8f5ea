"""A rush of registrations: each needs one connection of the pool, never a second one while it holds the first."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar

import pytest

from app.flows.publish_program import CONFIRM_SECONDS
from app.storage.engine import POOL_MAX, Connection, Database
from tests.kit import Desk


async def test_more_registrations_at_once_than_connections_wait_for_nothing_but_each_other(
    till: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once all connections are held by those who wait for a second one, nothing goes on until a time-out."""
    real = Database.connection
    held: ContextVar[int] = ContextVar("held", default=0)  # By a request, and the tasks that it starts.
    at_once: list[int] = []

    @asynccontextmanager
    async def counted(database: Database, *, is_glance: bool = False) -> AsyncIterator[Connection]:
        before = held.set(held.get() + 1)
        at_once.append(held.get())
        try:
            async with real(database, is_glance=is_glance) as connection:
                yield connection
        finally:
            held.reset(before)

    monkeypatch.setattr(Database, "connection", counted)
    await asyncio.sleep(CONFIRM_SECONDS + 0.1)  # By now the newest program has to be asked for again.
    asked_before = len(at_once)
    answers = await asyncio.gather(
        *(till.post("/v1/customers", {"card": f"RUSH{place}"}) for place in range(3 * POOL_MAX))
    )
    assert set(at_once) == {1}
    assert {answer.status_code for answer in answers} == {201}
    assert len(at_once) - asked_before > 3 * POOL_MAX  # The program was asked for, too.
