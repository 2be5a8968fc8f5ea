"""Statements about adjustments that a second person decides."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

from app.domain.identifiers import LEAST_ID
from app.flows.ports_adjustments import Adjustment, AdjustmentState
from app.flows.requests import AdjustRequest
from app.storage.engine import Database
from app.storage.ledger import Round

# What nobody decided in time has expired, though nothing is written for it.
_COLUMNS = """
    id, customer_id, wallet, points, reason, asked_by, hand_of(asked_by) as hand, asked_at, expires_at,
    case when state = 'pending' and expires_at <= clock_timestamp() then 'expired' else state end as state,
    decided_by, decided_at, tx_id, refusal
"""
INSERT = f"""
insert into adjustments (id, customer_id, wallet, points, reason, asked_by, asked_at, expires_at)
select $1, $2, $3, $4, $5, $6, now, now + $7 from clock_timestamp() now returning {_COLUMNS}
"""  # noqa: S608 - names of columns, here and below
ONE = f"select {_COLUMNS} from adjustments where id = $1"  # noqa: S608
# The words of the index: those that have expired are read too, and passed over.
OPEN = f"""
select {_COLUMNS} from adjustments
where (state = 'pending' or (state = 'approved' and tx_id is null and refusal is null))
    and id > coalesce($1::uuid, '{LEAST_ID}') and (state = 'approved' or expires_at > clock_timestamp())
order by id limit $2
"""  # noqa: S608
_DECIDE = """
update adjustments set state = '{state}', decided_by = $2, decided_at = clock_timestamp()
where id = $1 and state = 'pending' and expires_at > clock_timestamp()
"""
APPROVE = _DECIDE.format(state="approved") + "returning true"
DECLINE = _DECIDE.format(state="declined") + f"returning {_COLUMNS}"
NOTE_POSTED = "update adjustments set tx_id = $2, refusal = $3 where id = $1 and tx_id is null and refusal is null"


class AdjustmentsDatabase:
    """Transactions that keep adjustments, and statements that each stand alone."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def round(self) -> AsyncIterator["AdjustmentRound"]:
        async with self._database.transaction() as connection:
            yield AdjustmentRound(connection)

    async def approve_adjustment(self, adjustment_id: UUID, *, by: str) -> bool:
        async with self._database.connection() as connection:
            return bool(await connection.fetchval(APPROVE, adjustment_id, by))

    async def adjustment(self, adjustment_id: UUID) -> Adjustment | None:
        async with self._database.connection() as connection:
            row = await connection.fetchrow(ONE, adjustment_id)
        return None if row is None else _adjustment_of(row)

    async def open_adjustments(self, *, after: UUID | None, limit: int) -> Sequence[Adjustment]:
        async with self._database.connection() as connection:
            return [_adjustment_of(row) for row in await connection.fetch(OPEN, after, limit)]


class AdjustmentRound(Round):
    """A round's statements and those that keep adjustments."""

    async def insert_adjustment(
        self, adjustment_id: UUID, customer: UUID, request: AdjustRequest, *, by: str, expires_in: timedelta
    ) -> Adjustment:
        row = await self._connection.fetchrow(
            INSERT, adjustment_id, customer, request.wallet, request.points, request.reason, by, expires_in
        )
        return _adjustment_of(row)

    async def adjustment(self, adjustment_id: UUID) -> Adjustment | None:
        row = await self._connection.fetchrow(ONE, adjustment_id)
        return None if row is None else _adjustment_of(row)

    async def decline_adjustment(self, adjustment_id: UUID, *, by: str) -> Adjustment | None:
        row = await self._connection.fetchrow(DECLINE, adjustment_id, by)
        return None if row is None else _adjustment_of(row)

    async def note_posted(self, adjustment_id: UUID, *, tx_id: UUID | None, refusal: str | None) -> None:
        await self._connection.execute(NOTE_POSTED, adjustment_id, tx_id, refusal)


def _adjustment_of(row: Mapping[str, Any]) -> Adjustment:
    return Adjustment(
        id=row["id"],
        customer=row["customer_id"],
        wallet=row["wallet"],
        points=row["points"],
        reason=row["reason"],
        asked_by=row["asked_by"],
        hand=row["hand"],
        asked_at=row["asked_at"],
        expires_at=row["expires_at"],
        state=AdjustmentState(row["state"]),
        decided_by=row["decided_by"],
        decided_at=row["decided_at"],
        tx_id=row["tx_id"],
        refusal=row["refusal"],
    )
