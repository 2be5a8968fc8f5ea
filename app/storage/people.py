"""Statements about people, their sessions and their tries to sign in.

A person's row is locked by whatever opens or ends their sessions, so that nobody signs in while being disabled. A
session's last use is written once a minute. Tries of long ago are swept by the jobs (`housekeeping.py`).
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from app.flows.failures import Conflict
from app.flows.ports_people import Account, Identity, Person, Session, Tries
from app.flows.requests import Role
from app.storage.engine import Connection, Database
from app.storage.ledger import Round

_COLUMNS = """
    id, role, login, issuer, created_at, disabled_at, signed_in_at,
    issuer is not null or password is not null as is_set_up
"""
# The second part is done whether or not anybody reads it.
SESSION = """
with live as (
    select s.digest, s.person, s.seen_at, s.expires_at, p.role from sessions s join people p on p.id = s.person
    where s.digest = $1 and s.expires_at > clock_timestamp() and s.seen_at > clock_timestamp() - $2::interval
        and p.disabled_at is null
), seen as (
    update sessions s set seen_at = clock_timestamp() from live l
    where s.digest = l.digest and l.seen_at < clock_timestamp() - interval '1 minute'
)
select person, role, expires_at from live
"""
END = "delete from sessions where digest = $1"
COUNT_TRY = """
insert into sign_in_tries as t (subject, tries, began_at) values ($1, 1, clock_timestamp())
on conflict (subject) do update set
    tries = case when t.began_at > excluded.began_at - $2::interval then t.tries + 1 else 1 end,
    began_at = case when t.began_at > excluded.began_at - $2::interval then t.began_at else excluded.began_at end
returning tries, extract(epoch from began_at + $2::interval - clock_timestamp())::int as seconds_left
"""
FORGET_TRIES = "delete from sign_in_tries where subject = $1"
GIVE_BACK_TRIES = "update sign_in_tries set tries = greatest(tries - $2, 1) where subject = $1"
ACCOUNT = """
select clock_timestamp() as now, p.id, case when p.disabled_at is null then p.password end as password, p.code_secret
from (select $1::text as login) asked left join people p on p.login = asked.login
"""
USE_STEP = """
update people set code_step = $2, signed_in_at = clock_timestamp()
where id = $1 and code_step < $2 and password = $3 and disabled_at is null
returning id, role
"""
FOREIGN = """
insert into people as p (id, role, issuer, subject, signed_in_at) values ($1, $2, $3, $4, clock_timestamp())
on conflict (issuer, subject) do update set
    role = excluded.role,
    signed_in_at = case when p.disabled_at is null then excluded.signed_in_at else p.signed_in_at end
returning id, role, disabled_at
"""
END_FOREIGN = "delete from sessions s using people p where p.id = s.person and p.issuer = $1 and p.subject = $2"
OPEN = """
insert into sessions (digest, person, expires_at) values ($1, $2, clock_timestamp() + $3::interval)
returning expires_at
"""
SWEEP = """
delete from sessions where digest in (
    select digest from sessions
    where expires_at <= clock_timestamp() or (person = $1 and seen_at <= clock_timestamp() - $2::interval)
    order by digest limit 1000 for update skip locked
)
"""
INVITED = f"""
select {_COLUMNS} from people where invitation = $1 and invited_until > clock_timestamp() and disabled_at is null
"""  # noqa: S608 - names of columns, here and below
SET_UP = """
update people set password = $2, code_secret = $3, code_step = 0, invitation = null, invited_until = null
where invitation = $1 and invited_until > clock_timestamp() and disabled_at is null
returning true
"""
CREATE = """
insert into people (id, login, role, invitation, invited_until)
values ($1, $2, $3, $4, clock_timestamp() + $5::interval)
"""
PEOPLE = f"""
select {_COLUMNS} from people
where $1::text is null or (created_at, id) > (select created_at, id from people where id = $1)
order by created_at, id limit $2
"""  # noqa: S608
DISABLE = f"""
update people set disabled_at = coalesce(disabled_at, clock_timestamp()), invitation = null, invited_until = null
where id = $1 returning {_COLUMNS}
"""  # noqa: S608
RESET = """
update people set invitation = $2, invited_until = clock_timestamp() + $3::interval, password = null,
    code_secret = null, code_step = 0, disabled_at = null
