"""A database whose clock a test holds: it stands still until it is moved, for rounds, reads and the audit alike.

The service asks for the time with `clock_timestamp()`. A function of that name earlier on the path of the application's
role answers instead, so nothing of the service is replaced.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from app.deed_log import command_deed, note_command
from tests.kit import Stage

# Until it is held the clock is the real one, which is what a starting service needs.
MAKE = """
create schema held;
create table held.clock (now timestamptz not null);
create function held.clock_timestamp() returns timestamptz language sql volatile as
    'select coalesce((select max(now) from held.clock), pg_catalog.clock_timestamp())';
grant usage on schema held to loyalty_app;
grant select on held.clock to loyalty_app;
do $$ begin
    execute format(
        'alter role loyalty_app in database %I set search_path = held, pg_catalog, public', current_database()
    );
end $$
"""


# Keys that no row of the audit log tells of, as the command's would: after an hour the audit asks who made them.
UNTOLD = """
select k.id from keys k
where not exists (select from audit_log a where a.action = 'create_key' and a.object = 'keys/' || k.id)
"""


@dataclass(frozen=True, slots=True)
class HeldClock:
    connection: asyncpg.Connection
    owner_url: str

    async def hold(self, now: datetime) -> None:
        """It is `now` from here on, later than ever before."""
        if made := await self.connection.fetch(UNTOLD):
            deeds = [command_deed("create_key", object=f"keys/{key['id']}", details={}) for key in made]
            await note_command(self.owner_url, *deeds)
        await self.connection.execute("insert into held.clock values ($1)", now)


@asynccontextmanager
async def clock_of(stage: Stage) -> AsyncIterator[HeldClock]:
    """For connections that are opened from here on."""
    connection = await asyncpg.connect(stage.owner_url)
    try:
        await connection.execute(MAKE)
        yield HeldClock(connection, stage.owner_url)
    finally:
        await connection.close()
