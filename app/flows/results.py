"""What flows say back, in domain values; `app.api` gives them their bytes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Generic, NamedTuple, TypeVar
from uuid import UUID

from app.domain.decision import Decision
from app.domain.draws.records import DrawRecord
from app.domain.ledger.balances import WalletBalance
from app.domain.program import Program

T = TypeVar("T")

Balances = Mapping[str, WalletBalance]


class SaleCustomer(NamedTuple):
    """`name` is masked already (`An***`) or None."""

    id: UUID
    tier: str | None
    name: str | None


@dataclass(frozen=True, slots=True)
class OfflineSale:
    """What is special of a receipt made without connection: units by wallet that were not there and are owed now, units
    beyond its allowance, and whether the customer's books did not add up.
    """

    debt: Mapping[str, int]
    over_allowance: int
    is_frozen: bool


@dataclass(frozen=True, slots=True)
class OfflineAllowance:
    """Units that may be taken without connection; `token` is signed."""

    wallet: str
    units: int
    until: datetime
    token: str


@dataclass(slots=True)
class Sale:
    """A basket as decided: quoted (no ids) or committed. `version` and `balances` are those of this one posting."""

    id: UUID | None
    state: str
    receipt: Mapping[str, object] | None
    at: datetime
    program: int
    customer: SaleCustomer | None
    version: int
    decision: Decision
    balances: Balances
    qty_milli: Mapping[str, int]  # By line id, for the split of `paid` into prices.
    scheme: Program  # Totals name each of its wallets, in its order; its rules have the titles and the messages.
    explain: bool = False
    is_russian: bool = False
    quote: str | None = None
    valid_until: datetime | None = None
    offline: OfflineSale | None = None
    tx_id: UUID | None = None  # Of the posting, where it isn't the one that gave the purchase its id (a capture).
    expires_at: datetime | None = None  # Of a held basket.


@dataclass(frozen=True, slots=True)
class ReturnedLine:
    id: str
    qty_milli: int
    refund: int
    taken_back: Mapping[str, int]
    given_back: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Returned:
    """A return. `expired_again` is what was given back to lots that had expired meanwhile; `clamped` what a wallet
    without debt could not give.

    `id` and `tx_id` are None in a preview.
    """

    id: UUID | None
    purchase: UUID
    version: int
    refund: int
    lines: tuple[ReturnedLine, ...]
    taken_back: Mapping[str, int]
    given_back: Mapping[str, int]
    expired_again: Mapping[str, int]
    clamped: Mapping[str, int]
    balances: Balances
    draws: tuple[DrawRecord, ...] = ()  # Whose prizes went back.
    coupons: tuple[str, ...] = ()  # Codes whose use was given back.
    voided: tuple[str, ...] = ()  # Codes that were given out and are no longer good.
    costs_kept: Mapping[str, int] = field(default_factory=dict)  # Of rewards that stay with the customer.


@dataclass(frozen=True, slots=True)
class EventPosted:
    """What another act than a purchase brought; `decision` has one line of worth 0 that stands for the act."""

    tx_id: UUID
    version: int
    type: str
    at: datetime
    program: int
    decision: Decision
    balances: Balances
    scheme: Program
    explain: bool = False
    is_russian: bool = False


@dataclass(frozen=True, slots=True)
class Posted:
    """A posting with nothing more to say: `adjust`, `redeem`."""

    tx_id: UUID
    version: int
    balances: Balances


@dataclass(frozen=True, slots=True)
class HoldPosted:
    """What became of a hold that has no basket, or was released. `wallet` and `points` are a plain redemption's;
    `given_back` is None where nothing was (placed, captured), `expired_again` what went back to lots that had ended.
    """

    id: UUID
    tx_id: UUID
    version: int
    state: str
    expires_at: datetime
    balances: Balances
    wallet: str | None = None
    points: int | None = None
    given_back: Mapping[str, int] | None = None
    expired_again: Mapping[str, int] | None = None


@dataclass(frozen=True, slots=True)
class HoldView:
    """A hold as it is by the database's clock. `kind` is `purchase` or `redeem`, `wallets` what was set aside."""

    id: UUID
    shop: str
    state: str
    kind: str
    expires_at: datetime
    customer: UUID | None
    wallets: Mapping[str, int]
    resolved_tx: UUID | None


