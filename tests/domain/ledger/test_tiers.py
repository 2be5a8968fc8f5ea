"""Tiers over their windows: New Year in the program's zone, 365 days of hold, the last 365 local days."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.ledger.tiers import measure_at, next_tier, tier_at
from tests.domain.ledger.shop import Shop

TIERS = [{"id": "bronze", "from": 0}, {"id": "silver", "from": 1000}, {"id": "gold", "from": 5000}]
YEAR = {"window": "year", "down": "end_of_window"}
ROLLING = {"window": "rolling_365d", "down": "end_of_window"}


def club(policy: Mapping[str, str], *, zone: str = "UTC", tiers: object = TIERS) -> Shop:
    return Shop(program={"tiers": tiers, "tier_policy": policy, "timezone": zone})


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def tier(shop: Shop, when: str | datetime) -> str | None:
    return tier_at(shop.program, shop.book, at(when) if isinstance(when, str) else when)


def buy(shop: Shop, when: str, paid: int) -> None:
    shop.now = at(when)
    shop.sell(paid=paid)


def test_a_year_ends_at_local_new_year() -> None:
    shop = club(YEAR, zone="Europe/Moscow")
    buy(shop, "2026-05-01T12:00:00+03:00", 5000)
    assert shop.book.tier == "gold"
    buy(shop, "2026-12-31T23:59:59+03:00", 10)
    shop.book.memory.years[2026].paid = 1500  # As if returns had taken the rest.
    assert tier(shop, "2026-12-31T23:59:59.999999+03:00") == "gold"
    assert tier(shop, "2027-01-01T00:00:00+03:00") == "silver"
    assert tier(shop, "2027-12-31T23:59:59+03:00") == "silver"
    assert tier(shop, "2028-01-01T00:00:00+03:00") == "bronze"
    assert tier(shop, "2035-01-01T00:00:00+03:00") == "bronze"


def test_within_the_year_it_only_rises_and_what_is_reached_is_had_at_once() -> None:
    shop = club(YEAR)
    buy(shop, "2026-05-01T12:00:00Z", 1000)
    assert shop.book.tier == "silver"
    buy(shop, "2027-02-01T12:00:00Z", 10)
    assert (shop.book.tier, measure_at(shop.program, shop.book, shop.now)) == ("silver", 10)
    buy(shop, "2027-03-01T12:00:00Z", 4990)
    assert shop.book.tier == "gold"
    assert tier(shop, "2028-12-31T12:00:00Z") == "gold"
    assert tier(shop, "2029-01-01T00:00:00Z") == "bronze"


def test_a_return_after_new_year_does_not_reach_into_the_year_that_has_ended() -> None:
    for posts_in_between in (True, False):
        shop = club(YEAR)
        shop.now = at("2026-12-30T12:00:00Z")
        bought = shop.sell(paid=5000)
        shop.now = at("2027-01-05T12:00:00Z")
        if posts_in_between:
            shop.sell(paid=1)
        shop.now = at("2027-01-10T12:00:00Z")
        shop.bring_back(bought)
        assert shop.book.memory.years[2026].paid == 0
        assert (tier(shop, "2027-12-31T12:00:00Z"), tier(shop, "2028-01-01T00:00:00Z")) == ("gold", "bronze")


def test_a_return_within_the_year_counts_at_its_end() -> None:
    shop = club(YEAR)
    shop.now = at("2026-11-30T12:00:00Z")
    bought = shop.sell(paid=5000)
    shop.now = at("2026-12-05T12:00:00Z")
    shop.bring_back(bought)
    assert (shop.book.tier, measure_at(shop.program, shop.book, shop.now)) == ("gold", 0)
    assert tier(shop, "2027-01-01T00:00:00Z") == "bronze"


def test_a_tier_holds_365_days_and_is_then_measured_over_the_last_365() -> None:
    shop = club(ROLLING)
    buy(shop, "2027-03-01T12:00:00Z", 5000)
    buy(shop, "2027-06-01T12:00:00Z", 1000)
    assert shop.book.memory.tier_until == at("2028-02-29T12:00:00Z")  # 2028 has a 29 February.
    assert tier(shop, "2028-02-29T11:59:59Z") == "gold"
    assert tier(shop, "2028-02-29T12:00:00Z") == "silver"  # The first purchase is 365 days old and out of the window.
    assert tier(shop, "2029-02-28T11:59:59Z") == "silver"  # ... and that holds 365 days again.
    assert tier(shop, "2029-02-28T12:00:00Z") == "bronze"
    assert measure_at(shop.program, shop.book, at("2028-02-28T12:00:00Z")) == 6000
    assert measure_at(shop.program, shop.book, at("2028-02-29T00:00:00Z")) == 1000


def test_a_tier_that_is_measured_again_is_renewed_and_rises_at_once() -> None:
    shop = club(ROLLING)
    buy(shop, "2026-03-01T12:00:00Z", 1000)
    buy(shop, "2026-09-01T12:00:00Z", 1000)
    assert shop.book.memory.tier_until == at("2027-03-01T12:00:00Z")  # Being silver already renews nothing.
    assert tier(shop, "2028-02-29T11:00:00Z") == "silver"
    assert tier(shop, "2028-02-29T12:00:00Z") == "bronze"
    buy(shop, "2027-08-01T12:00:00Z", 4000)
    assert (shop.book.tier, shop.book.memory.tier_until) == ("gold", at("2028-07-31T12:00:00Z"))


def test_local_days_of_a_clock_change_count_as_days() -> None:
    shop = club(ROLLING, zone="Europe/Berlin")
    buy(shop, "2026-03-29T23:30:00+02:00", 700)  # The day the clock goes forward.
    buy(shop, "2027-03-28T23:59:00+02:00", 700)  # 365 local days with both ends.
    assert shop.book.tier == "silver"
    other = club(ROLLING, zone="Europe/Berlin")
    buy(other, "2026-03-29T23:30:00+02:00", 700)
    buy(other, "2027-03-29T00:30:00+02:00", 700)
    assert other.book.tier == "bronze"


@pytest.mark.parametrize(
    ("zone", "bought", "until"),
    [
        ("Europe/Berlin", "2026-03-28T12:00:00+01:00", "2027-03-28T12:00:00+02:00"),  # 2027 the clock changes that day.
        ("Europe/Berlin", "2026-10-31T12:00:00+01:00", "2027-10-31T12:00:00+01:00"),
        ("Europe/Berlin", "2026-03-28T02:30:00+01:00", "2027-03-28T03:30:00+02:00"),  # 02:30 is left out.
        ("America/New_York", "2026-11-01T12:00:00-05:00", "2027-11-01T12:00:00-04:00"),
        ("Asia/Beirut", "2026-03-28T00:10:00+02:00", "2027-03-28T01:10:00+03:00"),  # Midnight is left out.
        ("Pacific/Apia", "2010-12-30T12:00:00-10:00", "2011-12-31T12:00:00+14:00"),  # The day is.
        ("Europe/Moscow", "2028-02-29T12:00:00+03:00", "2029-02-28T12:00:00+03:00"),
    ],
)
def test_a_tier_holds_to_the_same_local_time(zone: str, bought: str, until: str) -> None:
    shop = club(ROLLING, zone=zone)
    buy(shop, bought, 5000)
    assert shop.book.memory.tier_until == at(until)
    assert tier(shop, at(until) - timedelta(microseconds=1)) == "gold"
    # The window that begins now has 365 local days, and the day of the purchase isn't among them.
    assert tier(shop, until) == "bronze"


def test_a_tier_never_falls_where_the_policy_says_so() -> None:
    for policy in ({"window": "year"}, {"window": "rolling_365d"}, {"window": "ever", "down": "end_of_window"}):
        shop = club(policy)
        buy(shop, "2026-03-01T12:00:00Z", 5000)
        assert tier(shop, "2036-03-01T12:00:00Z") == "gold"
        assert shop.book.memory.tier_until is None


def test_only_what_the_window_measures_lifts_a_tier() -> None:
    shop = club({"window": "year"})
    buy(shop, "2026-12-31T12:00:00Z", 4000)
    buy(shop, "2027-01-01T12:00:00Z", 4000)
    assert (shop.book.tier, shop.book.progress.paid) == ("silver", 8000)


def test_a_tier_from_a_program_without_ends_holds_until_the_next_purchase_gives_it_one() -> None:
    shop = club({"window": "ever"})
    buy(shop, "2026-03-01T12:00:00Z", 5000)
    shop.program = club(YEAR).program
    assert tier(shop, "2030-03-01T12:00:00Z") == "gold"
    buy(shop, "2030-04-01T12:00:00Z", 1)
    assert (shop.book.tier, shop.book.memory.tier_until) == ("gold", at("2031-01-01T00:00:00Z"))
    assert tier(shop, "2031-01-01T00:00:00Z") == "bronze"


def test_what_was_sold_before_the_window_is_not_taken_off_it() -> None:
    shop = club({"window": "ever"})
    shop.now = at("2026-03-01T12:00:00Z")
    before = shop.sell(paid=3000)
    old, shop.program = shop.program, club(YEAR).program
    bought = shop.sell(paid=1200)
    shop.program, today = old, shop.program
    shop.bring_back(before)
    shop.program = today
    assert (shop.book.memory.years[2026].paid, shop.book.progress.paid) == (1200, 1200)
    shop.bring_back(bought)
    assert (shop.book.memory.years[2026].paid, shop.book.progress.paid) == (0, 0)


@pytest.mark.parametrize("measure", ["paid", "purchases", "units"])
def test_each_measure_has_its_window(measure: str) -> None:
    shop = club({"measure": measure, **YEAR}, tiers=[{"id": "one", "from": 1}])
    assert tier(shop, "2026-03-01T12:00:00Z") is None
    shop.now = at("2026-03-01T12:00:00Z")
    bought = shop.sell(gives={("base", "points"): 5}, paid=7, qty=2)
    assert measure_at(shop.program, shop.book, shop.now) == {"paid": 7, "purchases": 1, "units": 5}[measure]
    shop.bring_back(bought, 1000)
    assert measure_at(shop.program, shop.book, shop.now) == {"paid": 3, "purchases": 1, "units": 2}[measure]
    shop.bring_back(bought)
    assert measure_at(shop.program, shop.book, shop.now) == 0
    assert (tier(shop, "2026-12-31T23:59:59Z"), tier(shop, "2027-01-01T00:00:00Z")) == ("one", None)


def test_the_way_to_the_next() -> None:
    tiers = club(YEAR).program.tiers
    assert [each.id if (each := next_tier(tiers, current)) else None for current in (None, "bronze", "gold")] == [
        "bronze", "silver", None,
    ]  # fmt: skip


def replayed(policy: Mapping[str, str], zone: ZoneInfo, sold: list[tuple[datetime, int]], now: datetime) -> str:
    """By the definition, from all purchases: no buckets, no stored tier."""

    def reached(measure: int) -> int:
        return max(place for place, each in enumerate(TIERS) if measure >= int(str(each["from"])))

    def day(moment: datetime) -> date:
        return moment.astimezone(zone).date()

    def year_of_days(moment: datetime) -> datetime:
        """365 local days later, by the clock on the wall."""
        return (moment.astimezone(zone) + timedelta(days=365)).astimezone(UTC)

    def measured(moment: datetime, before: datetime) -> int:
        if policy["window"] == "year":
            return sum(paid for when, paid in sold if when <= before and day(when).year == day(moment).year)
        first = day(moment) - timedelta(days=364)
        return sum(paid for when, paid in sold if when <= before and first <= day(when) <= day(moment))

    place, until = 0, None
    moments = sorted({*(when for when, _ in sold if when <= now), now})
    for moment in moments:
        while until is not None and until <= moment:
            eve = until - timedelta(microseconds=1)
            place = reached(measured(eve if policy["window"] == "year" else until, eve))
            year = day(until).year + 1
            until = (
                (datetime(year, 1, 1, tzinfo=zone) if policy["window"] == "year" else year_of_days(until))
                if place
                else None
            )
        risen = reached(measured(moment, moment))
        if risen > place:
            place = risen
            until = (
                datetime(day(moment).year + 1, 1, 1, tzinfo=zone).astimezone(UTC)
                if policy["window"] == "year"
                else year_of_days(moment)
            )
    return str(TIERS[place]["id"])


@given(
    policy=st.sampled_from([YEAR, ROLLING]),
    zone=st.sampled_from(["UTC", "Europe/Moscow", "America/New_York", "Pacific/Auckland"]),
    gaps=st.lists(st.tuples(st.integers(0, 300 * 24), st.sampled_from([1, 400, 999, 1000, 5000])), max_size=8),
    after=st.integers(0, 900 * 24),
)
def test_buckets_and_stored_tiers_say_what_all_purchases_say(
    policy: Mapping[str, str], zone: str, gaps: list[tuple[int, int]], after: int
) -> None:
    shop = club(policy, zone=zone)
    shop.now = datetime(2027, 12, 20, 7, 30, tzinfo=UTC)
    sold: list[tuple[datetime, int]] = []
    for hours, paid in gaps:
        shop.now += timedelta(hours=hours)
        sold.append((shop.now, paid))
        shop.sell(paid=paid)
        assert shop.book.tier == replayed(policy, ZoneInfo(zone), sold, shop.now)
    later = shop.now + timedelta(hours=after)
    assert tier(shop, later) == replayed(policy, ZoneInfo(zone), sold, later)
    assert len(shop.book.memory.years) <= 2
