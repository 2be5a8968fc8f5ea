"""How much of a basket one rule can give at most, as a function of what it looks at.

A bound is a list of alternatives `min(of_left × x, of_gross)`, the largest of which counts: `x` is what the rule looks
at (what is left of the basket, or the accrual base) as a share of the gross total, `of_gross` a share of the gross
total itself. None is "no bound". All are exact; only the rounding of each rule to a whole minor unit or a whole unit,
which the arithmetic of the contract bounds by one, is left out.
"""

from fractions import Fraction
from typing import NamedTuple

from app.domain.amounts import MICRO
from app.domain.program import (
    All,
    AnyOf,
    BasketHas,
    BasketTotal,
    GiveAmount,
    GiveAmountEach,
    GiveBundle,
    GiveCoupon,
    GiveDraw,
    GiveGift,
    GiveMultiply,
    GivePer,
    GivePercent,
    GivePrice,
    GiveSteps,
    GiveUnitPrice,
    GiveUnits,
    GiveUnitsEach,
    Not,
    Program,
    Rule,
    Step,
    When,
    Which,
)
from app.domain.programs.lint.worth import unit_worth

ONE = Fraction(1)
NONE = Fraction(0)


class Part(NamedTuple):
    """`min(of_left × x, of_gross)`."""

    of_left: Fraction | None
    of_gross: Fraction | None

    def at(self, x: Fraction) -> Fraction | None:
        """None: without bound."""
        bounds = [None if self.of_left is None else self.of_left * x, self.of_gross]
        return min((bound for bound in bounds if bound is not None), default=None)


class Bound(NamedTuple):
    """`uniform`: each line gets no more than its own share of it, so two such rules never add up on different lines."""

    rule: Rule
    parts: tuple[Part, ...]
    uniform: bool = False

    def at(self, x: Fraction) -> Fraction | None:
        """The largest alternative; None: one of them is without bound."""
        found = [part.at(x) for part in self.parts]
        known = [each for each in found if each is not None]
        return max(known, default=NONE) if len(known) == len(found) else None


def least_gross(when: When | None, *, positive: bool = True) -> int:
    """The least gross total of the baskets for which conditions can hold."""
    match when:
        case All(tests) | AnyOf(tests):
            found = [least_gross(test, positive=positive) for test in tests]
            return max(found) if isinstance(when, All) is positive else min(found)
        case Not(test):
            return least_gross(test, positive=not positive)
        case BasketTotal(low, high):
            if positive:
                return low or 0
            return high + 1 if high is not None and not low else 0
        case BasketHas(_, _, amount) if positive:
            return amount or 0
    return 0


def discount_bound(rule: Rule) -> Bound:
    """Of what is left of the basket when the rule's turn comes.

    Raises:
        ValueError: the rule isn't a discount.
    """
    gross, share, on = least_gross(rule.when), unit_share(rule), rule.on
    price_min, price_max = (None, None) if on is None else (on.price_min, on.price_max)
    of_left, of_gross = ONE, None
    match rule.give:
        case GivePercent(rate):
            of_left = Fraction(rate, MICRO) * share
        case GiveAmount(amount):
            of_gross = over(amount, gross)
        case GiveAmountEach(amount):
            of_gross = over(amount, price_min or 0)
        case GiveUnitPrice(price):
            of_left = max(NONE, 1 - Fraction(price, price_max)) if price_max else ONE
        case GiveSteps(steps):
            of_left = max(_step(step, gross) for step in steps)
        case GivePrice() | GiveBundle():
            pass  # What is selected may be worth anything above the price.
        case _:
            raise ValueError(f"{rule.give} is not a discount")
    return _limited(rule, [Part(of_left, of_gross)], unit=ONE)


def _step(step: Step, gross: int) -> Fraction:
    if step.rate is not None:
        return Fraction(step.rate, MICRO)
    return min(ONE, Fraction(step.amount or 0, max(step.min, gross)) if max(step.min, gross) else ONE)


