"""Captures: a held basket becomes a purchase of what is captured of it, and later returns go by that."""

from datetime import UTC, date, datetime, timedelta

import pytest

from app.domain.counters import Back, Count, Scope, Use
from app.domain.ledger.hold_states import HoldKind, HoldState
from app.domain.ledger.holds import plan_capture
from app.domain.ledger.purchase_states import UseState
from tests.domain.ledger.held_baskets import BUDGET, DRAW, FIFTY, MONTH, TWO_LINES, decision_of, line_of
from tests.domain.ledger.held_shop import ORIGIN, HeldShop, rich_shop


def test_held_units_can_be_captured_though_their_lot_has_ended() -> None:
    shop = rich_shop(expire_after_days=30)
    hold = shop.hold(FIFTY, ttl=timedelta(days=60))
    shop.pass_days(40)
    shop.capture(hold)
    assert shop.entries == [
        ("customer:held", -30),
        ("customer:held", -20),
        ("customer:available", 10),
        ("program:redeemed", 50),
        ("program:issued", -10),
    ]
    assert (shop.available, shop.held) == (10, 0)
    shop.check()


@pytest.mark.parametrize("is_captured", [False, True])
def test_of_what_goes_back_the_units_taken_first_cover_a_debt_first(is_captured: bool) -> None:
    shop = HeldShop(expire_after_days=30)
    bought = shop.buy(accrue=10)
    shop.buy(redeem=10)
    shop.buy(accrue=30)
    shop.pass_days(1)
    shop.buy(accrue=50)
    first, second = (lot.id for lot in shop.book.added[1:])
    hold = shop.hold(decision_of(line_of("1", units={"points": 80}), line_of("2")))
    shop.bring_back(bought)
    if is_captured:
        shop.capture(hold, {"1": 2_000})
    else:
        shop.release(hold)
    assert shop.available == 70
    assert [(shop.book.lots or {})[lot_id].remaining for lot_id in (first, second)] == [20, 50]
    shop.check()


def test_a_capture_is_the_purchase() -> None:
    shop = HeldShop(expire_after_days=30)
    shop.buy(accrue=80, paid=0)
    hold = shop.hold(decision_of(line_of(gross=100_000, redeemed=5_000, units={"points": 50}, accrued={"points": 10})))
    shop.now += timedelta(minutes=5)
    end = shop.capture(hold)
    posting = shop.postings[-1].posting
    assert (posting.kind.value, posting.parent_tx, hold.resolved_tx) == ("capture", hold.id, posting.tx_id)
    assert (hold.state, shop.book.open_holds, shop.available, shop.held) == (HoldState.CAPTURED, 0, 40, 0)
    new = shop.book.added[-1]
    assert (new.tx_id, new.active_at, new.expires_at) == (posting.tx_id, shop.now, shop.now + timedelta(days=30))
    progress = shop.book.progress
    assert (progress.paid, progress.purchases, progress.units) == (95_000, 2, 90)
    assert (progress.last_purchase_at, shop.book.bought_at[-1]) == (shop.now, shop.now)
    assert [(wallet, units) for wallet, _, units in end.spent] == [("points", 50)]
    assert (dict(end.given_back), end.freed.counters) == ({}, ())
    shop.check()


def test_the_capture_and_not_the_hold_lifts_the_tier_and_has_the_day() -> None:
    shop = HeldShop()
    shop.now = datetime(2026, 3, 1, 23, 55, tzinfo=UTC)
    hold = shop.hold(decision_of(line_of(gross=100_000)))
    assert (shop.book.tier, hold.goods and hold.goods.day) == (None, date(2026, 3, 1))
    shop.now += timedelta(minutes=10)
    shop.capture(hold)
    assert (shop.book.tier, hold.goods and hold.goods.day) == ("silver", date(2026, 3, 2))


def test_of_fewer_lines_the_units_taken_first_are_spent_and_the_rest_goes_back() -> None:
    shop = rich_shop(expire_after_days=30)
    first, second = (lot.id for lot in shop.book.added)
    hold = shop.hold(TWO_LINES, coupons=("SPRING",))
    end = shop.capture(hold, {"2": 2_000})
    assert shop.entries == [
        ("customer:held", -30),
        ("customer:held", -20),
        ("customer:available", 20),
        ("customer:available", 7),
        ("program:redeemed", 30),
        ("program:issued", -7),
    ]
    assert (end.spent, dict(end.given_back)) == ((("points", first, 30),), {"points": 20})
    assert (shop.book.lots or {})[second].remaining == 50
    assert hold.goods is not None
    assert (hold.goods.spent, [line.id for line in hold.goods.lines]) == ([("points", first, 30)], ["1"])
    assert (shop.book.progress.paid, shop.book.progress.units) == (7_000, 87)
    assert end.freed == ((("rule/x/budget", "", -5),), (), (), ())  # Something was captured: the rest stays.
    assert shop.book.memory.counts == {"rule/x/max": Count(MONTH, 5), "rule/x/uses": Count("", 1)}
    shop.check()


