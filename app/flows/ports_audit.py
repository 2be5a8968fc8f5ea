"""What the running self-audit needs of the database: looks at slices of the ledger, and a place for what it found."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple, Protocol
from uuid import UUID

from app.domain.identifiers import GREATEST_ID
from app.domain.ledger.audit import Check, CounterRow, CustomerRow, Finding, LotRow, TxRow
from app.domain.ledger.audit.uses import UseRow

# A document that this release can't read (another one's, perhaps) says nothing about the books decided by it.
UNREAD_PROGRAM = Check.TX_PROGRAM.value
LAST_ID = GREATEST_ID


class Stage(StrEnum):
    """The parts of a pass; each has a cursor and a time of its own."""

    CUSTOMERS = "customers"  # Slice by slice, by id.
    NOBODY = "nobody"  # Postings without a customer, by id.
    COUNTERS = "counters"  # The program's, against all that took of them.
    STRAYS = "strays"  # Rows that stand alone, over whole tables.
    NEWEST = "newest"  # The postings of the last moments sum to 0.
    DRAWS = "draws"  # Yesterday's, once a day.


@dataclass(frozen=True, slots=True)
class StageState:
    """How far a stage has come: `cursor` within the pass at hand (None: at the beginning), `txs` counted in it, or in
    the last one where none is at hand.
    """

    cursor: UUID | None = None
    began_at: datetime | None = None
    ended_at: datetime | None = None
    txs: int = 0

    @property
    def is_under_way(self) -> bool:
        return self.cursor is not None


class Papers(Protocol):
    """One customer's papers; `txs` comes by version, in batches, and is read to its end."""

    @property
    def customer_id(self) -> str | None: ...
    @property
    def row(self) -> CustomerRow | None: ...
    @property
    def lots(self) -> Sequence[LotRow]: ...
    @property
    def txs(self) -> AsyncIterator[list[TxRow]]: ...


class Found(NamedTuple):
    """One disagreement, as it is kept. `check` is a stable name."""

    check: str
    customer: str | None
    tx: str | None
    expected: str
    found: str

    @property
    def freezes(self) -> bool:
        """Whether it says that the customer's books don't add up."""
        return self.customer is not None and self.check != UNREAD_PROGRAM

    @classmethod
    def of(cls, finding: Finding) -> "Found":
        return cls(finding.check.value, finding.customer, finding.tx, finding.expected, finding.found)


@dataclass(frozen=True, slots=True)
class Seen:
    """What one slice of a stage has seen, to be written with the place it has come to.

    Args:
        after, upto: the ids looked at, above the first up to the second; both None where the stage looked at all.
        is_over: the pass of this stage is over; the next one begins anew.
    """

    stage: Stage
    found: Sequence[Found]
    after: UUID | None = None
    upto: UUID | None = None
    is_over: bool = True
    customers: int = 0
    txs: int = 0


@dataclass(frozen=True, slots=True)
class Noted:
    """What writing it has changed: findings that were not known, customers frozen and thawed."""

    new: Sequence[Found] = ()
    frozen: Sequence[UUID] = ()
    thawed: Sequence[UUID] = ()


class AuditLook(Protocol):
    """One snapshot of the ledger."""

    @property
    def now(self) -> datetime: ...

    async def stages(self) -> Mapping[Stage, StageState]: ...

    async def programs(self, known: Mapping[int, str]) -> Mapping[int, tuple[str, str | None]]:
        """By version: the document's digest, and the document where `known` has another digest or none."""
        ...

    async def upto(self, after: UUID, *, txs: int) -> UUID:
        """Where a slice of so many postings ends, at least one customer's; `LAST_ID` at the end."""
        ...

    def papers(self, *, after: UUID, upto: UUID) -> AsyncIterator[Papers]: ...
    async def nobodys(self, *, after: UUID, limit: int) -> Sequence[TxRow]: ...
    async def counters(self) -> Sequence[CounterRow]: ...
    async def uses(self) -> Sequence[UseRow]:
        """What purchases, holds and acts took of the program's counters, summed by counter and period."""
        ...

    def strays(self) -> AsyncIterator[Finding]: ...
    def newest(self, *, since: datetime, at_once: int) -> AsyncIterator[Sequence[tuple[UUID, UUID]]]:
        """Customer and id of each posting made after `since`, some at a time."""
        ...

    async def unbalanced(self, postings: Sequence[tuple[UUID, UUID]]) -> Sequence[Found]:
        """Those of them whose entries don't sum to 0."""
        ...


class AuditStore(Protocol):
    def look(self) -> AbstractAsyncContextManager[AuditLook | None]:
        """None: another auditor is at work. Raises DatabaseGone, DatabaseBusy."""
        ...

    async def note(self, seen: Seen) -> Noted:
        """Raises DatabaseGone, DatabaseBusy, Conflict."""
        ...


class AuditWatch(Protocol):
    """Tells whoever runs the service."""

    def finding(self, *, check: str, customer: str | None) -> None: ...
    def findings_left_out(self, count: int) -> None: ...


DrawsCheck = Callable[[date], Awaitable[Sequence[Found]]]
"""Every draw of a local day recomputed."""


@dataclass(frozen=True, slots=True)
class OpenFinding:
    """A finding that no later look has seen mended."""

    id: UUID
    check: str
    customer: UUID | None
    tx: str | None
    expected: str
    found: str
    found_at: datetime
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class Figures:
    """The invariants live. Ages in seconds, None before the first pass; counts of rows end at a bound."""

    findings: Mapping[str, int] = field(default_factory=dict)
    pass_age: float | None = None
    customers_checked: int = 0
    frozen: int = 0
    holds_open: int = 0
    holds_overdue: int = 0
    events_waiting: int = 0
    duty_ages: Mapping[str, float] = field(default_factory=dict)
    alerts: Mapping[str, int] = field(default_factory=dict)


class AuditReads(Protocol):
    async def figures(self) -> Figures: ...
    async def open_findings(self, *, after: UUID | None, limit: int) -> Sequence[OpenFinding]: ...
    async def frozen_since(self, customer_id: UUID) -> datetime | None: ...
