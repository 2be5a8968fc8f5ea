"""What a round needs of the database: one transaction, its few statements, and the values that go in and out."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Protocol
from uuid import UUID

from app.domain.counters import Count
from app.domain.coupons import Coupon
from app.domain.decision import Decision
from app.domain.draws.records import DrawRecord
from app.domain.identifiers import CustomerId, LotId, TxId
from app.domain.ledger.books import Book
from app.domain.ledger.hold_states import Hold
from app.domain.ledger.lots import Lot
from app.domain.ledger.plans import Chained
from app.domain.ledger.returns import LineState, PurchaseState, Uses
from app.flows.requests import Answer
from app.flows.results import Instant


@dataclass(slots=True)  # Not frozen, as in domain/basket.py.
class Sealed:
    """Personal data under the customer's own key; None once that key is destroyed."""

    wrapped_key: bytes | None
    sealed: bytes | None


@dataclass(slots=True, eq=False)
class Patron:
    """A customer in a round: the book, and what rules and answers need besides.

    `referrer` is the customer who brought this one. `card_types` are by the hexadecimal digest of the card's number,
    blocked cards left out; a card without a type has none. A gift card is a customer without a person. `is_frozen` says
    that the books don't add up: nothing may be redeemed until they do. `horizon` has,
    by wallet, what expires next and what becomes active next; None where the lots were not read.
    """

    book: Book
    profile: Sealed
    registered_at: datetime
    referrer: UUID | None = None
    tags: tuple[str, ...] = ()
    segments: tuple[str, ...] = ()
    card_types: Mapping[str, str] = field(default_factory=dict)
    is_gift_card: bool = False
    is_blocked: bool = False
    is_frozen: bool = False
    horizon: Mapping[str, tuple[Instant | None, Instant | None]] | None = None

    @property
    def is_erased(self) -> bool:
        return self.is_blocked and self.profile.wrapped_key is None and not self.is_gift_card


@dataclass(frozen=True, slots=True)
class Taken:
    """`program` is the newest version, 0 for none; `is_free` says by place whether a lock was to be had;
    `has_due_holds` whether somebody's hold has come to its end and nobody has posted that yet.
    """

    now: datetime
    program: int
    is_free: Sequence[bool]
    has_due_holds: bool = False


@dataclass(frozen=True, slots=True)
class Claim:
    """Who has a key, a receipt or a fiscal document: the answer or transaction it stands for."""

    fingerprint: bytes | None
    answer_id: UUID


@dataclass(frozen=True, slots=True)
class Known:
    """Claims by digest, customers by identifier's digest, and which customer ids exist."""

    claims: Mapping[UUID, Claim]
    owners: Mapping[bytes, CustomerId]
    customers: frozenset[UUID]


@dataclass(frozen=True, slots=True)
class Glance:
    """`Taken` and `Known` by one look that locks nothing, and the customers they are about, as they stood then.
    `issued` are those of the codes that were issued, so they may be used up.
    """

    now: datetime
    program: int
    has_due_holds: bool
    issued: Sequence[str]
    known: Known
    patrons: Mapping[UUID, Patron]


@dataclass(slots=True, eq=False)
class StoredPurchase:
    """A purchase as a round of returns needs it. `at` is when it counted for its customer: the deal's time, or when it
    was captured; `previous_at` that of the customer's latest other purchase that is not wholly returned, as far as it
    may matter: None too where a later one than this counts.
    """

    state: PurchaseState
    customer_id: CustomerId
    shop: str
    program: int
    at: datetime
    previous_at: datetime | None


@dataclass(frozen=True, slots=True)
class NewClaim:
    digest: UUID
    kind: str  # "k" key, "c" key of a call that is answered later, "r" receipt, "f" fiscal document
    fingerprint: bytes | None
    answer_id: UUID


@dataclass(slots=True)
class NewPurchase:
    """A row of `purchases`; `basket` and `verdicts` are JSON."""

    id: TxId
    customer_id: CustomerId
    shop: str
    terminal: str
    program: int
    at: datetime
    answer: bytes
    basket: bytes
    verdicts: bytes
    lines: Sequence[LineState]
    uses: Uses
    draws: Sequence[DrawRecord]
    day: date
    spent: Sequence[tuple[str, LotId, int]] | None = None  # Of a captured hold; else its own entries tell.


@dataclass(frozen=True, slots=True)
class HeldSale:
    """What a held basket's capture needs besides its state. `decision` is the whole one, the draw's outcome included;
    the customer's `tier` and `name` (masked) are those of the hold. `receipt` and `basket` are JSON as sent.
    """

    decision: Decision
    receipt: Mapping[str, object]
    customer_tier: str | None
    customer_name: str | None


@dataclass(slots=True, eq=False)
class StoredHold:
    """A hold as a round has it, locked. `sale` and `basket` (JSON, as in purchases) are None for a plain redemption,
    for one that is resolved, and where nobody has named it. `answer` is what placing it was answered with, `verdicts`
    those of the rules as told then (JSON): both are only written.
    """

    state: Hold
    terminal: str
    sale: HeldSale | None
    basket: bytes | None = None
    answer: bytes = b""
    verdicts: bytes | None = None


@dataclass(frozen=True, slots=True)
class NewAct:
    """A row of `acts`, another act than a purchase; `data` and `verdicts` are JSON. Nothing gives its uses back: they
    stand for whoever checks the counters.
    """

    tx_id: TxId
    customer_id: CustomerId
    type: str
    at: datetime
    data: bytes
    verdicts: bytes
    uses: Uses


