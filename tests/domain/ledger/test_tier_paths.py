"""The path of a tier: what is kept with a posting tells the tier of every moment until the next."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from app.domain.ledger.memory import Memory, path_from_document, path_to_document
from app.domain.ledger.purchase_states import PurchaseState
from app.domain.ledger.tiers import tier_at, tier_on
from tests.domain.ledger.shop import Shop
from tests.domain.ledger.test_tiers import ROLLING, TIERS, YEAR, at, buy, club

EVER = {"window": "ever"}


def kept(shop: Shop) -> list[tuple[str | None, datetime | None]] | None:
    """What the round keeps, if it keeps anything; the next posting is of a round of its own."""
    path, shop.book.tier_path = shop.book.tier_path, None
    return None if path is None else list(path)


def test_the_first_purchase_keeps_a_path_and_one_that_changes_nothing_keeps_none() -> None:
    shop = club(EVER)
    buy(shop, "2026-05-01T12:00:00Z", 1)
    assert kept(shop) == [("bronze", None)]
    buy(shop, "2026-05-02T12:00:00Z", 1)
    assert kept(shop) is None
    buy(shop, "2026-05-03T12:00:00Z", 5000)
    assert kept(shop) == [("gold", None)]


def test_nothing_is_kept_of_a_program_without_tiers() -> None:
    shop = club(EVER, tiers=[])
    buy(shop, "2026-05-01T12:00:00Z", 1)
    assert (kept(shop), shop.book.memory.to_document()) == (None, {})


def test_what_time_makes_of_a_tier_is_on_its_path() -> None:
    shop = club(YEAR, zone="Europe/Moscow")
    buy(shop, "2026-12-31T12:00:00+03:00", 5000)
    years = [at(f"{year}-01-01T00:00:00+03:00") for year in (2027, 2028)]
    assert kept(shop) == [("gold", years[0]), ("gold", years[1]), ("bronze", None)]
    buy(shop, "2027-02-01T12:00:00+03:00", 10)  # New Year has moved the stored tier along its path: nothing new.
    assert kept(shop) is None
    buy(shop, "2027-03-01T12:00:00+03:00", 1000)
    assert kept(shop) == [("gold", years[1]), ("silver", at("2029-01-01T00:00:00+03:00")), ("bronze", None)]


def test_a_tier_is_renewed_to_the_same_local_time() -> None:
    shop = club(ROLLING, zone="Europe/Berlin")
    buy(shop, "2026-03-27T12:00:00+01:00", 5000)
    buy(shop, "2026-06-01T12:00:00+02:00", 1000)
    gold_until, silver_until = at("2027-03-27T12:00:00+01:00"), at("2028-03-26T12:00:00+02:00")
    assert kept(shop) == [("gold", gold_until), ("silver", silver_until), ("bronze", None)]
    for until, before, after in ((gold_until, "gold", "silver"), (silver_until, "silver", "bronze")):
        eve = until - timedelta(microseconds=1)
        assert [tier_at(shop.program, shop.book, when) for when in (eve, until)] == [before, after]


def test_a_return_takes_off_the_path_what_time_would_have_made_of_it() -> None:
    shop = club(YEAR)
    shop.now = at("2026-11-30T12:00:00Z")
    bought = shop.sell(paid=5000)
    assert kept(shop) == [("gold", at("2027-01-01T00:00:00Z")), ("gold", at("2028-01-01T00:00:00Z")), ("bronze", None)]
    shop.now = at("2026-12-05T12:00:00Z")
    shop.bring_back(bought)
    assert kept(shop) == [("gold", at("2027-01-01T00:00:00Z")), ("bronze", None)]


def test_a_return_under_a_program_without_ends_gives_none() -> None:
    """A tier from a program without ends holds until the next purchase gives it one; a return doesn't."""
    shop = club(EVER)
    shop.now = at("2026-03-01T12:00:00Z")
    bought = shop.sell(paid=5000)
    kept(shop)
    shop.program = club(ROLLING).program
    shop.now = at("2026-04-01T12:00:00Z")
    shop.bring_back(bought, 500)
    assert kept(shop) is None
    buy(shop, "2026-05-01T12:00:00Z", 1)
    assert kept(shop) == [("gold", at("2027-05-01T12:00:00Z")), ("bronze", None)]


def test_a_tier_that_the_program_does_not_have_counts_for_nothing() -> None:
    path = (("platinum", None),)
    assert tier_on(club(EVER).program, path, at("2026-03-01T12:00:00Z")) == "bronze"
    assert tier_on(club(EVER, tiers=[{"id": "one", "from": 1}]).program, path, at("2026-03-01T12:00:00Z")) is None


def test_whom_nothing_has_lifted_is_where_measuring_nothing_leads() -> None:
    assert tier_on(club(EVER).program, (), at("2026-03-01T12:00:00Z")) == "bronze"
    assert tier_on(club(EVER, tiers=[{"id": "one", "from": 1}]).program, (), at("2026-03-01T12:00:00Z")) is None


def test_a_path_comes_back_as_it_was_written() -> None:
    path = (("gold", at("2027-01-01T00:00:00+03:00")), ("bronze", at("2028-01-01T00:00:00+03:00")), (None, None))
    assert path_from_document(path_to_document(path)) == path
    memory = Memory(tier_path=path)
    assert Memory.from_document(memory.to_document()) == memory


@given(
    policy=st.sampled_from([YEAR, ROLLING, EVER, {"window": "year"}, {"window": "rolling_365d"}]),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Pacific/Auckland"]),
    steps=st.lists(
        st.tuples(st.integers(0, 300 * 24), st.sampled_from([1, 400, 999, 1000, 5000, None, -500])), max_size=8
    ),
    tiers=st.sampled_from([TIERS, TIERS[1:]]),
)
def test_the_path_tells_the_tier_of_every_moment(
    policy: Mapping[str, str], zone: str, steps: list[tuple[int, int | None]], tiers: object
) -> None:
    """Purchases, whole returns (None) and half ones (below 0) of the latest purchase that can be returned."""
    shop = club(policy, zone=zone, tiers=tiers)
    shop.now = datetime(2027, 12, 20, 7, 30, tzinfo=UTC)
    path: tuple[tuple[str | None, datetime | None], ...] = ()
    bought: list[PurchaseState] = []
    for hours, paid in steps:
        shop.now += timedelta(hours=hours)
        # All that lies between two postings is told by what the first has left.
        assert tier_on(shop.program, path, shop.now) == tier_at(shop.program, shop.book, shop.now)
        if paid is not None and paid > 0:
            bought.append(shop.sell(paid=paid, qty=2))
        elif bought:
            shop.bring_back(bought.pop(), None if paid is None else 1000)
        if shop.book.tier_path is not None:
            assert shop.book.tier_path != path
            path, shop.book.tier_path = shop.book.tier_path, None
        for days in (0, 1, 20, 200, 364, 365, 366, 500, 900):
            then = shop.now + timedelta(days=days)
            assert tier_on(shop.program, path, then) == tier_at(shop.program, shop.book, then), then
