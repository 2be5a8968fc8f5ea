"""The compiled forms of a program's parts: what `compiled` makes once and every evaluation shares. All immutable."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum

from app.domain.decision import Outcome, Verdict
from app.domain.program import Combine, Kind, Limit, Period, Rule, Scope
from app.domain.rules.failures import Test
from app.domain.rules.hinting import Hinter
from app.domain.rules.picking import Picked, Stand, pick_lines
from app.domain.rules.rewards import Each, Total
from app.domain.rules.selection import LineTest

Pick = Callable[[list[int], Stand], Picked | None]  # At the places that a rule selects.


class PhaseOf(IntEnum):
    """The phases in the order in which they are decided (`evaluate` says why rewards come before accruals)."""

    DISCOUNT = 0
    REWARD = 1
    ACCRUAL = 2
    RANDOM = 3

    @classmethod
    def of(cls, kind: Kind) -> "PhaseOf":
        return _PHASES[kind]


_PHASES = {
    Kind.DISCOUNT: PhaseOf.DISCOUNT,
    Kind.REWARD: PhaseOf.REWARD,
    Kind.BONUS: PhaseOf.ACCRUAL,
    Kind.CASHBACK: PhaseOf.ACCRUAL,
    Kind.RANDOM_REWARD: PhaseOf.RANDOM,
}


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What can be said of a rule without a figure: made once, since most rules don't apply to most baskets."""

    applied: Verdict
    disabled: Verdict
    anonymous: Verdict
    unasked: Verdict
    unmatched: Verdict
    gives_nothing: Verdict
    outdone: Verdict
    undrawn: Verdict

    @classmethod
    def of(cls, rule: Rule, combine: Combine) -> "Verdicts":
        name = rule.id
        return cls(
            applied=Verdict(name, Outcome.APPLIED),
            disabled=Verdict(name, Outcome.SKIPPED, "enabled", True, False),
            anonymous=Verdict(name, Outcome.SKIPPED, "customer"),
            unasked=Verdict(name, Outcome.SKIPPED, "cost", dict(rule.cost)),
            unmatched=Verdict(name, Outcome.SKIPPED, "on"),
            gives_nothing=Verdict(name, Outcome.SKIPPED, "gives_nothing"),
            outdone=Verdict(name, Outcome.OUTDONE, combine.value),
            undrawn=Verdict(name, Outcome.SKIPPED, "draw"),
        )

    def cut(self, *, limited_by: str | None, wanted: int) -> Verdict:
        """A limit left nothing of what the rule wanted."""
        return Verdict(self.applied.rule, Outcome.SKIPPED, limited_by, wanted, 0)


@dataclass(frozen=True, slots=True)
class CompiledLane:
    """The part of one lane that works in one phase, by `order` in the program."""

    order: int
    phase: PhaseOf
    combine: Combine
    looks_back: bool


@dataclass(frozen=True, slots=True)
class CompiledLimit:
    """A rule's limit and the names of its counters."""

    limit: Limit
    max_name: str
    uses_name: str
    budget_name: str
    needs_customer: bool


@dataclass(frozen=True, slots=True)
class CompiledCap:
    """`word` is what an effect that it cuts says; `depth` None counts all categories together."""

    id: str
    word: str
    max: int
    scope: Scope
    period: Period
    depth: int | None


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """`place` is the rule's place in the document, `rank` its place in the order applied, over all phases and lanes.

    `matches` is what the index doesn't know of the selection (None: nothing is left to test), `window` and `test` are
    None where always. `wallet` is None for what doesn't accrue; `unit_value` is what amounts of different rules are
    compared by: 1 for discounts and pieces. A discount has `each` or `total`, an accrual `total`; what the others give
    stands in `rule`. `hint` is what it may say that a basket lacks.
    """

    id: str
    kind: str
    rule: Rule
    place: int
    rank: int
    lane: CompiledLane
    enabled: bool
    needs_customer: bool
    wallet: str | None
    unit_value: int
    window: Test | None
    test: Test | None
    cost: Mapping[str, int]
    matches: LineTest | None
    undiscounted: bool
    coupons: tuple[frozenset[str], ...]  # `vouchers.coupon_groups_of`; lines closed to coupons are closed to it.
    pick: Pick | None  # None: whole lines.
    bundle: Mapping[str, int] | None  # How many units of each article make one set.
    looks_back: bool  # Whether it multiplies what earlier lanes gave.
    each: Each | None
    total: Total | None
    limit: CompiledLimit | None
    caps: tuple[CompiledCap, ...]
    verdicts: Verdicts
    hint: Hinter | None

    def picked(self, places: list[int], stand: Stand) -> Picked | None:
        """What the rule picks at places that it selects, at least one; bundles are picked elsewhere."""
        return pick_lines(places, stand) if self.pick is None else self.pick(places, stand)
