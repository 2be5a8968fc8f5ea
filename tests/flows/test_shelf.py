"""Which version of the program a process believes to be the newest, and for how long."""

import asyncio
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from app.clock import DatabaseClock
from app.flows import publish_program
from app.flows.publish_program import ProgramShelf


class SlowReads:
    """Answers with the version that was the newest when it was asked, as late as it is let."""

    def __init__(self, version: int) -> None:
        self.version = version
        self.asked = 0
        self.let = asyncio.Event()

    async def newest_program(self) -> tuple[datetime, int]:
        self.asked += 1
        version = self.version
        await self.let.wait()
        return datetime.now(UTC), version


async def test_a_version_is_asked_for_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    reads = SlowReads(1)
    reads.let.set()
    shelf = ProgramShelf(cast("Any", reads), clock=DatabaseClock())
    assert [await shelf.newest() for _ in range(3)] == [1, 1, 1]
    assert reads.asked == 1
    monkeypatch.setattr(publish_program, "CONFIRM_SECONDS", -1.0)
    reads.version = 2
    assert await shelf.newest() == 2


async def test_who_asked_before_a_publish_and_hears_after_it_is_not_believed_for_long() -> None:
    reads = SlowReads(1)
    shelf = ProgramShelf(cast("Any", reads), clock=DatabaseClock())
    early = asyncio.create_task(shelf.newest())
    await asyncio.sleep(0)
    reads.version = 2
    shelf.doubt()
    reads.let.set()
    assert await early == 1, "it began before the publish was answered"
    assert await shelf.newest() == 2
