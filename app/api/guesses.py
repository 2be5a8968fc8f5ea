"""Which calls guess: they name somebody or something by what can be guessed, and are told whether it is there.

docs/abuse.md has the list, with the calls that tell nothing.
"""

from app.api.calls import Call, Operation
from app.api.schemas import BasketBody, Ref
from app.domain.rejections import Rejection
from app.flows.guessing import Guess
from app.flows.requests import Answer

_NOBODY = Guess(Rejection.CUSTOMER_NOT_FOUND)
_NOTHING = Guess(Rejection.NOT_FOUND)
_COUNTED = Guess(None)
_CODES = Guess(None, yields=True)


async def handled(operation: Operation, call: Call) -> Answer:
    """The handler's answer; a guess has a budget. Raises `Rejected`."""
    if operation.guesses is not None and (guess := operation.guesses(call)) is not None:
        return await call.service.guess(call.caller, guess, lambda: operation.handler(call), write=call.write)
    return await operation.handler(call)


def a_customer(call: Call) -> Guess | None:
    """The body's `customer`, unless it is an id that the service gave."""
    return _NOBODY if _is_guessed(call.body.customer) else None


def a_sale(call: Call) -> Guess | None:
    """The customer, and codes."""
    return _of_basket(call.body.customer, call.body.basket)


def a_hold(call: Call) -> Guess | None:
    """Of a basket, or of units."""
    held = call.body.root
    return _of_basket(held.customer, getattr(held, "basket", None))


def a_newcomer(_call: Call) -> Guess:
    """Identifiers that somebody may have; and a referrer."""
    return _NOBODY


def an_identifier(call: Call) -> Guess | None:
    return _COUNTED if call.body.model_fields_set & {"phone", "card", "external_id"} else None


def a_number(call: Call) -> Guess | None:
    """A new card's."""
    return None if call.body.number is None else _COUNTED


def many_customers(call: Call) -> Guess | None:
    """Of two lists."""
    named = (*call.body.add, *call.body.remove)
    return Guess(None, is_bulk=True) if any(map(_is_guessed, named)) else None


def a_code(_call: Call) -> Guess:
    """A coupon's code, or the number of a gift card or of a customer's card, in the path."""
    return _NOTHING


def a_receipt(call: Call) -> Guess | None:
    """The receipt of another till; a till knows its own."""
    named = call.query if call.body is None else call.body.purchase
    caller = call.caller
    is_own = (named.shop or caller.shop, named.terminal or caller.terminal) == (caller.shop, caller.terminal)
    return None if is_own else _NOTHING


def _of_basket(customer: Ref | None, basket: BasketBody | None) -> Guess | None:
    if _is_guessed(customer):
        return _NOBODY
    return _CODES if basket is not None and basket.coupons else None


def _is_guessed(customer: Ref | None) -> bool:
    return customer is not None and customer.id is None
