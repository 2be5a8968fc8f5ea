"""Statements that make, block and read coupon codes; what rounds do with codes stands with the rounds'."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

from app.domain.coupons import Coupon
from app.flows.ports_coupons import Terms
from app.storage.engine import Database
from app.storage.ledger import Round

POOL_TERMS = "select uses_max, per_customer, starts_at, ends_at from coupon_pools where id = $1"
INSERT_POOL = """
insert into coupon_pools (id, uses_max, per_customer, starts_at, ends_at, created_by) values ($1, $2, $3, $4, $5, $6)
"""
# The name of a pool among the codes (`is_reserved`): the primary key keeps the two apart.
RESERVE = """
insert into coupons (code, uses_max, is_blocked, created_by) values ($1, 0, true, $2) on conflict (code) do nothing
"""
INSERT_CODES = """
insert into coupons (code, pool, customer_id, uses_max, per_customer, starts_at, ends_at, created_by)
select n.code, $2, $3, $4, $5, $6, $7, $8 from unnest($1::text[]) n(code) order by 1
on conflict (code) do nothing returning code
"""
_COLUMNS = "code, pool, customer_id, uses, uses_max, per_customer, starts_at, ends_at, is_blocked"
BLOCK = f"""
update coupons set is_blocked = true where code = $1 and uses_max is distinct from 0
returning {_COLUMNS}, clock_timestamp() as now
"""  # noqa: S608
COUPON = f"select {_COLUMNS}, clock_timestamp() as now from coupons where code = $1"  # noqa: S608
# Two statements, so that each has the plan of its own index.
COUPONS = f"""
select {_COLUMNS} from coupons
where code > coalesce($1::text, '') and uses_max is distinct from 0 order by code limit $2
"""  # noqa: S608
COUPONS_OF_POOL = f"""
select {_COLUMNS} from coupons where pool = $3 and code > coalesce($1::text, '') order by code limit $2
"""  # noqa: S608
NOW = "select clock_timestamp()"


class CouponsDatabase:
    """Transactions for codes, and reads of them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def round(self) -> AsyncIterator["CouponRound"]:
        async with self._database.transaction() as connection:
            yield CouponRound(connection)

    async def coupon(self, code: str) -> tuple[Coupon, datetime] | None:
        async with self._database.connection() as connection:
            row = await connection.fetchrow(COUPON, code)
        return None if row is None else (coupon_of(row), row["now"])

    async def coupons(self, pool: str | None, *, after: str | None, limit: int) -> tuple[Sequence[Coupon], datetime]:
        async with self._database.connection() as connection:
            if pool is None:
                rows = await connection.fetch(COUPONS, after, limit)
            else:
                rows = await connection.fetch(COUPONS_OF_POOL, after, limit, pool)
            now: datetime = await connection.fetchval(NOW)
        return [coupon_of(row) for row in rows], now


class CouponRound(Round):
    """A round's statements and those that make and block codes."""

    async def pool_terms(self, pool: str) -> Terms | None:
        row = await self._connection.fetchrow(POOL_TERMS, pool)
        return None if row is None else Terms(row["uses_max"], row["per_customer"], row["starts_at"], row["ends_at"])

    async def insert_pool(self, pool: str, terms: Terms, *, reserved: str, by: str) -> bool:
        if await self._connection.execute(RESERVE, reserved, by) != "INSERT 0 1":
            return False
        await self._connection.execute(
            INSERT_POOL, pool, terms.uses_max, terms.per_customer, terms.start, terms.end, by
        )
        return True

    async def insert_codes(
        self, codes: Sequence[str], terms: Terms, *, pool: str | None, customer: UUID | None, by: str
    ) -> Collection[str]:
        rows = await self._connection.fetch(
            INSERT_CODES, codes, pool, customer, terms.uses_max, terms.per_customer, terms.start, terms.end, by
        )
        return {row["code"] for row in rows}

    async def block(self, code: str) -> tuple[Coupon, datetime] | None:
        row = await self._connection.fetchrow(BLOCK, code)
        return None if row is None else (coupon_of(row), row["now"])


def coupon_of(row: Mapping[str, Any]) -> Coupon:
    """A row of `coupons`."""
    return Coupon(
        code=row["code"],
        pool=row["pool"],
        customer=None if row["customer_id"] is None else str(row["customer_id"]),
        uses=row["uses"],
        uses_max=row["uses_max"],
        per_customer=row["per_customer"],
        start=row["starts_at"],
        end=row["ends_at"],
        is_blocked=row["is_blocked"],
    )
