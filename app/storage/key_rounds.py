"""Keys in the database. Only the SHA-256 of a key is stored: 256 random bits need no slow hash.

A terminal has at most two live keys, so that one can be put in the other's place without closing the till; tills' keys
and shops' that name one count together, since both write as that terminal. Who makes one holds the terminal's advisory
lock while counting. Shops' keys without a terminal, and people's, are as many as are needed.
"""

import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import Any

from app.domain.key_text import ID_LENGTH, SECRET_LENGTH, KeyEnv, key_text
from app.flows.ports_keys import LIVE_A_TERMINAL_MAX, FreshKey, KeyTerms, KeyView, TooManyKeys
from app.flows.requests import Caller, Role
from app.storage.engine import Connection, Database
from app.storage.ledger import Round

KEY_COLUMNS = "id, role, shops, terminal, partner, signed_by, certificate_sha256, created_at, last_used_at, revoked_at"
LOCK_TERMINAL = "select pg_advisory_xact_lock(hashtextextended('kopilka keys of ' || $1 || ' ' || $2, 0))"
LIVE_KEYS = """
select id from keys where role in ('pos', 'shop') and shops[1] = $1 and terminal = $2 and revoked_at is null
order by created_at, id
"""
INSERT = f"""
insert into keys (id, digest, role, shops, terminal, partner, signed_by, certificate_sha256, made_by)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9) returning {KEY_COLUMNS}
"""  # noqa: S608 - a constant of this module
KEY = f"select {KEY_COLUMNS} from keys where id = $1"  # noqa: S608 - likewise
PAGE = f"""
select {KEY_COLUMNS} from keys
where $1::text is null or (created_at, id) > (select created_at, id from keys where id = $1)
order by created_at, id limit $2
"""  # noqa: S608 - likewise
IS_LIVE = "select exists (select from keys where digest = $1 and revoked_at is null)"
REVOKE = f"""
update keys set revoked_at = coalesce(revoked_at, clock_timestamp()) where id = $1 returning {KEY_COLUMNS}
"""  # noqa: S608 - likewise
CALLER = """
select id, role, shops, terminal, partner, signed_by, certificate_sha256, made_by
from keys where digest = $1 and revoked_at is null
"""
# Locked in one order: two processes write what they noted of the same keys at the same time.
NOTE_USES = """
with noted as (
    select k.id, date_trunc('minute', clock_timestamp() - make_interval(secs => n.seconds_ago)) as at
    from unnest($1::text[], $2::float8[]) n(id, seconds_ago) join keys k using (id) order by k.id for update of k
)
update keys k set last_used_at = n.at from noted n
where k.id = n.id and (k.last_used_at is null or k.last_used_at < n.at)
"""


class KeysDatabase:
    """Transactions that change keys, and reads of them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def round(self) -> AsyncIterator["KeyRound"]:
        async with self._database.transaction() as connection:
            yield KeyRound(connection)

    async def caller(self, digest: bytes) -> Caller | None:
        async with self._database.connection() as connection:
            row = await connection.fetchrow(CALLER, digest)
        if row is None:
            return None
        return Caller(
            key_id=row["id"],
            role=Role(row["role"]),
            shops=tuple(row["shops"]),
            terminal=row["terminal"],
            partner=row["partner"],
            signed_by=row["signed_by"],
            certificate_sha256=row["certificate_sha256"],
            made_by=row["made_by"],
        )

    async def note_uses(self, seconds_ago: Mapping[str, float]) -> None:
        async with self._database.connection() as connection:
            await connection.execute(NOTE_USES, list(seconds_ago), list(seconds_ago.values()))

    async def keys(self, *, after: str | None, limit: int) -> Sequence[KeyView]:
        async with self._database.connection() as connection:
            return [view_of(row) for row in await connection.fetch(PAGE, after, limit)]


class KeyRound(Round):
    """A round's statements and those that change keys."""

    async def key(self, key_id: str) -> KeyView | None:
        row = await self._connection.fetchrow(KEY, key_id)
        return None if row is None else view_of(row)

    async def insert_key(self, fresh: FreshKey, terms: KeyTerms, *, made_by: str) -> KeyView:
        return await insert_key(self._connection, fresh, terms, made_by=made_by)

    async def revoke_key(self, key_id: str) -> KeyView | None:
        row = await self._connection.fetchrow(REVOKE, key_id)
        return None if row is None else view_of(row)


async def insert_key(
    connection: Connection, fresh: FreshKey, terms: KeyTerms, *, made_by: str | None = None
) -> KeyView:
    """In the transaction that is handed in. `made_by` None: at the command line. Raises TooManyKeys."""
    if terms.terminal:
        await connection.execute(LOCK_TERMINAL, terms.shops[0], terms.terminal)
        live = await connection.fetch(LIVE_KEYS, terms.shops[0], terms.terminal)
        if len(live) >= LIVE_A_TERMINAL_MAX:
            raise TooManyKeys([row["id"] for row in live])
    row = await connection.fetchrow(
        INSERT,
        fresh.id,
        digest_of(fresh.text),
        terms.role.value,
        list(terms.shops),
        terms.terminal,
        terms.partner,
        terms.signed_by,
        terms.certificate_sha256,
        made_by,
    )
    return view_of(row)


def fresh_key(env: KeyEnv) -> FreshKey:
    key_id = secrets.token_hex(ID_LENGTH // 2)
    secret = secrets.token_urlsafe(32)[:SECRET_LENGTH]
    return FreshKey(key_id, key_text(env=env, key_id=key_id, secret=secret))


def digest_of(key: str) -> bytes:
    return sha256(key.encode()).digest()


def view_of(row: Mapping[str, Any]) -> KeyView:
    """A row with `KEY_COLUMNS`."""
    terms = KeyTerms(
        role=Role(row["role"]),
        shops=tuple(row["shops"]),
        terminal=row["terminal"],
        partner=row["partner"],
        signed_by=row["signed_by"],
        certificate_sha256=row["certificate_sha256"],
    )
    return KeyView(row["id"], terms, row["created_at"], row["last_used_at"], row["revoked_at"])
