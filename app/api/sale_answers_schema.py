"""What the answers of sales look like, for the document and for tests; see `answers_schema`."""

from typing import Literal

from pydantic import Field

from app.api.answers_schema import AnswerBody, Balances, Id, Instant, Money, Qty, Units, UnitsByWallet


class SaleCustomer(AnswerBody):
    id: Id
    tier: str | None
    name: str | None = Field(description="Masked.", examples=["An***"])


class Totals(AnswerBody):
    gross: Money
    discount: Money
    redeemed: Money
    paid: Money
    redeemed_units: UnitsByWallet
    accrued: UnitsByWallet


class Price(AnswerBody):
    qty: Qty
    price: Money
    amount: Money | None = Field(default=None, description="The sum, where the quantity is fractional.")


class Part(AnswerBody):
    """What one rule gave on one line: a discount's `amount`, or `units` of `wallet`."""

    rule: str
    kind: str
    amount: Money | None = None
    wallet: str | None = None
    units: Units | None = None


class SaleLine(AnswerBody):
    id: str
    gross: Money
    discount: Money
    redeemed: Money
    paid: Money
    accrued: UnitsByWallet
    prices: list[Price] = Field(description="`paid` as quantity × unit price, for the fiscal receipt.")
    parts: list[Part]


class RedeemTerms(AnswerBody):
    max_units: Units
    max_money: Money
    bound_by: str = Field(description="The smallest of the terms, or what cut last.")
    terms: dict[str, int]


class Redeemable(AnswerBody):
    wallets: dict[str, RedeemTerms]


class Effect(AnswerBody):
    rule: str
    kind: str
    amount: Money | None = None
    wallet: str | None = None
    wanted: int
    given: int
    limited_by: str | None


class CouponVerdict(AnswerBody):
    code: str
    verdict: Literal["applied", "unknown", "not_started", "expired", "used_up", "wrong_customer", "not_applicable"]
    rule: str | None
    because: str


class Surprise(AnswerBody):
    possible: bool


class Draw(AnswerBody):
    rule: str
    ticket: str
    prize: str | None


class Message(AnswerBody):
    to: Literal["cashier", "customer"]
    text: str


class Explained(AnswerBody):
    rule: str
    verdict: Literal["applied", "skipped", "outdone"]
    because: str | None
    need: object
    have: object
    text: str = Field(description="English, or Russian by Accept-Language.")


class SaleAnswer(AnswerBody):
    id: Id | None = Field(description="null in a quote.")
    tx_id: Id | None
    state: Literal["quoted", "held", "committed", "released", "expired"]
    receipt: dict[str, object] | None = Field(description="As it was sent.")
    at: Instant
    program: int = Field(description="The version that decided.")
    customer: SaleCustomer | None
    version: int
    totals: Totals
    lines: list[SaleLine]
    redeem: Redeemable
    effects: list[Effect] = Field(description="In the order applied.")
    coupons: list[CouponVerdict]
    surprise: Surprise
    draws: list[Draw]
    balances: Balances = Field(description="After this posting; in a quote as they would be after it.")
    messages: list[Message]
    quote: str | None
    valid_until: Instant | None
    explain: list[Explained] | None = Field(default=None, description="Only with ?explain=true.")


class PurchaseAnswer(SaleAnswer):
    returned: dict[str, Qty] = Field(description="What came back so far, by line.")


class ReturnedLine(AnswerBody):
    id: str
    qty: Qty
    refund: Money
    taken_back: UnitsByWallet
    given_back: UnitsByWallet


class ReturnAnswer(AnswerBody):
    id: Id | None = Field(description="null in a preview.")
    tx_id: Id | None
    version: int
    purchase: Id
    refund: Money
    lines: list[ReturnedLine]
    taken_back: UnitsByWallet
    given_back: UnitsByWallet
    expired_again: UnitsByWallet = Field(description="Given back to lots that had expired meanwhile.")
    clamped: UnitsByWallet = Field(description="What a wallet without debt could not give.")
    balances: Balances


class RequestStateAnswer(AnswerBody):
    state: Literal["done", "unknown"]
    status: int | None
    body: dict[str, object] | None
