"""Days, years and windows of the program's own zone, on the database's clock: over changes of the clock, New Year and
29 February.
"""

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.e2e.moments import Json, Scene, scene_on
from tests.kit import Stage, small_program

TIERS = [{"id": "bronze", "from": 0}, {"id": "silver", "from": 10000}, {"id": "gold", "from": 50000}]
BY_TIER = [
    {"id": "plain", "kind": "bonus", "lane": "base", "give": {"units": 1}},
    {"id": "gold", "kind": "bonus", "lane": "base", "when": {"tier": ["gold"]}, "give": {"units": 100}},
]
TICK = timedelta(seconds=1)  # The service's clock goes on for as long as a test may need between two words of it.


def club(zone: str, window: str) -> Json:
    return small_program(
        timezone=zone,
        tiers=TIERS,
        tier_policy={"measure": "paid", "window": window, "down": "end_of_window"},
        lanes=[{"id": "base", "combine": "best"}],
        rules=BY_TIER,
    )


def dated(zone: str, **terms: Any) -> Json:
    return small_program(timezone=zone, wallets={"points": {"value": 100, **terms}})


async def points(scene: Scene) -> tuple[int, int]:
    """(available, pending), and the same of that moment whenever it is asked for."""
    told = (await scene.read())["wallets"]["points"]
    as_of = (await scene.as_of(scene.now))["wallets"]["points"]
    assert as_of == told
    return told["available"], told["pending"]


@pytest.mark.parametrize(
    ("zone", "bought", "days", "changes"),
    [
        ("Europe/Berlin", "2040-03-24T12:00:00+01:00", 1, "2040-03-25T12:00:00+02:00"),  # 23 hours.
        ("Europe/Berlin", "2040-10-27T12:00:00+02:00", 1, "2040-10-28T12:00:00+01:00"),  # 25 hours.
        ("Europe/Berlin", "2040-03-24T02:30:00+01:00", 1, "2040-03-25T03:30:00+02:00"),  # 02:30 is left out.
        ("America/New_York", "2040-03-10T12:00:00-05:00", 1, "2040-03-11T12:00:00-04:00"),
        ("Asia/Beirut", "2040-03-24T00:30:00+02:00", 1, "2040-03-25T01:30:00+03:00"),  # Midnight is left out.
        ("Europe/Moscow", "2040-02-28T12:00:00+03:00", 1, "2040-02-29T12:00:00+03:00"),
        ("Europe/Moscow", "2040-02-29T12:00:00+03:00", 365, "2041-02-28T12:00:00+03:00"),
        ("Europe/Berlin", "2040-12-31T23:59:59+01:00", 1, "2041-01-01T23:59:59+01:00"),
    ],
)
async def test_points_become_active_at_the_same_local_time(
    stage: Stage, zone: str, bought: str, days: int, changes: str
) -> None:
    instant = datetime.fromisoformat(changes)
    async with scene_on(stage, dated(zone, activate_after_days=days), start=bought) as scene:
        await scene.sell(10000)
        lots = (await scene.as_of(instant))["lots"]
        assert [datetime.fromisoformat(lot["active_at"]) for lot in lots] == [instant]
        await scene.hold(instant - TICK)
        assert await points(scene) == (0, 100)
        await scene.hold(instant)
        assert await points(scene) == (100, 0)
        sold = await scene.sell(10000, redeem={"points": 100})
        assert sold["version"] == 3  # The activation has the version before.


@pytest.mark.parametrize(
    ("zone", "rounded", "bought", "days", "ends"),
    [
        ("Europe/Berlin", "none", "2040-03-24T12:00:00+01:00", 1, "2040-03-25T12:00:00+02:00"),
        ("Europe/Berlin", "day", "2040-03-24T12:00:00+01:00", 1, "2040-03-26T00:00:00+02:00"),
        ("Europe/Berlin", "day", "2040-10-27T12:00:00+02:00", 1, "2040-10-29T00:00:00+01:00"),
        ("Asia/Beirut", "day", "2040-03-23T12:00:00+02:00", 1, "2040-03-25T01:00:00+03:00"),  # No midnight: 01:00.
        ("Europe/Moscow", "month", "2040-01-31T12:00:00+03:00", 29, "2040-03-01T00:00:00+03:00"),  # 29 February's.
        ("Europe/Moscow", "day", "2040-02-28T12:00:00+03:00", 1, "2040-03-01T00:00:00+03:00"),
        ("Europe/Moscow", "month", "2040-12-01T00:00:00+03:00", 30, "2041-01-01T00:00:00+03:00"),
    ],
)
async def test_points_end_at_the_end_of_the_local_day_or_month(
    stage: Stage, zone: str, rounded: str, bought: str, days: int, ends: str
) -> None:
    instant = datetime.fromisoformat(ends)
    async with scene_on(stage, dated(zone, expire_after_days=days, expire_round=rounded), start=bought) as scene:
        await scene.sell(10000)
        await scene.hold(instant - TICK)
        assert await points(scene) == (100, 0)
        await scene.hold(instant)
        assert await points(scene) == (0, 0)
        assert (await scene.sell(100))["version"] == 3


