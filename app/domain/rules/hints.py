"""What to add to reach more: "120.00 more for 5 %".

A hint is for a rule that the basket touches and that lacks one thing: the next of its `steps`, the `min` of its only
failed `basket_total` or `basket_has`, the rest of a begun group of `on.units`, the last unit of a set of `bundle`. The
nearest come first, by what they would cost about, and at most `HINTS_MAX` of them.

A rule with a `cost` hints nothing, nor one whose limit has nothing left or cut it. Neither does one that another rule
of its lane outdoes, unless it is a lane of the best and it would give more than that one, as far as can be told from
the basket as it is. Rules that can't hint have no `Hinter` (hinting.py) and cost nothing here.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from app.domain.amounts import MICRO, MILLI, half_up
from app.domain.basket import ClosedTo
from app.domain.decision import Effect, Hint
from app.domain.program import (
    Combine,
    GiveAmount,
    GiveBundle,
    GiveCoupon,
    GiveDraw,
    GiveMultiply,
    GivePer,
    GivePercent,
    GiveUnits,
    Per,
    Step,
    Units,
)
from app.domain.rules.bill import Bill
from app.domain.rules.bundle import pick_bundle
from app.domain.rules.forms import CompiledRule, PhaseOf
from app.domain.rules.giving import Written, written_step
from app.domain.rules.hinting import AMOUNT, UNITS, Hinter, Lack
from app.domain.rules.picking import Stand
from app.domain.rules.stacking import BEST_LINE

HINTS_MAX = 3  # A customer at the till listens to as many.
_BOUNDS: Final = frozenset({"basket_total", "basket_has"})
# Besides having applied: what is said of a rule that tried and found too little.
_TRIED: Final = frozenset({None, "on", "gives_nothing", "best", "best_line"})
_GIVEN_ONCE: Final = (GiveAmount, GiveUnits, GiveMultiply, GiveDraw)  # Given once, however many groups are full.
_GROWING: Final = (GivePercent, GivePer)  # More of a larger basket.
# Combined in these ways, rules look at what the lane began with.
_LANE_START: Final = frozenset({Combine.SUM, Combine.BEST, Combine.BEST_LINE, Combine.FIRST})

# Looking a member up in its enum costs a tenth of a microsecond.
_ALL: Final = Combine.ALL
_SUM: Final = Combine.SUM
_FIRST: Final = Combine.FIRST
_ONCE: Final = Combine.ONCE
_DISCOUNT: Final = PhaseOf.DISCOUNT
_ACCRUAL: Final = PhaseOf.ACCRUAL
_RECEIPT: Final = Per.RECEIPT


def hints_of(
    rules: tuple[CompiledRule, ...],
    ranks: dict[str, int],
    bill: Bill,
    effects: list[Effect],
    *,
    bases: list[int],
) -> tuple[Hint, ...]:
    """The hints after everything is decided. `rules` and `ranks` are the program's, `bases` what accruals look at."""
    desk = _Desk(rules, ranks, bill, effects, bases)
    found: list[tuple[bool, int, int, Hint]] = []  # What has no price comes last, ties go to what is applied first.
    verdicts = bill.verdicts
    for rank in bill.hits:
        rule = rules[rank]
        if (hinter := rule.hint) is None or (verdict := verdicts.get(rule.place)) is None:
            continue
        if verdict.because in _BOUNDS:
            lack, gives = desk.missed_bound(rule, hinter), hinter.gives
        elif hinter.has_parts and verdict.because in _TRIED:
            lack, gives = desk.missing_part(rule, hinter)
        else:
            continue
        if lack is not None:
            distance = lack.distance
            found.append((distance is None, distance or 0, rank, Hint(rule.id, lack.what, lack.missing, gives)))
    if len(found) > 1:
        found = sorted(found, key=_nearness)[:HINTS_MAX]
    return tuple([hint for *_, hint in found])


def _nearness(found: tuple[bool, int, int, Hint]) -> tuple[bool, int, int]:
    return found[:3]


