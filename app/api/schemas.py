"""What tills and shops send about sales. Pydantic parses here and stops here."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, PlainValidator, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from app.api.fields import Body, Id, Instant, Money, Name, Points, Printed, Quantity, empty_list
from app.api.lines import LINES_MAX, Lines, SomeLines
from app.domain.amounts import AMOUNT_MAX

COUPONS_MAX = 20
PAYMENTS_MAX = 20
REDEEM_WALLETS_MAX = 16
REWARDS_MAX = 16
PIECES_MAX = 100  # Of one rule on one receipt.
FISCAL_LENGTH_MAX = 512
CHALLENGE_LENGTH_MAX = 64  # Of the id 36 characters, of the code 6.
QUOTE_LENGTH_MAX = 4_096  # A token is a few hundred characters.


class Ref(Body):
    """How the customer is named: exactly one of the members."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 1})

    phone: Id | None = Field(
        default=None, description="Any usual spelling; kept as E.164.", examples=["+7 900 123-45-67"]
    )
    card: Id | None = Field(default=None, description="A card's number, with or without spaces and hyphens.")
    id: Id | None = Field(default=None, description="The id that the service gave.")
    external_id: Id | None = Field(default=None, description="The id that the shop's own system gave.")
    code: Id | None = Field(default=None, description="The app's short-lived code, for look-ups and sales.")

    @model_validator(mode="after")
    def _is_exactly_one(self) -> Self:
        named = (self.phone, self.card, self.id, self.external_id, self.code)
        if sum(value is not None for value in named) != 1:
            raise PydanticCustomError("exactly_one", "must have exactly one of phone, card, id, external_id, code")
        return self


class ReceiptBody(Body):
    """The till's receipt: (shop, terminal, shift if sent, number) is unique for ever, and so is the fiscal document."""

    number: Printed
    fiscal: Annotated[str, Field(max_length=FISCAL_LENGTH_MAX)] | None = Field(
        default=None,
        description="The fiscal receipt's QR text; `fn` and `i` make it unique.",
        examples=["t=20261121T1200&s=208.00&fn=9999078900004792&i=12345&fp=3522207165&n=1"],
    )
    shift: Printed | None = None
    shop: Id | None = Field(default=None, description="Only where the key may speak for several shops.")


class PaymentBody(Body):
    method: Id = Field(examples=["card"])
    amount: Money


class BasketBody(Body):
    lines: Lines
    coupons: Annotated[list[Id], Field(max_length=COUPONS_MAX)] = empty_list()
    payments: Annotated[list[PaymentBody], Field(max_length=PAYMENTS_MAX)] = empty_list()


class FilledBasketBody(BasketBody):
    lines: SomeLines


class ExpectBody(Body):
    paid: Money = Field(description="What the till is about to take; another sum is 409 `quote_changed`.")


def _read_units(value: object) -> int | Literal["max"]:
    if value == "max":
        return "max"
    if isinstance(value, bool) or not isinstance(value, int):
        raise PydanticCustomError("type", 'must be an integer or "max"')
    if not 0 <= value <= AMOUNT_MAX:
        raise PydanticCustomError("range", f"must be 0 to {AMOUNT_MAX}")
    return value


Units = Annotated[
    int | Literal["max"],
    PlainValidator(_read_units),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 0, "maximum": AMOUNT_MAX}, {"const": "max"}]}),
]
Pieces = Annotated[int, Field(ge=1, le=PIECES_MAX)]


class SpendBody(Body):
    """Units by wallet, or `max`; and under `rewards` how often to apply the rules that have a `cost`."""

    model_config = ConfigDict(
        extra="allow", json_schema_extra={"maxProperties": REDEEM_WALLETS_MAX + 1, "examples": [{"points": 50}]}
    )
    __pydantic_extra__: dict[Id, Units]

    rewards: Annotated[dict[Id, Pieces], Field(max_length=REWARDS_MAX)] = Field(
        default={},
        description="How many pieces of a reward, by the rule's id; 1 of a discount.",
        examples=[{"free-coffee": 1}],
    )

    @model_validator(mode="after")
    def _names_few_wallets(self) -> Self:
        if len(self.__pydantic_extra__) > REDEEM_WALLETS_MAX:
            raise PydanticCustomError("too_long", f"must have at most {REDEEM_WALLETS_MAX} wallets")
        return self

    @property
    def units(self) -> Mapping[str, int | Literal["max"]]:
        """By wallet."""
        return self.__pydantic_extra__


NOTHING_SPENT = SpendBody()


class QuoteBody(Body):
    customer: Ref | None = Field(default=None, description="Without one: discounts, no points.")
    receipt: ReceiptBody | None = None
    at: Instant | None = Field(default=None, description="The time of the deal; default: the database's clock.")
    basket: BasketBody
    # Made here, not copied deeply for each request as a default is.
    redeem: SpendBody = Field(
        default_factory=lambda: NOTHING_SPENT, json_schema_extra={"default": NOTHING_SPENT.model_dump()}
    )
    quote: Annotated[str, Field(max_length=QUOTE_LENGTH_MAX)] | None = Field(
        default=None, description="The token of an earlier quote, which must still be true."
    )
    expect: ExpectBody | None = None


class ConfirmationBody(Body):
    """What a call that was answered 403 `confirmation_required` is repeated with."""

    challenge_id: Annotated[str, Field(min_length=1, max_length=CHALLENGE_LENGTH_MAX)] = Field(
        description="As that answer gave it.", examples=["01890000-0000-7000-8000-000000000000"]
    )
    code: Annotated[str, Field(min_length=1, max_length=CHALLENGE_LENGTH_MAX)] = Field(
        description="The digits that the customer was sent.", examples=["123456"]
    )


class AccrueBody(QuoteBody):
    receipt: ReceiptBody
    basket: FilledBasketBody
    confirmation: ConfirmationBody | None = None


class RedeemBody(Body):
    customer: Ref
    wallet: Id
    points: Annotated[Points, Field(ge=1)]
    receipt: ReceiptBody
    reason: Name
    confirmation: ConfirmationBody | None = None


class ReturnLineBody(Body):
    id: Id = Field(description="The purchase's line.")
    qty: Quantity


def _is_true(value: bool) -> bool:
    if not value:
        raise PydanticCustomError("choice", "must be true, or not be there")
    return value


AllOfIt = Annotated[bool, AfterValidator(_is_true), WithJsonSchema({"const": True})]  # `Literal[True]` takes 1 too.


class ReturnBody(Body):
    """Either `lines`, or `all: true` for everything that is left."""

    receipt: ReceiptBody
    lines: Annotated[list[ReturnLineBody], Field(min_length=1, max_length=LINES_MAX)] | None = None
    all: AllOfIt | None = None

    @model_validator(mode="after")
    def _is_lines_or_all(self) -> Self:
        if (self.lines is None) is (self.all is None):
            raise PydanticCustomError("exactly_one", "must have exactly one of lines, all")
        return self


class PurchaseNameBody(Body):
    """A purchase by its receipt; shop and terminal default to the key's own."""

    shop: Id | None = None
    terminal: Id | None = None
    number: Id
    shift: Id | None = None


class ReturnByNameBody(ReturnBody):
    purchase: PurchaseNameBody