@pytest.mark.parametrize(
    ("zone", "bought", "ends"),
    [
        ("Europe/Moscow", "2040-05-01T12:00:00+03:00", "2042-01-01T00:00:00+03:00"),
        ("Pacific/Auckland", "2040-12-31T23:59:59+13:00", "2042-01-01T00:00:00+13:00"),  # Noon of the 31st in London.
        ("America/New_York", "2041-01-01T00:00:00-05:00", "2043-01-01T00:00:00-05:00"),
    ],
)
async def test_a_year_ends_at_new_year_of_the_programs_zone(stage: Stage, zone: str, bought: str, ends: str) -> None:
    """A tier lasts to the end of the year after the one that reached it; the rules go by it to the last second."""
    instant = datetime.fromisoformat(ends)
    async with scene_on(stage, club(zone, "year"), start=bought) as scene:
        assert (await scene.sell(50000))["customer"]["tier"] == "bronze"
        assert (await scene.read())["tier"] == "gold"
        ahead = [await scene.tier(moment.isoformat()) for moment in (instant - TICK, instant)]
        assert ahead == [("gold", 1), ("bronze", 1)]
        await scene.hold(instant - TICK)
        last = await scene.sell(100)
        assert (last["customer"]["tier"], last["totals"]["accrued"]) == ("gold", {"points": 100})
        await scene.hold(instant)
        first = await scene.sell(100)
        assert (first["customer"]["tier"], first["totals"]["accrued"]) == ("bronze", {"points": 1})
        assert [await scene.tier(moment.isoformat()) for moment in (instant - TICK, instant)] == ahead


@pytest.mark.parametrize(
    ("zone", "bought", "ends"),
    [
        ("Europe/Berlin", "2040-03-31T12:00:00+02:00", "2041-03-31T12:00:00+02:00"),  # The clock changes on that day.
        ("Europe/Berlin", "2040-10-27T12:00:00+02:00", "2041-10-27T12:00:00+01:00"),  # An hour more than 365 × 24.
        ("America/New_York", "2040-03-10T12:00:00-05:00", "2041-03-10T12:00:00-04:00"),  # An hour less.
        ("Europe/Moscow", "2040-02-29T12:00:00+03:00", "2041-02-28T12:00:00+03:00"),
        ("Europe/Moscow", "2039-03-01T12:00:00+03:00", "2040-02-29T12:00:00+03:00"),
    ],
)
async def test_a_rolling_tier_holds_365_local_days(stage: Stage, zone: str, bought: str, ends: str) -> None:
    instant = datetime.fromisoformat(ends)
    async with scene_on(stage, club(zone, "rolling_365d"), start=bought) as scene:
        await scene.sell(50000)
        ahead = [await scene.tier(moment.isoformat()) for moment in (instant - TICK, instant)]
        assert ahead == [("gold", 1), ("bronze", 1)]
        await scene.hold(instant - TICK)
        assert (await scene.sell(100))["customer"]["tier"] == "gold"
        await scene.hold(instant)
        assert (await scene.read())["tier"] == "bronze"
        assert (await scene.sell(100))["customer"]["tier"] == "bronze"
        assert [await scene.tier(moment.isoformat()) for moment in (instant - TICK, instant)] == ahead


@pytest.mark.parametrize(
    ("second", "tier"),
    [("2041-03-24T23:59:50+01:00", "gold"), ("2041-03-25T00:00:00+01:00", "silver")],  # The 365th day, and the next.
)
async def test_a_rolling_window_has_365_local_days_whatever_their_length(stage: Stage, second: str, tier: str) -> None:
    """The day on which the clock goes forward is whole in the window, and no other is for its missing hour."""
    async with scene_on(stage, club("Europe/Berlin", "rolling_365d"), start="2040-03-25T00:10:00+01:00") as scene:
        await scene.sell(30000)
        await scene.hold(second)
        await scene.sell(20000)
        assert (await scene.read())["tier"] == tier
