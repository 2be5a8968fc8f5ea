"""Keys: made, listed, revoked from the command line. Only the SHA-256 of a key is stored: 256 random bits need no slow
hash.
"""

import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

import asyncpg

from app.flows.requests import Role

# As ids of the contract: what separates shop from terminal elsewhere can't be part of either.
_NAME = re.compile(r"[^\s\x00-\x1f\x7f]{1,64}")
INSERT = "insert into keys (id, digest, role, shops, terminal, partner) values ($1, $2, $3, $4, $5, $6)"
LIST = "select id, role, shops, terminal, partner, created_at, revoked_at from keys order by created_at, id"
IS_LIVE = "select exists (select from keys where digest = $1 and revoked_at is null)"
REVOKE = "update keys set revoked_at = coalesce(revoked_at, clock_timestamp()) where id = $1 returning id"


@dataclass(frozen=True, slots=True)
class CreatedKey:
    id: str
    key: str
    role: str


@dataclass(frozen=True, slots=True)
class KeyRow:
    id: str
    role: str
    shops: tuple[str, ...]
    terminal: str
    partner: str | None
    created_at: datetime
    revoked_at: datetime | None


def digest_of(key: str) -> bytes:
    return sha256(key.encode()).digest()


async def create_key(
    url: str, *, role: str, shops: list[str], terminal: str | None, partner: str | None = None
) -> CreatedKey:
    """A new key, shown this once.

    Raises:
        ValueError: the role is unknown, or a till's or shop's key lacks what it needs; the message is one line.
    """
    known = Role(role)
    if known in {Role.POS, Role.SHOP} and not shops:
        raise ValueError(f"a {role} key needs --shop")
    if known is Role.POS and (len(shops) != 1 or not terminal):
        raise ValueError("a pos key needs one --shop and its --terminal")
    if known not in {Role.POS, Role.SHOP} and (shops or terminal):
        raise ValueError(f"a {role} key belongs to a person, not to a shop")
    if known not in {Role.POS, Role.SHOP} and partner:
        raise ValueError(f"a {role} key belongs to a person, not to a partner's shop")
    if not all(_NAME.fullmatch(name) for name in (*shops, terminal or "-", partner or "-")):
        raise ValueError("shops, terminals and partners are named by 1 to 64 printable characters without spaces")
    key_id = secrets.token_hex(6)
    key = f"kpl_live_{key_id}_{secrets.token_urlsafe(32)}"
    connection = await asyncpg.connect(url, timeout=5)
    try:
        await connection.execute(INSERT, key_id, digest_of(key), known.value, shops, terminal or "", partner)
    finally:
        await connection.close()
    return CreatedKey(key_id, key, known.value)


async def list_keys(url: str) -> list[KeyRow]:
    connection = await asyncpg.connect(url, timeout=5)
    try:
        rows = await connection.fetch(LIST)
    finally:
        await connection.close()
    return [KeyRow(**{**row, "shops": tuple(row["shops"])}) for row in rows]


async def revoke_key(url: str, key_id: str) -> bool:
    """Whether there was such a key; revoking twice keeps the first time."""
    connection = await asyncpg.connect(url, timeout=5)
    try:
        return await connection.fetchval(REVOKE, key_id) is not None
    finally:
        await connection.close()


async def is_live_key(url: str, key: str) -> bool:
    connection = await asyncpg.connect(url, timeout=5)
    try:
        return bool(await connection.fetchval(IS_LIVE, digest_of(key)))
    finally:
        await connection.close()
