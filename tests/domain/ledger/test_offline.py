"""Units that were taken without connection: what isn't there is owed, and a return gives back just what was taken."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.ledger.offline import shortfall
from app.domain.ledger.plans import plan_purchase
from app.domain.ledger.postings import Origin
from app.domain.ledger.returns import LineState, PurchaseState
from tests.domain.ledger.shop import Shop


def take(shop: Shop, units: int, *, accrue: int = 0, qty: int = 1) -> PurchaseState:
    """A receipt made without connection that took so many points."""
    gives = {("base", "points"): accrue} if accrue else {}
    decision = shop.decide(gives=gives, redeem={"points": units} if units else {})
    chained = plan_purchase(shop.book, shop.program, decision, shop.moment(), origin=Origin(receipt="1"), may_owe=True)
    shop.postings.append(chained)
    (line,) = decision.lines
    spent = [
        (entry.wallet, entry.lot_id, -entry.amount)
        for entry in chained.posting.entries
        if entry.account == "customer:available" and entry.amount < 0 and entry.lot_id is not None
        if not shop._is_own(entry.lot_id, chained)
    ]
    state = LineState("1", qty * 1_000, line.paid, line.accrued, line.redeemed_units)
    return PurchaseState(tx_id=chained.posting.tx_id, lines=[state], spent=spent)


@pytest.mark.parametrize("debt", ["allow", "clamp"])
def test_what_is_not_there_is_owed_and_covered_by_what_comes_next(debt: str) -> None:
    shop = Shop(debt=debt)
    shop.buy(accrue=30)
    assert shortfall(shop.book, {"points": 50, "other": 4}) == {"points": 20, "other": 4}
    assert shortfall(shop.book, {"points": 30}) == {}
    take(shop, 50)
    shop.check()
    assert (shop.available, shop.book.purse("points").floor) == (-20, -20)
    assert shortfall(shop.book, {"points": 5}) == {"points": 5}
    take(shop, 5)
    assert shop.available == -25
    shop.buy(accrue=40)
    shop.check()
    assert (shop.available, shop.book.purse("points").floor) == (15, 0)


def test_its_own_accrual_covers_it_once_it_is_active() -> None:
    shop = Shop()
    take(shop, 20, accrue=50)
    shop.check()
    assert shop.available == 30
    later = Shop(activate_after_days=14)
    take(later, 20, accrue=50)
    later.check()
    assert (later.available, later.pending) == (-20, 50)
    later.pass_days(14)
    later.check()
    assert (later.available, later.pending) == (30, 0)


def test_a_return_lessens_the_debt_first() -> None:
    shop = Shop()
    shop.buy(accrue=30)
    purchase = take(shop, 50)
    plan = shop.bring_back(purchase)
    shop.check()
    assert (dict(plan.given_back), shop.available) == ({"points": 50}, 30)
    assert [lot.remaining for lot in shop.book.open_lots("points", pending=False)] == [30]


def test_what_is_covered_by_now_comes_back_as_a_lot_of_the_wallets_terms() -> None:
    shop = Shop(expire_after_days=10)
    purchase = take(shop, 50)
    shop.buy(accrue=60)
    shop.pass_days(3)
    shop.bring_back(purchase)
    shop.check()
    assert shop.available == 60
    (old, new) = shop.book.open_lots("points", pending=False)
    assert (old.remaining, new.remaining) == (10, 50)
    assert old.expires_at is not None
    assert new.expires_at is not None
    assert (new.expires_at - old.expires_at).days == 3


@given(
    st.integers(0, 40),
    st.integers(1, 60),
    st.integers(0, 60),
    st.integers(0, 60),
    st.lists(st.integers(1, 3), min_size=1, max_size=3),
)
def test_any_split_ends_at_the_whole(had: int, units: int, own: int, after: int, parts: list[int]) -> None:
    shop = Shop()
    if had:
        shop.buy(accrue=had)
    purchase = take(shop, units, accrue=own, qty=sum(parts))
    if after:
        shop.buy(accrue=after)
    shop.check()
    given_back = 0
    for part in parts:
        plan = shop.bring_back(purchase, part * 1_000)
        given_back += plan.given_back.get("points", 0)
        shop.check()
    assert given_back == units
    assert shop.available == had + after
