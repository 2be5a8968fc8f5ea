"""When a rule applies: a `When` compiled once to one function of the facts, which says what failed first.

A test passes by returning None and fails by returning a `Failure`: its key in the document, what it needed and what it
had, in values that JSON can hold. All bounds are included. What a customer lacks (no customer, no birthday, no earlier
purchase) makes a test false, and `not` turns a false test true like any other: a basket without a customer passes
`{"not": {"tier": ["gold"]}}`.

This is the only module that reads time fields: `hours` the wall clock, `weekday`, `date`, `birthday` and
`days_since_last` the local day, a rule's `from` and `until` the instant itself.
"""

from datetime import datetime
from typing import assert_never

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
    Program,
    PurchaseNumber,
    SegmentIs,
    ShopIs,
    TagIs,
    TierIs,
    Weekday,
    When,
)
from app.domain.rules import leaves, traits
from app.domain.rules.facts import Facts
from app.domain.rules.failures import Failure, Needs, Test

__all__ = ["Failure", "Needs", "Test", "compile_when", "compile_window"]


def compile_when(when: When | None, program: Program) -> Test:
    """One function of the facts for a rule's conditions; none means always.

    Raises:
        ValueError: the conditions name a tier that the program doesn't have; nobody could ever be in it.
    """
    if when is None:
        return _always
    return _compile(when, frozenset(tier.id for tier in program.tiers))[0]


def compile_window(*, start: datetime | None, end: datetime | None) -> Test:
    """A rule's own window by the instant of the visit: `start` is included, `end` is not."""
    if start is None and end is None:
        return _always
    early = None if start is None else start.isoformat()
    late = None if end is None else end.isoformat()

    def is_open(facts: Facts) -> Failure | None:
        at = facts.visit.at
        if start is not None and at < start:
            return Failure("from", early, at.isoformat())
        if end is not None and at >= end:
            return Failure("until", late, at.isoformat())
        return None

    return is_open


def _always(_facts: Facts) -> Failure | None:
    return None


# Tests by what they look at.
_Place = ChannelIs | ShopIs | PartnerIs | EventIs | IdentifiedByIs
_Deal = BasketTotal | BasketHas | PaidBy | CouponIs
_Moment = Weekday | Hours | DateSpan
_Person = TierIs | SegmentIs | TagIs | CardTypeIs
_Habits = Birthday | PurchaseNumber | DaysSinceLast


def _compile(when: When, tiers: frozenset[str]) -> tuple[Test, Needs]:
    """A test, and how the document says it."""
    match when:
        case All() | AnyOf() | Not():
            return _compile_group(when, tiers)
        case ChannelIs() | ShopIs() | PartnerIs() | EventIs() | IdentifiedByIs():
            return _compile_place(when)
        case BasketTotal() | BasketHas() | PaidBy() | CouponIs():
            return _compile_deal(when)
        case Weekday() | Hours() | DateSpan():
            return _compile_moment(when)
        case TierIs() | SegmentIs() | TagIs() | CardTypeIs():
            return _compile_person(when, tiers)
        case Birthday() | PurchaseNumber() | DaysSinceLast():
            return _compile_habits(when)
        case _:
            assert_never(when)


def _compile_place(when: _Place) -> tuple[Test, Needs]:
    match when:
        case ChannelIs():
            return leaves.channel(when)
        case ShopIs():
            return leaves.shop(when)
        case PartnerIs():
            return leaves.partner(when)
        case EventIs():
            return leaves.event(when)
        case IdentifiedByIs():
            return traits.identified_by(when)
        case _:
            assert_never(when)


def _compile_deal(when: _Deal) -> tuple[Test, Needs]:
    match when:
        case BasketTotal():
            return leaves.basket_total(when)
        case BasketHas():
            return leaves.basket_has(when)
        case PaidBy():
            return leaves.payment(when)
        case CouponIs():
            return leaves.coupon(when)
        case _:
            assert_never(when)


def _compile_moment(when: _Moment) -> tuple[Test, Needs]:
    match when:
        case Weekday():
            return leaves.weekday(when)
        case Hours():
            return leaves.hours(when)
        case DateSpan():
            return leaves.date(when)
        case _:
            assert_never(when)


def _compile_person(when: _Person, tiers: frozenset[str]) -> tuple[Test, Needs]:
    match when:
        case TierIs():
            if unknown := set(when.tiers) - tiers:
                raise ValueError(f"the program has no tiers {sorted(unknown)}")
            return traits.tier(when)
        case SegmentIs():
            return traits.segment(when)
        case TagIs():
            return traits.tag(when)
        case CardTypeIs():
            return traits.card_type(when)
        case _:
            assert_never(when)


def _compile_habits(when: _Habits) -> tuple[Test, Needs]:
    match when:
        case Birthday():
            return traits.birthday(when)
        case PurchaseNumber():
            return traits.purchase_number(when)
        case DaysSinceLast():
            return traits.days_since_last(when)
        case _:
            assert_never(when)


def _compile_group(when: All | AnyOf | Not, tiers: frozenset[str]) -> tuple[Test, Needs]:
    match when:
        case All():
            members = [_compile(member, tiers) for member in when.tests]
            return _all_pass(tuple(test for test, _ in members)), {"all": [needs for _, needs in members]}
        case AnyOf():
            members = [_compile(member, tiers) for member in when.tests]
            return _any_passes(tuple(test for test, _ in members)), {"any": [needs for _, needs in members]}
        case Not():
            test, needs = _compile(when.test, tiers)
            return _fails(test, needs), {"not": needs}
        case _:
            assert_never(when)


def _all_pass(tests: tuple[Test, ...]) -> Test:
    def all_pass(facts: Facts) -> Failure | None:
        for test in tests:
            if (failure := test(facts)) is not None:
                return failure
        return None

    return all_pass


def _any_passes(tests: tuple[Test, ...]) -> Test:
    def any_passes(facts: Facts) -> Failure | None:
        failures = []
        for test in tests:
            if (failure := test(facts)) is None:
                return None
            failures.append(failure)
        return Failure("any", [{each.because: each.need} for each in failures], [each.have for each in failures])

    return any_passes


def _fails(test: Test, needs: Needs) -> Test:
    failed = Failure("not", needs)

    def fails(facts: Facts) -> Failure | None:
        return failed if test(facts) is None else None

    return fails
