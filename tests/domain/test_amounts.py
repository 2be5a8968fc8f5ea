"""Splitting by largest remainder is what fractions say, to the last unit and tie."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.amounts import allocate, total
from tests.model.examples import examples

numbers = st.one_of(st.integers(0, 9), st.integers(0, 10**15))


@examples(1_000)
@given(numbers, st.lists(numbers, min_size=1, max_size=9))
def test_parts_are_shares_rounded_down_and_the_largest_remainders_get_what_is_missing(
    whole: int, weights: list[int]
) -> None:
    parts = allocate(whole, weights)
    shares = [
        Fraction(whole * weight, sum(weights)) if any(weights) else Fraction(whole, len(weights)) for weight in weights
    ]
    floors = [int(share) for share in shares]
    order = sorted(range(len(weights)), key=lambda place: (floors[place] - shares[place], place))
    for place in order[: whole - sum(floors)]:
        floors[place] += 1
    assert parts == floors
    assert total(parts) == sum(parts) == whole


@pytest.mark.parametrize(
    ("whole", "weights"), [(1, []), (-1, [1]), (-1, [1, 2]), (1, [-1]), (1, [2, -1]), (0, [-1, 1])]
)
def test_nothing_to_split_over_and_what_is_negative_raise(whole: int, weights: list[int]) -> None:
    with pytest.raises(ValueError, match="can't allocate"):
        allocate(whole, weights)
