"""`when`: objects with exactly one test each, in groups of `all`, `any` and `not`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from app.domain.basket import Channel, IdentifiedBy
from app.domain.coupons import normal_code
from app.domain.program import (
    All,
    AnyOf,
    BasketHas,
    BasketTotal,
    Birthday,
    CardTypeIs,
    ChannelIs,
    CouponIs,
    DateSpan,
    DaysSinceLast,
    EventIs,
    Hours,
    IdentifiedByIs,
    Not,
    PaidBy,
    PartnerIs,
    PurchaseNumber,
    SegmentIs,
    Selection,
    ShopIs,
    TagIs,
    TierIs,
    Weekday,
    When,
)
from app.domain.programs.bounds import need_one_of, read_bounds
from app.domain.programs.names import Names
from app.domain.programs.reader import Broken, Cursor, Fields, Reader, Shape
from app.domain.programs.selection import read_lines
from app.domain.programs.values import (
    DAYS_MAX,
    amount,
    clock,
    day,
    identifier,
    integer,
    known,
    listed,
    mapped,
    one_of,
    one_or_listed,
    or_null,
    quantity_milli,
    text,
    word,
)

DEPTH_MAX = 8  # `when` itself is the first level.
CONDITIONS_MAX = 200  # Tests and groups of one rule.
PURCHASES_MAX = 10**9  # Purchases of a customer.
CODE_CHARS_MAX = 64
EVENT_CHARS_MAX = 64
YEAR_DAYS = 366  # Days around a birthday; further away is nearer to another one.

_AS_A_CARD = ("id", "external_id")  # Contract: they count as a card.
WAYS = (*(way.value for way in IdentifiedBy), *_AS_A_CARD)
_BASKET_TOTAL = Shape("basket_total", ("min", "max"))
_BASKET_HAS = Shape("basket_has", ("on", "min_qty", "min_amount"))
_HOURS = Shape("hours", ("from", "to"))
_DATE = Shape("date", ("from", "until"))
_BIRTHDAY = Shape("birthday", ("before", "after"))
_PURCHASE_NUMBER = Shape("purchase_number", ("min", "max", "every"))
_DAYS_SINCE_LAST = Shape("days_since_last", ("min", "max"))
_PAYMENT = Shape("payment", ("method", "min"))


@dataclass(slots=True)
class _Scope:
    """Where in a rule's conditions the reading is, and how many of them there were so far."""

    names: Names
    depth: int = 0
    conditions: int = 0


def read_when(names: Names, at: Cursor) -> When:
    """The conditions of one rule."""
    return _read(_Scope(names), at)


def _read(scope: _Scope, at: Cursor) -> When:
    scope.conditions += 1
    if scope.conditions > CONDITIONS_MAX:
        if scope.conditions == CONDITIONS_MAX + 1:  # Said once, where it begins.
            at.note("too_long", f"Expected at most {CONDITIONS_MAX} conditions in a rule, found more.")
        raise Broken
    if scope.depth >= DEPTH_MAX:
        raise at.wrong("too_deep", f"conditions at most {DEPTH_MAX} levels deep")
    fields = Fields(at, _WHEN)
    tests = fields.names()
    if len(tests) + fields.strangers != 1:
        at.note("exactly_one", f"Expected an object with exactly one test, found {len(tests) + fields.strangers}.")
    scope.depth += 1
    found = [fields.need(test, partial(_TESTS[test], scope)) for test in tests]
    scope.depth -= 1
    if len(found) != 1:
        raise Broken
    return found[0]


def _group(scope: _Scope, at: Cursor) -> tuple[When, ...]:
    return listed(partial(_read, scope), at_most=CONDITIONS_MAX)(at)


def _basket_total(at: Cursor) -> When:
    fields = Fields(at, _BASKET_TOTAL)
    need_one_of(fields, "min", "max")
    return BasketTotal(*read_bounds(fields, amount))


def _basket_has(at: Cursor) -> When:
    fields = Fields(at, _BASKET_HAS)
    need_one_of(fields, *_BASKET_HAS.known)
    return BasketHas(
        on=fields.get("on", read_lines, Selection()),
        min_qty_milli=fields.get("min_qty", or_null(quantity_milli), None),
        min_amount=fields.get("min_amount", or_null(amount), None),
    )


def _weekday(at: Cursor) -> When:
    """A list of days; a single one needs no list."""
    number = integer(1, 7)
    return Weekday((number(at),) if type(at.value) is int else listed(number, at_most=7)(at))


