"""Spreading loses nothing, passes no room, and is what the contract's sentence says, worked out with fractions."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.rules.spreading import spread
from tests.model.examples import examples

weights_and_rooms = st.lists(
    st.tuples(
        st.one_of(st.integers(0, 9), st.integers(0, 10**12)), st.one_of(st.integers(0, 9), st.integers(0, 10**12))
    ),
    min_size=1,
    max_size=8,
)


@examples(1_000)
@given(weights_and_rooms, st.integers(0, 10**6))
def test_parts_sum_to_the_whole_and_stay_within_their_rooms(pairs: list[tuple[int, int]], part: int) -> None:
    weights, rooms = [weight for weight, _ in pairs], [room for _, room in pairs]
    total = sum(rooms) * part // 10**6
    parts = spread(total, weights, rooms)
    assert sum(parts) == total
    assert all(0 <= part <= room for part, room in zip(parts, rooms, strict=True))
    assert parts == one_line_at_a_time(total, weights, rooms)


def one_line_at_a_time(total: int, weights: list[int], rooms: list[int]) -> list[int]:
    """The contract's sentence to the letter, fixing the last full line first: the order must not matter."""
    parts: dict[int, int] = {}
    while True:
        rest = total - sum(parts.values())
        left = [place for place in range(len(weights)) if place not in parts]
        whole = sum(weights[place] for place in left)
        shares = {
            place: Fraction(rest * weights[place], whole) if whole else Fraction(rest, len(left)) for place in left
        }
        full = [place for place in left if shares[place] > rooms[place]]
        if not full:
            break
        parts[full[-1]] = rooms[full[-1]]
    floors = {place: int(share) for place, share in shares.items()}
    order = sorted(left, key=lambda place: (floors[place] - shares[place], place))
    for place in order[: rest - sum(floors.values())]:
        floors[place] += 1
    return [{**parts, **floors}[place] for place in range(len(weights))]


def test_what_the_contract_does_not_allow_raises() -> None:
    for total, weights, rooms in ((5, [1, 1], [2, 2]), (1, [1, 1], [2, -1]), (1, [], []), (1, [1], [1, 1])):
        with pytest.raises(ValueError, match=r"can't|argument"):
            spread(total, weights, rooms)
