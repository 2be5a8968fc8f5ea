"""`backtest`: a draft tried on past baskets, in processes of its own, beside the tills and never in their way.

Each worker reads its part of the customers and decides it again (`app.domain.backtest`); what it says back is sums. A
back-test that was asked for over HTTP has a row, which is told how far it is; who cancels the row stops the workers.
"""

import asyncio
import multiprocessing
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg
import orjson

from app import processors
from app.backtest_worker import Said, Work, read_draft, work
from app.config import CannotStart
from app.domain.backtest.report import report_of
from app.domain.backtest.sums import Sums
from app.storage.backtests import PastDatabase, Span, open_past

PERIOD_DAYS = 90  # What is tried where nothing else is asked for.
TELL_SECONDS = 1.0
END_SECONDS = 5.0  # How long a process whose pipe has ended may take to end itself.
LOST = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError)

Tell: TypeAlias = Callable[[int, int | None], Awaitable[bool]]  # Done and total (None: not counted); False stops it.


@dataclass(frozen=True, slots=True)
class Asked:
    """Which past: posted from `start` on and before `end` (None: 90 days back, now), and of it only the `last` ones."""

    start: datetime | None = None
    end: datetime | None = None
    last: int | None = None

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> "Asked":
        start, end = document.get("from"), document.get("until")
        return cls(
            start=datetime.fromisoformat(start) if start else None,
            end=datetime.fromisoformat(end) if end else None,
            last=document.get("last"),
        )


def workers_here() -> int:
    """As many as there are processors, less one for the tills."""
    return max(1, processors.here() - 1)


async def backtest(url: str, document: bytes, asked: Asked, *, workers: int, tell: Tell) -> dict[str, Any] | None:
    """The report of a trial; None where it was stopped.

    Raises:
        CannotStart: the draft can't be read, the database is lost, or a worker has ended.
    """
    started = time.monotonic()
    draft = read_draft(document)
    try:
        async with open_past(url) as past:
            now = await past.now()
            end = asked.end or now
            # The last so many days, also where the end lies ahead; the last so many purchases may be older.
            days_back = min(end, now) - timedelta(days=PERIOD_DAYS)
            start = asked.start or (days_back if asked.last is None else datetime.fromtimestamp(0, UTC))
            found = await _span(past, start=start, end=end, last=asked.last, tell=tell)
        if found is None:
            return None
        span, total = found
        sums = await _run([Work(url, document, span, part, workers) for part in range(workers)], total, tell=tell)
    except LOST as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise CannotStart(f"the back-test could not go on: {reason}") from None
    if sums is None:
        return None
    milliseconds = max(1, int((time.monotonic() - started) * 1000))
    return {
        "period": {"from": start.isoformat(), "until": end.isoformat(), "last": asked.last},
        **report_of(sums, draft),
        "speed": {
            "workers": workers,
            "milliseconds": milliseconds,
            "baskets_per_second": sums.baskets * 1000 // milliseconds,
        },
    }


async def run_asked(url: str, backtest_id: UUID, *, workers: int) -> None:
    """Run a back-test that has a row, and write what becomes of it there. Raises `CannotStart`."""
    try:
        async with open_past(url) as row:
            found = await row.start(backtest_id)
            if found is None:
                return
            document, asked = found

            async def tell(done: int, total: int | None) -> bool:
                return await row.beat(backtest_id, done=done, total=total)

            report = await backtest(url, document.encode(), Asked.of(asked), workers=workers, tell=tell)
            if report is not None:
                await row.finish(backtest_id, report=orjson.dumps(report), failure=None)
    except Exception as error:  # Whatever it was: whoever asked is waiting for a word.
        failure = str(error) or type(error).__name__
        with suppress(*LOST):  # The connection may be what was lost. Without a word it counts as failed soon.
            async with open_past(url) as row:
                await row.finish(backtest_id, report=None, failure=failure)
        raise CannotStart(failure) from error


async def _span(
    past: PastDatabase, *, start: datetime, end: datetime, last: int | None, tell: Tell
) -> tuple[Span, int] | None:
    """Which purchases, and how many; counting a year of them takes a while, in which it may be stopped: None."""
    counting = asyncio.ensure_future(past.span(start=start, end=end, last=last))
    try:
        while not counting.done():
            if not await tell(0, None):
                return None
            await asyncio.wait([counting], timeout=TELL_SECONDS)
    finally:
        counting.cancel()
    return counting.result()


async def _run(works: Sequence[Work], total: int, *, tell: Tell) -> Sums | None:
    """All workers to their end; None where `tell` said to stop."""
    context = multiprocessing.get_context("spawn")  # A fork would share the event loop and the pool.
    crew: list[_Worker] = []
    try:
        for each in works:
            ours, theirs = context.Pipe(duplex=False)
            process = context.Process(target=work, args=(each, theirs), daemon=True)
            process.start()
            theirs.close()  # Then the worker has the only end to write to, and its end is seen at ours.
            crew.append(_Worker(process, ours))
        while any(worker.sums is None for worker in crew):
            if not await tell(sum(worker.done for worker in crew), total):
                return None
            until = time.monotonic() + TELL_SECONDS
            while (busy := [worker for worker in crew if worker.sums is None]) and (
                left := until - time.monotonic()
            ) > 0:
                await asyncio.to_thread(_listen, busy, left)
    finally:
        for worker in crew:
            worker.process.kill()  # It has nothing to clean up; its connection ends with it.
            worker.process.join()
            worker.said.close()
    sums = Sums()
    for worker in crew:
        if worker.sums is not None:
            sums.add(worker.sums)
    await tell(sums.baskets + sums.unreadable, total)
    return sums


@dataclass(slots=True)
class _Worker:
    """A process and our end of its pipe."""

    process: SpawnProcess
    said: "Connection[None, Said]"
    done: int = 0
    sums: Sums | None = None


def _listen(busy: Sequence[_Worker], seconds: float) -> None:
    """Take what workers say, for so long at most.

    Raises:
        CannotStart: one has failed, or has ended without a word.
    """
    for spoken in wait([worker.said for worker in busy], timeout=seconds):
        worker = next(worker for worker in busy if worker.said is spoken)
        try:
            said = worker.said.recv()
        except (EOFError, OSError):
            worker.process.join(END_SECONDS)
            raise CannotStart(f"a worker of the back-test has ended ({worker.process.exitcode})") from None
        if isinstance(said, str):
            raise CannotStart(f"a worker of the back-test has failed: {said}")
        if isinstance(said, int):
            worker.done = said
        else:
            worker.sums, worker.done = said, said.baskets + said.unreadable
