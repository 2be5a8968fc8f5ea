"""What the answers of sales look like, for the document and for tests; see `answers_schema`."""

from typing import Literal

from pydantic import Field

from app.api.answers_schema import AnswerBody, Balances, Id, Instant, Money, Qty, Units, UnitsByWallet
from app.api.reward_answers_schema import Block, CouponVerdict, Draw, Explained, Hint, Message, PrizeBack, Surprise


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
    """What one rule did: `wanted` and `given` are minor units of a discount, units of `wallet`, or pieces of `gift` or
    of codes of the pool `coupon`.
    """

    rule: str
    kind: str
    amount: Money | None = None
    wallet: str | None = None
    gift: str | None = Field(default=None, description="The article that is given as a present.")
    coupon: str | None = Field(default=None, description="The pool whose codes are given.")
    codes: list[str] | None = Field(default=None, description="The codes given out; a quote gives none.")
    wanted: int
    given: int
    limited_by: str | None = Field(
        description="What cut it: `min_price`, `best_line`, `receipt`, `customer`, `customer_uses`, `budget`, `uses`, "
        "`pool`, `pieces`, or `cap:` and the cap's id."
    )
    limited_text: str | None = Field(default=None, description="The same as a sentence, by Accept-Language.")
    cost: UnitsByWallet | None = Field(default=None, description="Units that a rule with a `cost` took.")


class OfflineFacts(AnswerBody):
    debt: UnitsByWallet = Field(description="Units taken that were not there any more.")
    over_allowance: int = Field(description="Units beyond the allowance they were taken under.")
    frozen: bool = Field(description="Whether the customer's books didn't add up; on line nothing is redeemed then.")


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
    draws: list[Draw] = Field(description="Made when the purchase is committed; a quote has none.")
    hints: list[Hint] = Field(description="What to add to reach more.")
    balances: Balances = Field(description="After this posting; in a quote as they would be after it.")
    messages: list[Message] = Field(description="From the rules' templates.")
    print: list[Block] = Field(description="Blocks ready to print, from the rules' templates; proofs of draws.")
    quote: str | None
    valid_until: Instant | None
    expires_at: Instant | None = Field(default=None, description="Of a held basket: when the hold ends by itself.")
    explain: list[Explained] | None = Field(default=None, description="Only with ?explain=true.")
    offline: OfflineFacts | None = Field(default=None, description="Only of receipts made without connection.")


class PurchaseAnswer(SaleAnswer):
    returned: dict[str, Qty] = Field(description="What came back so far, by line.")


class ExplanationAnswer(AnswerBody):
    """Why each rule of the program did or did not apply, as decided that day; sentences by Accept-Language."""

    id: Id
    program: int = Field(description="The version that decided.")
    explain: list[Explained] = Field(description="Every rule, in the document's order.")
    effects: list[Effect]
    coupons: list[CouponVerdict]
    draws: list[Draw]
    hints: list[Hint]


class EventAnswer(AnswerBody):
    """What another act than a purchase brought."""

    id: Id
    tx_id: Id
    version: int
    type: str
    at: Instant
    program: int
    accrued: UnitsByWallet
    effects: list[Effect]
    draws: list[Draw]
    balances: Balances
    messages: list[Message]
    print: list[Block]
    explain: list[Explained] | None = Field(default=None, description="Only with ?explain=true.")


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
    costs_kept: UnitsByWallet = Field(
        description="What rewards have cost that stay with the customer, once everything is back: a code that was given"
        " out has been used, or the rule keeps what it gave. Before that no reward's cost is given back."
    )
    draws: list[PrizeBack] = Field(description="Prizes that went back.")
    coupons: list[str] = Field(description="Codes whose use was given back.")
    voided: list[str] = Field(description="Codes that were given out with the purchase and are no longer good.")
    balances: Balances


class RequestStateAnswer(AnswerBody):
    state: Literal["done", "unknown"]
    status: int | None
    body: dict[str, object] | None
