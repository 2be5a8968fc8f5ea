"""Which rules a basket can touch at all: each rule hangs on what it can't do without, so the others cost nothing.

A rule has one anchor, the first of these that it has: types of an event, coupon codes or pools, articles (a bundle's
too), brands, tags, categories. A rule without one is touched by every purchase, also one that only excludes lines or
looks at prices. A basket is laid against the anchors once, line by line, and what it finds are both the rules to try
and the lines that each may be about, so most selections cost nothing beside.

A rule with an `event` test that isn't under a `not` is for such acts only; a purchase never sees it, nor such an act
the other rules.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from app.domain.basket import Line
from app.domain.coupons import normal_code
from app.domain.program import All, AnyOf, CouponIs, EventIs, GiveBundle, Lists, Rule, Selection, When

Hits = dict[int, list[int] | None]  # By the rule's rank: places of the lines it may be about; None for every line.
_Table = dict[str, tuple[int, ...]]


class Anchor(NamedTuple):
    """`by` is the table it hangs in; `on` what is left of the rule's selection to test line by line."""

    by: str
    names: frozenset[str]
    on: Selection | None


@dataclass(frozen=True, slots=True)
class Index:
    """Ranks by anchor. `always` and `any_event` are those of rules that nothing anchors."""

    always: dict[int, list[int] | None]
    any_event: tuple[int, ...]
    events: _Table
    coupons: _Table
    skus: _Table
    brands: _Table
    tags: _Table
    categories: _Table

    @classmethod
    def of(cls, anchors: Iterable[tuple[int, Anchor]]) -> "Index":
        tables: dict[str, dict[str, tuple[int, ...]]] = {name: {} for name in _TABLES}
        always: Hits = {}
        any_event: list[int] = []
        for rank, anchor in anchors:
            if anchor.by == "":
                always[rank] = None
            elif anchor.by == "any_event":
                any_event.append(rank)
            for name in anchor.names:
                table = tables[anchor.by]
                table[name] = (*table.get(name, ()), rank)
        return cls(always, tuple(any_event), *[tables[name] for name in _TABLES])

    def touched(self, lines: Sequence[Line], *, names: Iterable[str], event: str | None) -> Hits:
        """The rules that a basket touches. `names` are the codes that came with it, and their pools."""
        if event is not None:
            return dict.fromkeys((*self.any_event, *self.events.get(event, ())))
        hits = self.always.copy()
        for name in names:
            hits.update(dict.fromkeys(self.coupons.get(name, ())))
        skus, brands, tags, categories = self.skus, self.brands, self.tags, self.categories
        for place, line in enumerate(lines):
            if skus and (sku := line.sku) is not None and sku in skus:
                _note(hits, skus[sku], place)
            if brands and (brand := line.brand) is not None and brand in brands:
                _note(hits, brands[brand], place)
            if tags and line.tags:
                for tag in line.tags:
                    if tag in tags:
                        _note(hits, tags[tag], place)
            if categories and (path := line.category):
                while path:
                    if path in categories:
                        _note(hits, categories[path], place)
                    path = path.rpartition("/")[0]
        return hits


_TABLES = ("event", "coupon", "sku", "brand", "tag", "category")  # As `Index` has them.


def _note(hits: Hits, ranks: tuple[int, ...], place: int) -> None:
    """A line can be found twice, by two tags or by a category and the one above it."""
    for rank in ranks:
        places = hits.get(rank)
        if places is None:
            hits[rank] = [place]
        elif places[-1] != place:
            places.append(place)


def anchor_of(rule: Rule) -> Anchor:
    """What the rule can't do without."""
    on = rule.on
    if is_for_events(rule.when):
        types = _needed(rule.when, EventIs)
        return Anchor("any_event", frozenset(), on) if types is None else Anchor("event", types, on)
    if (codes := _needed(rule.when, CouponIs)) is not None:
        return Anchor("coupon", codes, on)
    lists = on.lists if on is not None else Lists()
    if isinstance(rule.give, GiveBundle):
        skus = frozenset(rule.give.skus)
        return Anchor("sku", skus if lists.sku is None else skus & lists.sku, _without(on, "sku"))
    for name in ("sku", "brand", "tag", "category"):
        listed: frozenset[str] | None = getattr(lists, name)
        if listed is not None:
            return Anchor(name, listed, _without(on, name))
    return Anchor("", frozenset(), on)


def is_for_events(when: When | None) -> bool:
    """Whether a test of `event` stands where passing it helps."""
    match when:
        case EventIs():
            return True
        case All(tests) | AnyOf(tests):
            return any(is_for_events(test) for test in tests)
    return False


def _needed(when: When | None, kind: type[EventIs] | type[CouponIs]) -> frozenset[str] | None:
    """Names of which one has to be there for the conditions to hold; None where they may hold without any."""
    match when:
        case EventIs(types) if kind is EventIs:
            return frozenset(types)
        case CouponIs(codes) if kind is CouponIs:
            return frozenset(normal_code(code) for code in codes)
        case All(tests):
            return next((names for test in tests if (names := _needed(test, kind)) is not None), None)
        case AnyOf(tests):
            found = [_needed(test, kind) for test in tests]
            known = [names for names in found if names is not None]
            return frozenset[str]().union(*known) if known and len(known) == len(found) else None
    return None


def _without(on: Selection | None, name: str) -> Selection | None:
    """A selection without the list that the index has looked at; None where nothing else is left."""
    if on is None:
        return None
    rest = replace(on, lists=replace(on.lists, **{name: None}), units=None)
    return None if rest == Selection() else rest
