"""Reading the feed: what was posted, in an order that a reader can go on from.

Positions grow and become visible in their order (`app.flows.relay`), so whoever asks for what comes after the last
position it has seen gets every event once, and a customer's in the order of their versions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from app.domain.rejections import Fault, Rejected, Rejection
from app.flows.results import Page

POSITION_DIGITS_MAX = 18  # Of a bigint's 19: a thousand events a second for 30 million years.


@dataclass(frozen=True, slots=True)
class FeedEntry:
    account: str
    wallet: str
    amount: int


@dataclass(frozen=True, slots=True)
class FeedEvent:
    """One event. `customer` is None for anonymous postings, `purchase` for what belongs to none."""

    position: int
    id: str
    type: str
    tx_id: UUID
    customer: UUID | None
    version: int
    at: datetime
    created_at: datetime
    shop: str | None
    terminal: str | None
    receipt: str | None
    program: int | None
    purchase: UUID | None
    entries: tuple[FeedEntry, ...]


class Feed(Protocol):
    async def read(self, *, after: int, limit: int) -> Sequence[FeedEvent]:
        """The next events after a position, in the order of their positions. Raises DatabaseGone, DatabaseBusy."""
        ...


class ReadEvents:
    def __init__(self, feed: Feed) -> None:
        self._feed = feed

    async def page(self, *, after: int, limit: int, cursor: str | None) -> Page[FeedEvent]:
        """`next` is the last position as text, None where nothing more is there yet.

        Raises:
            Rejected: `validation_error` for a cursor that is none.
        """
        events = await self._feed.read(after=after if cursor is None else _position_of(cursor), limit=limit + 1)
        is_more = len(events) > limit
        return Page(tuple(events[:limit]), str(events[limit - 1].position) if is_more else None)


def _position_of(cursor: str) -> int:
    if not (cursor.isascii() and cursor.isdecimal()) or len(cursor) > POSITION_DIGITS_MAX:
        fault = Fault("/query/cursor", "not_ours", "must be a cursor of this list")
        raise Rejected(Rejection.VALIDATION_ERROR, "The cursor can't be read.", faults=(fault,))
    return int(cursor)
