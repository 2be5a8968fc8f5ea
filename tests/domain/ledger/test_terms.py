"""When points become active and expire: local calendar days, ends of local days and months, rules' own terms."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.domain.ledger.terms import LotTerms, dates_of, days_later, terms_of
from app.domain.program import ExpireRound
from app.domain.programs import read_program
from tests.domain.ledger.shop import Shop

# Changes of an hour and of half an hour, at two in the night and at midnight, on both halves of the earth; a zone that
# went over to the other side of the date line; zones that change no more.
ZONES = (
    "UTC", "Europe/Moscow", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo", "Asia/Beirut",
    "America/Sao_Paulo", "America/Havana", "Pacific/Apia", "Pacific/Auckland", "Asia/Tehran",
)  # fmt: skip
NEVER_LATE = datetime(2030, 1, 1, tzinfo=UTC)


def end_of(at: str, days: int, rounded: ExpireRound, zone: str = "UTC") -> str | None:
    deal = datetime.fromisoformat(at)
    _, end = dates_of(LotTerms(0, days, rounded), now=NEVER_LATE, at=deal, zone=ZoneInfo(zone))
    return None if end is None else end.astimezone(UTC).isoformat().replace("+00:00", "Z")


@pytest.mark.parametrize(
    ("at", "days", "rounded", "zone", "end"),
    [
        ("2026-03-01T12:00:00+00:00", 30, "none", "UTC", "2026-03-31T12:00:00Z"),
        ("2026-03-01T12:00:00+00:00", 30, "day", "UTC", "2026-04-01T00:00:00Z"),
        ("2026-03-01T12:00:00+00:00", 30, "month", "UTC", "2026-04-01T00:00:00Z"),
        ("2026-03-02T00:00:00+00:00", 30, "month", "UTC", "2026-05-01T00:00:00Z"),  # 1 April, at its first instant.
        ("2026-03-02T00:00:00+00:00", 30, "day", "UTC", "2026-04-02T00:00:00Z"),
        ("2026-11-21T22:30:00+00:00", 1, "day", "Europe/Moscow", "2026-11-23T21:00:00Z"),  # 23 November there.
        ("2026-12-15T00:00:00+00:00", 1, "month", "Europe/Moscow", "2026-12-31T21:00:00Z"),
        ("2027-12-31T00:00:00+00:00", 1, "month", "UTC", "2028-02-01T00:00:00Z"),
        ("2028-02-28T12:00:00+00:00", 1, "day", "UTC", "2028-03-01T00:00:00Z"),  # 29 February.
        ("2028-01-30T12:00:00+00:00", 30, "month", "UTC", "2028-03-01T00:00:00Z"),
        ("2026-03-28T12:00:00+01:00", 1, "day", "Europe/Berlin", "2026-03-29T22:00:00Z"),  # A day of 23 hours.
        ("2026-10-24T12:00:00+02:00", 1, "day", "Europe/Berlin", "2026-10-25T23:00:00Z"),  # One of 25.
        ("2026-10-24T12:00:00+02:00", 1, "none", "Europe/Berlin", "2026-10-25T11:00:00Z"),
        ("2026-04-22T12:00:00+03:00", 1, "day", "Africa/Cairo", "2026-04-23T22:00:00Z"),  # Midnight is left out: 01:00.
        ("2018-11-03T00:30:00-03:00", 1, "day", "America/Sao_Paulo", "2018-11-05T02:00:00Z"),  # 00:30 is left out too.
        ("2011-12-29T12:00:00-10:00", 1, "day", "Pacific/Apia", "2011-12-31T10:00:00Z"),  # There was no 30 December.
        ("2011-12-01T12:00:00-10:00", 29, "month", "Pacific/Apia", "2011-12-31T10:00:00Z"),
    ],
)
def test_ends(at: str, days: int, rounded: str, zone: str, end: str) -> None:
    assert end_of(at, days, ExpireRound(rounded), zone) == end


@given(
    at=st.integers(1_577_836_800, 2_208_988_800).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)),
    days=st.integers(1, 800),
    rounded=st.sampled_from(ExpireRound),
    zone=st.sampled_from(ZONES),
)
def test_rounding_never_shortens_and_ends_at_the_start_of_a_local_day(
    at: datetime, days: int, rounded: ExpireRound, zone: str
) -> None:
    local = ZoneInfo(zone)
    _, end = dates_of(LotTerms(0, days, rounded), now=at, at=at, zone=local)
    assert end is not None
    plain = days_later(at, days, local)
    most = {ExpireRound.NONE: timedelta(), ExpireRound.DAY: timedelta(hours=25), ExpireRound.MONTH: timedelta(days=32)}
    assert plain <= end <= plain + most[rounded]
    if rounded is not ExpireRound.NONE:
        last = (end - timedelta(microseconds=1)).astimezone(local).date()
        first = end.astimezone(local).date()
        assert first == last + timedelta(days=1)
        assert last >= plain.astimezone(local).date()
        assert rounded is ExpireRound.DAY or first.day == 1


@pytest.mark.parametrize(
    ("at", "days", "zone", "later"),
    [
        ("2026-03-28T12:00:00+01:00", 1, "Europe/Berlin", "2026-03-29T12:00:00+02:00"),  # 23 hours.
        ("2026-10-24T12:00:00+02:00", 1, "Europe/Berlin", "2026-10-25T12:00:00+01:00"),  # 25 hours.
        ("2026-03-28T02:30:00+01:00", 1, "Europe/Berlin", "2026-03-29T03:30:00+02:00"),  # 02:30 is left out.
        ("2026-10-24T02:30:00+02:00", 1, "Europe/Berlin", "2026-10-25T02:30:00+02:00"),  # The first of two.
        ("2026-10-25T02:30:00+01:00", 1, "Europe/Berlin", "2026-10-26T02:30:00+01:00"),  # From the second of two.
        ("2026-10-25T02:30:00+02:00", 1, "Europe/Berlin", "2026-10-26T02:30:00+01:00"),
        ("2026-03-07T02:30:00-05:00", 1, "America/New_York", "2026-03-08T03:30:00-04:00"),
        ("2026-03-08T01:59:59-05:00", 365, "America/New_York", "2027-03-08T01:59:59-05:00"),
        ("2026-11-01T12:00:00-05:00", 365, "America/New_York", "2027-11-01T12:00:00-04:00"),  # The change is later.
        ("2018-11-03T00:30:00-03:00", 1, "America/Sao_Paulo", "2018-11-04T01:30:00-02:00"),
        ("2026-03-28T00:00:00+02:00", 1, "Asia/Beirut", "2026-03-29T01:00:00+03:00"),
        ("2011-12-29T12:00:00-10:00", 1, "Pacific/Apia", "2011-12-31T12:00:00+14:00"),
        ("2011-12-29T12:00:00-10:00", 2, "Pacific/Apia", "2011-12-31T12:00:00+14:00"),
        ("2028-02-28T12:00:00+03:00", 1, "Europe/Moscow", "2028-02-29T12:00:00+03:00"),
        ("2028-02-29T12:00:00+03:00", 365, "Europe/Moscow", "2029-02-28T12:00:00+03:00"),
        ("2027-03-01T12:00:00+03:00", 365, "Europe/Moscow", "2028-02-29T12:00:00+03:00"),
        ("2026-12-31T23:59:59+03:00", 1, "Europe/Moscow", "2027-01-01T23:59:59+03:00"),
        ("2026-12-31T22:30:00+00:00", 1, "Europe/Moscow", "2027-01-01T22:30:00+00:00"),
    ],
)
def test_a_day_later_the_clock_on_the_wall_says_the_same(at: str, days: int, zone: str, later: str) -> None:
    found = days_later(datetime.fromisoformat(at), days, ZoneInfo(zone))
    assert found == datetime.fromisoformat(later)
    assert found.utcoffset() == timedelta()  # As the database has it.


@given(
    # Quarters of an hour, from 2009 to 2039: clocks change at them.
    at=st.integers(1_400_000, 2_450_000).map(lambda quarters: datetime.fromtimestamp(quarters * 900, UTC)),
    days=st.integers(1, 800),
    zone=st.sampled_from(ZONES),
)
@example(at=datetime(2011, 12, 30, 9, 59, 59, tzinfo=UTC), days=1, zone="Pacific/Apia")
@example(at=datetime(2018, 11, 3, 3, tzinfo=UTC), days=1, zone="America/Sao_Paulo")
@example(at=datetime(2026, 10, 25, 1, tzinfo=UTC), days=365, zone="Europe/Berlin")
def test_days_later_is_the_first_instant_at_which_the_wall_says_so(at: datetime, days: int, zone: str) -> None:
    """By search: of all instants near it, those at which the local clock shows the time that is meant."""
    local = ZoneInfo(zone)
    wall = at.astimezone(local).replace(tzinfo=None) + timedelta(days=days)
    about = wall.replace(tzinfo=UTC)
    offsets = {(about + timedelta(hours=hours)).astimezone(local).utcoffset() for hours in range(-50, 51)}
    near = [about - offset for offset in offsets if offset is not None]
    showing = [moment for moment in near if moment.astimezone(local).replace(tzinfo=None) == wall]
    found = days_later(at, days, local)
    assert found == (min(showing) if showing else max(near))
    assert found > at
    if not showing:  # So much later as the clock was moved on.
        moved = found.astimezone(local).replace(tzinfo=None) - wall
        assert moved == max(near) - min(near)


@given(
    at=st.integers(1_577_836_800, 2_208_988_800).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)),
    zone=st.sampled_from(ZONES),
    first=st.integers(1, 500),
    second=st.integers(1, 500),
)
def test_more_days_are_never_sooner(at: datetime, zone: str, first: int, second: int) -> None:
    local = ZoneInfo(zone)
    assert days_later(at, first, local) < days_later(at, first + second, local)


def test_what_is_active_at_once_needs_no_days() -> None:
    """Even in the hour that comes twice."""
    at = datetime.fromisoformat("2026-10-25T02:30:00+01:00")
    assert dates_of(LotTerms(0, None, ExpireRound.NONE), now=at, at=at, zone=ZoneInfo("Europe/Berlin")) == (at, None)


def test_a_rule_has_its_own_terms_where_it_names_them() -> None:
    def rule(name: str, **give: object) -> dict[str, object]:
        return {"id": name, "kind": "bonus", "give": {"units": 1, **give}}

    program = read_program(
        {
            "currency": "RUB",
            "timezone": "UTC",
            "wallets": {"points": {"activate_after_days": 14, "expire_after_days": 365, "expire_round": "month"}},
            "rules": [
                rule("plain"),
                rule("fast", activate_after_days=0),
                rule("short", expire_after_days=7),
                rule("endless", expire_after_days=None),
            ],
        }
    )
    month = ExpireRound.MONTH
    assert terms_of(program, "plain", "points") == LotTerms(14, 365, month)
    assert terms_of(program, "fast", "points") == LotTerms(0, 365, month)
    assert terms_of(program, "short", "points") == LotTerms(14, 7, month)
    assert terms_of(program, "endless", "points") == LotTerms(14, None, month)
    assert terms_of(program, "no such rule", "points") == LotTerms(14, 365, month)


def test_what_shares_terms_shares_a_lot() -> None:
    shop = Shop(
        program={
            "wallets": {"points": {"expire_after_days": 30}, "cash": {"activate_after_days": 5}},
            "rules": [
                {"id": "short", "kind": "bonus", "give": {"units": 1, "expire_after_days": 3}},
                {"id": "short-too", "kind": "bonus", "give": {"units": 1, "expire_after_days": 3}},
                {"id": "later", "kind": "bonus", "give": {"units": 1, "activate_after_days": 2}},
                {"id": "same", "kind": "bonus", "give": {"units": 1, "expire_after_days": 30}},
            ],
        }
    )
    units = {"short": 1, "base": 2, "short-too": 4, "later": 8, "same": 16}
    shop.sell(gives={(rule, "points"): each for rule, each in units.items()} | {("short", "cash"): 32})
    lots = [(lot.wallet, lot.remaining, lot.is_pending, lot.expires_at) for lot in shop.book.added]
    day = timedelta(days=1)
    assert lots == [
        ("points", 5, False, shop.now + 3 * day),
        ("points", 18, False, shop.now + 30 * day),
        ("points", 8, True, shop.now + 30 * day),
        ("cash", 32, True, shop.now + 3 * day),  # Over before it begins: expires out of pending.
    ]
    shop.check()
    shop.pass_days(3)
    assert (shop.available, shop.pending) == (18 + 8, 0)
    shop.check()
    assert date(2026, 3, 4) == shop.now.date()


def test_times_that_look_alike_have_ends_of_their_own() -> None:
    zone = ZoneInfo("Europe/Berlin")  # From 3 to 2 in the night of 25 October: half past two comes twice.
    first, second = (datetime(2026, 10, 25, 2, 30, tzinfo=zone, fold=fold) for fold in (0, 1))
    assert first == second
    terms = LotTerms(0, 1, ExpireRound.NONE)
    ends = [dates_of(terms, now=NEVER_LATE, at=at, zone=ZoneInfo("UTC"))[1] for at in (first, second)]
    assert ends == [datetime(2026, 10, 26, 0, 30, tzinfo=UTC), datetime(2026, 10, 26, 1, 30, tzinfo=UTC)]
