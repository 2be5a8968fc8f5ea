"""Statements of the writes outside the rounds: customers, drafts, programs, each in the transaction it is handed."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson

from app.domain.identifiers import CustomerId
from app.flows.ledger_port import Sealed
from app.flows.new_consents import NewConsent
from app.flows.ports_customers import NewIdentifier
from app.storage import backtests, consents
from app.storage.engine import Database
from app.storage.ledger import Round

INSERT_CUSTOMER = "insert into customers (id) values ($1) returning registered_at"
INSERT_PROFILE = "insert into profiles (customer_id, wrapped_key, sealed, tags, referrer) values ($1, $2, $3, $4, $5)"
INSERT_IDENTIFIERS = """
insert into identifiers (digest, kind, customer_id) select n.digest, n.kind, $1 from unnest($2::bytea[], $3::text[])
    n(digest, kind) order by 1
"""
TAKEN_IDENTIFIERS = "select digest, customer_id from identifiers where digest = any($1::bytea[])"
DELETE_IDENTIFIERS = "delete from identifiers where customer_id = $1 and kind = any($2::text[])"
UPDATE_PROFILE = """
with profile as (
    insert into profiles (customer_id, wrapped_key, sealed, tags) values ($1, $2, $3, $4)
    on conflict (customer_id) do update set wrapped_key = excluded.wrapped_key, sealed = excluded.sealed, tags =
        excluded.tags
)
update customers set revision = revision + 1 where id = $1
"""
SAVE_DRAFT = """
insert into drafts (id, document, updated_by) values (1, $1, $2)
on conflict (id) do update set document = excluded.document, updated_by = excluded.updated_by, updated_at =
    clock_timestamp()
"""
LOCK_PUBLISHING = "select pg_advisory_xact_lock(hashtextextended('kopilka publishing', 0))"
DRAFT = "select document from drafts"
DOCUMENT = "select document from programs where version = $1"
INSERT_PROGRAM = """
insert into programs (version, document, published_by)
select coalesce(max(version), 0) + 1, $1, $2 from programs returning version
"""


class CustomersDatabase:
    """Transactions for customers and programs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def round(self) -> AsyncIterator["CustomerRound"]:
        async with self._database.transaction() as connection:
            yield CustomerRound(connection)


class CustomerRound(Round):
    """A round's statements and those that change customers and programs."""

    async def taken_identifiers(self, digests: Sequence[bytes]) -> Mapping[bytes, CustomerId]:
        rows = await self._connection.fetch(TAKEN_IDENTIFIERS, digests)
        return {row["digest"]: CustomerId(row["customer_id"]) for row in rows}

    async def insert_customer(
        self, customer_id: UUID, *, profile: Sealed, tags: Sequence[str], referrer: UUID | None
    ) -> datetime:
        registered_at: datetime = await self._connection.fetchval(INSERT_CUSTOMER, customer_id)
        await self._connection.execute(INSERT_PROFILE, customer_id, profile.wrapped_key, profile.sealed, tags, referrer)
        return registered_at

    async def insert_identifiers(self, customer_id: UUID, identifiers: Sequence[NewIdentifier]) -> None:
        await self._connection.execute(
            INSERT_IDENTIFIERS, customer_id, [item.digest for item in identifiers], [item.kind for item in identifiers]
        )

    async def delete_identifiers(self, customer_id: UUID, *, kinds: Sequence[str]) -> None:
        await self._connection.execute(DELETE_IDENTIFIERS, customer_id, kinds)

    async def update_profile(self, customer_id: UUID, *, profile: Sealed, tags: Sequence[str]) -> None:
        await self._connection.execute(UPDATE_PROFILE, customer_id, profile.wrapped_key, profile.sealed, tags)

    async def insert_consents(self, customer_id: UUID, news: Sequence[NewConsent], *, by: str) -> None:
        await consents.insert(self._connection, customer_id, news, by=by)

    async def insert_missing_consents(self, customer_id: UUID, known: Sequence[NewConsent]) -> None:
        await consents.insert_missing(self._connection, customer_id, known)

    async def save_draft(self, document: str, *, by: str) -> None:
        await self._connection.execute(SAVE_DRAFT, document, by)

    async def lock_draft(self) -> str | None:
        await self._connection.execute(LOCK_PUBLISHING)
        document: str | None = await self._connection.fetchval(DRAFT)
        return document

    async def document(self, version: int) -> str | None:
        document: str | None = await self._connection.fetchval(DOCUMENT, version)
        return document

    async def insert_program(self, document: str, *, by: str) -> int:
        version: int = await self._connection.fetchval(INSERT_PROGRAM, document, by)
        return version

    async def insert_backtest(
        self, backtest_id: UUID, *, document: str, digest: bytes, asked: Mapping[str, Any], by: str
    ) -> None:
        text = orjson.dumps(asked).decode()
        await self._connection.execute(backtests.INSERT, backtest_id, document, digest, text, by)

    async def cancel_backtest(self, backtest_id: UUID) -> None:
        await self._connection.execute(backtests.CANCEL, backtest_id)

    async def is_trying(self) -> bool:
        return bool(await self._connection.fetchval(backtests.IS_RUNNING))

    async def is_tried(self, digest: bytes, *, within: timedelta) -> bool:
        return bool(await self._connection.fetchval(backtests.IS_FRESH, digest, within))
