"""`limit` and `cost`: how much a rule may give, and what it takes."""

from collections.abc import Mapping
from typing import NamedTuple

from app.domain.amounts import AMOUNT_MAX
from app.domain.program import Limit, Period
from app.domain.programs.bounds import need_one_of
from app.domain.programs.names import Names
from app.domain.programs.reader import Cursor, Fields, Shape
from app.domain.programs.values import identifier, integer, known, one_of, or_null

_LIMIT = Shape("limit", ("receipt", "customer", "budget", "uses"))
_CUSTOMER = Shape("customer of a limit", ("max", "uses", "period"))
_bound = or_null(integer(1, AMOUNT_MAX))  # Not 0: a rule that may give nothing is a disabled one.


class _Customer(NamedTuple):
    max: int | None = None
    uses: int | None = None
    period: Period = Period.EVER


def read_limit(at: Cursor) -> Limit:
    """At least one bound; null is none."""
    fields = Fields(at, _LIMIT)
    need_one_of(fields, *_LIMIT.known)
    customer = fields.get("customer", or_null(_customer), None) or _Customer()
    return Limit(
        receipt=fields.get("receipt", _bound, None),
        customer_max=customer.max,
        customer_uses=customer.uses,
        customer_period=customer.period,
        budget=fields.get("budget", _bound, None),
        uses=fields.get("uses", _bound, None),
    )


def _customer(at: Cursor) -> _Customer:
    fields = Fields(at, _CUSTOMER)
    need_one_of(fields, "max", "uses")
    return _Customer(
        max=fields.get("max", _bound, None),
        uses=fields.get("uses", _bound, None),
        period=fields.get("period", one_of(Period), Period.EVER),
    )


def read_cost(names: Names, at: Cursor) -> Mapping[str, int]:
    """`{"points": 150}`: units by wallet, at least one."""
    members = at.members("an object of units by wallet")
    if not at.value:
        raise at.wrong("too_short", "at least one wallet")
    for key, place in members:
        Cursor(key, place.pointer, place.notes).read(known(identifier, names.wallets, "wallet"))
    return {key: place.read(integer(1, AMOUNT_MAX)) for key, place in members}
