"""Statements that destroy a customer's personal data, and those about the record that stays."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from app.flows.erase_customer import AskedBy, EraseRequest, Erasure, Ground
from app.storage.customers import CustomerRound
from app.storage.engine import Database

_COLUMNS = "customer_id, erased_at, erased_by, asked_by, asked_at, ground"
INSERT = f"""
with tidying as (
    insert into tidyings (customer_id) values ($1)
)
insert into erasures (customer_id, erased_by, asked_by, asked_at, ground) values ($1, $2, $3, $4, $5)
returning {_COLUMNS}, null::timestamptz as tidied_at
"""  # noqa: S608 - names of columns, here and below
DESTROY = """
with profile as (
    update profiles set wrapped_key = null, sealed = null, tags = '{}', segments = '{}', card_types = '{}',
        referrer = null
    where customer_id = $1
)
update customers set is_blocked = true, revision = revision + 1 where id = $1
"""
# Each by itself: a statement that has waited sees no row that came meanwhile; whoever adds one looks at the profile
# first, and waits for it from now on.
FORGET_CHALLENGES = "delete from challenges where customer_id = $1"
FORGET_APP_CODE = "delete from app_codes where customer_id = $1"
FORGET_IDENTIFIERS = "delete from identifiers where customer_id = $1 returning digest"
_WITH_TIDYING = f"""
select {_COLUMNS}, tidied_at from erasures left join tidyings using (customer_id)
"""  # noqa: S608
ONE = f"{_WITH_TIDYING} where customer_id = $1"
PAGE = f"""{_WITH_TIDYING}
where $1::uuid is null
    or (erased_at, customer_id) < (select erased_at, customer_id from erasures where customer_id = $1)
order by erased_at desc, customer_id desc limit $2
"""  # noqa: S608
UNTIDIED = "select customer_id from tidyings where tidied_at is null order by customer_id limit 1"
TIDY = "select forget_person($1, $2)"


class ErasuresDatabase:
    """Transactions that erase, and the port `ErasureReads`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def round(self) -> AsyncIterator["ErasureRound"]:
        async with self._database.transaction() as connection:
            yield ErasureRound(connection)

    async def erasure(self, customer_id: UUID) -> Erasure | None:
        async with self._database.connection() as connection:
            row = await connection.fetchrow(ONE, customer_id)
        return None if row is None else erasure_of(row)

    async def erasures(self, *, before: UUID | None, limit: int) -> Sequence[Erasure]:
        async with self._database.connection() as connection:
            return [erasure_of(row) for row in await connection.fetch(PAGE, before, limit)]

    async def untidied(self) -> UUID | None:
        async with self._database.connection() as connection:
            found: UUID | None = await connection.fetchval(UNTIDIED)
        return found

    async def tidy(self, customer_id: UUID, *, most: int) -> bool:
        async with self._database.unhurried() as connection:  # The largest answers take seconds.
            return bool(await connection.fetchval(TIDY, customer_id, most))


class ErasureRound(CustomerRound):
    """A round's statements and those that erase."""

    async def erasure(self, customer_id: UUID) -> Erasure | None:
        row = await self._connection.fetchrow(ONE, customer_id)
        return None if row is None else erasure_of(row)

    async def erase(self, request: EraseRequest, *, by: str) -> tuple[Erasure, Sequence[bytes]]:
        row = await self._connection.fetchrow(
            INSERT, request.customer, by, request.asked_by.value, request.asked_at, request.ground.value
        )
        for statement in (DESTROY, FORGET_CHALLENGES, FORGET_APP_CODE):
            await self._connection.execute(statement, request.customer)
        gone = await self._connection.fetch(FORGET_IDENTIFIERS, request.customer)
        return erasure_of(row), [each["digest"] for each in gone]


def erasure_of(row: Mapping[str, Any]) -> Erasure:
    return Erasure(
        customer=row["customer_id"],
        erased_at=row["erased_at"],
        erased_by=row["erased_by"],
        asked_by=AskedBy(row["asked_by"]),
        asked_at=row["asked_at"],
        ground=Ground(row["ground"]),
        tidied_at=row["tidied_at"],
    )
