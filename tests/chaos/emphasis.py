"""What tills do more often than usual: a short run has to meet what a long one would by chance."""

from collections.abc import Mapping
from dataclasses import dataclass

from tests.chaos.calls import holds, people, races, reads, sales
from tests.chaos.calls.maker import USUAL, Make

TWICE_SHARE = 0.15


@dataclass(frozen=True, slots=True)
class Emphasis:
    """twice_share: of writes that are sent several times at once."""

    weights: Mapping[Make, int]
    twice_share: float = TWICE_SHARE


EMPHASES: Mapping[str, Emphasis] = {
    "usual": Emphasis(USUAL),
    "keys": Emphasis(USUAL, twice_share=0.7),
    "redemptions": Emphasis(
        {sales.redeem_race: 12, sales.redeem: 8, sales.accrue: 10, people.adjust: 8, reads.balance: 6}
    ),
    "holds": Emphasis({holds.place: 30, holds.end: 55, sales.accrue: 8, people.adjust: 6}),
    "returns": Emphasis({sales.accrue: 25, races.give_back_race: 20, sales.redeem: 8, sales.give_back: 8}),
    "reads": Emphasis(
        {
            sales.accrue: 20,
            people.adjust: 6,
            reads.balance: 20,
            reads.sure_balance: 15,
            reads.quote: 25,
            reads.lookup: 25,
        }
    ),
    "sales": Emphasis({sales.accrue: 60, sales.give_back: 5, reads.quote: 5}),
}


def _all() -> Emphasis:
    """Some of everything."""
    weights: dict[Make, int] = {}
    for each in EMPHASES.values():
        for make, weight in each.weights.items():
            weights[make] = weights.get(make, 0) + weight
    return Emphasis(weights, twice_share=0.3)


def emphasis_of(name: str) -> Emphasis:
    """`all` is some of everything. Raises `KeyError` for one that isn't known."""
    return _all() if name == "all" else EMPHASES[name]
