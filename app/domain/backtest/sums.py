"""Figures of a trial, as integers that add up over baskets, over days and over workers.

Costs are minor units: discounts as they are, units at what they buy (nothing in a wallet of value 0), pieces nothing.
Every `add` is commutative, so workers may divide the baskets as they like.
"""

import heapq
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

CHANGES_MAX = 10  # The baskets that change most.
# Bounds of a customer's gain or loss over the period, in minor units: a tenth, one, ten … of a usual receipt. Whoever
# neither gains nor loses is between the two in the middle.
BUCKETS = (-1_000_000, -100_000, -10_000, -1_000, -1, 0, 1_000, 10_000, 100_000, 1_000_000)


@dataclass(slots=True)
class Side:
    """What one side (the past or the draft) gave: in how many baskets, how much in its own unit, and its cost."""

    baskets: int = 0
    given: int = 0
    cost: int = 0

    def add(self, other: "Side") -> None:
        self.baskets += other.baskets
        self.given += other.given
        self.cost += other.cost


@dataclass(slots=True)
class Pair:
    real: Side = field(default_factory=Side)
    draft: Side = field(default_factory=Side)

    def add(self, other: "Pair") -> None:
        self.real.add(other.real)
        self.draft.add(other.draft)


@dataclass(slots=True)
class Group:
    """Baskets of one tier or segment: money before, discounts and the value of units, on both sides."""

    baskets: int = 0
    gross: int = 0
    discount: Pair = field(default_factory=Pair)
    units: Pair = field(default_factory=Pair)

    def add(self, other: "Group") -> None:
        self.baskets += other.baskets
        self.gross += other.gross
        self.discount.add(other.discount)
        self.units.add(other.units)


@dataclass(slots=True)
class Cut:
    """What a limit or cap left of a rule: in how many baskets it bound, and how much was wanted beyond."""

    baskets: int = 0
    wanted: int = 0
    given: int = 0

    def add(self, other: "Cut") -> None:
        self.baskets += other.baskets
        self.wanted += other.wanted
        self.given += other.given


@dataclass(frozen=True, slots=True, order=True)
class Change:
    """A basket's change of benefit; ordered by its size, then by id, so that the largest are the same in any order."""

    size: int
    purchase: str
    receipt: str = field(compare=False)
    shop: str = field(compare=False)
    at: str = field(compare=False)
    real: int = field(compare=False)
    draft: int = field(compare=False)


@dataclass(slots=True)
class Sums:
    """All figures of some baskets. Keys: `rules` by id, `tiers` and `segments` by name (empty text: none), `cuts` by
    (rule, what limited it), `budgets` by counter, then by local day: what was used. `kinds` are those of rules that
    really gave something.
    """

    baskets: int = 0
    lines: int = 0
    without_facts: int = 0
    unreadable: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    gross: int = 0
    discount: Pair = field(default_factory=Pair)
    redeemed: Pair = field(default_factory=Pair)
    units: defaultdict[str, Pair] = field(default_factory=lambda: defaultdict(Pair))
    rules: defaultdict[str, Pair] = field(default_factory=lambda: defaultdict(Pair))
    kinds: dict[str, str] = field(default_factory=dict)
    tiers: defaultdict[str, Group] = field(default_factory=lambda: defaultdict(Group))
    segments: defaultdict[str, Group] = field(default_factory=lambda: defaultdict(Group))
    cuts: defaultdict[tuple[str, str], Cut] = field(default_factory=lambda: defaultdict(Cut))
    budgets: dict[str, dict[str, int]] = field(default_factory=dict)
    days: defaultdict[str, Pair] = field(default_factory=lambda: defaultdict(Pair))
    customers: int = 0
    winners: int = 0
    losers: int = 0
    won: int = 0
    lost: int = 0
    spread: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS) + 1))
    changes: list[Change] = field(default_factory=list)

    def may_note(self, size: int) -> bool:
        """Whether a change of that size may be among the largest: most needn't be made at all."""
        return len(self.changes) < CHANGES_MAX or size >= self.changes[0].size

    def note_change(self, change: Change) -> None:
        """Keep it if it is among the largest."""
        if len(self.changes) < CHANGES_MAX:
            heapq.heappush(self.changes, change)
        elif change > self.changes[0]:
            heapq.heapreplace(self.changes, change)

    def note_customers(self, gains: Iterable[int]) -> None:
        """What each customer gains by the draft, over all baskets (below 0: loses)."""
        for gain in gains:
            self.customers += 1
            if gain > 0:
                self.winners += 1
                self.won += gain
            elif gain < 0:
                self.losers += 1
                self.lost -= gain
            self.spread[bisect_left(BUCKETS, gain)] += 1

    def add(self, other: "Sums") -> None:
        for name in ("baskets", "lines", "without_facts", "unreadable", "gross", "customers", "winners", "losers"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.won += other.won
        self.lost += other.lost
        self.discount.add(other.discount)
        self.redeemed.add(other.redeemed)
        for mine, theirs in ((self.refused, other.refused), *_days(self.budgets, other.budgets)):
            for key, count in theirs.items():
                mine[key] = mine.get(key, 0) + count
        for table, other_table in (
            (self.units, other.units),
            (self.rules, other.rules),
            (self.tiers, other.tiers),
            (self.segments, other.segments),
            (self.cuts, other.cuts),
            (self.days, other.days),
        ):
            _merge(table, other_table)
        for rule, kind in other.kinds.items():
            self.kinds[rule] = max(kind, self.kinds.get(rule, ""))
        self.spread = [mine + theirs for mine, theirs in zip(self.spread, other.spread, strict=True)]
        for change in other.changes:
            self.note_change(change)


def _days(
    mine: dict[str, dict[str, int]], theirs: Mapping[str, Mapping[str, int]]
) -> Iterable[tuple[dict[str, int], Mapping[str, int]]]:
    for name, days in theirs.items():
        yield mine.setdefault(name, {}), days


def _merge(mine: dict[Any, Any], theirs: dict[Any, Any]) -> None:
    """Tables of figures that can be added; `mine` makes what it doesn't have."""
    for key, value in theirs.items():
        mine[key].add(value)