def test_a_captured_purchase_goes_back_from_what_was_captured() -> None:
    shop = HeldShop(activate_after_days=14)
    shop.buy(accrue=80, paid=0)
    shop.pass_days(14)
    hold = shop.hold(TWO_LINES, coupons=("SPRING",), codes=("GIVEN",))
    shop.capture(hold, {"1": 1_000})
    goods = hold.goods
    assert goods is not None
    assert [(line.id, line.qty_milli, line.paid, dict(line.accrued)) for line in goods.lines] == [
        ("1", 1_000, 3_500, {"points": 3}),
        ("2", 2_000, 7_999, {"points": 3}),
    ]
    plan = shop.return_lines(goods, [("1", 1_000)])
    assert (plan.refund, dict(plan.taken_back), dict(plan.given_back)) == (3_500, {"points": 3}, {"points": 15})
    assert shop.pending == 3  # Its own pending points went first.
    shop.check()
    plan = shop.return_lines(goods)
    assert (plan.refund, dict(plan.taken_back), dict(plan.given_back)) == (7_999, {"points": 3}, {"points": 20})
    assert (plan.coupons, plan.voided, plan.draws) == (("SPRING",), ("GIVEN", "WON"), (DRAW,))
    assert (shop.available, shop.pending, shop.book.progress.purchases, shop.book.progress.paid) == (80, 0, 1, 0)
    assert {name: count.used for name, count in shop.counts.items()} == {
        "rule/x/budget": 0,
        "stock/lucky/tv": 0,
        "bag/lucky": 1,
    }
    assert shop.book.memory.counts == {}
    shop.check()


def test_what_a_reward_has_cost_stays_whole_and_comes_back_with_everything() -> None:
    shop = HeldShop()
    shop.buy(accrue=80)
    costs = {"whole": {"points": 30}}
    hold = shop.hold(decision_of(line_of("1", units={"points": 30}, costs=costs), line_of("2", accrued={"points": 5})))
    end = shop.capture(hold, {"1": 2_000})
    assert ([units for _, _, units in end.spent], dict(end.given_back)) == ([30], {})
    assert hold.goods is not None
    assert [(line.id, dict(line.cost_units)) for line in hold.goods.lines] == [("2", costs)]
    assert not any(shop.return_lines(hold.goods, [("2", 1_999)]).given_back.values())
    assert dict(shop.return_lines(hold.goods).given_back) == {"points": 30}
    assert shop.available == 80
    shop.check()


def test_points_alone_are_held_captured_and_released() -> None:
    shop = HeldShop()
    shop.buy(accrue=80)
    kept, let_go = shop.hold_units(50), shop.hold_units(20)
    assert (kept.kind, kept.goods, shop.available, shop.held) == (HoldKind.REDEEM, None, 10, 70)
    end = shop.capture_units(kept)
    assert shop.entries == [("customer:held", -50), ("program:redeemed", 50)]
    assert (end.spent, shop.book.progress.purchases) == (tuple(kept.units), 1)
    shop.release(let_go)
    assert (shop.available, shop.held, shop.book.open_holds) == (30, 0, 0)
    shop.check()


def test_a_basket_is_not_captured_as_units_nor_units_as_a_basket() -> None:
    shop = HeldShop()
    shop.buy(accrue=80)
    basket, units = shop.hold(FIFTY), shop.hold_units(10)
    with pytest.raises(ValueError, match="has a basket"):
        shop.capture_units(basket)
    with pytest.raises(ValueError, match="has no basket"):
        plan_capture(
            shop.book, units, shop.moment(), program=shop.program, today=shop.program, decision=FIFTY, dropped={},
            origin=ORIGIN,
        )  # fmt: skip
    with pytest.raises(ValueError, match="nothing stays"):
        shop.capture(basket, {"1": 2_000})
    with pytest.raises(ValueError, match="dropped of line"):
        shop.capture(basket, {"1": 2_001})
    with pytest.raises(ValueError, match="the decision has lines"):
        plan_capture(
            shop.book, basket, shop.moment(), program=shop.program, today=shop.program, decision=TWO_LINES,
            dropped={}, origin=ORIGIN,
        )  # fmt: skip
    with pytest.raises(ValueError, match="is to be redeemed of"):
        plan_capture(
            shop.book, basket, shop.moment(), program=shop.program, today=shop.program, dropped={}, origin=ORIGIN,
            decision=decision_of(line_of(units={"points": 51})),
        )  # fmt: skip
    assert (basket.state, units.state, shop.held, shop.book.version) == (HoldState.HELD, HoldState.HELD, 60, 3)
    shop.check()


def test_an_amount_of_which_nothing_is_captured_is_no_use_any_more() -> None:
    shop = HeldShop()
    only_second = Use(Scope.PROGRAM, "rule/y/budget", "", 4, Back.SHARE, {"2": 4})
    hold = shop.hold(decision_of(line_of("1"), line_of("2"), uses=[only_second, BUDGET]))
    shop.capture(hold, {"2": 2_000})
    assert hold.goods is not None
    assert hold.goods.uses.counts == [UseState(*BUDGET._replace(amount=4, by_line={"1": 4}))]
    assert {name: count.used for name, count in shop.counts.items()} == {"rule/y/budget": 0, "rule/x/budget": 4}


def test_a_capture_converts_the_sets_that_it_fills() -> None:
    stamps = {"value": 0, "convert": {"every": 10, "into": "points", "units": 100}}
    shop = HeldShop(program={"wallets": {"points": {}, "stamps": stamps}})
    shop.sell(gives={("s", "stamps"): 4})
    hold = shop.hold(decision_of(line_of("1", accrued={"stamps": 6}), line_of("2", accrued={"stamps": 6})))
    assert shop.available_in("stamps") == 4
    shop.capture(hold, {"2": 2_000})
    assert (shop.available_in("stamps"), shop.available) == (0, 100)
    shop.check()