where id = $1 and login is not null returning true
"""
END_ALL = "delete from sessions where person = $1"


class PeopleDatabase:
    """Each method is a transaction of its own, but for `round`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def session(self, digest: bytes, *, idle: timedelta) -> Session | None:
        async with self._database.connection() as connection:
            row = await connection.fetchrow(SESSION, digest, idle)
        return None if row is None else Session(row["person"], Role(row["role"]), row["expires_at"])

    async def end_session(self, digest: bytes) -> None:
        async with self._database.connection() as connection:
            await connection.execute(END, digest)

    async def count_try(self, subject: bytes, *, within: timedelta) -> Tries:
        async with self._database.connection() as connection:
            row = await connection.fetchrow(COUNT_TRY, subject, within)
        return Tries(row["tries"], row["seconds_left"])

    async def forget_tries(self, subject: bytes) -> None:
        async with self._database.connection() as connection:
            await connection.execute(FORGET_TRIES, subject)

    async def give_back_tries(self, subject: bytes, *, count: int) -> None:
        async with self._database.connection() as connection:
            await connection.execute(GIVE_BACK_TRIES, subject, count)

    async def account(self, login: str) -> Account:
        async with self._database.connection() as connection:
            row = await connection.fetchrow(ACCOUNT, login)
        return Account(row["now"], row["id"], row["password"], row["code_secret"])

    async def open_local(
        self, account: Account, *, step: int, digest: bytes, lasts: timedelta, idle: timedelta
    ) -> Session | None:
        async with self._database.transaction() as connection:
            row = await connection.fetchrow(USE_STEP, account.person, step, account.password)
            return None if row is None else await _open(connection, row, digest=digest, lasts=lasts, idle=idle)

    async def open_foreign(
        self, identity: Identity, role: Role, *, fresh_id: str, digest: bytes, lasts: timedelta, idle: timedelta
    ) -> Session | None:
        async with self._database.transaction() as connection:
            row = await connection.fetchrow(FOREIGN, fresh_id, role.value, identity.issuer, identity.subject)
            if row["disabled_at"] is not None:
                return None
            return await _open(connection, row, digest=digest, lasts=lasts, idle=idle)

    async def end_foreign(self, identity: Identity) -> None:
        async with self._database.connection() as connection:
            await connection.execute(END_FOREIGN, identity.issuer, identity.subject)

    async def invited(self, digest: bytes) -> Person | None:
        async with self._database.connection() as connection:
            row = await connection.fetchrow(INVITED, digest)
        return None if row is None else _person_of(row)

    async def set_up(self, digest: bytes, *, password: str, code_secret: bytes) -> bool:
        async with self._database.connection() as connection:
            return bool(await connection.fetchval(SET_UP, digest, password, code_secret))

    async def create_person(
        self, person_id: str, *, login: str, role: Role, invitation: bytes, lasts: timedelta
    ) -> bool:
        try:
            async with self._database.connection() as connection:
                await connection.execute(CREATE, person_id, login, role.value, invitation, lasts)
        except Conflict:
            return False
        return True

    async def people(self, *, after: str | None = None, limit: int | None = None) -> Sequence[Person]:
        async with self._database.connection() as connection:
            return [_person_of(row) for row in await connection.fetch(PEOPLE, after, limit)]

    @asynccontextmanager
    async def round(self) -> AsyncIterator["PeopleRound"]:
        async with self._database.transaction() as connection:
            yield PeopleRound(connection)

    async def disable_person(self, person_id: str) -> bool:
        async with self._database.transaction() as connection:
            return await _disable(connection, person_id) is not None

    async def reset_person(self, person_id: str, *, invitation: bytes, lasts: timedelta) -> bool:
        async with self._database.transaction() as connection:
            is_reset = await connection.fetchval(RESET, person_id, invitation, lasts)
            await connection.execute(END_ALL, person_id)
        return bool(is_reset)


class PeopleRound(Round):
    """A round's statements and the one that disables a person."""

    async def disable_person(self, person_id: str) -> Person | None:
        return await _disable(self._connection, person_id)


async def _disable(connection: Connection, person_id: str) -> Person | None:
    """The person's row is locked first, so that nobody signs in meanwhile."""
    row = await connection.fetchrow(DISABLE, person_id)
    await connection.execute(END_ALL, person_id)
    return None if row is None else _person_of(row)


async def _open(
    connection: Connection, person: Mapping[str, Any], *, digest: bytes, lasts: timedelta, idle: timedelta
) -> Session:
    expires_at = await connection.fetchval(OPEN, digest, person["id"], lasts)
    await connection.execute(SWEEP, person["id"], idle)
    return Session(person["id"], Role(person["role"]), expires_at)


def _person_of(row: Mapping[str, Any]) -> Person:
    return Person(
        id=row["id"],
        role=Role(row["role"]),
        login=row["login"],
        issuer=row["issuer"],
        created_at=row["created_at"],
        disabled_at=row["disabled_at"],
        signed_in_at=row["signed_in_at"],
        is_set_up=row["is_set_up"],
    )
