"""Days that follow one another whatever becomes of the zone, and the hash over a day."""

from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from itertools import pairwise
from uuid import UUID

import pytest

from app.domain.ledger.merkle import Tree
from app.domain.ledger.roots import FIRST, Head, Window, Zones, root_of, windows
from tests.domain.ledger.root_days import BEGINS, DAY, head

MOSCOW = Zones([(datetime(2020, 1, 1, tzinfo=UTC), "Europe/Moscow")])


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def days(zones: Zones, first: str, upto: str) -> list[Window]:
    found = list(windows(None, first_posted_at=at(first), upto=at(upto), zones=zones))
    for one, other in pairwise(found):
        assert one.ends_at == other.begins_at
        assert one.day < other.day
    assert all(each.begins_at < each.ends_at for each in found)
    assert found[0].holds(at(first))
    assert found[-1].holds(at(upto))
    return found


def test_days_are_the_programs_local_ones() -> None:
    found = days(MOSCOW, "2026-11-20T22:00:00Z", "2026-11-22T21:00:00Z")
    assert [str(each.day) for each in found] == ["2026-11-21", "2026-11-22", "2026-11-23"]
    assert {(each.begins_at.hour, each.zone) for each in found} == {(21, "Europe/Moscow")}


def test_no_posting_no_day() -> None:
    assert not list(windows(None, first_posted_at=None, upto=at("2026-11-20T22:00:00Z"), zones=MOSCOW))


def test_days_go_on_from_the_last_closed_one() -> None:
    last = Window(date(2026, 11, 20), at("2026-11-19T21:00:00Z"), at("2026-11-20T21:00:00Z"), "Europe/Moscow")
    (only,) = windows(last, first_posted_at=None, upto=at("2026-11-21T00:00:00Z"), zones=MOSCOW)
    assert only == (DAY, BEGINS, at("2026-11-21T21:00:00Z"), "Europe/Moscow")
    assert not list(windows(last, first_posted_at=None, upto=at("2026-11-20T20:59:59Z"), zones=MOSCOW))


@pytest.mark.parametrize(
    ("zone", "first", "hours"),
    [
        ("Europe/Berlin", "2026-03-29T12:00:00Z", 23),
        ("Europe/Berlin", "2026-10-25T12:00:00Z", 25),
        ("America/Santiago", "2026-09-06T12:00:00Z", 23),  # Midnight itself is skipped.
        ("America/Havana", "2026-11-01T12:00:00Z", 25),  # Midnight itself comes twice.
        ("Asia/Beirut", "2026-03-29T12:00:00Z", 23),
    ],
)
def test_a_day_of_a_clock_change_is_shorter_or_longer(zone: str, first: str, hours: int) -> None:
    zones = Zones([(at("2020-01-01T00:00:00Z"), zone)])
    (day,) = days(zones, first, first)
    assert day.ends_at - day.begins_at == timedelta(hours=hours)
    assert str(day.day) == first[:10]


@pytest.mark.parametrize(
    ("old", "new", "hours"),
    [
        ("Europe/Moscow", "America/New_York", 32),
        ("America/New_York", "Europe/Moscow", 16),
        ("Pacific/Kiritimati", "Etc/GMT+12", 50),
        ("UTC", "UTC", 24),
    ],
)
def test_after_a_change_of_zone_one_day_is_longer_or_shorter(old: str, new: str, hours: int) -> None:
    zones = Zones([(at("2020-01-01T00:00:00Z"), old), (at("2026-11-21T12:00:00Z"), new)])
    found = days(zones, "2026-11-20T12:00:00Z", "2026-11-26T12:00:00Z")
    changed = [each for each in found if each.ends_at - each.begins_at != timedelta(hours=24)]
    assert [each.ends_at - each.begins_at for each in changed] == ([] if hours == 24 else [timedelta(hours=hours)])
    assert all((each.day - found[0].day).days == place for place, each in enumerate(found))


def test_a_date_that_the_new_zone_has_over_already_is_left_out() -> None:
    zones = Zones([(at("2020-01-01T00:00:00Z"), "Etc/GMT+12"), (at("2026-11-21T13:00:00Z"), "Pacific/Kiritimati")])
    found = [str(each.day) for each in days(zones, "2026-11-20T13:00:00Z", "2026-11-25T12:00:00Z")]
    assert found[:2] == ["2026-11-20", "2026-11-21"]
    assert found[2] == "2026-11-23"


def test_a_zone_that_this_release_does_not_know_is_utc() -> None:
    for zone in ("", "Mars/Olympus", "../etc/passwd"):
        (day,) = days(Zones([(at("2020-01-01T00:00:00Z"), zone)]), "2026-11-21T12:00:00Z", "2026-11-21T12:00:00Z")
        assert day.begins_at == at("2026-11-21T00:00:00Z")


def test_what_was_before_the_first_version_is_in_its_zone() -> None:
    assert MOSCOW.at(at("2019-01-01T00:00:00Z")) == "Europe/Moscow"
    assert Zones([]).at(BEGINS) == "UTC"


def test_a_leaf_is_customer_transaction_version_and_hash() -> None:
    leaf = Head(UUID(int=1), UUID(int=2), 258, b"h" * 32).leaf()
    assert leaf == bytes(15) + b"\x01" + bytes(15) + b"\x02" + bytes(6) + b"\x01\x02" + b"h" * 32


def test_a_root_is_over_the_day_before_the_date_and_the_tree() -> None:
    tree = Tree()
    tree.add(head(1).leaf())
    window = Window(DAY, BEGINS, BEGINS + timedelta(days=1), "Europe/Moscow")
    found = root_of(tree, window, previous=FIRST)
    whole = b"kopilka root\n" + bytes(32) + b"2026-11-21" + tree.root()
    assert (found.root, found.heads, found.is_final) == (sha256(whole).digest(), 1, False)
