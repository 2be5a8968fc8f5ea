"""What each `give` wants on what a rule has picked, before rooms and limits.

A reward either wants one total, which is then spread over the lines, or (`amount_each`, `unit_price`) an amount of
each line, rounded on each line. Sums are kept over the picked scale and rounded once: half-up for discounts, floor
for accruals.

Decided here: `units` is given once if anything is picked, worth something or not; `multiply` looks at whole lines,
also where single units of them are picked, and a factor below 1 takes nothing away; a group of `on.units` cheaper
than its `price` takes nothing off the total, though its units weigh in the spreading as all that are picked do.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import assert_never

from app.domain.amounts import MICRO, MILLI, half_up, total
from app.domain.program import (
    Give,
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
    Step,
)
from app.domain.rules.picking import Picked, Run

Total = Callable[[Picked, list[int]], int]  # The second: what earlier lanes gave in the rule's wallet, by line.
Each = Callable[[Picked], list[int]]  # Parallel to the picked places.


def counts_units(give: Give) -> bool:
    """Whether a reward is about single units even where its rule selects lines: then whole units of them are picked."""
    return isinstance(give, GiveAmountEach | GiveUnitPrice | GiveUnitsEach)


def discount_each(give: Give) -> Each | None:
    """The amounts that a discount wants of each line; None for one that wants a total."""
    match give:
        case GiveAmountEach(amount):
            return lambda picked: [half_up(min(worth, amount * units), scale) for worth, units, scale in _units(picked)]
        case GiveUnitPrice(price):
            return lambda picked: [
                half_up(max(worth - price * units, 0), scale) for worth, units, scale in _units(picked)
            ]
    return None


def _units(picked: Picked) -> Iterator[tuple[int, int, int]]:
    """Each line's units: what they are worth, how many they are, both times the scale; and the scale."""
    scale = picked.scale
    for worth, qty_milli in zip(picked.worths, picked.qtys_milli, strict=True):
        yield worth, qty_milli // MILLI * scale, scale


def discount_total(give: Give) -> Total:
    """The total that a discount wants.

    Raises:
        ValueError: the reward isn't a discount with a total.
    """
    match give:
        case GivePercent(rate):
            return lambda picked, _: half_up(total(picked.worths) * rate, MICRO * picked.scale)
        case GiveAmount(amount):
            return lambda picked, _: min(amount, half_up(total(picked.worths), picked.scale))
        case GivePrice(price) | GiveBundle(_, price):
            return lambda picked, _: half_up(_above_price(picked, price * picked.scale), picked.scale)
        case GiveSteps(steps):
            return lambda picked, _: _step_discount(steps, total(picked.worths), picked.scale)
        case GiveAmountEach() | GiveUnitPrice() | GivePer() | GiveUnits() | GiveUnitsEach() | GiveMultiply():
            raise ValueError(f"{give} is not a discount with a total")
        case GiveGift() | GiveCoupon() | GiveDraw():
            raise ValueError(f"{give} is not a discount")
        case _:
            assert_never(give)


def _above_price(picked: Picked, price: int) -> int:
    """What the selection, or each of its groups, is worth above `price`; both times the scale."""
    if not picked.runs:
        return max(total(picked.worths) - price, 0)
    return _groups_above_price(picked.runs, price=price, group=picked.group)


def _groups_above_price(runs: Sequence[Run], *, price: int, group: int) -> int:
    above = 0
    begun, begun_worth = 0, 0  # Units of the group that runs over the end of a line, and their worth.
    for units, unit_worth in runs:
        rest = units
        if begun:
            part = min(group - begun, rest)
            begun, begun_worth, rest = begun + part, begun_worth + part * unit_worth, rest - part
            if begun < group:
                continue
            above += max(begun_worth - price, 0)
        full, begun = divmod(rest, group)
        above += full * max(group * unit_worth - price, 0)
        begun_worth = begun * unit_worth
    return above


def _step_discount(steps: Sequence[Step], worth: int, scale: int) -> int:
    reached = None
    for step in steps:
        if worth < step.min * scale:
            break
        reached = step
    if reached is None:
        return 0
    if reached.rate is not None:
        return half_up(worth * reached.rate, MICRO * scale)
    return min(reached.amount or 0, half_up(worth, scale))


def accrual_total(give: Give, *, value: int) -> Total:
    """The units that an accrual wants in a wallet whose unit buys `value` of money (0 counts as 1).

    Raises:
        ValueError: the reward isn't an accrual.
    """
    match give:
        case GivePercent(rate):
            unit = MICRO * max(value, 1)
            return lambda picked, _: total(picked.worths) * rate // (unit * picked.scale)
        case GivePer(amount, units):
            return lambda picked, _: total(picked.worths) // (amount * picked.scale) * units
        case GiveUnits(units):
            return lambda _picked, _: units
        case GiveUnitsEach(units):
            return lambda picked, _: sum(picked.qtys_milli) // MILLI * units
        case GiveMultiply(factor):
            extra = max(factor - MICRO, 0)
            return lambda picked, earlier: sum(earlier[place] for place in picked.places) * extra // MICRO
        case GiveAmount() | GiveAmountEach() | GiveUnitPrice() | GivePrice() | GiveSteps() | GiveBundle():
            raise ValueError(f"{give} is not an accrual")
        case GiveGift() | GiveCoupon() | GiveDraw():
            raise ValueError(f"{give} is not an accrual")
        case _:
            assert_never(give)
