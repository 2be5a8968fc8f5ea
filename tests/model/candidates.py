"""What one rule would give on what is left: the units it picks, its total, and the total spread over lines.

Where the contract leaves a choice, the reading taken here:
- a line's floor is `min_price × qty`, half-up, as its gross is, so that no line falls below it;
- with `price` on `on.units`, groups are the taken units in their order, `take` at a time, and none becomes dearer;
- `per: "line"` counts groups, and `times`, in each line by itself; a line's units are all worth the same;
- `unit_price`, `amount_each` and `units_each` count whole units with or without `on.units`, and take no more off them
  than they are worth; what `units_each` gives in total is spread by the accrual base, as every accrual is;
- `multiply` looks at all that the selected lines were given, also where `on.units` selects some of their units;
- in `once` the units that a rule counted but did not take are the next ones in its order.
"""

from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from math import floor
from typing import Any

from tests.model.arithmetic import Json, half_up, largest_remainder, number, spread
from tests.model.coupons import needs_of
from tests.model.facts import line_matches


@dataclass
class Standing:
    """Where a phase has got to. Lists go by line; money in minor units.

    `worth`: what each line's units are valued by (what is left of it, or the accrual base); `rooms`: what it may still
    lose; `cheaper`: whether something made it cheaper already; `used`: whole units that the lane's `once` closed, and
    whether it closed all of the line; `earlier`: accruals of earlier lanes by wallet.
    """

    lines: list[Json]
    closed_to: str
    worth: list[int]
    rooms: list[int]
    cheaper: list[bool]
    used: list[tuple[int, bool]]
    earlier: list[dict[str, int]]

    def unit_worth(self, i: int) -> Fraction:
        return self.worth[i] / number(self.lines[i]["qty"])

    def quantity(self, i: int) -> Fraction:
        """What of the line is still open to the rule."""
        units, all_of_it = self.used[i]
        return Fraction(0) if all_of_it else number(self.lines[i]["qty"]) - units

    def whole_units(self, i: int) -> int:
        """Units still open to the rule; those worth nothing aren't counted."""
        return floor(self.quantity(i)) if self.worth[i] else 0


@dataclass
class Picked:
    """What a rule selects: by line its exact worth, units taken and units counted; and the worth of each group."""

    worth: dict[int, Fraction]
    units: dict[int, int]
    counted: dict[int, int]
    takes_whole_lines: bool
    groups: list[Fraction]

    @property
    def total(self) -> Fraction:
        return sum(self.worth.values(), Fraction(0))


def room(line: Json, left: int) -> int:
    """What a line may still lose before it falls below its floor, or below 0."""
    return max(0, left - half_up((line.get("min_price") or 0) * number(line["qty"])))


def pick(rule: Json, standing: Standing) -> Picked:
    on = rule.get("on")
    closed = {standing.closed_to} | ({"coupon"} if needs_of(rule.get("when"), "coupon") else set())
    lines = [
        i
        for i, line in enumerate(standing.lines)
        if not closed & set(line.get("no", []))
        and standing.quantity(i) > 0
        and line_matches(line, on, cheaper=standing.cheaper[i])
    ]
    if "bundle" in rule["give"]:
        return pick_sets(rule["give"]["bundle"]["skus"], lines, standing)
    if on and "units" in on:
        return pick_units(on["units"], lines, standing)
    units = {i: standing.whole_units(i) for i in lines}
    counts = any(name in rule["give"] for name in ("amount_each", "unit_price", "units_each"))
    worth = {i: standing.unit_worth(i) * (units[i] if counts else standing.quantity(i)) for i in lines}
    total = sum(worth.values(), Fraction(0))
    return Picked(worth=worth, units=units, counted=units, takes_whole_lines=not counts, groups=[total])


