"""A fiscal receipt's quantities times prices are what the line costs, to the last minor unit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.rules.prices import UnitPrice, split_price
from tests.model.examples import examples


@pytest.mark.parametrize(
    ("paid", "qty_milli", "pairs"),
    [
        (20_800, 2_000, (UnitPrice(2_000, 10_400),)),
        (1_000, 3_000, (UnitPrice(1_000, 334), UnitPrice(2_000, 333))),
        (2, 3_000, (UnitPrice(2_000, 1), UnitPrice(1_000, 0))),
        (0, 3_000, (UnitPrice(3_000, 0),)),
        (310, 345, (UnitPrice(345, 899, 310),)),  # 310 / 0.345 = 898.55
        (0, 1, (UnitPrice(1, 0, 0),)),
    ],
)
def test_the_dearer_units_come_first(paid: int, qty_milli: int, pairs: tuple[UnitPrice, ...]) -> None:
    assert split_price(paid=paid, qty_milli=qty_milli) == pairs


@examples(500)
@given(st.integers(0, 10**12), st.one_of(st.integers(1, 10**9), st.integers(1, 100).map(lambda units: units * 1_000)))
def test_pairs_sum_to_what_is_paid(paid: int, qty_milli: int) -> None:
    pairs = split_price(paid=paid, qty_milli=qty_milli)
    assert sum(pair.total for pair in pairs) == paid
    assert sum(pair.qty_milli for pair in pairs) == qty_milli
    assert [pair.price - pairs[-1].price for pair in pairs] in ([0], [1, 0])
    assert all(pair.qty_milli > 0 for pair in pairs)


@pytest.mark.parametrize(("paid", "qty_milli"), [(-1, 1_000), (1, 0), (1, -1_000)])
def test_nonsense_raises(paid: int, qty_milli: int) -> None:
    with pytest.raises(ValueError, match="can't price"):
        split_price(paid=paid, qty_milli=qty_milli)
