"""What of a basket a rule is about, in exact numbers: whole lines and all their units here, chosen units in `units`."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import lcm
from typing import NamedTuple

from app.domain.amounts import MILLI


class Run(NamedTuple):
    """Units of one line that were taken one after another, each worth `unit_worth` over the picked scale."""

    units: int
    unit_worth: int


@dataclass(slots=True)
class Picked:
    """The selected part of some lines; the sequences are parallel to `places`, the lines' places in the basket, which
    ascend.

    `worths` are what the selected part has left, times `scale`: whole lines have scale 1, units a common multiple of
    the quantities, so that a third of 1.00 stays exact without a fraction object for each unit. `qtys_milli` is how
    much of each line is taken, empty where all lines are taken whole and none can be closed. For single units, `runs`
    are the taken units in the order of choice, in groups of `group`, and `counted_milli` says by place how much of each
    line was counted for them (`every`); whole lines have neither, and are counted as they are taken.
    """

    places: list[int]
    worths: list[int]
    scale: int
    qtys_milli: Sequence[int]
    counted_milli: Mapping[int, int] | None
    runs: Sequence[Run]
    group: int

    def __init__(
        self,
        places: list[int],
        worths: list[int],
        scale: int,
        qtys_milli: Sequence[int],
        counted_milli: Mapping[int, int] | None = None,
        runs: Sequence[Run] = (),
        group: int = 0,
    ) -> None:
        self.places = places
        self.worths = worths
        self.scale = scale
        self.qtys_milli = qtys_milli
        self.counted_milli = counted_milli
        self.runs = runs
        self.group = group

    def counted(self) -> Iterable[tuple[int, int]]:
        """How much of which lines was counted, in thousandths; what a lane of mode `once` closes."""
        if self.counted_milli is None:
            return zip(self.places, self.qtys_milli, strict=True)
        return self.counted_milli.items()


class Stand:
    """A basket's lines when a rule looks at them: what each has left, its quantity, how much of it is open; the very
    same list twice where no rule closes anything.
    """

    __slots__ = ("open_milli", "qtys_milli", "worths")

    def __init__(self, worths: list[int], qtys_milli: list[int], open_milli: list[int]) -> None:
        self.worths = worths
        self.qtys_milli = qtys_milli
        self.open_milli = open_milli


def pick_lines(places: list[int], stand: Stand) -> Picked:
    """Lines taken whole, or what is open of them; at least something of each line must be."""
    worths, open_milli = stand.worths, stand.open_milli
    if open_milli is stand.qtys_milli:
        return Picked(places, [worths[place] for place in places], 1, ())
    return _pick(places, [open_milli[place] for place in places], stand)


def pick_whole_units(places: list[int], stand: Stand) -> Picked | None:
    """All units of the lines: whole ones, and none that are worth nothing; None where there is no such unit."""
    worths, open_milli = stand.worths, stand.open_milli
    countable = [place for place in places if worths[place] and open_milli[place] >= MILLI]
    if not countable:
        return None
    return _pick(countable, [open_milli[place] // MILLI * MILLI for place in countable], stand)


def _pick(places: list[int], taken_milli: list[int], stand: Stand) -> Picked:
    worths, qtys_milli = stand.worths, stand.qtys_milli
    whole = [qtys_milli[place] for place in places]
    if taken_milli == whole:
        return Picked(places, [worths[place] for place in places], 1, taken_milli)
    scale = lcm(*whole)
    shares = [
        worths[place] * part * (scale // qty) for place, part, qty in zip(places, taken_milli, whole, strict=True)
    ]
    return Picked(places, shares, scale, taken_milli)
