"""The calls about cards: a customer's, and gift cards."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from app.api import answers
from app.api.answers_schema import AnswerBody, Balance, Id, Instant, Units
from app.api.calls import MARKETERS, SUPPORT, TILLS_AND_SUPPORT, Call, Nothing, Operation
from app.api.fields import Body, Points
from app.api.fields import Id as Named
from app.api.guesses import a_code, a_number
from app.api.purchases import CONFIRMED
from app.api.receipts import receipt_of
from app.api.sale_answer import balance_of
from app.api.sale_requests import confirmation_of
from app.api.schemas import ConfirmationBody, ReceiptBody
from app.domain.identifiers import Identifier, card
from app.domain.rejections import Fault, Rejected, Rejection
from app.flows.keep_cards import CardState
from app.flows.keep_gift_cards import COUNT_MAX, GiftCard, MakeRequest
from app.flows.ports_audit_log import Details
from app.flows.requests import Answer, Assent

DAYS_MAX = 36_500
_MISSING = Rejection.CUSTOMER_NOT_FOUND


class CardBody(Body):
    number: Named | None = Field(default=None, description="As printed; without one the service makes one up.")
    type: Named | None = Field(default=None, description="What rules test by `card_type`.", examples=["club"])
    confirmation: ConfirmationBody | None = None


class NewNumberBody(Body):
    number: Named | None = Field(default=None, description="The new card's; without one the service makes one up.")
    confirmation: ConfirmationBody | None = None


class GiftCardsBody(Body):
    """Cards without value yet; each gets it when it is sold and activated."""

    wallet: Named = Field(description="A wallet of the program, usually one of value 1.")
    count: Annotated[int, Field(ge=1, le=COUNT_MAX)] = 1
    units: Annotated[Points, Field(ge=1)] | None = Field(default=None, description="null: said at the activation.")
    expire_after_days: Annotated[int, Field(ge=1, le=DAYS_MAX)] | None = Field(
        default=None, description="From the activation; null: by the wallet's terms."
    )
    batch: Named | None = None


class ActivateBody(Body):
    receipt: ReceiptBody
    units: Annotated[Points, Field(ge=1)] | None = Field(default=None, description="Where the card has no own value.")


class CardAnswer(AnswerBody):
    number: str | None = Field(
        description="In clear: whoever issues a card prints it. null in a repeated answer once the customer was erased."
    )
    type: str | None
    state: Literal["active", "blocked"]
    customer: Id


class GiftCardsAnswer(AnswerBody):
    wallet: str
    units: Units | None
    batch: str | None
    numbers: list[str]


class GiftCardAnswer(AnswerBody):
    id: Id = Field(description="The card's as a customer: of its history and lots.")
    state: Literal["inactive", "active", "spent", "expired", "blocked"]
    wallet: str
    units: Units | None = Field(description="What was put on it.")
    balance: Balance
    version: int
    activated_at: Instant | None
    expires_at: Instant | None
    tx_id: Id | None = Field(description="Of the activation, in its own answer.")


async def issue(call: Call) -> Answer:
    body: CardBody = call.body
    number = None if body.number is None else _number(body.number, pointer="/number")
    return await call.service.issue_card(
        call.as_write, call.id(_MISSING), _assent(call), number=number, card_type=body.type
    )


async def block(call: Call) -> Answer:
    return await call.service.block_card(call.as_write, call.id(_MISSING), number=_named(call))


async def move(call: Call) -> Answer:
    body: NewNumberBody = call.body
    to = None if body.number is None else _number(body.number, pointer="/number")
    return await call.service.move_card(call.as_write, call.id(_MISSING), _assent(call), number=_named(call), to=to)


async def make_gift_cards(call: Call) -> Answer:
    body: GiftCardsBody = call.body
    request = MakeRequest(
        wallet=body.wallet,
        count=body.count,
        units=body.units,
        expire_after_days=body.expire_after_days,
        batch=body.batch,
    )
    return await call.service.make_gift_cards(call.as_write, request)


async def activate_gift_card(call: Call) -> Answer:
    body: ActivateBody = call.body
    receipt = receipt_of(body.receipt, document=call.document["receipt"], caller=call.caller)
    return await call.service.activate_gift_card(call.as_write, _named(call), receipt, units=body.units)


async def block_gift_card(call: Call) -> Answer:
    return await call.service.block_gift_card(call.as_write, _named(call))


async def gift_card(call: Call) -> Answer:
    return Answer(200, gift_card_bytes(await call.service.gift_card(_named(call))))


def card_bytes(state: CardState) -> bytes:
    return answers.to_bytes(
        {"number": state.number, "type": state.type, "state": state.state, "customer": state.customer}
    )


def gift_card_numbers_bytes(numbers: Sequence[str], request: MakeRequest) -> bytes:
    return answers.to_bytes(
        {"wallet": request.wallet, "units": request.units, "batch": request.batch, "numbers": list(numbers)}
    )


def gift_card_bytes(found: GiftCard) -> bytes:
    return answers.to_bytes(
        {
            "id": found.id,
            "state": found.state,
            "wallet": found.wallet,
            "units": found.units,
            "balance": balance_of(found.balance),
            "version": found.version,
            "activated_at": found.activated_at,
            "expires_at": found.expires_at,
            "tx_id": found.tx_id,
        }
    )


def _assent(call: Call) -> Assent:
    body: CardBody | NewNumberBody = call.body
    return Assent(confirmation_of(body.confirmation), call.is_russian)


def _number(text: str, *, pointer: str) -> Identifier:
    try:
        return card(text)
    except ValueError:
        fault = Fault(pointer, "card", "must have letters and digits")
        raise Rejected(Rejection.VALIDATION_ERROR, "The card's number can't be read.", (fault,)) from None


def _named(call: Call) -> Identifier:
    """The path's card; what can't be a number is just unknown."""
    try:
        return card(call.params["number"])
    except ValueError:
        raise Rejected(Rejection.NOT_FOUND, "There is no such card.") from None


_TAKEN = (Rejection.CUSTOMER_NOT_FOUND, Rejection.CUSTOMER_BLOCKED, Rejection.IDENTIFIER_TAKEN)


def _noted(call: Call) -> Details:
    """What cards were made, and what they will be worth; never a number."""
    body: GiftCardsBody = call.body
    told: dict[str, str | int | None] = {"units": body.units, "batch": body.batch}
    named = {name: value for name, value in told.items() if value is not None}
    return {"wallet": body.wallet, "count": body.count, **named}


_BY_TILLS = (
    "Where the program lets a card redeem more than a phone, a till's call is 403 `confirmation_required` until the"
    " customer has confirmed it."
)

OPERATIONS = (
    Operation(
        method="POST",
        path="/v1/customers/{id}/cards",
        name="issue_card",
        summary="Issue a card, of a type that rules may test",
        description=_BY_TILLS,
        tag="Customers",
        handler=issue,
        roles=TILLS_AND_SUPPORT,
        body=CardBody,
        answers={201: CardAnswer},
        refusals=(*_TAKEN, *CONFIRMED),
        is_write=True,
        examples={
            "a club card": {"number": "2700 0000 0042", "type": "club"},
            "a number made up here": {"type": "club"},
        },
        guesses=a_number,
    ),
    Operation(
        method="POST",
        path="/v1/customers/{id}/cards/{number}/block",
        name="block_card",
        summary="Block a card: nobody is found by it any more",
        tag="Customers",
        handler=block,
        roles=TILLS_AND_SUPPORT,
        body=Nothing,
        answers={200: CardAnswer},
        examples={"lost": {}},
        refusals=(Rejection.CUSTOMER_NOT_FOUND, Rejection.CUSTOMER_BLOCKED, Rejection.NOT_FOUND),
        is_write=True,
        guesses=a_code,
    ),
    Operation(
        method="POST",
        path="/v1/customers/{id}/cards/{number}/replace",
        name="replace_card",
        summary="Move to a new card: the old one is blocked, the type goes over",
        description=_BY_TILLS,
        tag="Customers",
        handler=move,
        roles=TILLS_AND_SUPPORT,
        body=NewNumberBody,
        answers={201: CardAnswer},
        refusals=(*_TAKEN, *CONFIRMED, Rejection.NOT_FOUND),
        is_write=True,
        examples={"a number made up here": {}, "a printed card": {"number": "2700 0000 0043"}},
        guesses=a_code,
    ),
    Operation(
        method="POST",
        path="/v1/gift-cards",
        name="make_gift_cards",
        summary="Make gift cards: numbers without value, to be printed",
        tag="Gift cards",
        handler=make_gift_cards,
        roles=MARKETERS,
        body=GiftCardsBody,
        noted=_noted,
        answers={201: GiftCardsAnswer},
        refusals=(Rejection.NOT_FOUND,),
        is_write=True,
        examples={"ten of 1,000.00": {"wallet": "gift", "count": 10, "units": 100000, "expire_after_days": 365}},
    ),
    Operation(
        method="POST",
        path="/v1/gift-cards/{number}/activate",
        name="activate_gift_card",
        summary="A gift card has been sold: put its value on it",
        description=(
            "Spent by `POST /v1/redeem` with the card as the customer, or as the customer of `accrue` where the"
            " program's redemption has its wallet; in part, while there is something left. Returns give back to it."
        ),
        tag="Gift cards",
        handler=activate_gift_card,
        roles=TILLS_AND_SUPPORT,
        body=ActivateBody,
        answers={201: GiftCardAnswer},
        refusals=(Rejection.NOT_FOUND, Rejection.DUPLICATE_RECEIPT, Rejection.CUSTOMER_BLOCKED),
        is_write=True,
        examples={
            "sold": {"receipt": {"number": "000125"}},
            "of any value": {"receipt": {"number": "000126"}, "units": 250000},
        },
        guesses=a_code,
    ),
    Operation(
        method="POST",
        path="/v1/gift-cards/{number}/block",
        name="block_gift_card",
        summary="Block a gift card: nothing can be spent from it any more",
        tag="Gift cards",
        handler=block_gift_card,
        roles=SUPPORT | MARKETERS,
        body=Nothing,
        answers={200: GiftCardAnswer},
        examples={"stolen": {}},
        refusals=(Rejection.NOT_FOUND,),
        is_write=True,
        guesses=a_code,
    ),
    Operation(
        method="GET",
        path="/v1/gift-cards/{number}",
        name="gift_card",
        summary="A gift card's state and balance",
        tag="Gift cards",
        handler=gift_card,
        roles=TILLS_AND_SUPPORT | MARKETERS,
        answers={200: GiftCardAnswer},
        refusals=(Rejection.NOT_FOUND,),
        guesses=a_code,
    ),
)
