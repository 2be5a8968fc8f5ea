"""Adjustments that a second person decides, and what they need of the database."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from app.flows.ledger_port import RoundTx
from app.flows.requests import AdjustRequest


class AdjustmentState(StrEnum):
    PENDING = "pending"
    APPROVED = "approved"
    DECLINED = "declined"
    EXPIRED = "expired"  # Pending for too long; nothing is written for it.


@dataclass(frozen=True, slots=True)
class Adjustment:
    """`asked_by` and `decided_by` are ids of callers, `hand` is the `Caller.hand` of who has asked. `reason` is stored
    sealed (`sealed_reasons.py`), and None where the customer was erased. Of an approved one `tx_id` is the posting, or
    `refusal` the code of what stood in its way; neither, where it is still to be posted.
    """

    id: UUID
    customer: UUID
    wallet: str
    points: int
    reason: str | None
    asked_by: str
    hand: str
    asked_at: datetime
    expires_at: datetime
    state: AdjustmentState
    decided_by: str | None = None
    decided_at: datetime | None = None
    tx_id: UUID | None = None
    refusal: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether somebody may still approve it, or bring its approval to its end."""
        is_posted = self.tx_id is not None or self.refusal is not None
        return self.state is AdjustmentState.PENDING or (self.state is AdjustmentState.APPROVED and not is_posted)


class AdjustmentTx(RoundTx, Protocol):
    """A round's transaction that also keeps adjustments."""

    async def insert_adjustment(
        self, adjustment_id: UUID, customer: UUID, request: AdjustRequest, *, by: str, expires_in: timedelta
    ) -> Adjustment: ...

    async def adjustment(self, adjustment_id: UUID) -> Adjustment | None: ...

    async def decline_adjustment(self, adjustment_id: UUID, *, by: str) -> Adjustment | None:
        """None where it isn't pending."""
        ...

    async def note_posted(self, adjustment_id: UUID, *, tx_id: UUID | None, refusal: str | None) -> None:
        """What came of an approved one; saying it once more changes nothing."""
        ...


class AdjustmentStore(Protocol):
    """Statements that each stand alone. Raise DatabaseGone, DatabaseBusy."""

    async def approve_adjustment(self, adjustment_id: UUID, *, by: str) -> bool:
        """Whether it is approved now, and was pending before."""
        ...

    async def adjustment(self, adjustment_id: UUID) -> Adjustment | None: ...

    async def open_adjustments(self, *, after: UUID | None, limit: int) -> Sequence[Adjustment]:
        """The oldest first."""
        ...
