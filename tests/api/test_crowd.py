"""Who is let in, and who is sent away at once."""

import pytest

from app.api.crowd import CROWD_MIN, SLOW_ONES, WAIT_SECONDS_MAX, Crowd
from app.domain.rejections import Rejected, Rejection


def _crowd(*arrived: float) -> Crowd:
    crowd = Crowd()
    for place, at in enumerate(arrived):
        crowd.enter(place, now=at)
    return crowd


def test_few_may_wait_as_long_as_they_like() -> None:
    crowd = _crowd(*[0.0] * (CROWD_MIN - 1))
    assert crowd.enter("new", now=1_000.0) == 0.0


def test_a_crowd_that_has_waited_too_long_gets_no_larger() -> None:
    crowd = _crowd(*[0.0] * CROWD_MIN)
    assert crowd.enter("in time", now=WAIT_SECONDS_MAX) == WAIT_SECONDS_MAX
    with pytest.raises(Rejected) as refused:
        crowd.enter("late", now=WAIT_SECONDS_MAX + 0.5)
    assert refused.value.rejection is Rejection.OVERLOADED
    assert refused.value.facts == {"retry_after_ms": int((WAIT_SECONDS_MAX + 0.5) * 1_000)}


def test_a_few_slow_requests_send_nobody_away() -> None:
    crowd = _crowd(*[0.0] * SLOW_ONES, *[100.0] * CROWD_MIN)
    assert crowd.enter("new", now=100.25) == 0.25


def test_who_has_left_is_waited_for_no_more() -> None:
    crowd = _crowd(*[0.0] * CROWD_MIN)
    for place in range(CROWD_MIN):
        crowd.leave(place)
    crowd.leave("never there")
    assert crowd.enter("new", now=1_000.0) == 0.0
