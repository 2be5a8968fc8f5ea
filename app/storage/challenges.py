"""Statements about one-time codes: challenges that were sent, and the app's codes.

A try is counted by the statement that looks at the code: concurrent tries wait for one another at the row, each sees
what the one before left, and none is looked at once they are used up. Those of long ago are swept by the jobs
(`housekeeping.py`).
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID

import orjson

from app.flows.ledger_port import Sealed
from app.flows.ports_confirmation import AppSecret, ChallengeLimits, NewChallenge, Tried
from app.flows.requests import Taken
from app.storage.engine import Database
from app.storage.ledger import Round

# Always in this order, so that two who open challenges can't wait for each other.
LOCK_TERMINAL = "select pg_advisory_xact_lock(hashtextextended('kopilka challenges at ' || $1, 0))"
LOCK_CUSTOMER = "select pg_advisory_xact_lock(hashtextextended('kopilka challenges of ' || $1, 0))"
COUNT = """
select
    (select count(*) from challenges where customer_id = $1 and made_at > now - $3::interval) as customer,
    (select count(*) from challenges where scope = $2 and made_at > now - $3::interval) as terminal,
    (select count(*) from challenges where customer_id = $1 and made_at > now - $4::interval) as customer_a_day
from clock_timestamp() now
"""
INSERT = """
insert into challenges (id, customer_id, scope, subject, code, tries_left, made_at, expires_at, taken)
select $1, $2, $3, $4, $5, $6, now, now + $7::interval, $8::jsonb from clock_timestamp() now
"""
TRY = """
update challenges set tries_left = tries_left - case when code = $3 then 0 else 1 end
where id = $1 and subject = $2 and tries_left > 0 and expires_at > clock_timestamp()
returning code = $3 as is_right, tries_left, taken
"""
TAKE_APP_TRY = """
update app_codes a set
    tries = case when a.tries_since < clock_timestamp() - $3::interval then 1 else a.tries + 1 end,
    tries_since = case when a.tries_since < clock_timestamp() - $3::interval then clock_timestamp() else a.tries_since
        end
from profiles p
where a.number = $1 and p.customer_id = a.customer_id
    and (a.tries < $2 or a.tries_since < clock_timestamp() - $3::interval)
returning a.customer_id, a.sealed, p.wrapped_key, a.used_step, a.used_receipt
"""
USE_APP_STEP = """
update app_codes set
    tries = greatest(tries - 1, 0),
    used_step = case when $3::uuid is null then used_step else $2 end,
    used_receipt = case when $3::uuid is null then used_receipt else $3 end
where number = $1 and (used_step < $2 or (used_step = $2 and used_receipt = $3))
returning true
"""
WRAPPED_KEY = "select wrapped_key from profiles where customer_id = $1 for share"
PUT_APP_CODE = """
insert into app_codes (customer_id, number, sealed) values ($1, $2, $3)
on conflict (customer_id) do update set number = excluded.number, sealed = excluded.sealed, made_at =
    clock_timestamp(), used_step = 0, used_receipt = null, tries = 0
"""


class ChallengesDatabase:
    """The ports `ChallengeStore` and `AppCodeStore`, and transactions that keep app codes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def round(self) -> AsyncIterator["AppCodeRound"]:
        async with self._database.transaction() as connection:
            yield AppCodeRound(connection)

    async def open_challenge(self, challenge: NewChallenge, limits: ChallengeLimits) -> bool:
        new = challenge
        async with self._database.transaction() as connection:
            await connection.execute(LOCK_TERMINAL, new.scope)
            await connection.execute(LOCK_CUSTOMER, str(new.customer))
            made = await connection.fetchrow(COUNT, new.customer, new.scope, limits.within, limits.days)
            most = {
                "customer": limits.customer,
                "terminal": limits.terminal,
                "customer_a_day": limits.customer_a_day,
            }
            if any(limit and made[name] >= limit for name, limit in most.items()):
                return False
            await connection.execute(
                INSERT,
                new.id,
                new.customer,
                new.scope,
                new.subject,
                new.code,
                new.tries,
                new.valid_for,
                None if new.taken is None else orjson.dumps(new.taken).decode(),
            )
        return True

    async def try_code(self, challenge_id: UUID, *, subject: bytes, code: bytes) -> Tried | None:
        async with self._database.connection() as connection:
            row = await connection.fetchrow(TRY, challenge_id, subject, code)
        if row is None:
            return None
        taken = None if row["taken"] is None else Taken(**orjson.loads(row["taken"]))
        return Tried(is_right=row["is_right"], tries_left=row["tries_left"], taken=taken)

    async def take_app_try(self, number: bytes, *, tries: int, within: timedelta) -> AppSecret | None:
        async with self._database.connection() as connection:
            row = await connection.fetchrow(TAKE_APP_TRY, number, tries, within)
        if row is None:
            return None
        sealed = Sealed(row["wrapped_key"], row["sealed"])
        return AppSecret(row["customer_id"], sealed, used_step=row["used_step"], used_receipt=row["used_receipt"])

    async def use_app_step(self, number: bytes, *, step: int, receipt: UUID | None) -> bool:
        async with self._database.connection() as connection:
            return bool(await connection.fetchval(USE_APP_STEP, number, step, receipt))


class AppCodeRound(Round):
    """A round's statements and those that keep app codes."""

    async def wrapped_key(self, customer_id: UUID) -> bytes | None:
        key: bytes | None = await self._connection.fetchval(WRAPPED_KEY, customer_id)
        return key

    async def put_app_code(self, customer_id: UUID, *, number: bytes, sealed: bytes) -> None:
        await self._connection.execute(PUT_APP_CODE, customer_id, number, sealed)
