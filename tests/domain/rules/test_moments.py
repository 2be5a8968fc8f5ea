"""Each test of a `when` about the moment: hours, days and birthdays, across zones, New Year and clock changes."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.basket import Basket, Channel, Payment, Visit
from app.domain.customer import CustomerFacts
from app.domain.program import (
    Birthday,
    DateSpan,
    DaysSinceLast,
    Hours,
    Weekday,
)
from app.domain.rules.birthdays import birthday_in, days_since, is_near
from app.domain.rules.conditions import Failure, compile_window
from app.domain.rules.facts import Facts
from tests.domain.rules.visits import ANNA, LINES, NOON, failure, local, program

# --- the moment -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "end", "open_at", "closed_at"),
    [
        (time(10), time(12), ["10:00:00", "11:59:59.999999"], ["09:59:59.999999", "12:00:00", "00:00:00"]),
        (time(22), time(6), ["22:00:00", "23:59:59", "00:00:00", "05:59:59"], ["06:00:00", "21:59:59", "12:00:00"]),
        (time(10), time(0), ["10:00:00", "23:59:59.999999"], ["00:00:00", "09:59:59"]),
        (time(0), time(0), ["00:00:00", "12:00:00", "23:59:59.999999"], []),
    ],
    ids=["within a day", "across midnight", "until 24:00", "the whole day"],
)
def test_hours_include_their_start_and_not_their_end(
    start: time, end: time, open_at: list[str], closed_at: list[str]
) -> None:
    for wall in open_at + closed_at:
        moment = datetime.fromisoformat(f"2026-11-21T{wall}+03:00")
        assert (failure(Hours(start, end), at=moment) is None) == (wall in open_at), wall


def test_hours_are_those_of_the_programs_zone() -> None:
    assert failure(Hours(time(15), time(15, 1))) is None  # Noon in UTC.
    assert failure(Hours(time(12), time(13))) == Failure("hours", ["12:00", "13:00"], "15:00")


BERLIN = "Europe/Berlin"


def test_an_hour_that_the_clock_skips_is_never() -> None:
    """29 March 2026: 01:59:59 is followed by 03:00:00."""
    night = [datetime(2026, 3, 29, 0, 0, tzinfo=UTC) + timedelta(minutes=minutes) for minutes in range(180)]

    is_open = [failure(Hours(time(2), time(3)), at=at, timezone=BERLIN) is None for at in night]

    assert not any(is_open)
    assert sum(failure(Hours(time(1), time(4)), at=at, timezone=BERLIN) is None for at in night) == 120


def test_an_hour_that_the_clock_repeats_is_twice() -> None:
    """25 October 2026: 02:59:59 is followed by 02:00:00."""
    night = [datetime(2026, 10, 24, 22, 0, tzinfo=UTC) + timedelta(minutes=minutes) for minutes in range(300)]

    assert sum(failure(Hours(time(2), time(3)), at=at, timezone=BERLIN) is None for at in night) == 120
    first, second = (local(BERLIN, "2026-10-25T02:30", fold=fold) for fold in (0, 1))
    assert second - first == timedelta(hours=1)
    assert failure(Hours(time(2, 30), time(2, 31)), at=first, timezone=BERLIN) is None
    assert failure(Hours(time(2, 30), time(2, 31)), at=second, timezone=BERLIN) is None


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-07-01", 24)])
def test_days_of_23_and_25_hours_are_whole_days(day: str, hours: int) -> None:
    this, midnight = date.fromisoformat(day), local(BERLIN, day)

    for minutes in range(-180, 60 * hours + 180, 15):
        at, is_today = midnight + timedelta(minutes=minutes), 0 <= minutes < 60 * hours
        assert (failure(DateSpan(this, this), at=at, timezone=BERLIN) is None) == is_today
        assert (failure(Weekday((this.isoweekday(),)), at=at, timezone=BERLIN) is None) == is_today


def test_weekdays_are_local() -> None:
    sunday_in_moscow = datetime(2026, 11, 21, 21, 0, tzinfo=UTC)

    assert failure(Weekday((7,)), at=sunday_in_moscow) is None
    assert failure(Weekday((6, 1)), at=sunday_in_moscow) == Failure("weekday", [6, 1], 7)


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        (DateSpan(date(2026, 11, 21), date(2026, 11, 21)), None),
        (DateSpan(date(2026, 11, 22), None), Failure("date", {"from": "2026-11-22"}, "2026-11-21")),
        (
            DateSpan(date(2026, 11, 1), date(2026, 11, 20)),
            Failure("date", {"from": "2026-11-01", "until": "2026-11-20"}, "2026-11-21"),
        ),
        (DateSpan(None, date(2026, 11, 21)), None),
    ],
)
def test_dates_include_both_days(span: DateSpan, expected: Failure | None) -> None:
    assert failure(span) == expected
    assert failure(span, at=local("Europe/Moscow", "2026-11-21T23:59:59")) == expected
    assert failure(span, at=local("Europe/Moscow", "2026-11-21")) == expected


@pytest.mark.parametrize(
    ("last", "at", "days"),
    [
        ("2026-11-21T00:00:00+03:00", "2026-11-21T23:59:59+03:00", 0),
        ("2026-11-20T23:59:59+03:00", "2026-11-21T00:00:01+03:00", 1),
        ("2026-11-20T20:59:59Z", "2026-11-20T21:00:00Z", 1),
        ("2026-11-20T21:30:00Z", "2026-11-21T10:00:00+03:00", 0),
        ("2025-12-31T12:00:00+03:00", "2026-01-01T09:00:00+03:00", 1),
        ("2028-02-28T12:00:00+03:00", "2028-03-01T00:00:00+03:00", 2),
    ],
)
def test_days_since_the_last_purchase_are_calendar_days(last: str, at: str, days: int) -> None:
    customer = CustomerFacts("c", purchases=1, last_purchase_at=datetime.fromisoformat(last))
    moment = datetime.fromisoformat(at)

    assert failure(DaysSinceLast(days, days), customer=customer, at=moment) is None
    assert failure(DaysSinceLast(days + 1, None), customer=customer, at=moment) == Failure(
        "days_since_last", {"min": days + 1}, days
    )
    if days:
        assert failure(DaysSinceLast(None, days - 1), customer=customer, at=moment) is not None


# --- birthdays --------------------------------------------------------------------------------------------------------


def test_the_day_of_a_birthday_is_local() -> None:
    late = datetime(2026, 11, 23, 21, 30, tzinfo=UTC)  # The 24th in Moscow.

    assert failure(Birthday(0, 0), at=late) is None
    assert failure(Birthday(0, 0), at=late - timedelta(hours=1)) == Failure("birthday", {"before": 0, "after": 0}, -1)


WINDOWS: Mapping[str, tuple[date, int, int, str, str]] = {
    "in a year": (date(1990, 11, 24), 3, 7, "2026-11-21", "2026-12-01"),
    "over New Year, before": (date(1990, 1, 2), 5, 0, "2026-12-28", "2027-01-02"),
    "over New Year, after": (date(1990, 12, 30), 0, 5, "2026-12-30", "2027-01-04"),
    "New Year's Day": (date(2000, 1, 1), 1, 1, "2026-12-31", "2027-01-02"),
    "New Year's Eve": (date(2000, 12, 31), 1, 1, "2026-12-30", "2027-01-01"),
    "29 February in a common year": (date(2000, 2, 29), 1, 1, "2027-02-27", "2027-03-01"),
    "29 February in a leap year": (date(2000, 2, 29), 1, 1, "2028-02-28", "2028-03-01"),
    "28 February in a leap year": (date(2000, 2, 28), 0, 0, "2028-02-28", "2028-02-28"),
    "1 March after 29 February": (date(2000, 3, 1), 2, 0, "2028-02-28", "2028-03-01"),
}


@pytest.mark.parametrize("window", WINDOWS.values(), ids=WINDOWS)
def test_a_birthdays_window_includes_both_its_ends(window: tuple[date, int, int, str, str]) -> None:
    birthday, before, after, first, last = window
    begin, end = date.fromisoformat(first), date.fromisoformat(last)

    for offset in range(-40, 41):
        today = begin + timedelta(days=offset)
        assert is_near(days_since(birthday, today), before=before, after=after) == (begin <= today <= end), today


def test_a_window_longer_than_half_a_year_is_one_window() -> None:
    days = [date(2026, 1, 1) + timedelta(days=offset) for offset in range(365)]
    near = [day for day in days if is_near(days_since(date(1990, 7, 1), day), before=250, after=0)]

    # 250 days before 1 July 2026 is in 2025; 250 days before 1 July 2027 is 24 October 2026.
    assert near == [day for day in days if day <= date(2026, 7, 1) or day >= date(2026, 10, 24)]


@given(
    birthday=st.dates(),
    today=st.dates(),
    before=st.integers(0, 366),
    after=st.integers(0, 366),
)
def test_the_window_is_what_walking_day_by_day_finds(birthday: date, today: date, before: int, after: int) -> None:
    walked = {
        date.fromordinal(day)
        for day in range(max(1, today.toordinal() - after), min(date.max.toordinal(), today.toordinal() + before) + 1)
    }

    found = any(birthday_in(birthday, day.year) == day for day in walked)

    assert is_near(days_since(birthday, today), before=before, after=after) == found


# --- a rule's own window, and the facts -------------------------------------------------------------------------------


def test_a_rules_window_includes_its_start_and_not_its_end() -> None:
    start, end = NOON, NOON + timedelta(hours=1)
    window = compile_window(start=start, end=end)

    def at(moment: datetime) -> Failure | None:
        return window(Facts(program(), Basket(()), None, Visit(moment, Channel.POS, "S1")))

    assert at(start) is None
    assert at(end - timedelta(microseconds=1)) is None
    assert at((end - timedelta(microseconds=1)).astimezone(ZoneInfo("Asia/Tokyo"))) is None
    assert at(end) == Failure("until", end.isoformat(), end.isoformat())
    early = start - timedelta(microseconds=1)
    assert at(early) == Failure("from", start.isoformat(), early.isoformat())


def test_an_open_window_is_always() -> None:
    facts = Facts(program(), Basket(()), None, Visit(NOON, Channel.POS, "S1"))

    assert compile_window(start=None, end=None)(facts) is None
    assert compile_window(start=None, end=NOON)(facts) is not None
    assert compile_window(start=NOON, end=None)(facts) is None


def test_facts_are_prepared_once() -> None:
    payments = (Payment("card", 1), Payment("cash", 2), Payment("card", 4))
    facts = Facts(program(), Basket(LINES, payments=payments), ANNA, Visit(NOON, Channel.POS, "S1"))

    assert facts.local.isoformat() == "2026-11-21T15:00:00+03:00"
    assert (facts.today, facts.wall) == (date(2026, 11, 21), time(15))
    assert facts.line_gross == [25_800, 3_450, 500]
    assert facts.gross_total == 29_750
    assert facts.paid_by == {"card": 5, "cash": 2}


def test_an_instant_without_zone_is_no_instant() -> None:
    with pytest.raises(ValueError, match="no zone"):
        Facts(program(), Basket(()), None, Visit(NOON.replace(tzinfo=None), Channel.POS, "S1"))
