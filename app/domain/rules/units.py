"""The choice of single units for `on.units`: groups are counted, then the cheapest or dearest units are taken.

Units of one line are alike, so lines are handled as runs of units and a line of a million pieces costs no more than
one of two. A unit is worth what its line has left divided by its whole quantity, exactly; units worth nothing and the
broken part of a quantity aren't counted.

Decided here: with `per: "line"` each line forms its groups alone and `times` is a bound a line; and the counted units
that aren't taken (only a lane of mode `once` asks which they are) are those next in the order of choice.
"""

from collections.abc import Sequence
from math import lcm
from operator import attrgetter
from typing import NamedTuple

from app.domain.amounts import MILLI
from app.domain.program import Per, Units, Which
from app.domain.rules.picking import Picked, Run, Stand


class Stock(NamedTuple):
    """Countable units of one line; `unit_worth` is times the scale that all stocks share."""

    place: int
    units: int
    unit_worth: int


_unit_worth = attrgetter("unit_worth")
_Choice = Sequence[tuple[Stock, int]]  # In the order of choice: so many units of this line.


def pick_units(units: Units, places: list[int], stand: Stand) -> Picked | None:
    """The units that `units` takes from the lines at `places`; None where not one group is full."""
    stocks, scale = stocks_of(places, stand)
    if units.per is Per.LINE:
        groups_by_line = [(stock, groups) for stock in stocks if (groups := _groups(stock.units, units))]
        taken: _Choice = [(stock, groups * units.take) for stock, groups in groups_by_line]
        counted: _Choice = [(stock, groups * units.every) for stock, groups in groups_by_line]
    else:
        groups = _groups(sum([stock.units for stock in stocks]), units)
        if len(stocks) > 1:
            # The sort is stable, also in reverse: ties go to the earlier line.
            stocks.sort(key=_unit_worth, reverse=units.which is Which.DEAREST)
        taken = _first(stocks, groups * units.take)
        counted = taken if units.take == units.every else _first(stocks, groups * units.every)
    return _picked(taken, counted, scale=scale, group=units.take) if taken else None


def stocks_of(places: list[int], stand: Stand) -> tuple[list[Stock], int]:
    """What can be counted of each line, and the scale of its unit worth."""
    worths, qtys_milli, open_milli = stand.worths, stand.qtys_milli, stand.open_milli
    countable = [place for place in places if worths[place] and open_milli[place] >= MILLI]
    if not countable:
        return [], 1
    scale = lcm(*[qtys_milli[place] for place in countable])
    stocks = [
        Stock(place, open_milli[place] // MILLI, worths[place] * MILLI * (scale // qtys_milli[place]))
        for place in countable
    ]
    return stocks, scale


def _groups(count: int, units: Units) -> int:
    groups = count // units.every
    return groups if units.times is None else min(groups, units.times)


def _first(stocks: Sequence[Stock], count: int) -> _Choice:
    """The first `count` units in the stocks' order."""
    chosen = []
    for stock in stocks:
        if count <= 0:
            break
        part = min(stock.units, count)
        chosen.append((stock, part))
        count -= part
    return chosen


def _picked(taken: _Choice, counted: _Choice, *, scale: int, group: int) -> Picked:
    by_place = taken if len(taken) == 1 else sorted(taken, key=_place)
    return Picked(
        places=[stock.place for stock, _ in by_place],
        worths=[count * stock.unit_worth for stock, count in by_place],
        scale=scale,
        qtys_milli=[count * MILLI for _, count in by_place],
        counted_milli={stock.place: count * MILLI for stock, count in counted},
        runs=[Run(count, stock.unit_worth) for stock, count in taken],
        group=group,
    )


def _place(choice: tuple[Stock, int]) -> int:
    return choice[0].place
