"""A cancellation finds the purchases whose goods it brings back.

The file doesn't say which invoice a cancellation cancels, so the customer's earlier purchases are searched for the same
stock code at the same unit price with enough left that hasn't come back yet. Best fit, newest first:

1. The purchase that covers most of the wanted goods in full is taken, of equals the newest, and so on with the rest.
   So a cancellation that mirrors one invoice becomes one return of it, as a till with the receipt at hand would do.
2. What no single purchase covers in full is taken from the newest purchases first, as far as they go.

What is left then isn't returned: the refund is decided by the stored purchase, so goods bought at another price, or
before the file begins, have no purchase that could say what to pay back. Newest first alone was turned down: it tears a
cancellation of one older invoice into returns of many.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from loadtest.receipts.baskets import Sale
from loadtest.receipts.census import LineTreatment
from loadtest.receipts.model import Line

Goods = tuple[str, int]
"""Stock code and unit price in minor units: what is alike in both can stand for one another in a return."""


@dataclass(frozen=True, slots=True)
class Taken:
    """`quantity` units of one line of one purchase come back; `price` is the unit price in minor units."""

    purchase: str
    line_id: str
    quantity: int
    price: int


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of one wanted line: its treatment and how many of its units a purchase was found for."""

    treatment: LineTreatment
    found: int


@dataclass(frozen=True, slots=True)
class Match:
    """Returns by purchase, in the order they are sent, and the fate of each wanted line, in the lines' order."""

    returns: tuple[tuple[Taken, ...], ...]
    fates: tuple[Fate, ...]


@dataclass(slots=True)
class _Open:
    """A sold line with what hasn't come back yet."""

    place: int
    line_id: str
    left: int


class Bought:
    """Everything one customer bought and hasn't brought back. Purchases are added in time order."""

    __slots__ = ("_numbers", "_open", "_skus")

    def __init__(self) -> None:
        self._numbers: list[str] = []
        self._open: dict[Goods, list[_Open]] = {}
        self._skus: set[str] = set()

    def add(self, sale: Sale) -> None:
        """Takes note of a purchase."""
        place = len(self._numbers)
        self._numbers.append(sale.number)
        for sold in sale.lines:
            self._skus.add(sold.line.sku)
            goods = self._open.setdefault((sold.line.sku, sold.line.price), [])
            goods.append(_Open(place=place, line_id=sold.id, left=sold.line.quantity))

    def take_back(self, wanted: Sequence[Line]) -> Match:
        """Matches lines with negative quantities and prices from 0, and marks what it found as brought back."""
        if any(line.quantity >= 0 or line.price < 0 for line in wanted):
            raise ValueError("only lines with negative quantities and prices from 0 come back")
        open_wants: Counter[Goods] = Counter()
        for line in wanted:
            open_wants[line.sku, line.price] -= line.quantity
        asked = dict(open_wants)
        taken: dict[tuple[int, str], Taken] = {}
        while (place := self._best_place(open_wants)) is not None:
            for goods in [g for g, count in open_wants.items() if self._left_at(g, place) >= count]:
                self._take(goods, open_wants.pop(goods), place=place, into=taken)
        for goods, count in open_wants.items():
            open_wants[goods] = count - self._take(goods, count, place=None, into=taken)
        found = {goods: count - open_wants.get(goods, 0) for goods, count in asked.items()}
        return Match(returns=_by_purchase(taken), fates=self._fates(wanted, found))

    def _left_at(self, goods: Goods, place: int) -> int:
        return sum(part.left for part in self._open.get(goods, ()) if part.place == place)

    def _best_place(self, wants: Counter[Goods]) -> int | None:
        """The purchase that covers most of the wants in full, of equals the newest; None when none covers any."""
        covered: Counter[int] = Counter()
        for goods, count in wants.items():
            left: defaultdict[int, int] = defaultdict(int)
            for part in self._open.get(goods, ()):
                left[part.place] += part.left
            covered.update(place for place, units in left.items() if units >= count)
        return max(covered, key=lambda place: (covered[place], place), default=None)

    def _take(self, goods: Goods, count: int, *, place: int | None, into: dict[tuple[int, str], Taken]) -> int:
        """Takes up to `count` units, of the newest purchase first; returns how many it found."""
        missing = count
        # Sorting is stable: within a purchase the lines stay in the basket's order.
        for part in sorted(self._open.get(goods, ()), key=lambda p: -p.place):
            units = min(missing, part.left) if place is None or part.place == place else 0
            if units == 0:
                continue
            part.left -= units
            missing -= units
            before = into[part.place, part.line_id].quantity if (part.place, part.line_id) in into else 0
            into[part.place, part.line_id] = Taken(
                purchase=self._numbers[part.place], line_id=part.line_id, quantity=before + units, price=goods[1]
            )
        return count - missing

    def _fates(self, wanted: Sequence[Line], found: dict[Goods, int]) -> tuple[Fate, ...]:
        """Shares what was found among the wanted lines, the first ones first."""
        fates: list[Fate] = []
        for line in wanted:
            goods = (line.sku, line.price)
            units = min(found[goods], -line.quantity)
            found[goods] -= units
            fates.append(Fate(treatment=self._treatment(goods, units=units, wanted=-line.quantity), found=units))
        return tuple(fates)

    def _treatment(self, goods: Goods, *, units: int, wanted: int) -> LineTreatment:
        if units == wanted:
            return LineTreatment.RETURNED_IN_FULL
        if units:
            return LineTreatment.RETURNED_IN_PART
        if goods in self._open:
            return LineTreatment.UNMATCHED_ALL_BACK
        if goods[0] in self._skus:
            return LineTreatment.UNMATCHED_OTHER_PRICE
        return LineTreatment.UNMATCHED_NEVER_BOUGHT


def _by_purchase(taken: dict[tuple[int, str], Taken]) -> tuple[tuple[Taken, ...], ...]:
    """Groups what was taken by purchase, the newest purchase first, lines in the basket's order."""
    groups: dict[int, list[Taken]] = {}
    for (place, _), part in sorted(taken.items(), key=lambda item: (-item[0][0], int(item[0][1]))):
        groups.setdefault(place, []).append(part)
    return tuple(tuple(group) for group in groups.values())
