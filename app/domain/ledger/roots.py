"""One hash a day over the whole ledger, each over the day's before: an auditor who keeps one root knows of every change
to what was posted until then.

A day's leaves are the heads of all chains that went on: each customer's last posting of the day, and every posting of
nobody, in the order of (customer, transaction). A head's hash covers its customer's chain from the first posting on.

    leaf = customer (16 bytes) ∥ transaction (16) ∥ version (8, big-endian) ∥ hash (32)
    root = SHA-256("kopilka root\\n" ∥ the day before's root ∥ the day as 2026-11-21 ∥ head of the tree)

Days are the program's local ones, and follow one another without gap or overlap whatever becomes of the zone: a day
begins where the one before ended, and ends at the midnight after it in the zone that was in force when it began. So
after a change of zone one day is longer or shorter. Where it would not end after its beginning (the new zone is nearly
a day ahead), that date is left out. Days without postings have a root too.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from hashlib import sha256
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from app.domain.ledger.merkle import Tree

FIRST = bytes(32)  # What the first day's root is over.
_PREFIX = b"kopilka root\n"
_DAY = timedelta(days=1)


class Head(NamedTuple):
    """Where a chain stood when the day ended."""

    customer_id: UUID
    tx_id: UUID
    version: int
    hash: bytes

    def leaf(self) -> bytes:
        return self.customer_id.bytes + self.tx_id.bytes + self.version.to_bytes(8, "big") + self.hash


class Window(NamedTuple):
    """A day: what was posted from `begins_at` until before `ends_at`. `zone` is the one that it ends by."""

    day: date
    begins_at: datetime
    ends_at: datetime
    zone: str

    def holds(self, moment: datetime) -> bool:
        return self.begins_at <= moment < self.ends_at


@dataclass(frozen=True, slots=True)
class DayRoot:
    """`heads` is the number of leaves. `closed_at` None: not closed yet; the root is that of what there is so far."""

    window: Window
    heads: int
    tree: bytes
    previous: bytes
    root: bytes
    closed_at: datetime | None = None

    @property
    def is_final(self) -> bool:
        return self.closed_at is not None


class HeadsTree:
    """The tree of a day's heads, and one customer's head among them, if asked for."""

    def __init__(self, customer_id: UUID | None = None) -> None:
        self._customer_id = customer_id
        self.tree = Tree()
        self.head: Head | None = None

    def add(self, heads: Iterable[Head]) -> None:
        for head in heads:
            is_target = head.customer_id == self._customer_id
            if is_target:
                self.head = head
            self.tree.add(head.leaf(), is_target=is_target)


def root_of(tree: Tree, window: Window, *, previous: bytes) -> DayRoot:
    head = tree.root()
    root = sha256(_PREFIX + previous + window.day.isoformat().encode() + head).digest()
    return DayRoot(window, heads=tree.size, tree=head, previous=previous, root=root)


@dataclass(frozen=True, slots=True)
class Zones:
    """Which zone was in force when: (from, zone) of each version of the program, in order."""

    since: Sequence[tuple[datetime, str]]

    def at(self, moment: datetime) -> str:
        """That of the first version for what was before it."""
        found = self.since[0][1] if self.since else "UTC"
        for since, zone in self.since:
            if since <= moment:
                found = zone
        return found


def windows(last: Window | None, *, first_posted_at: datetime | None, upto: datetime, zones: Zones) -> Iterator[Window]:
    """The days after the last closed one, or from the first posting's, to the one that `upto` falls into."""
    if last is not None:
        window = _next_window(last, zones.at(last.ends_at))
    elif first_posted_at is not None:
        window = _first_window(first_posted_at, zones.at(first_posted_at))
    else:
        return
    while window.begins_at <= upto:
        yield window
        window = _next_window(window, zones.at(window.ends_at))


def _first_window(posted_at: datetime, zone: str) -> Window:
    day = posted_at.astimezone(_zone(zone)).date()
    return Window(day, _midnight(day, zone), _midnight(day + _DAY, zone), zone)


def _next_window(last: Window, zone: str) -> Window:
    day = last.day + _DAY
    while _midnight(day + _DAY, zone) <= last.ends_at:
        day += _DAY
    return Window(day, last.ends_at, _midnight(day + _DAY, zone), zone)


def _midnight(day: date, zone: str) -> datetime:
    """Where clocks skip it, the moment at which they do; where they repeat it, the first."""
    return datetime.combine(day, time(), tzinfo=_zone(zone)).astimezone(UTC)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # A release that knows fewer zones has to have days too.
        return ZoneInfo("UTC")
