"""PgQueuer's schedules on our own pool: each is a row that the processes take from one another with SKIP LOCKED.

Of the library only this part is used. A duty here is due again and again, with nothing to hand over, which is what its
schedules are: a row each, written in place. A job that enqueues itself would leave three rows of log a run. So nothing
is listened for and nothing is notified: a process looks every second or two.

Its statements go through `Database`: as the application's role, within its limits of time, its failures in our words,
and a lost connection is replaced by the pool. A process that was killed keeps its rows until they look abandoned, which
the library says is after 30 seconds, and we after TAKE_OVER_SECONDS; the living say so once a second.

Not imported by the service, which would carry the library's weight for nothing.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Self

from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment, QueryQueueBuilder, QuerySchedulerBuilder
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.core.sm import SchedulerManager
from pgqueuer.core.tm import TaskManager
from pgqueuer.domain.models import Schedule
from pgqueuer.domain.settings import DBSettings, Durability
from pgqueuer.domain.types import Channel
from pgqueuer.ports.driver import Driver, NotifyCallback

from app.storage.engine import Database

# Ten of the library's heartbeats: a process that is only busy is not taken for dead.
TAKE_OVER_SECONDS = 10
_ABANDONED = "interval '30 seconds'"

# All of them, since what isn't given is read from the environment, under names as common as CHANNEL and TRIGGER.
_NAMES = DBSettings(
    prefix="",
    db_schema=None,
    channel=Channel("ch_pgqueuer"),
    function="fn_pgqueuer_changed",
    statistics_table="pgqueuer_statistics",
    queue_status_type="pgqueuer_status",
    queue_table="pgqueuer",
    queue_table_log="pgqueuer_log",
    trigger="tg_pgqueuer_changed",
    schedules_table="pgqueuer_schedules",
    durability=Durability.durable,
    widen_id=False,
)


@dataclass(frozen=True, slots=True)
class Timed:
    """What is to be done again and again. `when` is a cron expression whose sixth field, if any, is seconds. `work`
    never raises but when it is cancelled.
    """

    name: str
    when: str
    work: Callable[[], Awaitable[None]]


class Timetable:
    """Does what is due, here or in another process, until stopped."""

    def __init__(self, database: Database, timed: Sequence[Timed]) -> None:
        # The library tells of each failure with its text and once a second while the database is away; we tell once.
        logging.getLogger("pgqueuer").setLevel(logging.CRITICAL + 1)
        queries = _OurQueries(
            _OnOurPool(database),
            qbe=QueryBuilderEnvironment(_NAMES),
            qbq=QueryQueueBuilder(_NAMES),
            qbs=_TakingOverSooner(_NAMES),
        )
        self._manager = SchedulerManager(queries)
        for each in timed:
            self._manager.schedule(each.name, each.when, accepts_context=False)(_scheduled(each.work))

    def stop(self) -> None:
        """Begin nothing more; `run` returns when what was begun has ended."""
        self._manager.shutdown.set()

    async def run(self) -> None:
        """Raises DatabaseGone, DatabaseBusy, Conflict."""
        await self._manager.run()


def _scheduled(work: Callable[[], Awaitable[None]]) -> Callable[[Schedule], Awaitable[None]]:
    async def run(_: Schedule) -> None:
        await work()

    return run


class _TakingOverSooner(QuerySchedulerBuilder):
    def build_fetch_schedule_query(self) -> str:
        theirs = super().build_fetch_schedule_query()
        if theirs.count(_ABANDONED) != 1:
            raise RuntimeError("this release of pgqueuer says otherwise when a schedule is abandoned")
        return theirs.replace(_ABANDONED, f"interval '{TAKE_OVER_SECONDS} seconds'")


class _OurQueries(Queries):
    async def has_table(self, table: str) -> bool:
        """Wherever on the path it is; the library looks only into the first schema."""
        return bool(await self.driver.fetch("select 1 where to_regclass($1) is not null", table))


@dataclass(slots=True)
class _OnOurPool(Driver):
    database: Database
    _shutdown: asyncio.Event = field(default_factory=asyncio.Event)
    _tasks: TaskManager = field(default_factory=TaskManager)

    async def fetch(self, query: str, *args: object) -> list[dict[str, object]]:
        async with self.database.connection() as connection:
            return [dict(row) for row in await connection.fetch(query, *args)]

    async def execute(self, query: str, *args: object) -> str:
        async with self.database.connection() as connection:
            return str(await connection.execute(query, *args))

    async def add_listener(self, channel: str, callback: NotifyCallback) -> None:
        raise NotImplementedError("schedules are looked for, not listened for")

    async def notify(self, channel: str, payload: str) -> None:
        raise NotImplementedError("schedules are looked for, not listened for")

    @property
    def shutdown(self) -> asyncio.Event:
        return self._shutdown

    @property
    def tm(self) -> TaskManager:
        return self._tasks

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """The pool is closed by whoever opened it."""
