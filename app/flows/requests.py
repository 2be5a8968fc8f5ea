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
from app.flows.guessing import Codes


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
    the digest of the client certificate that it comes with. `made_by`: the person who made the key, or the key that
    nobody known made and that it comes from; None for those, and for people.
    """

    key_id: str
    role: Role
    shops: tuple[str, ...] = ()
    terminal: str = ""
    partner: str | None = None
    signed_by: bytes | None = None
    certificate_sha256: bytes | None = None
    made_by: str | None = None

    @property
    def hand(self) -> str:
        """Whose deeds its deeds are: who has made a key has seen it, and can use it."""
        return self.made_by or self.key_id

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
    """One write: its idempotency key, what it is about (16 bytes over method, path and JSON value, under a key of the
    service: `claims.is_same`), and the till's patience.

    `deadline` is in the event loop's seconds; None waits as long as the service does. `former` is the fingerprint as
    releases before had it, without a key; it is compared and never stored.
    """

    caller: Caller
    key: str
    fingerprint: bytes
    request_id: str
    deadline: float | None = None
    former: bytes = b""
    is_counted: bool = True  # False: before it tells that an identifier is taken it raises `Uncounted`.


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


@dataclass(frozen=True, slots=True, repr=False)
class Confirmation:
    """The code that the customer was sent, as the till has typed it."""

    challenge_id: str
    code: str


@dataclass(frozen=True, slots=True)
class Assent:
    """What a call brings of a customer's yes, and the language in which a code is sent."""

    confirmation: Confirmation | None = None
    is_russian: bool = False


@dataclass(frozen=True, slots=True)
class Taken:
    """What a purchase takes: units by wallet, none of them 0, by this version of the program."""

    program: int
    units: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Proof:
    """How sure it is that the customer agrees: named by the app's code; `confirmed_by` who was sent a code, and `taken`
    what they were told of a purchase. Whom and what the request comes to when it is settled must be just that.
    """

    by_code: bool = False
    confirmed_by: UUID | None = None
    taken: Taken | None = None


NO_PROOF = Proof()


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
    confirmation: Confirmation | None = None
    proof: Proof = NO_PROOF
    codes: Codes = Codes.TOLD


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
    confirmation: Confirmation | None = None
    proof: Proof = NO_PROOF
    is_russian: bool = False


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
