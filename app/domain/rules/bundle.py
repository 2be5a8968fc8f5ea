"""Bundles: sets of one unit of each listed article, at one price together.

As many sets as there are full ones; the dearest units of each article go first, ties to the earlier line. Units are
those of `units`: whole ones, none that are worth nothing. What comes out reads like groups of `on.units` of one set
each, so a bundle is priced as `price` is. Lines of many units are handled as runs: the work grows with the lines, not
with the quantities.
"""

from collections.abc import Mapping

from app.domain.amounts import MILLI
from app.domain.basket import Line
from app.domain.rules.picking import Picked, Run, Stand
from app.domain.rules.units import Stock, stocks_of


class _Pile:
    """The units of one article, dearest first; `each` of them belong to one set."""

    def __init__(self, stocks: list[Stock], *, each: int) -> None:
        self._stocks = sorted(stocks, key=lambda stock: -stock.unit_worth)  # Stable: ties stay with the earlier line.
        self._each = each
        self._at = 0
        self._used = 0  # Of the stock at `_at`.
        self.sets = sum(stock.units for stock in stocks) // each

    def alike(self) -> int:
        """How many of the next sets take their units from one stock alone; 0 where the next one runs over its end."""
        return (self._stocks[self._at].units - self._used) // self._each

    def take(self, sets: int, taken: dict[int, int]) -> int:
        """Take the units of so many sets, noting them by place; what they are worth together."""
        rest, worth = sets * self._each, 0
        while rest:
            stock = self._stocks[self._at]
            part = min(stock.units - self._used, rest)
            taken[stock.place] = taken.get(stock.place, 0) + part
            worth += part * stock.unit_worth
            rest -= part
            self._used += part
            if self._used == stock.units:
                self._at, self._used = self._at + 1, 0
        return worth


def pick_bundle(bundle: Mapping[str, int], places: list[int], stand: Stand, lines: tuple[Line, ...]) -> Picked | None:
    """The units that make full sets; None where there is no full set. `bundle` is how many of which article."""
    stocks, scale = stocks_of(places, stand)
    by_sku: dict[str | None, list[Stock]] = {}
    for stock in stocks:
        by_sku.setdefault(lines[stock.place].sku, []).append(stock)
    piles = [_Pile(by_sku.get(sku, []), each=each) for sku, each in bundle.items()]
    left = min(pile.sets for pile in piles)
    if not left:
        return None
    taken: dict[int, int] = {}
    runs = []
    while left:
        alike = min(left, max(1, min(pile.alike() for pile in piles)))
        worth = sum(pile.take(alike, taken) for pile in piles)
        runs.append(Run(alike, worth // alike))  # Alike sets have one worth; a single set has its own.
        left -= alike
    worth_of = {stock.place: stock.unit_worth for stock in stocks}
    by_place = sorted(taken)
    return Picked(
        places=by_place,
        worths=[taken[place] * worth_of[place] for place in by_place],
        scale=scale,
        qtys_milli=[taken[place] * MILLI for place in by_place],
        runs=runs,
        group=1,
    )
