"""The choice of single units is what taking them one by one would choose."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from app.domain.program import GivePrice, Per, Units, Which
from app.domain.rules.picking import Picked, Stand
from app.domain.rules.rewards import discount_total
from app.domain.rules.units import pick_units
from tests.domain.rules.baskets import chosen_units
from tests.model.examples import examples

lines = st.lists(
    st.tuples(st.one_of(st.integers(0, 5), st.integers(0, 10**6)), st.integers(1, 6_000), st.integers(0, 6_000)),
    min_size=1,
    max_size=5,
)


def one_by_one(units: Units, stand: Stand) -> tuple[list[tuple[int, Fraction]], list[int]]:
    """Each unit taken, as its line and its worth, in the order of choice; and the lines of the units counted."""
    singles = [
        (place, Fraction(worth * 1_000, qty))
        for place, (worth, qty, open_) in enumerate(zip(stand.worths, stand.qtys_milli, stand.open_milli, strict=True))
        for _ in range(open_ // 1_000)
        if worth
    ]
    pools = (
        [singles]
        if units.per is Per.RECEIPT
        else [[unit for unit in singles if unit[0] == place] for place in range(len(stand.worths))]
    )
    taken: list[tuple[int, Fraction]] = []
    counted: list[int] = []
    for pool in pools:
        groups = len(pool) // units.every
        groups = groups if units.times is None else min(groups, units.times)
        sign = -1 if units.which is Which.DEAREST else 1
        pool.sort(key=lambda unit: (sign * unit[1], unit[0]))
        taken += pool[: groups * units.take]
        counted += [place for place, _ in pool[: groups * units.every]]
    return taken, counted


def stand_of(drawn: list[tuple[int, int, int]]) -> Stand:
    qtys = [qty for _, qty, _ in drawn]
    return Stand([worth for worth, _, _ in drawn], qtys, [min(open_, qty) for _, qty, open_ in drawn])


def pick(units: Units, stand: Stand) -> Picked | None:
    return pick_units(units, list(range(len(stand.worths))), stand)


@examples(800)
@given(chosen_units(), lines)
def test_the_units_taken_and_counted_are_those_of_taking_them_one_by_one(
    units: Units, drawn: list[tuple[int, int, int]]
) -> None:
    stand = stand_of(drawn)
    taken, counted = one_by_one(units, stand)
    picked = pick(units, stand)
    if picked is None:
        assert not taken
        return
    places = [place for place, _ in taken]
    assert list(picked.places) == sorted(set(places))
    assert list(picked.qtys_milli) == [places.count(place) * 1_000 for place in picked.places]
    assert [Fraction(worth, picked.scale) for worth in picked.worths] == [
        sum(worth for at, worth in taken if at == place) for place in picked.places
    ]
    assert dict(picked.counted()) == {place: counted.count(place) * 1_000 for place in set(counted)}


@examples(500)
@given(chosen_units(), lines, st.integers(0, 3_000))
def test_each_group_costs_its_price_and_none_more(units: Units, drawn: list[tuple[int, int, int]], price: int) -> None:
    stand = stand_of(drawn)
    picked = pick(units, stand)
    if picked is None:
        return
    worths = [worth for _, worth in one_by_one(units, stand)[0]]
    groups = [worths[start : start + units.take] for start in range(0, len(worths), units.take)]
    above = sum((max(sum(group) - price, Fraction(0)) for group in groups), Fraction(0))
    assert discount_total(GivePrice(price))(picked, []) == int(above + Fraction(1, 2))
