"""Days are moved, hours stay."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from loadtest.receipts.moving import Moving, moving_to_today

LONDON = ZoneInfo("Europe/London")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_the_last_receipt_becomes_todays() -> None:
    moving = moving_to_today(at("2011-05-29T12:26"), zone=LONDON, now=datetime(2026, 11, 21, 20, 0, tzinfo=UTC))
    assert moving.text(at("2011-05-29T12:26")) == "2026-11-21T12:26:00+00:00"


def test_a_last_receipt_whose_hour_has_not_come_becomes_yesterdays() -> None:
    moving = moving_to_today(at("2011-05-29T12:26"), zone=LONDON, now=datetime(2026, 11, 21, 12, 25, tzinfo=UTC))
    assert moving.text(at("2011-05-29T12:26")) == "2026-11-20T12:26:00+00:00"


def test_today_is_the_shops_day() -> None:
    tokyo = ZoneInfo("Asia/Tokyo")
    moving = moving_to_today(at("2011-05-29T04:00"), zone=tokyo, now=datetime(2026, 11, 20, 20, 0, tzinfo=UTC))
    assert moving.text(at("2011-05-29T04:00")) == "2026-11-21T04:00:00+09:00"


def test_hours_stay_over_a_change_to_summer_time() -> None:
    moving = Moving(zone=LONDON, days=1)
    assert moving.text(at("2026-03-27T12:26")) == "2026-03-28T12:26:00+00:00"
    assert moving.text(at("2026-03-28T12:26")) == "2026-03-29T12:26:00+01:00"


def test_a_skipped_hour_is_counted_on_and_a_doubled_one_is_the_first() -> None:
    assert Moving(zone=LONDON, days=0).text(at("2026-03-29T01:30")) == "2026-03-29T02:30:00+01:00"
    assert Moving(zone=LONDON, days=0).text(at("2026-10-25T01:30")) == "2026-10-25T01:30:00+01:00"


def test_a_time_with_a_zone_is_no_local_time() -> None:
    with pytest.raises(ValueError, match="no zone"):
        Moving(zone=LONDON, days=0).instant(datetime(2026, 1, 1, tzinfo=UTC))
