"""Holds: what is set aside, and what goes back; without a customer too."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest

from app.domain.counters import Count
from app.domain.draws.records import Slip
from app.domain.identifiers import NOBODY
from app.domain.ledger.hold_states import Hold, HoldKind, HoldState
from app.domain.ledger.holds import end_nobodys, plan_capture, plan_capture_units, plan_hold, plan_release
from app.domain.ledger.postings import Origin
from app.domain.ledger.purchase_states import Uses
from app.domain.rejections import Rejected, Rejection
from tests.domain.ledger.held_baskets import (
    BUDGET,
    DRAW,
    DRAW_OF_A_SLIP,
    FIFTY,
    MAX,
    MONTH,
    STOCK,
    TWO_LINES,
    USES,
    decision_of,
    line_of,
)
from tests.domain.ledger.held_shop import ORIGIN, TTL, HeldShop, rich_shop
from tests.domain.ledger.shop import START


def test_a_held_basket_sets_its_units_aside_and_counts_for_nothing_yet() -> None:
    shop = rich_shop(expire_after_days=30)
    before = (shop.book.progress.paid, shop.book.progress.purchases, shop.book.tier)
    hold = shop.hold(FIFTY)
    assert shop.entries == [
        ("customer:available", -30),
        ("customer:held", 30),
        ("customer:available", -20),
        ("customer:held", 20),
    ]
    posting = shop.postings[-1].posting
    assert (shop.available, shop.held, posting.kind.value, posting.version) == (30, 50, "hold", 3)
    assert [units for _, _, units in hold.units] == [30, 20]
    assert (hold.id, hold.kind, hold.state, hold.program) == (posting.tx_id, HoldKind.PURCHASE, HoldState.HELD, 7)
    assert (hold.expires_at, shop.book.due_at) == (shop.now + TTL, shop.now + TTL)
    assert (shop.book.progress.paid, shop.book.progress.purchases, shop.book.tier) == before
    shop.check()


def test_a_hold_takes_the_customers_counters_and_slips_as_a_purchase_does() -> None:
    shop = HeldShop()
    slip = Slip("earlier", date(2026, 2, 1), "0123", "4567")
    shop.book.memory.slips = {"lucky": [slip]}
    hold = shop.hold(decision_of(line_of("1"), line_of("2"), uses=USES, draws=[DRAW_OF_A_SLIP]))
    assert shop.book.memory.counts == {"rule/x/max": Count(MONTH, 7), "rule/x/uses": Count("", 1)}
    assert shop.book.memory.slips == {}
    end = shop.release(hold)
    assert shop.book.memory.counts == {}
    (again,) = shop.book.memory.slips["lucky"]
    assert (again.purchase, again.ticket, again.state) == (str(hold.id), "0123", {"misses": 2})
    assert end.freed.counters == (("rule/x/budget", "", -9), ("stock/lucky/tv", "", -1))


def test_a_release_gives_everything_back() -> None:
    shop = HeldShop()
    shop.buy(accrue=80)
    hold = shop.hold(TWO_LINES, coupons=("SPRING",), codes=("GIVEN",))
    end = shop.release(hold)
    assert shop.entries == [("customer:held", -50), ("customer:available", 50)]
    posting = shop.postings[-1].posting
    assert (posting.kind.value, posting.parent_tx, posting.origin) == ("release", hold.id, ORIGIN)
    assert (hold.state, hold.resolved_tx, shop.book.open_holds) == (HoldState.RELEASED, posting.tx_id, 0)
    assert (dict(end.given_back), dict(end.expired_again), end.spent) == ({"points": 50}, {}, ())
    assert end.freed.coupons == ("SPRING",)
    assert (end.freed.voided, end.freed.draws) == (("GIVEN", "WON"), (DRAW,))
    assert (shop.available, shop.held, shop.counts["rule/x/budget"].used) == (80, 0, 0)
    shop.check()


def test_what_goes_back_to_a_lot_that_has_ended_expires_at_once() -> None:
    shop = rich_shop(expire_after_days=30)
    hold = shop.hold(FIFTY, ttl=timedelta(days=60))
    shop.pass_days(29)
    assert (shop.available, shop.held) == (30, 50)  # The lot of the first day has ended; its held units have not.
    end = shop.release(hold)
    assert (dict(end.given_back), dict(end.expired_again)) == ({"points": 50}, {"points": 30})
    assert shop.available == 50
    assert ("program:expired", 30) in shop.entries
    shop.check()


def test_held_units_cover_no_debt_until_they_go_back() -> None:
    shop = HeldShop()
    bought = shop.buy(accrue=40)
    hold = shop.hold_units(40)
    shop.bring_back(bought)
    assert (shop.available, shop.held, shop.book.purse("points").floor) == (-40, 40, -40)
    shop.check()
    shop.release(hold)
    assert (shop.available, shop.held, shop.book.purse("points").floor) == (0, 0, 0)
    assert not any(lot.remaining for lot in (shop.book.lots or {}).values())
    shop.check()


def test_more_than_is_available_is_not_held_and_changes_nothing() -> None:
    shop = HeldShop()
    shop.buy(accrue=80)
    shop.hold_units(50)
    with pytest.raises(Rejected) as refusal:
        shop.hold_units(31)
    assert refusal.value.rejection is Rejection.INSUFFICIENT_POINTS
    assert dict(refusal.value.facts) == {"requested": 31, "available": 30}
    assert (shop.available, shop.held, shop.book.open_holds, shop.book.version) == (30, 50, 1, 2)


def test_held_units_fill_no_set_and_those_that_come_back_do() -> None:
    wallets = {"points": {}, "stamps": {"value": 0, "convert": {"every": 10, "into": "points", "units": 100}}}
    shop = HeldShop(program={"wallets": wallets})
    shop.sell(gives={("s", "stamps"): 9})
    hold = shop.hold_units(5, wallet="stamps")
    shop.sell(gives={("s", "stamps"): 4})
    assert (shop.available_in("stamps"), shop.available) == (8, 0)
    shop.release(hold)
    assert (shop.available_in("stamps"), shop.available) == (3, 100)
    shop.check()


def test_a_hold_that_has_ended_ends_no_second_time() -> None:
    shop = HeldShop()
    shop.buy(accrue=80)
    basket, units = shop.hold(FIFTY), shop.hold_units(10)
    shop.capture(basket)
    shop.release(units)
    before = (shop.book.version, shop.available, shop.held, dict(shop.book.memory.counts))
    again: list[tuple[Callable[[Hold], object], Hold]] = [
        (shop.capture, basket),
        (shop.release, basket),
        (shop.release, units),
        (shop.capture_units, units),
    ]
    for end, hold in again:
        with pytest.raises(ValueError, match=r"is (captured|released), by"):
            end(hold)
    assert (shop.book.version, shop.available, shop.held, dict(shop.book.memory.counts)) == before


def test_a_hold_names_its_program() -> None:
    shop = HeldShop()
    with pytest.raises(ValueError, match="names the program"):
        plan_hold(
            shop.book, shop.program, FIFTY, shop.moment(), lines=[], uses=Uses(), day=START.date(), shop="S1",
            expires_at=START + TTL, origin=Origin(),
        )  # fmt: skip


def _nobodys(shop: HeldShop) -> Hold:
    return shop.hold(decision_of(line_of("1"), line_of("2"), uses=[BUDGET, STOCK]), is_nobodys=True)


def test_nobodys_basket_is_held_released_and_captured_without_a_book() -> None:
    shop = HeldShop()
    hold = _nobodys(shop)
    assert (hold.customer_id, list(hold.units)) == (NOBODY, [])
    end = plan_release(None, hold, shop.moment(), program=None, origin=ORIGIN)
    posting = end.chained.posting
    assert (posting.kind.value, posting.version, posting.parent_tx, posting.entries) == ("release", 0, hold.id, ())
    assert end.freed.counters == (("rule/x/budget", "", -9), ("stock/lucky/tv", "", -1))
    hold = _nobodys(shop)
    end = plan_capture(
        None, hold, shop.moment(), program=shop.program, today=shop.program, dropped={"1": 2_000}, origin=ORIGIN,
        decision=decision_of(line_of("2")),
    )  # fmt: skip
    assert (end.chained.posting.kind.value, end.freed.counters) == ("capture", (("rule/x/budget", "", -4),))
    assert (hold.state, hold.goods and [line.id for line in hold.goods.lines]) == (HoldState.CAPTURED, ["2"])
    assert (hold.goods and hold.goods.posted_by) == end.chained.posting.tx_id == hold.resolved_tx


def test_nobodys_hold_ends_by_time() -> None:
    shop = HeldShop()
    hold = _nobodys(shop)
    shop.now += timedelta(hours=2)
    chained, freed = end_nobodys(hold, shop.moment())
    posting = chained.posting
    assert (posting.kind.value, posting.parent_tx, posting.origin) == ("release", hold.id, Origin())
    assert (posting.at, posting.created_at) == (hold.expires_at, shop.now)
    assert (hold.state, hold.resolved_tx) == (HoldState.EXPIRED, posting.tx_id)
    assert freed.counters == (("rule/x/budget", "", -9), ("stock/lucky/tv", "", -1))
    with pytest.raises(ValueError, match="is expired"):
        end_nobodys(hold, shop.moment())


def test_nothing_goes_back_to_a_period_that_is_over() -> None:
    shop = HeldShop()
    shop.now = datetime(2026, 3, 31, 23, 50, tzinfo=UTC)
    hold = shop.hold(decision_of(line_of("1"), line_of("2"), uses=[MAX]), ttl=timedelta(days=7))
    shop.now = datetime(2026, 4, 1, 0, 10, tzinfo=UTC)
    april = MAX._replace(period="2026-04")
    shop.purchase(decision_of(line_of("1"), line_of("2"), uses=[april]))
    shop.release(hold)
    assert shop.book.memory.counts == {"rule/x/max": Count("2026-04", 7)}


def test_units_of_a_plain_redemption_go_back_to_nothing_but_their_lots() -> None:
    shop = HeldShop()
    shop.buy(accrue=5)
    hold = shop.hold_units(5)
    assert shop.release(hold).freed == ((), (), (), ())
    with pytest.raises(ValueError, match="is released"):
        plan_capture_units(shop.book, hold, shop.moment(), program=None, origin=ORIGIN)