@dataclass(slots=True)
class Shared:
    """The program's shared state that a round has locked: counters by name (missing: at 0), coupon codes that were
    sent, free codes by pool in the order in which they are given out. Requests of the round change it one after
    another.
    """

    counts: dict[str, Count] = field(default_factory=dict)
    coupons: dict[str, Coupon] = field(default_factory=dict)
    codes: dict[str, list[str]] = field(default_factory=dict)


@dataclass(slots=True)
class SharedChanges:
    """What a round does to it. `counts` are by name as they stand after the round; `coupons` are uses by code (below 0:
    given back); `given` are codes by the customer they now belong to; `voided` codes are blocked where unused, `unset`
    ones are free again. `commitments` are those of the days whose tickets were drawn.
    """

    counts: dict[str, Count] = field(default_factory=dict)
    coupons: dict[str, int] = field(default_factory=dict)
    given: dict[str, UUID] = field(default_factory=dict)
    voided: list[str] = field(default_factory=list)
    unset: set[str] = field(default_factory=set)
    commitments: dict[date, str] = field(default_factory=dict)


@dataclass(slots=True)
class Changes:
    """All that one round writes. `read_at` is when a round without locks has read what it decided on; where that is
    long ago, nothing is written: postings of a process that stood still would come behind what looks settled.
    """

    read_at: datetime | None = None
    patrons: list[Patron] = field(default_factory=list)
    postings: list[Chained] = field(default_factory=list)
    claims: list[NewClaim] = field(default_factory=list)
    answers: list[tuple[UUID, Answer]] = field(default_factory=list)
    purchases: list[NewPurchase] = field(default_factory=list)
    acts: list[NewAct] = field(default_factory=list)
    returned: list[StoredPurchase] = field(default_factory=list)
    placed: list[StoredHold] = field(default_factory=list)
    resolved: list[Hold] = field(default_factory=list)  # Of those that were stored before this round.
    shared: SharedChanges = field(default_factory=SharedChanges)

    @property
    def is_empty(self) -> bool:
        return not (self.postings or self.claims or self.patrons)


class RoundTx(Protocol):
    """The statements of one round, in their order."""

    async def take(self, locks: Sequence[int]) -> Taken:
        """Try the advisory locks; none is waited for. Also the clock and the newest program."""
        ...

    async def read_known(
        self, *, claims: Sequence[UUID], identifiers: Sequence[bytes], customers: Sequence[UUID]
    ) -> Known: ...

    async def glance(
        self,
        *,
        claims: Sequence[UUID],
        identifiers: Sequence[bytes],
        customers: Sequence[UUID],
        coupons: Sequence[str],
    ) -> Glance: ...

    async def stored_answers(self, ids: Sequence[UUID]) -> Mapping[UUID, Answer]: ...

    async def purchase_owners(self, ids: Sequence[UUID]) -> Mapping[UUID, CustomerId]: ...

    async def lock_patrons(self, ids: Sequence[UUID], *, wait: bool) -> Mapping[UUID, Patron]:
        """Lock the rows in one order; without `wait` those that another round holds are left out."""
        ...

    async def due_holders(self, *, now: datetime, limit: int) -> Sequence[UUID]:
        """Customers (`NOBODY` among them) of the `limit` holds that came to their end first and are still open."""
        ...

    async def hold_owners(self, ids: Sequence[UUID]) -> Mapping[UUID, CustomerId]: ...

    async def lock_holds(
        self, ids: Sequence[UUID], *, customers: Sequence[UUID], nobodys: int = 0, now: datetime
    ) -> Mapping[UUID, StoredHold]:
        """The named holds, resolved ones too, and all open ones of the customers, who are locked; in one order. Then at
        most so many of `NOBODY` that are over and that nobody else has.
        """
        ...

    async def lock_purchases(self, ids: Sequence[UUID]) -> Mapping[UUID, StoredPurchase]: ...

    async def read_lots(self, customers: Sequence[UUID], *, purchases: Sequence[UUID]) -> Mapping[UUID, Iterable[Lot]]:
        """Lots by customer that have units left or set aside, and all those the purchases made or spent."""
        ...

    async def read_lots_of(
        self, postings: Sequence[UUID], *, customers: Sequence[UUID]
    ) -> Mapping[UUID, Iterable[Lot]]:
        """Lots by customer that these postings moved units into or out of, whatever is left in them."""
        ...

    async def read_first_lots(self, wanted: Mapping[tuple[UUID, str], int]) -> Mapping[UUID, Iterable[Lot]]:
        """By customer the first active lots, in spending order, of the customer's wallets: as many as hold the units
        that are wanted of each (above 0).
        """
        ...

    async def lock_shared(self, *, counters: Sequence[str], coupons: Sequence[str], pools: Mapping[str, int]) -> Shared:
        """Lock coupon rows, then counters (made where missing), each in one order, then take free codes of each pool,
        at most so many, passing over those that another round holds.
        """
        ...

    async def write(self, changes: Changes) -> None:
        """All of it or nothing.

        Raises:
            Conflict: a customer is not as it was read, or somebody has it locked; a key or a receipt is taken.
        """
        ...


class LedgerStore(Protocol):
    def round(self) -> AbstractAsyncContextManager[RoundTx]:
        """A transaction that commits when its block ends well. Raises DatabaseGone, DatabaseBusy, Conflict."""
        ...

    def unlocked(self) -> AbstractAsyncContextManager[RoundTx]:
        """Statements that each stand alone: nothing that was read is locked, and `write` commits. Raises likewise."""
        ...
