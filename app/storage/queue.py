"""What the queue's own tables don't tell: when each duty last ended well; and keeping those tables small."""

from collections.abc import Sequence
from datetime import datetime

from app.storage.engine import Database

NOTE_DONE = """
insert into duties (name, ended_well_at) values ($1, clock_timestamp())
on conflict (name) do update set ended_well_at = greatest(duties.ended_well_at, excluded.ended_well_at)
"""
DUTIES = "select name, ended_well_at from duties order by name"
# A schedule that a process of some release keeps is written to every few minutes at least.
FORGET_SCHEDULES = """
delete from pgqueuer_schedules where updated < clock_timestamp() - interval '2 days'
"""
FORGET_DUTIES = """
delete from duties where name <> all($1::text[]) and ended_well_at < clock_timestamp() - interval '2 days'
"""
# The queue writes a row for each change of a job's state, and sums them up by the second; nobody asks for older ones.
FORGET_LOG = "delete from pgqueuer_log where created < clock_timestamp() - interval '7 days'"
FORGET_STATISTICS = "delete from pgqueuer_statistics where created < clock_timestamp() - interval '7 days'"


class QueueDatabase:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def note_done(self, name: str) -> None:
        """The duty has just ended well."""
        async with self._database.connection() as connection:
            await connection.execute(NOTE_DONE, name)

    async def duties(self) -> Sequence[tuple[str, datetime]]:
        """Names of duties, and when each last ended well, by the database's clock."""
        async with self._database.connection() as connection:
            return [(row["name"], row["ended_well_at"]) for row in await connection.fetch(DUTIES)]

    async def tidy(self, *, known: Sequence[str]) -> None:
        """Forget what is over: schedules and duties of releases that nobody runs any more, the queue's log of a week
        ago. `known` are the duties of this release.
        """
        async with self._database.connection() as connection:
            await connection.execute(FORGET_SCHEDULES)
            await connection.execute(FORGET_DUTIES, known)
            await connection.execute(FORGET_LOG)
            await connection.execute(FORGET_STATISTICS)
