"""Budgets of guesses and rates of requests, by the second."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.abuse.misses import BURST_SECONDS, DAY_SECONDS, MissLimits, room
from app.domain.abuse.rates import BURST_SECONDS as BUCKET_SECONDS
from app.domain.abuse.rates import Rate

LIMITS = MissLimits(burst=10, day=60, shop_day=300)


@pytest.mark.parametrize(
    ("own", "shop", "left", "wait"),
    [
        ([], [], 10, 0),
        ([1_000.0] * 9, [], 1, 0),
        ([1_000.0] * 10, [], 0, BURST_SECONDS),
        ([900.0] + [1_000.0] * 9, [], 0, BURST_SECONDS - 100),
        ([700.0] + [1_000.0] * 9, [], 1, 0),  # Just out of the window.
        ([1_000.0] * 12, [], -2, BURST_SECONDS),
        ([1.0] * 60, [], 0, DAY_SECONDS - 999),
        ([1.0] * 59, [], 1, 0),
        ([], [500.0] * 300, 0, DAY_SECONDS - 500),
    ],
)
def test_what_is_left_and_until_when(own: list[float], shop: list[float], left: int, wait: float) -> None:
    found = room(LIMITS, own=own, shop=shop, now=1_000.0)
    assert (found.left, found.wait) == (left, wait)


def test_a_limit_of_0_limits_nothing() -> None:
    assert not MissLimits(0, 0, 0).is_on
    only_day = MissLimits(burst=0, day=2, shop_day=0)
    assert (only_day.most, only_day.kept) == (2, 3)
    assert room(only_day, own=[1.0], shop=[1.0] * 1_000, now=2.0).left == 1


@given(st.lists(st.floats(0, 2 * DAY_SECONDS), max_size=400), st.integers(1, 20), st.integers(1, 80))
def test_whoever_asks_only_where_there_is_room_never_has_more_than_the_limits_in_any_window(
    instants: list[float], burst: int, day: int
) -> None:
    limits = MissLimits(burst=burst, day=day, shop_day=0)
    told: list[float] = []
    for now in sorted(instants):
        if room(limits, own=told[-limits.kept :], shop=(), now=now).left > 0:
            told.append(now)
    for first in told:
        assert sum(first <= each < first + BURST_SECONDS for each in told) <= burst
        assert sum(first <= each < first + DAY_SECONDS for each in told) <= day


def test_a_bucket_gives_its_burst_then_its_rate() -> None:
    rate, full_at, given, wait = Rate(10), 0.0, 0, 0.0
    for _ in range(100):
        full_at, wait = rate.take(full_at, 1_000.0)
        given += wait == 0
    assert given == 10 * BUCKET_SECONDS
    assert 0 < wait <= 0.1 + 1e-6
    _, wait = rate.take(full_at, 1_000.0 + 0.11)
    assert wait == 0
