"""Keys made, shown and revoked from the command line, each time on a connection of its own."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg

from app.domain.key_text import KeyEnv
from app.flows.ports_keys import FreshKey, KeyTerms, KeyView
from app.flows.requests import Role
from app.storage.key_rounds import IS_LIVE, KEY, PAGE, REVOKE, digest_of, fresh_key, insert_key, view_of

CONNECT_SECONDS = 5


@dataclass(frozen=True, slots=True)
class CreatedKey:
    id: str
    key: str
    role: str


async def create_key(
    url: str,
    *,
    role: str,
    shops: Sequence[str],
    terminal: str | None,
    partner: str | None = None,
    signed_by: bytes | None = None,
    certificate_sha256: bytes | None = None,
    env: KeyEnv = KeyEnv.LIVE,
) -> CreatedKey:
    """A new key, shown this once.

    Raises:
        ValueError: the role is unknown, or can't be like that (`BadKeyTerms`); the message is one line.
        TooManyKeys
    """
    terms = KeyTerms(
        role=Role(role),
        shops=tuple(shops),
        terminal=terminal or "",
        partner=partner,
        signed_by=signed_by,
        certificate_sha256=certificate_sha256,
    )
    fresh = fresh_key(env)
    async with _transaction(url) as connection:
        await insert_key(connection, fresh, terms)
    return _created(fresh, terms)


async def rotate_key(url: str, key_id: str, *, env: KeyEnv = KeyEnv.LIVE) -> CreatedKey | None:
    """A second key as the one with this id; None where there is no such live key. Raises TooManyKeys."""
    fresh = fresh_key(env)
    async with _transaction(url) as connection:
        row = await connection.fetchrow(KEY, key_id)
        if row is None or row["revoked_at"] is not None:
            return None
        terms = view_of(row).terms
        await insert_key(connection, fresh, terms)
    return _created(fresh, terms)


async def list_keys(url: str) -> list[KeyView]:
    async with _transaction(url) as connection:
        return [view_of(row) for row in await connection.fetch(PAGE, None, None)]


async def revoke_key(url: str, key_id: str) -> bool:
    """Whether there was such a key; revoking twice keeps the first time."""
    async with _transaction(url) as connection:
        return await connection.fetchrow(REVOKE, key_id) is not None


async def is_live_key(url: str, key: str) -> bool:
    async with _transaction(url) as connection:
        return bool(await connection.fetchval(IS_LIVE, digest_of(key)))


def _created(fresh: FreshKey, terms: KeyTerms) -> CreatedKey:
    return CreatedKey(fresh.id, fresh.text, terms.role.value)


@asynccontextmanager
async def _transaction(url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(url, timeout=CONNECT_SECONDS)
    try:
        async with connection.transaction():
            yield connection
    finally:
        await connection.close()
