"""What a customer's row remembers: it comes back as it was written, and stays small."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.counters import Count, advance, period_of, precedes
from app.domain.draws.records import Slip
from app.domain.ledger.memory import Measured, Memory, is_over
from app.domain.program import Period
from tests.domain.ledger.shop import Shop

NOW = datetime(2026, 11, 21, 22, tzinfo=UTC)  # Already the 22nd in Moscow.
MOSCOW = Shop(program={"timezone": "Europe/Moscow"}).program


def test_it_comes_back_as_it_was_written() -> None:
    memory = Memory(
        counts={"rule/x/uses": Count("", 3), "cap/c/drinks": Count("2026-11", 5)},
        slips={"lucky": [Slip("p1", date(2026, 11, 1), "0f", "f0", {"misses": 2}, kept=True)]},
        tier_until=NOW,
        years={2026: Measured(1, 2, 3)},
        days={"2026-11-21": Measured(4, 5, 6)},
    )
    assert Memory.from_document(memory.to_document()) == memory
    assert Memory().to_document() == {}


def test_counters_of_periods_that_are_over_fall_away() -> None:
    keep = {
        "ever": Count("", 1), "day": Count("2026-11-22", 1), "week": Count("2026-W47", 1),
        "month": Count("2026-11", 1), "year": Count("2026", 1),
    }  # fmt: skip
    over = {
        "nothing": Count("", 0), "yesterday": Count("2026-11-21", 1), "last week": Count("2026-W46", 1),
        "last month": Count("2026-10", 1), "last year": Count("2025", 1),
    }  # fmt: skip
    memory = Memory(counts=keep | over)
    memory.tidy(NOW, MOSCOW)
    assert memory.counts == keep


def test_windows_keep_two_years_and_366_days() -> None:
    days = [date(2026, 11, 22) - timedelta(days=back) for back in (0, 1, 365, 366, 700)]
    memory = Memory(
        years={year: Measured(1) for year in (2026, 2025, 2024)}, days={day.isoformat(): Measured(1) for day in days}
    )
    memory.tidy(NOW, MOSCOW)
    assert (list(memory.years), list(memory.days)) == ([2026, 2025], ["2026-11-22", "2026-11-21", "2025-11-22"])


@given(
    period=st.sampled_from([period for period in Period if period is not Period.EVER]),
    day=st.dates(date(2000, 1, 1), date(2100, 1, 1)),
    later=st.integers(0, 3_000),
)
def test_a_period_is_over_once_a_day_lies_in_a_later_one(period: Period, day: date, later: int) -> None:
    today = day + timedelta(days=later)
    name, current = period_of(period, day), period_of(period, today)
    assert is_over(name, today) is (name != current)
    assert precedes(name, current) is (name != current)
    assert not precedes(current, name)


@pytest.mark.parametrize(
    ("before", "use", "after"),
    [
        (Count("2026-11-21", 5), ("2026-11-22", 2), Count("2026-11-22", 2)),
        (Count("2026-11-22", 5), ("2026-11-21", 2), Count("2026-11-22", 5)),  # A round that began before midnight.
        (Count("9", 5), ("10", 2), Count("10", 2)),  # The next bag.
        (Count("10", 5), ("9", 2), Count("10", 5)),
        (Count("2026-11", 5), ("2026-11-21", 2), Count("2026-11-21", 2)),  # The rule counts by days now.
        (Count("2026-11", 5), ("2026-10", -2), Count("2026-11", 5)),
        (Count("2026-11", 5), ("2026-11", -7), Count("2026-11", 0)),
    ],
)
def test_a_counter_goes_on_and_never_back(before: Count, use: tuple[str, int], after: Count) -> None:
    counts = {"x": before}
    advance(counts, [("x", *use)])
    assert counts["x"] == after