@dataclass(frozen=True, slots=True)
class Instant:
    """So many units at that moment."""

    points: int
    at: datetime


@dataclass(frozen=True, slots=True)
class WalletView:
    balance: WalletBalance
    next_expiry: Instant | None = None
    next_activation: Instant | None = None


@dataclass(frozen=True, slots=True)
class BalanceView:
    """`source` is `cache` or `database`; `then` is what else is told of another moment than now."""

    version: int
    wallets: Mapping[str, WalletView]
    source: str
    as_of: datetime
    then: "ThenView | None" = None


@dataclass(frozen=True, slots=True)
class ThenView:
    """A customer at another moment: open lots in spending order, the tier, and the program's version in force (None
    before the first).
    """

    lots: tuple["LotView", ...]
    tier: str | None
    program: int | None


@dataclass(frozen=True, slots=True)
class TierView:
    """Tier, and the way to the next: `measure` so far, `next_from` where the next begins (None: none is above)."""

    id: str | None
    measure: int
    next_id: str | None
    next_from: int | None


@dataclass(frozen=True, slots=True)
class CustomerProfile:
    """A customer as stored; the personal fields are in clear and for the edge to mask by the caller's role."""

    id: UUID
    version: int
    phone: str | None
    cards: tuple[str, ...]
    external_id: str | None
    name: str | None
    birthday: date | None
    email: str | None
    tags: tuple[str, ...]
    consents: tuple[Mapping[str, object], ...]
    referrer: UUID | None
    registered_at: datetime
    tier: TierView
    purchases: int
    balances: Balances
    is_blocked: bool = False
    segments: tuple[str, ...] = ()
    is_frozen: bool = False
    frozen_since: datetime | None = None  # Read only for whoever may see it.
    erased_at: datetime | None = None  # Likewise.
    offline_allowance: OfflineAllowance | None = None  # Of a look-up.


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    account: str
    wallet: str
    amount: int
    lot_id: UUID | None
    rule: str | None


@dataclass(frozen=True, slots=True)
class HistoryItem:
    tx_id: UUID
    kind: str
    version: int
    at: datetime
    created_at: datetime
    receipt: Mapping[str, object] | None  # {"shop", "terminal", "number"}
    purchase: UUID | None  # The purchase a return answers, or the purchase itself.
    program: int | None
    reason: str | None
    entries: tuple[HistoryEntry, ...]


@dataclass(frozen=True, slots=True)
class LotView:
    id: UUID
    wallet: str
    remaining: int
    active_at: datetime
    expires_at: datetime | None
    tx_id: UUID


@dataclass(frozen=True, slots=True)
class PurchaseRecord:
    """A stored purchase: the answer's own bytes, the verdicts as JSON (of the rules that the basket touched), and how
    much of each line came back (thousandths by line id). `scheme` is the program that decided it: storage knows its
    version only, the flow puts it in.
    """

    id: UUID
    shop: str
    state: str
    answer: bytes
    verdicts: bytes
    returned_milli: Mapping[str, int]
    scheme: Program | None = None


@dataclass(frozen=True, slots=True)
class ProgramVersion:
    """A published program; `document` is the JSON as it was sent."""

    version: int
    document: bytes
    published_at: datetime
    published_by: str


@dataclass(frozen=True, slots=True)
class RequestState:
    """What became of a key: `answer` None is unknown."""

    status: int | None = None
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """`next` is an opaque cursor, None on the last page."""

    items: tuple[T, ...]
    next: str | None