def pick_units(terms: Json, lines: list[int], standing: Standing) -> Picked:
    """Of every full group of `every` units `take`, at most `times` groups, the cheapest (dearest) overall."""
    if terms.get("per", "receipt") == "line":
        each = [pick_units({**terms, "per": "receipt"}, [i], standing) for i in lines]
        return Picked(
            worth={i: worth for part in each for i, worth in part.worth.items()},
            units={i: count for part in each for i, count in part.units.items()},
            counted={i: count for part in each for i, count in part.counted.items()},
            takes_whole_lines=False,
            groups=[group for part in each for group in part.groups],
        )
    every: int = terms.get("every", 1)
    take: int = terms.get("take", every)
    sign = -1 if terms.get("which", "cheapest") == "dearest" else 1
    units = [i for i in lines for _ in range(standing.whole_units(i))]
    units.sort(key=lambda i: (sign * standing.unit_worth(i), i))
    count = min(len(units) // every, terms.get("times") or len(units))
    taken = units[: count * take]
    groups = [taken[start : start + take] for start in range(0, len(taken), take)]
    return Picked(
        worth={i: taken.count(i) * standing.unit_worth(i) for i in sorted(set(taken))},
        units={i: taken.count(i) for i in sorted(set(taken))},
        counted={i: units[: count * every].count(i) for i in sorted(set(units[: count * every]))},
        takes_whole_lines=False,
        groups=[sum((standing.unit_worth(i) for i in group), Fraction(0)) for group in groups],
    )


def pick_sets(skus: list[str], lines: list[int], standing: Standing) -> Picked:
    """As many sets of one unit of each article as there are, of the dearest units first."""
    needs = Counter(skus)
    shelf: dict[str, list[int]] = {sku: [] for sku in needs}
    for i in lines:
        if standing.lines[i].get("sku") in needs:
            shelf[standing.lines[i]["sku"]] += [i] * standing.whole_units(i)
    for units in shelf.values():
        units.sort(key=lambda i: (-standing.unit_worth(i), i))
    count = min(len(shelf[sku]) // need for sku, need in needs.items())
    sets = [[i for sku, need in needs.items() for i in shelf[sku][k * need : (k + 1) * need]] for k in range(count)]
    taken = [i for each in sets for i in each]
    units_taken = {i: taken.count(i) for i in sorted(set(taken))}
    return Picked(
        worth={i: count * standing.unit_worth(i) for i, count in units_taken.items()},
        units=units_taken,
        counted=units_taken,
        takes_whole_lines=False,
        groups=[sum((standing.unit_worth(i) for i in each), Fraction(0)) for each in sets],
    )


def discount_parts(rule: Json, picked: Picked, standing: Standing, *, at_most: int | None = None) -> dict[int, int]:
    """What the rule takes off each line, within the lines' rooms and its own limits."""
    ((name, value),) = rule["give"].items()
    if not picked.worth:
        return {}
    if name == "bundle":
        name, value = "price", value["price"]
    if name in ("amount_each", "unit_price"):
        parts = {}
        for i, count in picked.units.items():
            off = value * count if name == "amount_each" else count * (standing.unit_worth(i) - value)
            parts[i] = min(half_up(max(Fraction(0), min(off, picked.worth[i]))), standing.rooms[i])
        return cut(parts, at_most)
    total = min(half_up(max(Fraction(0), discount_total(name, value, picked))), half_up(picked.total))
    if at_most is not None:
        total = min(total, at_most)
    return spread(total, picked.worth, {i: standing.rooms[i] for i in picked.worth})


def discount_total(name: str, value: Any, picked: Picked) -> Fraction:
    if name == "percent":
        return picked.total * number(value) / 100
    if name == "amount":
        return Fraction(value)
    if name == "price":
        return sum((max(Fraction(0), group - value) for group in picked.groups), Fraction(0))
    reached = [step for step in value if step["min"] <= picked.total]
    if not reached:
        return Fraction(0)
    step = max(reached, key=lambda each: each["min"])
    name = "percent" if "percent" in step else "amount"
    return discount_total(name, step[name], picked)


def cut(parts: dict[int, int], at_most: int | None) -> dict[int, int]:
    """Parts that sum to no more than that, each by its size."""
    if at_most is None or sum(parts.values()) <= at_most:
        return parts
    return largest_remainder(at_most, parts)


def accrual_parts(
    rule: Json, picked: Picked, standing: Standing, *, wallet: str, value: int, at_most: int | None = None
) -> dict[int, int]:
    """Units of `wallet` on each line; `value` is what one unit of it buys."""
    give = rule["give"]
    if not picked.worth:
        return {}
    if "units_each" in give:
        total = give["units_each"] * sum(picked.units.values())
    elif "percent" in give:
        total = floor(picked.total * number(give["percent"]) / 100 / (value or 1))
    elif "per" in give:
        total = floor(picked.total / give["per"]["amount"]) * give["per"]["units"]
    elif "units" in give:
        total = give["units"]
    else:
        earlier = sum(standing.earlier[i].get(wallet, 0) for i in picked.worth)
        total = floor((number(give["multiply"]) - 1) * earlier)
    if at_most is not None:
        total = min(total, at_most)
    return largest_remainder(total, picked.worth)
