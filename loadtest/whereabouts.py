"""Ids of customers that were loaded, by their phones: what a chain's own systems would know."""

from collections.abc import Sequence

import asyncpg

from app.domain.identifiers import Identifier, IdentifierKind
from app.flows.ports import Vault


async def ids_of(url: str, vault: Vault, phones: Sequence[str]) -> list[str]:
    """In the order of the phones (E.164). Raises `KeyError` for one that nobody has."""
    digests = [vault.digest(Identifier(IdentifierKind.PHONE, phone)) for phone in phones]
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch(
            "select digest, customer_id from identifiers where digest = any($1::bytea[])", digests
        )
    finally:
        await connection.close()
    owners = {row["digest"]: str(row["customer_id"]) for row in rows}
    return [owners[digest] for digest in digests]
