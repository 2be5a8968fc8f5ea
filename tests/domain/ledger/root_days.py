"""Heads and days that tests of roots share."""

from datetime import UTC, date, datetime
from hashlib import sha256
from uuid import UUID

from app.domain.ledger.roots import Head

DAY = date(2026, 11, 21)
BEGINS = datetime(2026, 11, 20, 21, tzinfo=UTC)  # Midnight in Moscow.


def head(place: int, *, version: int = 1) -> Head:
    return Head(UUID(int=place + 1), UUID(int=place + 1_000), version, sha256(b"%d" % place).digest())
