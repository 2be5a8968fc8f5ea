"""What customers agreed to and took back: a history that only grows, beside the list that stands in the profile.

The profile's list is what a caller sent last, as it was sent. The history has a record for each consent that was not in
the list before, word for word, and one of withdrawal for each purpose that was given before and is named no longer. It
holds no personal data and outlives an erasure: it shows that what was done with the data had been agreed to.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from uuid_utils import compat


@dataclass(frozen=True, slots=True)
class NewConsent:
    """`at` None: now, by the database's clock."""

    id: UUID
    purpose: str
    given: bool
    at: datetime | None = None
    version: str | None = None
    channel: str | None = None
    text_hash: str | None = None


def news_of(before: Iterable[Mapping[str, object]], after: Iterable[Mapping[str, object]]) -> Sequence[NewConsent]:
    """What the second list tells that the first did not; both as they stand in a profile."""
    known, told = [dict(each) for each in before], [dict(each) for each in after]
    named = {each["type"] for each in told}
    withdrawn = {str(each["type"]): each for each in known if each["type"] not in named and each.get("given", True)}
    news = [_read(compat.uuid7(), each) for each in told if each not in known]
    return [*news, *(NewConsent(compat.uuid7(), purpose, given=False) for purpose in withdrawn)]


def records_of(consents: Iterable[Mapping[str, object]], *, otherwise_at: datetime) -> Sequence[NewConsent]:
    """A profile's list as records, for a history that may lack some: releases before 0006 kept the list alone.

    Args:
        otherwise_at: of what says no time of its own.
    """
    records = [_read(compat.uuid7(), each) for each in consents]
    return [replace(each, at=each.at or otherwise_at) for each in records]


def _read(consent_id: UUID, told: Mapping[str, object]) -> NewConsent:
    texts = {name: None if told.get(name) is None else str(told[name]) for name in ("version", "channel", "text_hash")}
    at = told.get("at")
    return NewConsent(
        consent_id,
        str(told["type"]),
        given=bool(told.get("given", True)),
        at=None if at is None else datetime.fromisoformat(str(at)),
        **texts,
    )
