"""The single tests of a `when` about the customer, compiled like those of leaves.py.

A test about what the customer lacks fails and says that it had None.
"""

from app.domain.program import (
    Birthday,
    CardTypeIs,
    DaysSinceLast,
    IdentifiedByIs,
    PurchaseNumber,
    SegmentIs,
    TagIs,
    TierIs,
)
from app.domain.rules.birthdays import days_since, is_near, nearest
from app.domain.rules.facts import Facts
from app.domain.rules.failures import Failure, Needs, Test, bounds, is_within, shorten, sorted_names


def tier(when: TierIs) -> tuple[Test, Needs]:
    tiers, need = frozenset(when.tiers), shorten(when.tiers)

    def test(facts: Facts) -> Failure | None:
        have = None if facts.customer is None else facts.customer.tier
        return None if have in tiers else Failure("tier", need, have)

    return test, {"tier": need}


def segment(when: SegmentIs) -> tuple[Test, Needs]:
    segments, need = frozenset(when.segments), shorten(when.segments)
    nobody = Failure("segment", need)

    def test(facts: Facts) -> Failure | None:
        if facts.customer is None:
            return nobody
        have = facts.customer.segments
        return Failure("segment", need, sorted_names(have)) if segments.isdisjoint(have) else None

    return test, {"segment": need}


def tag(when: TagIs) -> tuple[Test, Needs]:
    tags, need = frozenset(when.tags), shorten(when.tags)
    nobody = Failure("tag", need)

    def test(facts: Facts) -> Failure | None:
        if facts.customer is None:
            return nobody
        have = facts.customer.tags
        return Failure("tag", need, sorted_names(have)) if tags.isdisjoint(have) else None

    return test, {"tag": need}


def card_type(when: CardTypeIs) -> tuple[Test, Needs]:
    """Of the card that was shown, or of any of the customer's where none was."""
    types, need = frozenset(when.types), shorten(when.types)
    nobody = Failure("card_type", need)

    def test(facts: Facts) -> Failure | None:
        if facts.customer is None:
            return nobody
        have = facts.visit.card_types
        return Failure("card_type", need, sorted_names(have)) if types.isdisjoint(have) else None

    return test, {"card_type": need}


def identified_by(when: IdentifiedByIs) -> tuple[Test, Needs]:
    ways, need = frozenset(when.ways), shorten(when.ways)

    def test(facts: Facts) -> Failure | None:
        way = None if facts.customer is None else facts.visit.identified_by
        have = None if way is None else way.value
        return None if have in ways else Failure("identified_by", need, have)

    return test, {"identified_by": need}


def birthday(when: Birthday) -> tuple[Test, Needs]:
    before, after, need = when.before, when.after, {"before": when.before, "after": when.after}

    def test(facts: Facts) -> Failure | None:
        birthday = None if facts.customer is None else facts.customer.birthday
        if birthday is None:
            return Failure("birthday", need, None)
        days = days_since(birthday, facts.today)
        return None if is_near(days, before=before, after=after) else Failure("birthday", need, nearest(days))

    return test, {"birthday": need}


def purchase_number(when: PurchaseNumber) -> tuple[Test, Needs]:
    low, high, every = when.min, when.max, when.every
    need = bounds(min=low, max=high, every=every)

    def test(facts: Facts) -> Failure | None:
        if facts.customer is None:
            return Failure("purchase_number", need, None)
        have = facts.customer.purchases + 1  # This purchase counts.
        if is_within(have, low, high) and (every is None or have % every == 0):
            return None
        return Failure("purchase_number", need, have)

    return test, {"purchase_number": need}


def days_since_last(when: DaysSinceLast) -> tuple[Test, Needs]:
    """Local calendar days between the two purchases: yesterday evening is one day ago, whatever the hours between."""
    low, high, need = when.min, when.max, bounds(min=when.min, max=when.max)

    def test(facts: Facts) -> Failure | None:
        last = None if facts.customer is None else facts.customer.last_purchase_at
        if last is None:
            return Failure("days_since_last", need, None)
        have = (facts.today - last.astimezone(facts.local.tzinfo).date()).days
        return None if is_within(have, low, high) else Failure("days_since_last", need, have)

    return test, {"days_since_last": need}
