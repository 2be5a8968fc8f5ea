"""The live figures: read seldom, and never waited for."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import pytest

from app.flows import watch_books
from app.flows.failures import DatabaseGone
from app.flows.ports_audit import Figures, OpenFinding
from app.flows.watch_books import WatchBooks


class Reads:
    """Counts how often it was asked; `trouble` is raised, or else slept for."""

    def __init__(self, *, trouble: Exception | None = None, seconds: float = 0.0) -> None:
        self.trouble = trouble
        self.seconds = seconds
        self.asked = 0

    async def figures(self) -> Figures:
        self.asked += 1
        await asyncio.sleep(self.seconds)
        if self.trouble is not None:
            raise self.trouble
        return Figures(frozen=self.asked)

    async def open_findings(self, *, after: UUID | None, limit: int) -> Sequence[OpenFinding]:
        return []

    async def frozen_since(self, customer_id: UUID) -> datetime | None:
        return None


async def test_many_scrapes_are_one_statement(monkeypatch: pytest.MonkeyPatch) -> None:
    reads = Reads(seconds=0.01)
    books = WatchBooks(reads)
    read = await asyncio.gather(*(books.figures() for _ in range(20)))
    assert reads.asked == 1
    assert {figures.frozen for figures in read if figures} == {1}
    monkeypatch.setattr(watch_books, "FIGURES_SECONDS", 0.0)
    assert await books.figures() == Figures(frozen=2)


@pytest.mark.parametrize("reads", [Reads(trouble=DatabaseGone("gone")), Reads(seconds=30.0)])
async def test_a_dead_or_silent_database_says_nothing_soon(reads: Reads) -> None:
    books = WatchBooks(reads)
    async with asyncio.timeout(watch_books.PATIENCE_SECONDS * 2):
        assert await books.figures() is None
        assert await books.figures() is None
    assert reads.asked == 1
