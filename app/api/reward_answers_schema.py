"""Parts of answers about rules and rewards: verdicts, hints, coupons, draws, what is said and printed; see
`answers_schema`.
"""

from typing import Annotated, Literal

from pydantic import Field

from app.api.answers_schema import AnswerBody, Units

Day = Annotated[str, Field(json_schema_extra={"format": "date"})]
Ticket = Annotated[str, Field(pattern="^[0-9a-f]{16}$")]


class CouponVerdict(AnswerBody):
    code: str = Field(description="As it was sent.")
    verdict: Literal["applied", "unknown", "not_started", "expired", "used_up", "wrong_customer", "not_applicable"]
    rule: str | None = Field(description="The first rule that it let apply.")
    because: str = Field(description="A sentence, by Accept-Language.")
    reason: str | None = Field(
        default=None,
        description="Of `not_applicable`: the word of what kept its rule back. Of `unknown`: `lookup_budget_exhausted`"
        " where the till has used up its misses, and the code wasn't looked at.",
        examples=["basket_total"],
    )


class Surprise(AnswerBody):
    possible: bool = Field(description="Whether a random reward may come with the purchase.")


class Draw(AnswerBody):
    """A draw with all that decided it; recomputed from `GET /v1/draws/{day}` once the day is over."""

    rule: str
    ticket: Ticket = Field(description="The first 8 bytes, of 2^64: they decide whether.")
    prize: str | None = Field(description="The prize that was given.")
    algorithm: Literal["independent", "bag", "pity", "paced", "balanced"]
    day: Day = Field(description="The program day whose secret made the ticket.")
    choice: Ticket = Field(description="The next 8 bytes: they decide which.")
    chance: str = Field(description="An exact fraction.", examples=["1/20"])
    state: dict[str, int] = Field(description="Of the algorithm, before the draw.")
    drew: str | None = Field(description="The prize by luck alone.")
    because: str | None = Field(description="Why what was drawn isn't given: `stock`, `budget`, `pool`, `kept`, …")
    wallet: str | None
    units: Units
    gift: str | None
    coupon: str | None = Field(description="The code that was given.")
    slip_of: str | None = Field(description="The purchase, wholly returned since, whose ticket this is.")
    text: str = Field(description="A sentence, by Accept-Language.")


class PrizeBack(AnswerBody):
    """A prize that went back with the goods."""

    rule: str
    day: Day
    ticket: Ticket
    prize: str | None
    wallet: str | None
    units: Units
    gift: str | None
    coupon: str | None


class Message(AnswerBody):
    to: Literal["cashier", "customer"]
    text: str


class TextBlock(AnswerBody):
    type: Literal["text"]
    text: str
    align: Literal["left", "center", "right"]


class RowBlock(AnswerBody):
    type: Literal["row"]
    left: str
    right: str


class CodeBlock(AnswerBody):
    type: Literal["code"]
    format: Literal["qr", "ean13", "code128"]
    text: str


class DividerBlock(AnswerBody):
    type: Literal["divider"]


Block = Annotated[TextBlock | RowBlock | CodeBlock | DividerBlock, Field(discriminator="type")]


class Hint(AnswerBody):
    """What to add to the rule's lines to reach more."""

    rule: str
    what: Literal["amount", "qty", "units"] = Field(
        description="What is missing: minor units of an `amount`, thousandths of a `qty`, pieces of `units`."
    )
    missing: int
    gives: dict[str, object] = Field(description="As the document writes it.", examples=[{"percent": "5"}])
    text: str = Field(description="A sentence, by Accept-Language.", examples=["Add 120.00 for 5 %."])


class Explained(AnswerBody):
    rule: str
    verdict: Literal["applied", "skipped", "outdone"]
    because: str | None = Field(description="The first condition that failed, or the limit that left nothing.")
    need: object
    have: object
    text: str = Field(description="English, or Russian by Accept-Language.")
