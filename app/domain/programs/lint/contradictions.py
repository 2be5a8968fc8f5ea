"""Whether tests can hold together: what one of them needs, another rules out.

Each check looks at one fact of a sale and names it where no value of the fact satisfies every test. None says that
nothing was found, which isn't a promise: the checks are many, not all.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from math import lcm
from typing import Final, TypeVar

from app.domain.basket import Channel, IdentifiedBy
from app.domain.program import (
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
    PaidBy,
    PartnerIs,
    PurchaseNumber,
    SegmentIs,
    ShopIs,
    TagIs,
    TierIs,
    Weekday,
    When,
)
from app.domain.programs.lint.findings import word_of
from app.domain.programs.lint.ways import Way

T = TypeVar("T")

DAY_MINUTES: Final = 24 * 60
_DAYS_OF_BIRTHDAYS: Final = range(-183, 184)  # The nearest birthday is at most half a year away.
_TRIES_MAX: Final = 20_000  # Numbers that are tried one by one: enough for each `every` of some years of purchases.

# What the tests of one fact look for, and all that the fact can be; None where it can be anything.
_ONE_OF: Final[tuple[tuple[str, type[When], str, frozenset[str] | None], ...]] = (
    ("tier", TierIs, "tiers", None),
    ("channel", ChannelIs, "channels", frozenset(Channel)),
    ("shop", ShopIs, "shops", None),
    ("partner", PartnerIs, "partners", None),
    ("identified_by", IdentifiedByIs, "ways", frozenset(IdentifiedBy)),
    ("event", EventIs, "types", None),
)
# A customer may have several of these at once.
_SOME_OF: Final[tuple[tuple[str, type[When], str], ...]] = (
    ("segment", SegmentIs, "segments"),
    ("tag", TagIs, "tags"),
    ("card_type", CardTypeIs, "types"),
    ("coupon", CouponIs, "codes"),
)


def contradiction(way: Way) -> str | None:
    """The word of a test that can't hold together with the others; None where none was found."""
    wanted = [test for test, positive in way if positive]
    barred = [test for test, positive in way if not positive]
    for test in wanted:
        if test in barred:
            return word_of(test)
    for check in _CHECKS:
        found = check(wanted, barred)
        if found is not None:
            return found
    return None


def _of(tests: Iterable[When], kind: type[T]) -> list[T]:
    return [test for test in tests if isinstance(test, kind)]


def _single_facts(wanted: Sequence[When], barred: Sequence[When]) -> str | None:
    for word, kind, member, universe in _ONE_OF:
        lists = [frozenset(getattr(test, member)) for test in wanted if isinstance(test, kind)]
        out = frozenset[str]().union(*(getattr(test, member) for test in barred if isinstance(test, kind)))
        always = word == "channel"  # Each sale has one; the other facts may be missing.
        if not lists and not (always and universe is not None):
            continue
        possible = frozenset.intersection(*lists) if lists else universe or frozenset()
        if not possible - out:
            return word
    return None


def _plural_facts(wanted: Sequence[When], barred: Sequence[When]) -> str | None:
    for word, kind, member in _SOME_OF:
        out = frozenset[str]().union(*(getattr(test, member) for test in barred if isinstance(test, kind)))
        for test in wanted:
            if isinstance(test, kind) and out.issuperset(getattr(test, member)):
                return word
    return None


def _events(wanted: Sequence[When], _barred: Sequence[When]) -> str | None:
    """An act other than a purchase has no basket, no payment, no coupon."""
    if not _of(wanted, EventIs):
        return None
    for test in wanted:
        match test:
            case BasketHas() | PaidBy() | CouponIs():
                return word_of(test)
            case BasketTotal(least) if least:
                return "basket_total"
    return None


def _totals(wanted: Sequence[When], barred: Sequence[When]) -> str | None:
    spans = [(test.min, test.max) for test in _of(wanted, BasketTotal)]
    low, high = _common(spans, least=0)
    inside = [(test.min, test.max) for test in _of(barred, BasketTotal)]
    if _is_empty(low, high, inside):
        return "basket_total"
    dearest = max((test.min_amount or 0 for test in _of(wanted, BasketHas)), default=0)
    return "basket_has" if high is not None and dearest > high else None


def _gaps(wanted: Sequence[When], barred: Sequence[When]) -> str | None:
    spans = [(test.min, test.max) for test in _of(wanted, DaysSinceLast)]
    if not spans:
        return None  # Nobody says that there was a purchase before.
    low, high = _common(spans, least=0)
    return "days_since_last" if _is_empty(low, high, [(t.min, t.max) for t in _of(barred, DaysSinceLast)]) else None


