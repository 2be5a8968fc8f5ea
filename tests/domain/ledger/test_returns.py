"""Goods brought back: exact in any split, and no way to keep what a return takes back."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.amounts import half_up
from app.domain.ledger.postings import Origin
from app.domain.ledger.returns import LineState, PurchaseState, ReturnPlan, plan_return, quantities
from app.domain.program import Debt, Wallet
from app.domain.rejections import Rejected, Rejection
from tests.domain.ledger.shop import Shop


def _bring_back(
    shop: Shop, purchase: PurchaseState, qty_milli: int | None = None, *, debt: Debt = Debt.ALLOW
) -> ReturnPlan:
    back = quantities(purchase, None if qty_milli is None else [("1", qty_milli)])
    sold_by = replace(shop.program, wallets={"points": Wallet("points", debt=debt)})
    plan = plan_return(
        shop.book, purchase, shop.moment(), back=back, sold_by=sold_by, today=shop.program, origin=Origin()
    )
    shop.postings.append(plan.chained)
    shop.check()
    return plan


def test_a_whole_return_undoes_the_purchase() -> None:
    shop = Shop()
    shop.buy(accrue=50)
    purchase = shop.buy(accrue=10, redeem=20)
    plan = _bring_back(shop, purchase)
    assert (plan.refund, dict(plan.taken_back), dict(plan.given_back)) == (10_000, {"points": 10}, {"points": 20})
    assert (shop.available, shop.book.progress.purchases, shop.book.progress.paid) == (50, 1, 10_000)


def test_points_spent_meanwhile_become_a_debt_that_later_points_cover() -> None:
    shop = Shop()
    purchase = shop.buy(accrue=10)
    shop.buy(redeem=10)
    _bring_back(shop, purchase)
    assert (shop.available, shop.book.purse("points").floor) == (-10, -10)
    shop.buy(accrue=4)
    assert shop.available == -6
    shop.check()
    shop.buy(accrue=9)
    assert (shop.available, shop.book.purse("points").floor) == (3, 0)
    shop.check()


def test_a_wallet_without_debt_gives_what_it_has_and_the_rest_stays_due() -> None:
    shop = Shop(debt="clamp")
    purchase = shop.buy(accrue=10, qty=2)
    shop.buy(redeem=10)
    plan = _bring_back(shop, purchase, 1000, debt=Debt.CLAMP)
    assert (dict(plan.taken_back), dict(plan.clamped), shop.available) == ({}, {"points": 5}, 0)
    shop.buy(accrue=20)
    plan = _bring_back(shop, purchase, 1000, debt=Debt.CLAMP)
    assert (dict(plan.taken_back), dict(plan.clamped), shop.available) == ({"points": 10}, {}, 10)


def test_own_pending_points_go_first() -> None:
    shop = Shop(activate_after_days=14)
    purchase = shop.buy(accrue=10)
    _bring_back(shop, purchase)
    assert (shop.available, shop.pending) == (0, 0)


def test_of_own_points_pending_ones_go_before_those_that_expire_sooner() -> None:
    late = {"id": "late", "kind": "bonus", "give": {"units": 1, "activate_after_days": 14}}
    shop = Shop(program={"rules": [late]})
    purchase = shop.sell(gives={("late", "points"): 10, ("base", "points"): 10}, qty=2)
    [active] = [lot for lot in shop.book.loaded_lots("points") if not lot.is_pending]
    active.expires_at = shop.now + timedelta(days=1)
    _bring_back(shop, purchase, 1_000)
    assert (shop.available, shop.pending) == (10, 0)
    _bring_back(shop, purchase)
    assert (shop.available, shop.pending) == (0, 0)


def test_pending_points_cover_a_debt_when_they_become_active() -> None:
    shop = Shop(activate_after_days=14)
    purchase = shop.buy(accrue=10)
    shop.pass_days(14)
    shop.buy(redeem=10)
    shop.buy(accrue=25)
    _bring_back(shop, purchase)
    assert (shop.available, shop.pending) == (-10, 25)
    shop.pass_days(14)
    assert (shop.available, shop.pending) == (15, 0)
    shop.check()


def test_what_goes_back_to_an_expired_lot_expires_again_at_once() -> None:
    shop = Shop(expire_after_days=30)
    shop.buy(accrue=50)
    purchase = shop.buy(redeem=20)
    shop.pass_days(31)
    plan = _bring_back(shop, purchase)
    assert (dict(plan.given_back), dict(plan.expired_again), shop.available) == ({"points": 20}, {"points": 20}, 0)


def test_buying_spending_and_returning_leaves_nothing_behind() -> None:
    shop = Shop(debt="clamp")
    shop.buy(accrue=5)
    first = shop.buy(accrue=10)
    second = shop.buy(accrue=3, redeem=15)
    _bring_back(shop, first, debt=Debt.CLAMP)
    _bring_back(shop, second, debt=Debt.CLAMP)
    assert shop.available <= 5 + 10  # What could not be taken from an empty purse is forgiven, nothing is made of it.
    shop.check()


def test_more_than_is_left_is_refused() -> None:
    shop = Shop()
    purchase = shop.buy(accrue=10, qty=2)
    _bring_back(shop, purchase, 1500)
    with pytest.raises(Rejected) as refusal:
        quantities(purchase, [("1", 501)])
    assert refusal.value.rejection is Rejection.RETURN_EXCEEDS_PURCHASE
    with pytest.raises(Rejected) as refusal:
        quantities(purchase, [("1", 1), ("2", 1), ("1", 1)])
    assert [(fault.pointer, fault.code) for fault in refusal.value.faults] == [
        ("/lines/1/id", "unknown_line"),
        ("/lines/2/id", "duplicate"),
    ]
    _bring_back(shop, purchase, 500)
    with pytest.raises(Rejected):
        quantities(purchase, None)


@given(
    lines=st.lists(
        st.tuples(st.integers(1, 5_000), st.integers(0, 100_000), st.integers(0, 500), st.integers(0, 500)),
        min_size=1,
        max_size=5,
    ),
    data=st.data(),
)
def test_any_split_ends_at_the_whole(lines: list[tuple[int, int, int, int]], data: st.DataObject) -> None:
    """Each line has the half-up share of the whole after every return, and the last return ends there exactly."""
    shop = Shop()
    shop.buy(accrue=10_000)
    spent_lot = next(iter(shop.book.lots or {}))
    redeemed = sum(line[3] for line in lines)
    purchase = shop.buy(redeem=redeemed, accrue=sum(line[2] for line in lines))
    purchase.lines = [
        LineState(id=str(place), qty_milli=qty, paid=paid, accrued={"points": e}, redeemed_units={"points": s})
        for place, (qty, paid, e, s) in enumerate(lines)
    ]
    assert purchase.spent == ([("points", spent_lot, redeemed)] if redeemed else [])
    totals = {"refund": 0, "taken": 0, "given": 0}
    while not purchase.is_all_back:
        back = {
            line.id: data.draw(st.integers(0, line.qty_milli - line.returned_milli))
            for line in purchase.lines
            if line.qty_milli > line.returned_milli
        }
        chosen = {line_id: qty for line_id, qty in back.items() if qty} or quantities(purchase, None)
        plan = plan_return(
            shop.book,
            purchase,
            shop.moment(),
            back=chosen,
            sold_by=shop.program,
            today=shop.program,
            origin=Origin(),
        )
        shop.postings.append(plan.chained)
        shop.check()
        totals["refund"] += plan.refund
        totals["taken"] += plan.taken_back.get("points", 0)
        totals["given"] += plan.given_back.get("points", 0)
        assert totals["refund"] == sum(half_up(p.paid * p.returned_milli, p.qty_milli) for p in purchase.lines)
    assert totals == {
        "refund": sum(line[1] for line in lines),
        "taken": sum(line[2] for line in lines),
        "given": redeemed,
    }
    assert shop.available == 10_000