class _Desk:
    """A decided basket, looked at once more."""

    def __init__(
        self,
        rules: tuple[CompiledRule, ...],
        ranks: dict[str, int],
        bill: Bill,
        effects: list[Effect],
        bases: list[int],
    ) -> None:
        self._rules, self._ranks, self._bill, self._bases, self._effects = rules, ranks, bill, bases, effects

    def missed_bound(self, rule: CompiledRule, hinter: Hinter) -> Lack | None:
        """The one bound that the rule's conditions missed, if all else holds."""
        facts = self._bill.facts
        for bound in hinter.bounds:
            lack = bound.lack(facts)
            if lack is not None and (bound.rest is None or bound.rest(facts) is None):
                break
        else:
            return None
        if not self._may_give(rule) or not (places := self._places(rule)):
            return None
        if hinter.has_parts and not self._has_parts(rule, hinter, places, lack):
            return None
        return None if self._is_outdone(rule, lack, lambda: self._estimate(rule, places)) else lack

    def _has_parts(self, rule: CompiledRule, hinter: Hinter, places: list[int], lack: Lack) -> bool:
        """Whether nothing else is lacking than what a bound lacks: a full group or set, or the first step."""
        if hinter.steps:
            more = lack.missing if lack.what == AMOUNT else 0
            return sum(self._worths(rule, places)) + more >= hinter.steps[0].min
        stand = self._stand(rule)
        if rule.bundle is not None:
            return pick_bundle(rule.bundle, places, stand, self._bill.lines) is not None
        return rule.picked(places, stand) is not None

    def missing_part(self, rule: CompiledRule, hinter: Hinter) -> tuple[Lack | None, Written]:
        """What a rule lacks whose conditions hold, and what it would give then."""
        if not self._may_give(rule) or self._was_cut(rule) or not (places := self._places(rule)):
            return None, hinter.gives
        if hinter.steps:
            return self._next_step(rule, hinter.steps, places)
        units = hinter.units
        lack = self._missing_of_bundle(rule, places) if units is None else self._missing_units(rule, units, places)
        if lack is not None and self._is_outdone(rule, lack, lambda: 0):
            lack = None
        return lack, hinter.gives

    def _next_step(self, rule: CompiledRule, steps: Sequence[Step], places: list[int]) -> tuple[Lack | None, Written]:
        """The next step, if it gives more than is given already."""
        worth = sum(self._worths(rule, places))
        step = next((step for step in steps if step.min > worth), None)
        if step is None or not worth:
            return None, {}
        reached = [each for each in steps if each.min <= worth]
        would_give, gives = _step_gives(step, step.min), _step_gives(reached[-1], worth) if reached else 0
        lack = Lack(AMOUNT, step.min - worth)
        if would_give <= gives or self._is_outdone(rule, lack, lambda: would_give):
            return None, {}
        return lack, written_step(step)

    def _may_give(self, rule: CompiledRule) -> bool:
        """Whether its limit and pool leave something."""
        if rule.limit is not None and self._bill.tally.left(rule.limit)[0] == 0:
            return False
        give = rule.rule.give
        return not isinstance(give, GiveCoupon) or bool(self._bill.codes_left(give.pool))

    def _was_cut(self, rule: CompiledRule) -> bool:
        """Whether anything has cut what it gave, but that other rules won lines of it."""
        for effect in self._effects:
            if effect.rule == rule.id:
                return effect.limited_by is not None and effect.limited_by != BEST_LINE
        return False

    def _places(self, rule: CompiledRule) -> list[int]:
        """The lines that the rule may be about, as `phases.Reach` sees them; its own discount doesn't count."""
        bill = self._bill
        hits = bill.hits[rule.rank]
        places = bill.places if hits is None else hits
        if bill.closed:
            closed = bill.closed_to(ClosedTo.DISCOUNT if rule.lane.phase is PhaseOf.DISCOUNT else ClosedTo.ACCRUE)
            if rule.coupons:
                closed |= bill.closed_to(ClosedTo.COUPON)
            places = [place for place in places if place not in closed]
        if rule.matches is not None:
            places = [place for place in places if rule.matches(bill.lines[place])]
        if rule.undiscounted:
            places = [place for place in places if not any(p.amount and p.rule != rule.id for p in bill.parts[place])]
        return places

    def _worths(self, rule: CompiledRule, places: list[int]) -> list[int]:
        """What these lines had left when the rule, or its lane, looked at them."""
        bill, phase = self._bill, rule.lane.phase
        if phase is not _DISCOUNT:
            before = self._bases if phase is _ACCRUAL else bill.left
            return [before[place] for place in places]
        return [
            bill.gross[place]
            - sum([part.amount for part in bill.parts[place] if part.amount and self._comes_before(part.rule, rule)])
            for place in places
        ]

    def _comes_before(self, name: str, rule: CompiledRule) -> bool:
        other = self._rules[self._ranks[name]]
        if other.lane is rule.lane and rule.lane.combine in _LANE_START:
            return False
        return other.rank < rule.rank

    def _counted(self, rule: CompiledRule, places: list[int]) -> list[int]:
        """The lines whose units count: those that were worth something."""
        left = self._bill.left
        return [place for place in places if left[place] or self._worths(rule, [place])[0]]

    def _missing_units(self, rule: CompiledRule, units: Units, places: list[int]) -> Lack | None:
        """What the next group lacks, where one is begun, may still be taken, and brings more than the ones before."""
        lines = self._bill.lines
        counts = [(lines[place].qty_milli // MILLI, lines[place].price) for place in self._counted(rule, places)]
        if units.per is _RECEIPT and counts:
            counts = [(sum(count for count, _ in counts), min(price for _, price in counts))]
        if isinstance(rule.rule.give, _GIVEN_ONCE) and any(count >= units.every for count, _ in counts):
            return None
        lacks = [
            Lack(UNITS, units.every - count % units.every, price)
            for count, price in counts
            if count % units.every and (units.times is None or count // units.every < units.times)
        ]
        return min(lacks, key=lambda lack: lack.missing, default=None)

    def _missing_of_bundle(self, rule: CompiledRule, places: list[int]) -> Lack | None:
        """The last unit of the next set."""
        lines, bundle = self._bill.lines, rule.bundle or {}
        counts: Counter[str | None] = Counter()
        for place in self._counted(rule, places):
            counts[lines[place].sku] += lines[place].qty_milli // MILLI
        sets = min(counts[sku] // each for sku, each in bundle.items())
        missing = sum(max(each * (sets + 1) - counts[sku], 0) for sku, each in bundle.items())
        pieces = sum(bundle.values())
        if missing != 1 or pieces == 1:
            return None
        give = rule.rule.give
        return Lack(UNITS, 1, give.price // pieces if isinstance(give, GiveBundle) else None)

    def _is_outdone(self, rule: CompiledRule, lack: Lack, would_give: Callable[[], int]) -> bool:
        """Whether another rule of the lane keeps it back, also when nothing is lacking any more.

        `would_give` is on the basket as it is, for steps where the step begins; what is a part of the basket grows with
        it, so both are compared as if what is lacking were there.
        """
        combine = rule.lane.combine
        if combine is _ALL or combine is _SUM:
            return False
        lane = rule.lane
        rivals = [(other, given) for other, given in self._given() if other.lane is lane and other is not rule]
        if combine is _FIRST or combine is _ONCE:  # What came before has taken the turn, or the units.
            return any(other.rank < rule.rank for other, _ in rivals)
        if not rivals:
            return False
        total, more = self._bill.facts.gross_total, lack.distance or 0

        def grown(other: CompiledRule, given: int) -> int:
            """Worth times the basket's total."""
            return given * other.unit_value * (total + more if isinstance(other.rule.give, _GROWING) else total)

        return grown(rule, would_give()) <= max([grown(other, given) for other, given in rivals])

    def _given(self) -> list[tuple[CompiledRule, int]]:
        """What each rule gave."""
        return [(self._rules[self._ranks[effect.rule]], effect.given) for effect in self._effects]

    def _stand(self, rule: CompiledRule) -> Stand:
        qtys_milli = self._bill.qtys_milli
        return Stand(self._worths(rule, self._bill.places), qtys_milli, qtys_milli)

    def _estimate(self, rule: CompiledRule, places: list[int]) -> int:
        """What the rule would give on the basket as it is; 0 where only its lane could tell."""
        if rule.looks_back or rule.bundle is not None:
            return 0
        picked = rule.picked(places, self._stand(rule))
        if picked is None:
            return 0
        if rule.each is not None:
            return sum(rule.each(picked))
        return rule.total(picked, []) if rule.total is not None else 0


def _step_gives(step: Step, worth: int) -> int:
    """What a step takes off a selection worth so much."""
    return min(step.amount or 0, worth) if step.rate is None else half_up(worth * step.rate, MICRO)