def _numbers(wanted: Sequence[When], barred: Sequence[When]) -> str | None:
    """Purchase numbers: in all spans, multiples of all `every`, and none that is ruled out."""
    named, out = _of(wanted, PurchaseNumber), _of(barred, PurchaseNumber)
    if not named:
        return None
    low, high = _common([(test.min, test.max) for test in named], least=1)
    step = lcm(*(test.every or 1 for test in named))
    first = -(-low // step) * step
    # Above all bounds what is ruled out repeats itself: one period more tells about all numbers to come.
    bounds = [bound for test in out for bound in (test.min, test.max) if bound is not None]
    last = max([first, *bounds]) + lcm(step, *(test.every or 1 for test in out))
    last = last if high is None else min(last, high)
    if (last - first) // step > _TRIES_MAX:
        return None
    for number in range(first, last + 1, step):
        if not any(_is_number(test, number) for test in out):
            return None
    return "purchase_number"


def _is_number(test: PurchaseNumber, number: int) -> bool:
    return (
        (test.min is None or number >= test.min)
        and (test.max is None or number <= test.max)
        and (test.every is None or number % test.every == 0)
    )


def _days(wanted: Sequence[When], barred: Sequence[When]) -> str | None:
    """Weekdays, and the weekdays that there are within the dates."""
    days = frozenset(range(1, 8)).intersection(*(test.days for test in _of(wanted, Weekday)))
    days -= frozenset[int]().union(*(test.days for test in _of(barred, Weekday)))
    if not days:
        return "weekday"
    first, last = dates_of(wanted)
    if first is not None and last is not None:
        if first > last:
            return "date"
        span = range(first.toordinal(), last.toordinal() + 1)
        if len(span) < len(range(7)) and days.isdisjoint(date.fromordinal(day).isoweekday() for day in span):
            return "date"
    for test in _of(barred, DateSpan):
        starts = test.start is None or (first is not None and first >= test.start)
        if starts and (test.end is None or (last is not None and last <= test.end)):
            return "date"
    return None


def dates_of(wanted: Iterable[When]) -> tuple[date | None, date | None]:
    """The local days, both included, that all these tests leave; open ends are None."""
    spans = _of(wanted, DateSpan)
    return (
        max((test.start for test in spans if test.start is not None), default=None),
        min((test.end for test in spans if test.end is not None), default=None),
    )


def _hours(wanted: Sequence[When], barred: Sequence[When]) -> str | None:
    minutes = (1 << DAY_MINUTES) - 1
    for test in _of(wanted, Hours):
        minutes &= _minutes(test)
    for test in _of(barred, Hours):
        minutes &= ~_minutes(test)
    return None if minutes else "hours"


def _minutes(test: Hours) -> int:
    """The minutes of a day as bits."""
    start, end = test.start.hour * 60 + test.start.minute, test.end.hour * 60 + test.end.minute
    if end > start:
        return (1 << end) - (1 << start)
    return (1 << DAY_MINUTES) - (1 << start) | ((1 << end) - 1)


def _birthdays(wanted: Sequence[When], barred: Sequence[When]) -> str | None:
    named, out = _of(wanted, Birthday), _of(barred, Birthday)
    if not named:
        return None
    for day in _DAYS_OF_BIRTHDAYS:
        inside = all(-test.before <= day <= test.after for test in named)
        if inside and not any(-test.before <= day <= test.after for test in out):
            return None
    return "birthday"


def _payments(wanted: Sequence[When], barred: Sequence[When]) -> str | None:
    for test in _of(wanted, PaidBy):
        for other in _of(barred, PaidBy):
            if other.method == test.method and (other.min or 0) <= (test.min or 0):
                return "payment"
    return None


def _common(spans: Iterable[tuple[int | None, int | None]], *, least: int) -> tuple[int, int | None]:
    """The span that all spans share; it may be empty."""
    spans = list(spans)
    low = max([least, *(low for low, _ in spans if low is not None)])
    return low, min((high for _, high in spans if high is not None), default=None)


def _is_empty(low: int, high: int | None, out: Iterable[tuple[int | None, int | None]]) -> bool:
    """Whether nothing is left of a span of integers when others are taken out of it."""
    for start, end in sorted(((start or 0, end) for start, end in out), key=lambda span: span[0]):
        if high is not None and low > high:
            return True
        if start > low:
            return False
        if end is None:
            return True
        low = max(low, end + 1)
    return high is not None and low > high


_CHECKS: Final[tuple[Callable[[Sequence[When], Sequence[When]], str | None], ...]] = (
    _single_facts,
    _plural_facts,
    _events,
    _totals,
    _gaps,
    _numbers,
    _days,
    _hours,
    _birthdays,
    _payments,
)
