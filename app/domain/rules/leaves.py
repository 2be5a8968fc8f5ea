"""The single tests of a `when` about the deal, each compiled to a closure, with what it needs in the document's words
beside it; those about the customer are in traits.py.
"""

from datetime import time

from app.domain.amounts import quantity
from app.domain.coupons import normal_code
from app.domain.program import (
    BasketHas,
    BasketTotal,
    ChannelIs,
    CouponIs,
    DateSpan,
    EventIs,
    Hours,
    PaidBy,
    PartnerIs,
    ShopIs,
    Weekday,
)
from app.domain.rules.facts import Facts
from app.domain.rules.failures import Failure, Needs, Test, bounds, shorten
from app.domain.rules.selection import compile_lines

# --- the basket, the place, the payment -------------------------------------------------------------------------------


def channel(when: ChannelIs) -> tuple[Test, Needs]:
    channels, need = frozenset(when.channels), shorten(when.channels)

    def test(facts: Facts) -> Failure | None:
        have = facts.visit.channel.value
        return None if have in channels else Failure("channel", need, have)

    return test, {"channel": need}


def shop(when: ShopIs) -> tuple[Test, Needs]:
    shops, need = frozenset(when.shops), shorten(when.shops)

    def test(facts: Facts) -> Failure | None:
        have = facts.visit.shop
        return None if have in shops else Failure("shop", need, have)

    return test, {"shop": need}


def partner(when: PartnerIs) -> tuple[Test, Needs]:
    partners, need = frozenset(when.partners), shorten(when.partners)

    def test(facts: Facts) -> Failure | None:
        have = facts.visit.partner
        return None if have in partners else Failure("partner", need, have)

    return test, {"partner": need}


def event(when: EventIs) -> tuple[Test, Needs]:
    """Purchases are no events: on them it is false."""
    types, need = frozenset(when.types), shorten(when.types)

    def test(facts: Facts) -> Failure | None:
        have = facts.visit.event
        return None if have in types else Failure("event", need, have)

    return test, {"event": need}


def coupon(when: CouponIs) -> tuple[Test, Needs]:
    """A usable code that is named, by itself or by its pool. A named one that was sent but refused is told with its
    verdict: `{"SPRING": "expired"}`; else all that were sent are.
    """
    names, need = frozenset(normal_code(name) for name in when.codes), shorten(when.codes)
    nothing = Failure("coupon", need)

    def test(facts: Facts) -> Failure | None:
        vouchers = facts.vouchers
        if not vouchers.sent:
            return nothing
        if vouchers.first(names) is not None:
            return None
        return Failure("coupon", need, vouchers.refusals(names) or shorten(tuple(vouchers.codes)))

    return test, {"coupon": need}


def basket_total(when: BasketTotal) -> tuple[Test, Needs]:
    low, high, need = when.min, when.max, bounds(min=when.min, max=when.max)

    def test(facts: Facts) -> Failure | None:
        have = facts.gross_total
        if (low is None or have >= low) and (high is None or have <= high):  # The commonest test: no call for it.
            return None
        return Failure("basket_total", need, have)

    return test, {"basket_total": need}


def basket_has(when: BasketHas) -> tuple[Test, Needs]:
    """Gross and quantity of the selected lines, closed ones too; with neither bound, one selected line is enough.

    A `"discounted": false` in it goes by the basket as sent: conditions don't look at what rules did.
    """
    is_selected, qty_milli_min, amount_min = compile_lines(when.on), when.min_qty_milli, when.min_amount
    need = bounds(min_qty=None if qty_milli_min is None else quantity(qty_milli_min), min_amount=amount_min) or {
        "lines": 1
    }

    def test(facts: Facts) -> Failure | None:
        lines = qty_milli = amount = 0
        for line, gross in zip(facts.basket.lines, facts.line_gross, strict=True):
            if is_selected(line):
                lines, qty_milli, amount = lines + 1, qty_milli + line.qty_milli, amount + gross
        if lines and qty_milli >= (qty_milli_min or 0) and amount >= (amount_min or 0):
            return None
        return Failure("basket_has", need, {"lines": lines, "qty": quantity(qty_milli), "amount": amount})

    return test, {"basket_has": need}


def payment(when: PaidBy) -> tuple[Test, Needs]:
    """The payments of one method together; without `min` it is enough that there is one, whatever its amount."""
    method, amount_min, need = when.method, when.min, bounds(method=when.method, min=when.min)

    def test(facts: Facts) -> Failure | None:
        have = facts.paid_by.get(method)
        if have is not None and (amount_min is None or have >= amount_min):
            return None
        return Failure("payment", need, have)

    return test, {"payment": need}


# --- the moment -------------------------------------------------------------------------------------------------------


def weekday(when: Weekday) -> tuple[Test, Needs]:
    days, need = frozenset(when.days), list(when.days)

    def test(facts: Facts) -> Failure | None:
        have = facts.today.isoweekday()
        return None if have in days else Failure("weekday", need, have)

    return test, {"weekday": need}


def hours(when: Hours) -> tuple[Test, Needs]:
    """`[start, end)` on the shop's wall clock; an end not after the start is the next day's (22:00 to 06:00)."""
    start, end, need = when.start, when.end, [_clock(when.start), _clock(when.end)]
    crosses_midnight = end <= start

    def test(facts: Facts) -> Failure | None:
        wall = facts.wall
        is_open = (wall >= start or wall < end) if crosses_midnight else start <= wall < end
        return None if is_open else Failure("hours", need, _clock(wall))

    return test, {"hours": need}


def date(when: DateSpan) -> tuple[Test, Needs]:
    start, end = when.start, when.end
    need = {key: day.isoformat() for key, day in (("from", start), ("until", end)) if day is not None}

    def test(facts: Facts) -> Failure | None:
        have = facts.today
        is_within = (start is None or have >= start) and (end is None or have <= end)
        return None if is_within else Failure("date", need, have.isoformat())

    return test, {"date": need}


def _clock(wall: time) -> str:
    return f"{wall.hour:02}:{wall.minute:02}"
