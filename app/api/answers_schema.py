"""What answers look like: for the OpenAPI document, and for tests that hold live answers against it.

Nothing is serialised by these.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.domain.amounts import AMOUNT_MAX

Id = Annotated[str, Field(json_schema_extra={"format": "uuid"})]
Instant = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
Money = Annotated[int, Field(ge=0, description="Minor units.")]
Units = Annotated[int, Field(ge=0, le=AMOUNT_MAX, description="Units of a wallet.")]
Qty = int | str
UnitsByWallet = dict[str, int]


class AnswerBody(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Balance(AnswerBody):
    available: int = Field(description="Spendable now; below 0 is a debt.")
    pending: Units
    held: Units


Balances = dict[str, Balance]


class PostedAnswer(AnswerBody):
    tx_id: Id
    version: int
    balances: Balances


class NextTier(AnswerBody):
    id: str
    from_: Annotated[int, Field(alias="from")]
    measure: int
    left: int


class CustomerAnswer(AnswerBody):
    id: Id
    version: int
    phone: str | None = Field(examples=["+7******4567"])
    cards: list[str]
    external_id: str | None
    name: str | None = Field(examples=["An***"])
    birthday: str | None = Field(default=None, description="Only in clear answers.")
    email: str | None = Field(default=None, description="Only in clear answers.")
    segments: list[str] | None = Field(default=None, description="Only in clear answers.")
    frozen_since: Instant | None = Field(
        default=None,
        description="Since when nothing may be redeemed because the books don't add up. Only in clear answers.",
    )
    erased_at: Instant | None = Field(
        default=None, description="When the personal data was destroyed. Only in clear answers."
    )
    tags: list[str]
    consents: list[dict[str, object]]
    referrer: Id | None
    registered_at: Instant
    is_blocked: bool
    purchases: int = Field(description="That were not fully returned.")
    tier: str | None
    next_tier: NextTier | None
    balances: Balances


class OfflineAllowance(AnswerBody):
    """So many units may be taken without connection until then; nothing is set aside."""

    wallet: str
    units: Units
    until: Instant
    token: str = Field(description="A JWT to be sent with the receipt; see GET /.well-known/jwks.json.")


class LookupAnswer(CustomerAnswer):
    offline_allowance: OfflineAllowance | None = Field(
        description="null where nothing may be taken without connection."
    )


class At(AnswerBody):
    points: Units
    at: Instant


class WalletBalance(Balance):
    next_expiry: At | None
    next_activation: At | None


class BalanceAnswer(AnswerBody):
    version: int
    wallets: dict[str, WalletBalance]
    source: Literal["cache", "database"]
    as_of: Instant
    lots: "list[Lot] | None" = Field(default=None, description="Only with ?as_of=: open then, in spending order.")
    tier: str | None = Field(default=None, description="Only with ?as_of=.")
    program: int | None = Field(
        default=None, description="Only with ?as_of=: the version in force; before the first null."
    )


class Entry(AnswerBody):
    account: str
    wallet: str
    amount: int = Field(description="Signed; sums to 0 over the posting and wallet.")
    lot: Id | None
    rule: str | None


class HistoryItem(AnswerBody):
    tx_id: Id
    kind: str
    version: int
    at: Instant
    created_at: Instant
    receipt: dict[str, object] | None
    purchase: Id | None
    program: int | None
    reason: str | None
    entries: list[Entry]


class HistoryAnswer(AnswerBody):
    items: list[HistoryItem]
    next: str | None


class Lot(AnswerBody):
    id: Id
    wallet: str
    remaining: Units
    active_at: Instant
    expires_at: Instant | None
    tx_id: Id


class LotsAnswer(AnswerBody):
    items: list[Lot]
    next: str | None


class Mistake(AnswerBody):
    """One mistake in a request."""

    pointer: str = Field(description="RFC 6901, into the document.")
    code: str
    message: str


class Finding(Mistake):
    """What is wrong or doubtful in a draft."""

    severity: Literal["error", "warning", "info"]


class FindingsAnswer(AnswerBody):
    findings: list[Finding]


class DraftAnswer(BaseModel):
    """The document, and beside its members what is doubtful in it."""

    model_config = ConfigDict(extra="allow", strict=True)

    findings: list[Finding] = Field(default=[])


class PublishedAnswer(AnswerBody):
    version: int


class ProgramVersion(AnswerBody):
    version: int
    published_at: Instant
    published_by: str


class ProgramAnswer(ProgramVersion):
    document: dict[str, object]


class ProgramVersionsAnswer(AnswerBody):
    items: list[ProgramVersion]
    next: str | None


class LiveAnswer(AnswerBody):
    status: Literal["ok"]


class ReadyAnswer(AnswerBody):
    status: Literal["ok", "degraded"]
    database: str
    cache: str
    migrations: str


class Problem(BaseModel):
    """RFC 9457. Some codes have further members: `original_tx_id`, `requested`, `available`, `allow`,
    `challenge_id`, `attempts_left`.
    """

    model_config = ConfigDict(extra="allow", strict=True)

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    retryable: bool = Field(description="Whether the same request, unchanged, may succeed later.")
    errors: list[Mistake] | None = None
    retry_after_ms: int | None = None
