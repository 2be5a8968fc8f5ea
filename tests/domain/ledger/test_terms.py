"""When points become active and expire: days of 24 hours, ends of local days and months, rules' own terms."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.ledger.terms import LotTerms, dates_of, terms_of
from app.domain.program import ExpireRound
from app.domain.programs import read_program
from tests.domain.ledger.shop import Shop

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
        ("2026-10-24T12:00:00+02:00", 1, "none", "Europe/Berlin", "2026-10-25T10:00:00Z"),
        ("2026-04-22T12:00:00+03:00", 1, "day", "Africa/Cairo", "2026-04-23T22:00:00Z"),  # Midnight is left out: 01:00.
    ],
)
def test_ends(at: str, days: int, rounded: str, zone: str, end: str) -> None:
    assert end_of(at, days, ExpireRound(rounded), zone) == end


@given(
    at=st.integers(1_577_836_800, 2_208_988_800).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)),
    days=st.integers(1, 800),
    rounded=st.sampled_from(ExpireRound),
    zone=st.sampled_from(["UTC", "Europe/Moscow", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo"]),
)
def test_rounding_never_shortens_and_ends_at_the_start_of_a_local_day(
    at: datetime, days: int, rounded: ExpireRound, zone: str
) -> None:
    local = ZoneInfo(zone)
    _, end = dates_of(LotTerms(0, days, rounded), now=at, at=at, zone=local)
    assert end is not None
    plain = at + timedelta(days=days)
    most = {ExpireRound.NONE: timedelta(), ExpireRound.DAY: timedelta(hours=25), ExpireRound.MONTH: timedelta(days=32)}
    assert plain <= end <= plain + most[rounded]
    if rounded is not ExpireRound.NONE:
        last = (end - timedelta(microseconds=1)).astimezone(local).date()
        first = end.astimezone(local).date()
        assert first == last + timedelta(days=1)
        assert last >= plain.astimezone(local).date()
        assert rounded is ExpireRound.DAY or first.day == 1


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
