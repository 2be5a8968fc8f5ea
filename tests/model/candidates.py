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

from dataclasses import dataclass
from fractions import Fraction
from math import floor
from typing import Any

from tests.model.arithmetic import Json, half_up, largest_remainder, number, spread
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
    lines = [
        i
        for i, line in enumerate(standing.lines)
        if standing.closed_to not in line.get("no", [])
        and standing.quantity(i) > 0
        and line_matches(line, on, cheaper=standing.cheaper[i])
    ]
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


def discount_parts(rule: Json, picked: Picked, standing: Standing) -> dict[int, int]:
    """What the rule takes off each line, within the lines' rooms."""
    ((name, value),) = rule["give"].items()
    if not picked.worth:
        return {}
    if name in ("amount_each", "unit_price"):
        parts = {}
        for i, count in picked.units.items():
            off = value * count if name == "amount_each" else count * (standing.unit_worth(i) - value)
            parts[i] = min(half_up(max(Fraction(0), min(off, picked.worth[i]))), standing.rooms[i])
        return parts
    total = min(half_up(max(Fraction(0), discount_total(name, value, picked))), half_up(picked.total))
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


def accrual_parts(rule: Json, picked: Picked, standing: Standing, *, wallet: str, value: int) -> dict[int, int]:
    """Units of `wallet` on each line; `value` is what one unit of it buys."""
    give = rule["give"]
    if not picked.worth:
        return {}
    if "units_each" in give:
        total = give["units_each"] * sum(picked.units.values())
        return largest_remainder(total, picked.worth)
    if "percent" in give:
        total = floor(picked.total * number(give["percent"]) / 100 / (value or 1))
    elif "per" in give:
        total = floor(picked.total / give["per"]["amount"]) * give["per"]["units"]
    elif "units" in give:
        total = give["units"]
    else:
        earlier = sum(standing.earlier[i].get(wallet, 0) for i in picked.worth)
        total = floor((number(give["multiply"]) - 1) * earlier)
    return largest_remainder(total, picked.worth)