def accrual_bound(program: Program, rule: Rule, earlier: Fraction | None) -> Bound:
    """Of the accrual base, in money's worth; `earlier` is the worth of what earlier lanes gave in the rule's wallet,
    None where that has no bound.

    Raises:
        ValueError: the rule isn't an accrual.
    """
    wallet = rule.wallet or program.default_wallet
    worth, gross = unit_worth(program, wallet), least_gross(rule.when)
    share, uniform = unit_share(rule), rule.on is None or rule.on.units is None
    match rule.give:
        case GivePercent(rate):
            parts = [Part(_in_units(program, wallet, rate) * worth * share, None)]
        case GivePer(amount, units):
            parts = [Part(Fraction(units, amount) * worth * share, None)]
        case GiveUnits(units):
            parts, uniform = [Part(None, over(units * worth, gross))], False
        case GiveUnitsEach(units):
            price_min = 0 if rule.on is None else rule.on.price_min or 0
            parts, uniform = [Part(None, over(units * worth, price_min))], False
        case GiveMultiply():
            parts, uniform = [Part(None, None if earlier is None else multiplied(rule.give, earlier))], False
        case _:
            raise ValueError(f"{rule.give} is not an accrual")
    limited = _limited(rule, parts, unit=worth, caps=program_caps(program, wallet))
    return limited._replace(uniform=uniform)


def multiplied(give: GiveMultiply, earlier: Fraction) -> Fraction:
    """What a factor adds to what was given before."""
    return Fraction(max(give.factor - MICRO, 0), MICRO) * earlier


def luck_bound(program: Program, rule: Rule, draw: GiveDraw) -> Bound:
    """Of the accrual base, the largest prize counts. What a gift costs is what it is worth."""
    wallet = rule.wallet or program.default_wallet
    worth, gross = unit_worth(program, wallet), least_gross(rule.when)
    parts = []
    for prize in draw.prizes:
        if prize.rate is not None:
            parts.append(Part(_in_units(program, wallet, prize.rate) * worth, None))
        else:
            parts.append(Part(None, over((prize.units or 0) * worth + prize.cost, gross)))
    # Such limits count what prizes cost, by the wallet's own value; what units become may be worth more.
    unit = max(ONE, worth * Fraction(1, max(program.wallets[wallet].value, 1)))
    return _limited(rule, parts, unit=unit)


def _in_units(program: Program, wallet: str, rate: int) -> Fraction:
    return Fraction(rate, MICRO * max(program.wallets[wallet].value, 1))


def program_caps(program: Program, wallet: str) -> tuple[int, ...]:
    """What one rule can give at most by the caps of its wallet; those by category bound no basket."""
    return tuple(cap.max for cap in program.caps if cap.wallet == wallet and cap.depth is None)


def unit_share(rule: Rule) -> Fraction:
    """How much of what is selected single units can be worth: the cheapest of all are at most their number's share."""
    units = None if rule.on is None else rule.on.units
    if units is None or units.which is Which.DEAREST:
        return ONE
    return Fraction(units.take, units.every)


def over(amount: Fraction | int, gross: int) -> Fraction | None:
    """An amount as a share of a basket of at least `gross`; None: of any basket, so that there is no bound."""
    if not amount:
        return NONE
    return Fraction(amount) * Fraction(1, gross) if gross else None


def _limited(rule: Rule, parts: list[Part], *, unit: Fraction, caps: tuple[int, ...] = ()) -> Bound:
    """The same within the rule's limits, which are in its own unit."""
    limit = rule.limit
    named = () if limit is None else (limit.receipt, limit.customer_max, limit.budget)
    most = min((bound for bound in (*named, *caps) if bound is not None), default=None)
    share = None if most is None else over(most * unit, least_gross(rule.when))
    if share is None:
        return Bound(rule, tuple(parts))
    cut = (part.of_gross if part.of_gross is not None and part.of_gross < share else share for part in parts)
    return Bound(rule, tuple(Part(part.of_left, bound) for part, bound in zip(parts, cut, strict=True)))


def is_a_price(rule: Rule) -> bool:
    """Whether it sets what articles cost, or what comes off each."""
    return isinstance(rule.give, GiveUnitPrice | GivePrice | GiveBundle | GiveAmountEach)


def is_never_counted(rule: Rule) -> bool:
    """Whether nobody says what it is worth: gifts and codes of rewards, prizes without a cost."""
    match rule.give:
        case GiveGift() | GiveCoupon():
            return True
        case GiveDraw(_, prizes):
            return any((prize.gift or prize.coupon) and not prize.cost for prize in prizes)
    return False
