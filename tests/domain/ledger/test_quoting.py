"""The balances that a quote shows are those that the purchase leaves."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from app.domain.ledger.moments import Moment
from app.domain.ledger.plans import balances_after, plan_purchase
from app.domain.ledger.postings import Origin
from tests.domain.ledger.shop import Shop

UNITS = st.integers(0, 30)
PROGRAM = {
    "wallets": {
        "stamps": {"value": 0, "activate_after_days": 1, "expire_after_days": 3,
                   "convert": {"every": 10, "into": "points", "units": 7}},
        "points": {"value": 100, "expire_after_days": 2, "expire_round": "day",
                   "convert": {"every": 20, "into": "cash", "units": 3}},
        "cash": {"value": 1, "activate_after_days": 2, "expire_after_days": 2},
    },
    "rules": [
        {"id": "now", "kind": "bonus", "give": {"units": 1, "activate_after_days": 0, "expire_after_days": 1}},
        {"id": "ever", "kind": "bonus", "give": {"units": 1, "activate_after_days": 0, "expire_after_days": None}},
    ],
}  # fmt: skip
WALLETS = ("stamps", "points", "cash")


@given(data=st.data(), days=st.integers(0, 3), late=st.integers(-1, 4))
def test_a_quote_shows_what_the_purchase_leaves(data: st.DataObject, days: int, late: int) -> None:
    """Lots and debts before it; rules' own terms, deals of days ago, redemptions and conversions in it."""
    shop = Shop(program=PROGRAM)
    rules = st.sampled_from(["base", "now", "ever"])
    for _ in range(data.draw(st.integers(0, 3))):
        bought = shop.sell(
            gives={(data.draw(rules), wallet): units for wallet in WALLETS if (units := data.draw(UNITS))}
        )
        if data.draw(st.booleans()):
            shop.pass_days(data.draw(st.integers(0, 2)))
        if data.draw(st.booleans()):
            shop.bring_back(bought)
    shop.pass_days(days)
    gives = {(data.draw(rules), wallet): units for wallet in WALLETS if (units := data.draw(UNITS))}
    gives |= {("now", wallet): units for wallet in WALLETS if (units := data.draw(UNITS))}
    redeem = {
        wallet: units for wallet in WALLETS if (units := data.draw(st.integers(0, max(0, shop.available_in(wallet)))))
    }
    decision = shop.decide(gives=gives, redeem=redeem)
    at = shop.now - timedelta(days=late)
    told = balances_after(shop.book, shop.program, decision, now=shop.now, at=at)
    moment = Moment(now=shop.now, at=at, ids=shop.ids)
    shop.postings.append(plan_purchase(shop.book, shop.program, decision, moment, origin=Origin()))
    shop.check()
    assert told == shop.book.balances(shop.program.wallets)


def test_a_quote_needs_no_lots() -> None:
    shop = Shop(program=PROGRAM)
    shop.sell(gives={("ever", "stamps"): 9})
    shop.book.lots = None
    told = balances_after(
        shop.book, shop.program, shop.decide(gives={("ever", "stamps"): 1}), now=shop.now, at=shop.now
    )
    assert {wallet: each.available for wallet, each in told.items()} == {"stamps": 0, "points": 7, "cash": 0}
