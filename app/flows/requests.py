"""What comes in through the edge, parsed: the requests that flows serve, in domain values.

A request carries everything that decides its answer except the books and the program: who asks, under which idempotency
key, and what.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Literal
from uuid import UUID

from app.domain.basket import Basket, Channel
from app.domain.identifiers import Identifier
from app.domain.rules.given import TillFacts


class Role(StrEnum):
    POS = "pos"
    SHOP = "shop"
    MARKETER = "marketer"
    ANALYST = "analyst"
    SUPPORT = "support"
    ADMIN = "admin"
    OPS = "ops"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. Tills and shops have `shops` (the first is their own) and a terminal; people's keys have neither.

    What a key demands besides: `signed_by`, the Ed25519 public key of its writes' signatures, and `certificate_sha256`,
    the digest of the client certificate that it comes with.
    """

    key_id: str
    role: Role
    shops: tuple[str, ...] = ()
    terminal: str = ""
    partner: str | None = None
    signed_by: bytes | None = None
    certificate_sha256: bytes | None = None

    @property
    def shop(self) -> str:
        return self.shops[0] if self.shops else ""

    @property
    def channel(self) -> Channel:
        return Channel.ONLINE if self.role is Role.SHOP else Channel.POS

    @property
    def scope(self) -> str:
        """Where an idempotency key is unique: a shop's terminal, or one person."""
        return f"{self.shop}\n{self.terminal}" if self.shops else f"person\n{self.key_id}"


@dataclass(slots=True)  # Not frozen, as in domain/basket.py.
class Write:
    """One write: its idempotency key, what it is about (16 bytes over method, path and JSON value), and the till's
    patience.

    `deadline` is in the event loop's seconds; None waits as long as the service does.
    """

    caller: Caller
    key: str
    fingerprint: bytes
    request_id: str
    deadline: float | None = None


@dataclass(slots=True)  # Not frozen, as in domain/basket.py.
class Answer:
    """Status and the very bytes that go out; the same bytes are stored under the key. `tx_id` is the posting that a
    write outside the rounds has made: the key then stands for it.
    """

    status: int
    body: bytes
    is_replayed: bool = False
    tx_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Fiscal:
    """One fiscal document: the storage's number (`fn`) and the document's (`i`)."""

    fn: str
    document: str


@dataclass(slots=True)  # Not frozen, as in domain/basket.py.
class Receipt:
    """`document` is the receipt as sent (JSON-ready), repeated in answers."""

    shop: str
    terminal: str
    number: str
    shift: str | None = None
    fiscal: Fiscal | None = None
    document: Mapping[str, object] = field(default_factory=dict)


Redeem = Mapping[str, int | Literal["max"]]


@dataclass(slots=True)  # Not frozen, as in domain/basket.py.
class PurchaseRequest:
    """`quote` and `accrue`. `at` None: the database's clock. `lines` is the basket as sent (JSON-ready), kept for
    back-tests.

    `receipt` may be missing in a quote.
    """

    customer: Identifier | None
    receipt: Receipt | None
    at: datetime | None
    basket: Basket
    lines: tuple[Mapping[str, object], ...]
    redeem: Redeem
    quote: str | None
    expect_paid: int | None
    explain: bool
    is_russian: bool = False
    rewards: Mapping[str, int] = field(default_factory=dict)  # Rules with a `cost` that are asked for, how often.
    given: TillFacts | None = None  # Of a receipt made without connection: then `redeem` was paid, too.


@dataclass(frozen=True, slots=True)
class EventRequest:
    """Another act than a purchase. `at` None: the database's clock; `data` is kept as it was sent."""

    customer: UUID
    type: str
    at: datetime | None
    data: Mapping[str, object]
    explain: bool = False
    is_russian: bool = False


@dataclass(frozen=True, slots=True)
class RedeemRequest:
    """Spend points with no basket."""

    customer: Identifier
    wallet: str
    points: int
    receipt: Receipt
    reason: str


@dataclass(frozen=True, slots=True)
class AdjustRequest:
    """`points` is signed and not 0."""

    customer: Identifier
    wallet: str
    points: int
    reason: str


@dataclass(frozen=True, slots=True)
class PurchaseName:
    """A purchase named by its receipt."""

    shop: str
    terminal: str
    number: str
    shift: str | None = None


@dataclass(frozen=True, slots=True)
class ReturnLine:
    id: str
    qty_milli: int


@dataclass(frozen=True, slots=True)
class ReturnRequest:
    """`lines` None: all that is left."""

    purchase: UUID | PurchaseName
    receipt: Receipt
    lines: tuple[ReturnLine, ...] | None


@dataclass(frozen=True, slots=True)
class HoldRequest:
    """A purchase, or units to redeem with no basket, set aside for `ttl_seconds`."""

    what: PurchaseRequest | RedeemRequest
    ttl_seconds: int


@dataclass(frozen=True, slots=True)
class CaptureRequest:
    """`lines` None: all that is held."""

    hold: UUID
    lines: tuple[ReturnLine, ...] | None
    explain: bool = False
    is_russian: bool = False


@dataclass(frozen=True, slots=True)
class RegisterRequest:
    """`identifiers` has at least one, each kind once."""

    identifiers: tuple[Identifier, ...]
    name: str | None
    birthday: date | None
    email: str | None
    tags: tuple[str, ...]
    consents: tuple[Mapping[str, object], ...]
    referrer: Identifier | None


@dataclass(frozen=True, slots=True)
class UpdateRequest:
    """Only what is in `changes` changes: name, birthday, email, tags, consents; `identifiers` are added or, by kind,
    replaced.
    """

    customer: UUID
    identifiers: tuple[Identifier, ...]
    changes: Mapping[str, Any]
