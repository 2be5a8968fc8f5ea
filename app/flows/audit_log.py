"""The audit log of one process: a queue of deeds, written in order as a chain of its own.

Every deed is written right after what it tells of has been committed, and whoever did it is answered once both are: one
way for all, since the postings of a round and the writes of a single transaction have nothing else in common, and a
chain that is continued inside a deed's transaction would make deeds wait for one another and lose its head with each
commit whose fate is unknown. What follows: a process that is killed in the milliseconds between the two commits leaves
a deed without its row. Nobody has been answered then; the same key, sent again, is answered and noted as repeated. And
where the log can't be written, people's writes answer 503: tills, who write nothing here, go on.

Refusals and whatever else anybody may cause in any number are counted by kind (audit_tally.py): a row for the first of
a minute, one for all others at its end, and of ten minutes in a flood. A process that is killed loses the counts of its
last minute; one that stops writes them first.

When it starts and every HEADS_SECONDS, a process names in its chain the heads of the other chains that went on in the
last days, if they did since. So a chain whose end is cut off lacks a row that another has named, and while its process
lives the next row leaves a gap (as it does where a database is put back to an earlier state under a living process).
Not found is what was cut off of a dead one's chain since another looked, and what somebody has changed who also changed
all that named it: for that each process says its own head in the log on its standard output, every hour and at its end.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from app.domain.log_chain import anchor, link, row_id_at
from app.flows.audit_tally import FLOOD_SECONDS, TALLY_SECONDS, Tally
from app.flows.failures import DatabaseGone
from app.flows.ports import Clock
from app.flows.ports_audit_log import ActorKind, AuditLog, Deed, Details, LogRow, columns_of

BATCH_MAX = 200  # Rows a statement; some 100 KB, some 2 ms of hashing.
WAITING_MAX = (
    2_000  # Deeds of people that wait for the database: more than a chain's office makes in its longest outage.
)
HEADS_SECONDS = 3_600.0
HEADS_AGE_MAX = timedelta(days=2)  # A chain that ended longer ago was named by whoever ran then.
HEADS_MAX = 500  # Of the newest; a row of 40 KB. A service has a chain a process, each command one.
NOTE_SECONDS = 3.5  # As long as a transaction may take: a person's write is answered in the time that any other is.
CLOSE_SECONDS = 1.5  # Of the ten that a process has to stop; the jobs take six of them, the connections two.
PAUSES = (0.1, 0.5, 1.0, 2.0)

HEADS = "log_heads"
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Head:
    """The last row of a chain."""

    instance: str
    seq: int
    row_id: UUID
    hash: bytes


class LogStore(Protocol):
    """Raise DatabaseGone, DatabaseBusy."""

    async def head(self, instance: str) -> Head | None: ...

    async def heads(self, *, since: datetime, limit: int) -> Sequence[Head]:
        """Of all chains that went on since then; the newest first."""
        ...

    async def append(self, rows: Sequence[LogRow]) -> None:
        """All of them or none. Raises Conflict too: a row has its place already."""
        ...


class LogWatch(Protocol):
    def log_written(self, rows: int) -> None: ...

    def log_fault(self, error: BaseException) -> None:
        """Rows could not be written; they are tried again."""
        ...

    def log_overflowed(self) -> None:
        """A deed found the queue full, or was not written in time."""
        ...

    def log_head(self, *, instance: str, seq: int, head: str) -> None:
        """What somebody may keep who wants to see later that the log was not cut off."""
        ...


@dataclass(slots=True, eq=False)
class _Waiting:
    """A deed on its way; `told` is whoever waits for it."""

    deed: Deed
    at: datetime
    row_id: UUID
    told: "asyncio.Future[None] | None" = None


class ChainedLog:
    """Implements `AuditLog`; `open_log` runs it."""

    def __init__(
        self, store: LogStore, *, instance: str, part: str, clock: Clock, watch: LogWatch, luck: Callable[[int], int]
    ) -> None:
        """
        Args:
            instance: names the process, and its chain.
            part: what the process is, as `serve`.
            luck: random bits, so many.
        """
        self._store = store
        self._instance = instance
        self._part = part
        self._clock = clock
        self._watch = watch
        self._luck = luck
        self._waiting: deque[_Waiting] = deque()
        self._tally: Tally | None = None
        self._is_flooded = False  # The minute before had no room for all its kinds.
        self._head: Head | None = None
        self._known: Head | None = None  # As `_head`, and not forgotten after a fault.
        self._last_at: datetime | None = None
        self._heads_at = float("-inf")
        self._named: Details | None = None  # The heads that its last row of them named.
        self._said = 0  # The place of the own head that was said last.
        self._is_closing = False
        self._wake = asyncio.Event()

    async def note(self, deed: Deed) -> None:
        if len(self._waiting) >= WAITING_MAX:
            self._watch.log_overflowed()
            raise DatabaseGone("the audit log's queue is full")
        told: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._enqueue(deed, told)
        try:
            async with asyncio.timeout(NOTE_SECONDS):
                await told
        except TimeoutError:
            self._watch.log_overflowed()
            raise DatabaseGone("the audit log can't be written") from None

    async def note_often(self, deed: Deed) -> None:
        tally = self._current()
        # Where there is no room for more kinds each is written: of whoever reads very many customers all are told.
        if not tally.has_room(deed) or tally.is_first(deed):
            await self.note(deed)

    def tally(self, deed: Deed) -> None:
        if self._current().is_first_of_any(deed):
            self._enqueue(deed, None)

    def _current(self) -> Tally:
        if self._tally is None:
            seconds = FLOOD_SECONDS if self._is_flooded else TALLY_SECONDS
            self._tally = Tally(ends_at=asyncio.get_running_loop().time() + seconds)
            self._wake.set()  # There is a minute to wait for the end of.
        return self._tally

    def _enqueue(self, deed: Deed, told: "asyncio.Future[None] | None") -> None:
        at = self._clock.now()
        if self._last_at is not None and at <= self._last_at:
            at = self._last_at + _MICROSECOND
        self._last_at = at
        self._waiting.append(_Waiting(deed, at, row_id_at(at, self._luck(62)), told))
        self._wake.set()

    async def run(self) -> None:
        """Write what waits until `close`, and then to its end."""
        failures = 0
        while True:
            is_last = self._is_closing
            try:
                await self._write_all(is_last=is_last)
                failures = 0
            except Exception as error:  # noqa: BLE001 - whatever it is, later deeds have to be written
                self._head = None  # Whether the last rows are there is read anew.
                self._watch.log_fault(error)
                await asyncio.sleep(PAUSES[min(failures, len(PAUSES) - 1)])
                failures += 1
                continue
            if is_last:
                return
            await self._rest()

    def close(self) -> None:
        """Nothing more is noted: `run` writes what waits and the minute's counts, and ends."""
        self._is_closing = True
        self._wake.set()

    async def _rest(self) -> None:
        """Until there is something to do: a deed, a minute's end, the heads' hour."""
        now = asyncio.get_running_loop().time()
        until = min(self._heads_at + HEADS_SECONDS, self._tally.ends_at if self._tally else float("inf"))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(until - now, 0)):
                await self._wake.wait()

    async def _write_all(self, *, is_last: bool) -> None:
        """Raises DatabaseGone, DatabaseBusy, Conflict."""
        self._wake.clear()
        now = asyncio.get_running_loop().time()
        # While rows wait the counts go on instead: an outage is one long minute.
        if (tally := self._tally) is not None and (is_last or (now >= tally.ends_at and not self._waiting)):
            self._tally, self._is_flooded = None, tally.is_full
            for deed in tally.rest():
                self._enqueue(deed, None)
        is_start, is_hour = self._heads_at < 0, now >= self._heads_at + HEADS_SECONDS
        if is_hour:
            self._heads_at = now
            try:
                await self._name_heads()
            except Exception as error:  # noqa: BLE001 - a chain that can't be told holds up nobody's deed
                self._watch.log_fault(error)
        while self._waiting:
            await self._write_batch()
        # At the start there is nothing in the chain yet but the other heads, and somebody reads what a start says.
        is_due = is_last or (is_hour and not is_start)
        if is_due and self._head is not None and self._head.seq not in {1, self._said}:
            self._said = self._head.seq
            self._watch.log_head(instance=self._instance, seq=self._said, head=self._head.hash.hex())

    async def _name_heads(self) -> None:
        """A row with the heads of the other chains; nobody waits for it."""
        heads = await self._store.heads(since=self._clock.now() - HEADS_AGE_MAX, limit=HEADS_MAX)
        others: Details = {
            head.instance: f"{head.seq} {head.hash.hex()}" for head in heads if head.instance != self._instance
        }
        if others != self._named:
            place = f"audit-log/{self._instance}"
            self._enqueue(Deed(ActorKind.SERVICE, self._part, HEADS, object=place, details=others), None)
            self._named = others

    async def _write_batch(self) -> None:
        head = self._head or await self._store.head(self._instance)
        batch = [self._waiting[place] for place in range(min(len(self._waiting), BATCH_MAX))]
        # The commit whose fate was unknown had happened: its rows are there.
        written = next((n for n, each in enumerate(batch, start=1) if head and each.row_id == head.row_id), 0)
        if self._known is not None and head != self._known and not written:
            # Somebody else has written here, up to the last number perhaps, or taken rows away: the chain ends as it
            # is, for `verify` to find, and nobody's deed waits for it.
            self._instance, self._said = f"{self._luck(48):012x}", 0
            self._known = head = None
        if written < len(batch):
            rows = self._chain(batch[written:], head)
            await self._store.append(rows)
            last = rows[-1]
            head = Head(self._instance, last.seq, last.id, last.hash)
            self._watch.log_written(len(rows))
        self._head = self._known = head
        for each in batch:
            self._waiting.popleft()
            if each.told is not None and not each.told.done():
                each.told.set_result(None)

    def _chain(self, batch: Sequence[_Waiting], head: Head | None) -> list[LogRow]:
        previous, before = (head.hash, head.seq) if head else (anchor(self._instance), 0)
        rows = []
        for seq, each in enumerate(batch, start=before + 1):
            deed = each.deed
            previous = link(
                previous, seq=seq, row_id=each.row_id, at=each.at, texts=columns_of(deed), details=deed.details
            )
            rows.append(LogRow(each.row_id, self._instance, seq, each.at, deed, previous))
        return rows


@asynccontextmanager
async def open_log(log: ChainedLog) -> AsyncIterator[AuditLog]:
    """The log while it is written; at the end it is written to its end, if the database lets it in time."""
    running = asyncio.create_task(log.run())
    try:
        yield log
    finally:
        log.close()
        _, late = await asyncio.wait({running}, timeout=CLOSE_SECONDS)
        for each in late:
            each.cancel()
