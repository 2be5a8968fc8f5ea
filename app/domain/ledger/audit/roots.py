"""Days' roots: that each follows from its heads and the day before's, and its heads from the postings.

The tree is folded here by the definition of RFC 6962 turned inside out (a binary counter of full subtrees), the leaves
are put together anew from the columns.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from hashlib import sha256
from typing import NamedTuple
from uuid import UUID

from app.domain.ledger.audit.findings import Check, Finding

_ZEROS = bytes(32)
_NOBODY = UUID(int=0)


class RootRow(NamedTuple):
    day: date
    begins_at: datetime
    ends_at: datetime
    heads: int
    tree: bytes
    previous: bytes
    root: bytes


class HeadRow(NamedTuple):
    """A head that a root is over, or a posting that must be one; `place` is the stored head's, or -1."""

    customer_id: UUID
    tx_id: UUID
    version: int
    hash: bytes
    place: int = -1


class RootsAudit:
    """Roots are handed in by day, each closed before the next; `kept` are those that somebody has kept, by day."""

    def __init__(self, kept: Mapping[date, bytes]) -> None:
        self._kept = dict(kept)
        self._before: RootRow | None = None

    def root(self, row: RootRow) -> "DayAudit":
        return DayAudit(row)

    def close_day(self, day: "DayAudit") -> list[Finding]:
        """What is wrong with a day whose heads are all seen."""
        row, before, tree = day.row, self._before, day.tree()
        self._before = row
        told: list[tuple[Check, object, object]] = []
        previous = before.root if before else _ZEROS
        if row.previous != previous:
            told.append((Check.ROOT_PREVIOUS, f"{row.day}: {previous.hex()}", row.previous.hex()))
        if before is not None and row.begins_at != before.ends_at:
            told.append((Check.ROOT_WINDOW, f"{row.day} from {before.ends_at}", row.begins_at))
        if (row.heads, row.tree) != (day.count, tree):
            told.append(
                (Check.ROOT_TREE, f"{row.day}: {day.count} heads, {tree.hex()}", f"{row.heads}, {row.tree.hex()}")
            )
        root = sha256(b"kopilka root\n" + row.previous + str(row.day).encode() + row.tree).digest()
        if row.root != root:
            told.append((Check.ROOT_HASH, f"{row.day}: {root.hex()}", row.root.hex()))
        kept = self._kept.pop(row.day, None)
        if kept is not None and kept != row.root:
            told.append((Check.ROOT_KEPT, f"{row.day}: {kept.hex()}", row.root.hex()))
        return [Finding(check, None, None, expected=str(expected), found=str(found)) for check, expected, found in told]

    def close(self) -> list[Finding]:
        """Kept roots of days that have none."""
        return [
            Finding(Check.ROOT_KEPT, None, None, expected=f"{day}: {kept.hex()}", found="no root of that day")
            for day, kept in sorted(self._kept.items())
        ]


class DayAudit:
    """The stored heads of one day beside those that its postings make, both by (customer, transaction)."""

    def __init__(self, row: RootRow) -> None:
        self.row = row
        self.count = 0
        self._bits: list[bytes | None] = []  # The full subtree of 2^n leaves, where the count has that bit.

    def tree(self) -> bytes:
        found: bytes | None = None
        for full in self._bits:
            if full is not None:
                found = full if found is None else sha256(b"\x01" + full + found).digest()
        return sha256().digest() if found is None else found

    def stored(self, head: HeadRow) -> Iterable[Finding]:
        """The next of the stored heads, by place."""
        if head.place != self.count:
            yield self._finding(Check.HEAD_PLACE, head, expected=f"place {self.count}", found=f"place {head.place}")
        self.count += 1
        carried = sha256(
            b"".join(
                (
                    b"\x00",
                    head.customer_id.bytes,
                    head.tx_id.bytes,
                    head.version.to_bytes(8, "big", signed=True),
                    head.hash,
                )
            )
        ).digest()
        for bit, full in enumerate(self._bits):
            if full is None:
                self._bits[bit] = carried
                return
            carried, self._bits[bit] = sha256(b"\x01" + full + carried).digest(), None
        self._bits.append(carried)

    def pair(self, stored: HeadRow | None, posted: HeadRow | None) -> Iterable[Finding]:
        """One customer's (or posting of nobody) stored head and the one that the postings make; None: there is none."""
        if stored is None and posted is not None:
            yield self._finding(Check.HEAD_MISSING, posted, expected=_shown(posted), found="no head")
        elif posted is None and stored is not None:
            yield self._finding(
                Check.HEAD_POSTING, stored, expected=_shown(stored), found="no such posting of that day"
            )
        elif stored is not None and posted is not None and stored[:4] != posted[:4]:
            yield self._finding(Check.HEAD_POSTING, stored, expected=_shown(stored), found=_shown(posted))

    def _finding(self, check: Check, head: HeadRow, *, expected: str, found: str) -> Finding:
        customer = None if head.customer_id == _NOBODY else str(head.customer_id)
        return Finding(check, customer, str(head.tx_id), expected=f"{self.row.day}: {expected}", found=found)


def owner_of(head: HeadRow) -> tuple[int, int]:
    """What there is one head of: a customer, or a posting of nobody. Sorts as heads do."""
    return (head.customer_id.int, head.tx_id.int if head.customer_id == _NOBODY else 0)


def _shown(head: HeadRow) -> str:
    return f"version {head.version}, {head.tx_id}, {head.hash.hex()}"
