"""The sets of a bundle are those that making them one by one would make."""

from collections import Counter
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from app.domain.basket import Line
from app.domain.program import GiveBundle
from app.domain.rules.bundle import pick_bundle
from app.domain.rules.picking import Stand
from app.domain.rules.rewards import discount_total
from tests.model.examples import examples

SKUS = ("a", "b", "c")
bundles = st.lists(st.sampled_from(SKUS), min_size=1, max_size=4)
stocks = st.lists(
    st.tuples(st.sampled_from(SKUS), st.integers(0, 50), st.sampled_from([1_000, 2_000, 2_500, 5_000, 9_000])),
    min_size=1,
    max_size=6,
)


def sets_of(skus: list[str], lines: list[tuple[str, int, int]]) -> list[list[tuple[int, Fraction]]]:
    """Each set, as its units' lines and worths: the dearest units first, of equal ones the earlier."""
    units: dict[str, list[tuple[int, Fraction]]] = {}
    for place, (sku, worth, qty) in enumerate(lines):
        if worth:
            units.setdefault(sku, []).extend([(place, Fraction(worth * 1_000, qty))] * (qty // 1_000))
    for pile in units.values():
        pile.sort(key=lambda unit: -unit[1])
    sets = []
    while all(len(units.get(sku, [])) >= count for sku, count in Counter(skus).items()):
        sets.append([units[sku].pop(0) for sku in skus])
    return sets


@examples(400)
@given(bundles, stocks, st.integers(0, 120))
def test_sets_are_made_as_one_by_one(skus: list[str], lines: list[tuple[str, int, int]], price: int) -> None:
    worths, qtys = [worth for _, worth, _ in lines], [qty for *_, qty in lines]
    basket = tuple(Line(str(place), qty, 1, sku) for place, (sku, _, qty) in enumerate(lines))
    picked = pick_bundle(Counter(skus), list(range(len(lines))), Stand(worths, qtys, qtys), basket)
    sets = sets_of(skus, lines)
    if not sets:
        assert picked is None
        return
    assert picked is not None
    taken = Counter(place for each in sets for place, _ in each)
    assert dict(zip(picked.places, picked.qtys_milli, strict=True)) == {
        place: taken[place] * 1_000 for place in sorted(taken)
    }
    assert dict(picked.counted()) == dict(zip(picked.places, picked.qtys_milli, strict=True))
    worth = sum(unit for each in sets for _, unit in each)
    assert Fraction(sum(picked.worths), picked.scale) == worth
    above = sum(max(sum(unit for _, unit in each) - price, Fraction(0)) for each in sets)
    total = discount_total(GiveBundle(tuple(skus), price))(picked, [])
    assert total == (2 * above.numerator + above.denominator) // (2 * above.denominator)


def test_a_million_units_are_no_more_work_than_one() -> None:
    basket = (Line("1", 10**9, 1, "a"), Line("2", 10**9 - 1_000, 1, "b"))
    qtys = [line.qty_milli for line in basket]
    picked = pick_bundle({"a": 1, "b": 1}, [0, 1], Stand([10**6 * 5, (10**6 - 1) * 3], qtys, qtys), basket)
    assert picked is not None
    assert len(picked.runs) == 1
    assert discount_total(GiveBundle(("a", "b"), 7))(picked, []) == 10**6 - 1
