"""Statements of cards: those of customers, and gift cards."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from app.flows.keep_gift_cards import GiftCardRow, MakeRequest
from app.storage.customers import CustomerRound
from app.storage.engine import Database

INSERT_CARD = "insert into identifiers (digest, kind, customer_id, card_type) values ($1, 'card', $2, $3)"
BLOCK_CARD = """
update identifiers set is_blocked = true where digest = $1 and customer_id = $2 and kind = 'card' returning card_type
"""
# The row may be missing: a customer who was only ever named by an id.
SET_CARD_TYPES = """
insert into profiles (customer_id, card_types) values ($1, $2::jsonb)
on conflict (customer_id) do update set card_types = excluded.card_types
"""
INSERT_GIFT_CARDS = """
with made as (
    insert into customers (id, is_gift_card) select n.id, true from unnest($1::uuid[]) n(id) returning id
), named as (
    insert into identifiers (digest, kind, customer_id)
    select n.digest, 'card', n.id from unnest($1::uuid[], $2::bytea[]) n(id, digest) order by n.digest
)
insert into gift_cards (customer_id, wallet, units, expire_after_days, batch, made_by)
select id, $3, $4, $5, $6, $7 from made
"""
_GIFT_CARD = """
select customer_id, wallet, units, expire_after_days, state, activated_at, expires_at from gift_cards
where customer_id = $1
"""
READ_GIFT_CARD = _GIFT_CARD
LOCK_GIFT_CARD = f"{_GIFT_CARD} for update"
ACTIVATE_GIFT_CARD = """
update gift_cards set state = 'active', units = $2, activated_at = $3, expires_at = $4 where customer_id = $1
"""
BLOCK_GIFT_CARD = """
with card as (
    update gift_cards set state = 'blocked', blocked_at = coalesce(blocked_at, clock_timestamp()) where customer_id = $1
)
update customers set is_blocked = true, revision = revision + 1 where id = $1
"""


class CardsDatabase:
    """Transactions for cards, and reads of them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def round(self) -> AsyncIterator["CardRound"]:
        async with self._database.transaction() as connection:
            yield CardRound(connection)

    async def gift_card(self, customer_id: UUID) -> GiftCardRow | None:
        async with self._database.connection() as connection:
            return _gift_card(await connection.fetchrow(READ_GIFT_CARD, customer_id))


class CardRound(CustomerRound):
    """A round's statements and those that change customers and their cards."""

    async def insert_card(self, customer_id: UUID, digest: bytes, *, card_type: str | None) -> None:
        await self._connection.execute(INSERT_CARD, digest, customer_id, card_type)

    async def block_card(self, customer_id: UUID, digest: bytes) -> tuple[bool, str | None]:
        rows = await self._connection.fetch(BLOCK_CARD, digest, customer_id)
        return (True, rows[0]["card_type"]) if rows else (False, None)

    async def set_card_types(self, customer_id: UUID, card_types: Mapping[str, str]) -> None:
        await self._connection.execute(SET_CARD_TYPES, customer_id, orjson.dumps(dict(card_types)).decode())

    async def insert_gift_cards(self, cards: Sequence[tuple[UUID, bytes]], request: MakeRequest, *, by: str) -> None:
        await self._connection.execute(
            INSERT_GIFT_CARDS,
            [card_id for card_id, _ in cards],
            [digest for _, digest in cards],
            request.wallet,
            request.units,
            request.expire_after_days,
            request.batch,
            by,
        )

    async def lock_gift_card(self, customer_id: UUID) -> GiftCardRow | None:
        return _gift_card(await self._connection.fetchrow(LOCK_GIFT_CARD, customer_id))

    async def activate_gift_card(
        self, customer_id: UUID, *, units: int, at: datetime, expires_at: datetime | None
    ) -> None:
        await self._connection.execute(ACTIVATE_GIFT_CARD, customer_id, units, at, expires_at)

    async def block_gift_card(self, customer_id: UUID) -> None:
        await self._connection.execute(BLOCK_GIFT_CARD, customer_id)


def _gift_card(row: Mapping[str, Any] | None) -> GiftCardRow | None:
    return None if row is None else GiftCardRow(**row)
