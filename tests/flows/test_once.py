"""Writes outside the rounds: what the cache hears of them, whatever becomes of who asked."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from app.domain.rejections import Rejected, Rejection
from app.flows.failures import DatabaseGone
from app.flows.ledger_port import Known, Taken
from app.flows.once import Once
from app.flows.ports import Answers
from app.flows.requests import Answer, Caller, Role, Write

WRITE = Write(Caller("key", Role.ADMIN), "k", bytes(16), "r")
DONE = Answer(200, b"{}")


class Books:
    """A store and its transaction; the commits of its first rounds end in `faults`, the others wait for `open`."""

    def __init__(self, *faults: Exception) -> None:
        self.faults = list(faults)
        self.open = asyncio.Event()
        self.open.set()
        self.committed = 0

    @asynccontextmanager
    async def round(self) -> AsyncIterator[Any]:
        yield self
        if self.faults:
            raise self.faults.pop(0)
        await self.open.wait()
        self.committed += 1

    async def take(self, _: object) -> Taken:
        return Taken(now=datetime(2026, 11, 23, tzinfo=UTC), program=1, is_free=[True])

    async def read_known(self, **_: object) -> Known:
        return Known(claims={}, owners={}, customers=frozenset())

    async def write(self, _: object) -> None:
        return None


class Cache:
    """What was told, and after how many commits."""

    def __init__(self, books: Books) -> None:
        self.books = books
        self.told: list[tuple[Answer | None, int]] = []

    async def tell(self, answer: Answer | None) -> None:
        self.told.append((answer, self.books.committed))


async def _done(_: object) -> Answer:
    return DONE


def _once(books: Books) -> Once[Any]:
    return Once(books, answers=cast("Answers", None))


async def test_the_cache_hears_after_the_commit() -> None:
    cache = Cache(Books())
    assert await _once(cache.books).run(WRITE, _done, after=cache.tell) == DONE
    assert cache.told == [(DONE, 1)]


async def test_the_cache_hears_of_whose_client_hung_up() -> None:
    cache = Cache(Books())
    cache.books.open.clear()
    asked = asyncio.create_task(_once(cache.books).run(WRITE, _done, after=cache.tell))
    await asyncio.sleep(0)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert cache.told == []
    cache.books.open.set()
    async with asyncio.timeout(5):
        while not cache.told:  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0)
    assert cache.told == [(DONE, 1)]


async def test_the_cache_hears_of_what_may_be_committed() -> None:
    cache = Cache(Books(DatabaseGone("lost"), DatabaseGone("lost")))
    with pytest.raises(Rejected) as refused:
        await _once(cache.books).run(WRITE, _done, after=cache.tell)
    assert refused.value.rejection is Rejection.UNAVAILABLE
    assert cache.told == [(None, 0)]