def _hours(at: Cursor) -> When:
    """`["22:00", "06:00"]`, or the same as `{"from": "22:00", "to": "06:00"}`."""
    mistakes = len(at.notes.faults)
    if isinstance(at.value, dict):
        fields = Fields(at, _HOURS)
        places = [fields.place("from"), fields.place("to")]
        start, end = fields.need("from", clock(is_end=False)), fields.need("to", clock(is_end=True))
    else:
        places = at.elements(at_least=2, at_most=2)
        start, end = places[0].read(clock(is_end=False)), places[1].read(clock(is_end=True))
    if len(at.notes.faults) == mistakes and places[0].value == places[1].value:
        raise places[1].wrong("wrong_order", 'an end that differs from the start (the whole day is "00:00" to "24:00")')
    return Hours(start, end)


def _date(at: Cursor) -> When:
    fields = Fields(at, _DATE)
    need_one_of(fields, "from", "until")
    return DateSpan(*read_bounds(fields, day, "from", "until"))


def _birthday(at: Cursor) -> When:
    """`{}` is the day itself."""
    fields, days = Fields(at, _BIRTHDAY), integer(0, YEAR_DAYS)
    return Birthday(before=fields.get("before", days, 0), after=fields.get("after", days, 0))


def _purchase_number(at: Cursor) -> When:
    fields, count = Fields(at, _PURCHASE_NUMBER), integer(1, PURCHASES_MAX)
    need_one_of(fields, *_PURCHASE_NUMBER.known)
    low, high = read_bounds(fields, count)
    return PurchaseNumber(low, high, every=fields.get("every", or_null(count), None))


def _days_since_last(at: Cursor) -> When:
    fields = Fields(at, _DAYS_SINCE_LAST)
    need_one_of(fields, "min", "max")
    return DaysSinceLast(*read_bounds(fields, integer(0, DAYS_MAX)))


def _payment(at: Cursor) -> When:
    fields = Fields(at, _PAYMENT)
    return PaidBy(method=fields.need("method", text()), min=fields.get("min", or_null(amount), None))


def _code(at: Cursor) -> str:
    """A code or a pool, as codes are kept."""
    code = normal_code(text(CODE_CHARS_MAX)(at))
    if not code:
        raise at.wrong("too_short", "a code or a pool")
    return code


_way = word(WAYS)


def _ways(named: tuple[str, ...]) -> When:
    ways = dict.fromkeys(IdentifiedBy.CARD.value if way in _AS_A_CARD else way for way in named)
    return IdentifiedByIs(tuple(ways))


def positive_tests(at: Cursor, test: str, *, positive: bool = True) -> list[Cursor]:
    """The places of a test in conditions that were read without a fault, save those that an odd number of `not` turns
    around.
    """
    if not isinstance(at.value, dict):
        return []
    found = []
    for name, inner in at.value.items():
        place = at.child(name, inner)
        if name == "not":
            found += positive_tests(place, test, positive=not positive)
        elif name in {"all", "any"}:
            for number, each in enumerate(inner):
                found += positive_tests(place.child(number, each), test, positive=positive)
        elif name == test and positive:
            found.append(place)
    return found


def _alone(reader: Reader[When]) -> Callable[[_Scope, Cursor], When]:
    """A test that needs to know nothing of the program."""
    return lambda _scope, at: reader(at)


_TESTS: Mapping[str, Callable[[_Scope, Cursor], When]] = {
    "all": lambda scope, at: All(_group(scope, at)),
    "any": lambda scope, at: AnyOf(_group(scope, at)),
    "not": lambda scope, at: Not(_read(scope, at)),
    "tier": lambda scope, at: TierIs(listed(known(identifier, scope.names.tiers, "tier"))(at)),
    "channel": _alone(mapped(listed(mapped(one_of(Channel), str)), ChannelIs)),
    "shop": _alone(mapped(listed(text()), ShopIs)),
    "basket_total": _alone(_basket_total),
    "basket_has": _alone(_basket_has),
    "weekday": _alone(_weekday),
    "hours": _alone(_hours),
    "date": _alone(_date),
    "birthday": _alone(_birthday),
    "purchase_number": _alone(_purchase_number),
    "days_since_last": _alone(_days_since_last),
    "payment": _alone(_payment),
    "segment": _alone(mapped(listed(text()), SegmentIs)),
    "tag": _alone(mapped(listed(text()), TagIs)),
    "partner": _alone(mapped(listed(text()), PartnerIs)),
    "card_type": _alone(mapped(listed(text()), CardTypeIs)),
    "coupon": _alone(mapped(one_or_listed(_code), CouponIs)),
    "identified_by": _alone(mapped(one_or_listed(_way), _ways)),
    "event": _alone(mapped(one_or_listed(text(EVENT_CHARS_MAX)), EventIs)),
}
_WHEN = Shape("a condition", tuple(_TESTS))
