"""How lanes add their rules' bounds up, for the baskets of one kind of sale.

Discounts: `left` is the least that can be left of the basket. `all` takes one bound after the other off it; `best` and
`first` the largest; `once` no more than the steepest rule over the whole, since each unit goes to one rule; `sum` and
`best_line` all of them, the latter because floors can push each rule's discount onto other lines, so that different
rules win on different lines.

Accruals look at a base that they leave as it is, and have no floors: in `best_line` and `once` rules that are uniform
over lines add up to no more than the steepest of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from app.domain.program import Base, Combine, GiveDraw, GiveMultiply, Program, Rule
from app.domain.programs.lint.bounds import NONE, ONE, Bound, accrual_bound, discount_bound, luck_bound, multiplied
from app.domain.programs.lint.rivals import Phase, teams_of


@dataclass(slots=True)
class Exposure:
    """Shares of the gross total. `unbounded` rules are not in `accrued`."""

    discounted: Fraction = NONE
    accrued: Fraction = NONE
    discounts: list[Rule] = field(default_factory=list)
    accruals: list[Rule] = field(default_factory=list)
    unbounded: list[Rule] = field(default_factory=list)

    @property
    def total(self) -> Fraction:
        return self.discounted + self.accrued


def exposure_of(program: Program, rules: Sequence[Rule]) -> Exposure:
    """The most that these rules together can give, as if all their conditions held at once."""
    found = Exposure()
    left = ONE
    for combine, phase, team in teams_of(program, rules):
        if phase is Phase.DISCOUNTS:
            left = _after_discounts(combine, [discount_bound(rule) for rule in team], left, found.discounts)
    found.discounted = ONE - left
    # A smaller discount leaves a larger base. Where accruals give back less than all of it, that is never worth more.
    is_flat = program.accrual_base is not Base.GROSS and _steepness(program, rules) <= ONE
    found.accrued = _accrued(program, rules, left if is_flat else ONE, found)
    return found


def _after_discounts(combine: Combine, bounds: Sequence[Bound], left: Fraction, makers: list[Rule]) -> Fraction:
    """What is left after a lane that began with `left`."""
    if combine is Combine.ALL:
        for bound in bounds:
            left -= _take(bound, left, makers)
        return left
    takes = [(bound.at(left) or NONE, bound) for bound in bounds]
    if combine in {Combine.BEST, Combine.FIRST}:
        most, best = max(takes, key=lambda each: each[0])
        makers += [best.rule] if most else []
        return left - most
    makers += [bound.rule for most, bound in takes if most]
    whole = sum((most for most, _ in takes), NONE)
    if combine is Combine.ONCE:
        whole = min(whole, max(_steepest(bound) for bound in bounds) * left)
    return left - min(whole, left)


def _take(bound: Bound, left: Fraction, makers: list[Rule]) -> Fraction:
    most = bound.at(left) or NONE
    if most:
        makers.append(bound.rule)
    return most


def _steepest(bound: Bound) -> Fraction:
    return max((part.of_left or NONE for part in bound.parts), default=NONE)


def _accrued(program: Program, rules: Sequence[Rule], base: Fraction, found: Exposure) -> Fraction:
    """The worth of what lanes of accruals and luck give on a base, and in `found` the rules that do."""
    by_wallet: dict[str, Fraction] = {}
    whole = NONE
    for combine, phase, team in teams_of(program, rules):
        if phase in {Phase.DISCOUNTS, Phase.REWARDS}:
            continue
        earlier, bounds = dict(by_wallet), []
        # What has no bound has none when it is multiplied either.
        endless = {rule.wallet or program.default_wallet for rule in found.unbounded}
        for rule in team:
            wallet = rule.wallet or program.default_wallet
            before = None if wallet in endless else earlier.get(wallet, NONE)
            bound = (
                luck_bound(program, rule, rule.give)
                if isinstance(rule.give, GiveDraw)
                else accrual_bound(program, rule, before)
            )
            if bound.at(base) is None:
                found.unbounded.append(rule)
            else:
                bounds.append(bound)
        for bound in bounds:
            wallet = bound.rule.wallet or program.default_wallet
            by_wallet[wallet] = by_wallet.get(wallet, NONE) + (bound.at(base) or NONE)
        whole += _lane_of_accruals(combine, phase, bounds, base, found.accruals)
    return whole


def _lane_of_accruals(
    combine: Combine, phase: Phase, bounds: Sequence[Bound], base: Fraction, makers: list[Rule]
) -> Fraction:
    takes = [(bound.at(base) or NONE, bound) for bound in bounds]
    is_one = combine in {Combine.BEST, Combine.FIRST} or (phase is Phase.LUCK and combine is Combine.BEST_LINE)
    if is_one:
        most, best = max(takes, key=lambda each: each[0], default=(NONE, None))
        makers += [best.rule] if best is not None and most else []
        return most
    makers += [bound.rule for most, bound in takes if most]
    whole = sum((most for most, _ in takes), NONE)
    if phase is Phase.LUCK or combine not in {Combine.BEST_LINE, Combine.ONCE}:
        return whole
    uniform = [(most, bound) for most, bound in takes if bound.uniform]
    together = min(
        sum((most for most, _ in uniform), NONE), max((_steepest(bound) for _, bound in uniform), default=NONE) * base
    )
    return together + sum((most for most, bound in takes if not bound.uniform), NONE)


def _steepness(program: Program, rules: Sequence[Rule]) -> Fraction:
    """How much more is accrued at most for each unit of money that the base is larger."""
    by_wallet: dict[str, Fraction] = {}
    whole = NONE
    for _, phase, team in teams_of(program, rules):
        if phase in {Phase.DISCOUNTS, Phase.REWARDS}:
            continue
        earlier = dict(by_wallet)
        for rule in team:
            wallet = rule.wallet or program.default_wallet
            if isinstance(rule.give, GiveMultiply):
                slope = multiplied(rule.give, earlier.get(wallet, NONE))
            elif isinstance(rule.give, GiveDraw):
                slope = _steepest(luck_bound(program, rule, rule.give))
            else:
                slope = _steepest(accrual_bound(program, rule, NONE))
            by_wallet[wallet] = by_wallet.get(wallet, NONE) + slope
            whole += slope
    return whole
