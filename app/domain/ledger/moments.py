"""When a posting is made, and what it names new things by."""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from app.domain.ledger.books import Book


class Moment(NamedTuple):
    """The two times of a posting, and fresh ids in ascending order. `now` is the database's clock: it rules what is
    spendable and what has expired. `at` is the time of the deal: it dates the lots.
    """

    now: datetime
    at: datetime
    ids: Iterator[UUID]

    @classmethod
    def by_clock(cls, clock: datetime, ids: Iterator[UUID], *, book: Book | None = None) -> "Moment":
        """Both times by the database's clock, as the book goes by it."""
        now = clock if book is None else book.now_by(clock)
        return cls(now=now, at=now, ids=ids)

    def new_id(self) -> UUID:
        return next(self.ids)
