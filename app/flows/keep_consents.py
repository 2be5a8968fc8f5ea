"""Reading the history of what a customer agreed to and took back; new_consents.py says what it holds."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from app.flows.cursors import id_of, to_text_cursor
from app.flows.read_customer import ReadCustomer
from app.flows.results import Page


@dataclass(frozen=True, slots=True)
class ConsentRecord:
    """`at` is when the customer said so, `recorded_at` when the service was told, `recorded_by` by which key."""

    id: UUID
    purpose: str
    given: bool
    at: datetime
    version: str | None
    channel: str | None
    text_hash: str | None
    recorded_at: datetime
    recorded_by: str


class ConsentReads(Protocol):
    async def consents(self, customer_id: UUID, *, before: UUID | None, limit: int) -> Sequence[ConsentRecord]:
        """The newest first. Raises DatabaseGone, DatabaseBusy."""
        ...


class ReadConsents:
    def __init__(self, reads: ConsentReads, *, customers: ReadCustomer) -> None:
        self._reads = reads
        self._customers = customers

    async def page(self, customer_id: UUID, *, limit: int, cursor: str | None) -> Page[ConsentRecord]:
        """The newest first. Raises `Rejected(CUSTOMER_NOT_FOUND)`."""
        before = None if cursor is None else id_of(cursor)
        await self._customers.patron(customer_id)
        found = await self._reads.consents(customer_id, before=before, limit=limit + 1)
        return Page(tuple(found[:limit]), to_text_cursor(str(found[limit - 1].id)) if len(found) > limit else None)
