"""The balances that a quote shows are those that the purchase leaves."""

from datetime import UTC, datetime, timedelta
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.ledger import quoting
from app.domain.ledger.moments import Moment
from app.domain.ledger.plans import balances_after, plan_purchase
from app.domain.ledger.postings import Origin
from app.domain.ledger.quoting import balances_step_by_step
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


SHORT = {
    "wallets": {
        "points": {"value": 100, "expire_after_days": 3, "expire_round": "day"},
        "cash": {"value": 1},
    },
    "rules": [
        {"id": "soon", "kind": "bonus", "give": {"units": 1, "expire_after_days": 2}},
        {"id": "late", "kind": "bonus", "give": {"units": 1, "activate_after_days": 1}},
    ],
}  # fmt: skip


@given(
    data=st.data(),
    zone=st.sampled_from(["UTC", "Pacific/Apia", "America/New_York", "Europe/Moscow"]),
    # Days that clock changes make shorter, and the one that Samoa left out, with the hours around them.
    day=st.sampled_from([datetime(2011, 12, 29, tzinfo=UTC), datetime(2026, 3, 8, tzinfo=UTC)]),
    hours=st.integers(-60, 60),
    late_hours=st.integers(-1, 100),
)
def test_the_short_way_says_what_the_long_one_does(
    data: st.DataObject, zone: str, day: datetime, hours: int, late_hours: int
) -> None:
    """Whatever arrives: at once, late, expired on arrival; with debts, and wallets that the book doesn't have yet."""
    shop = Shop(program=SHORT | {"timezone": zone})
    shop.now = day + timedelta(hours=hours)
    for wallet in data.draw(st.sets(st.sampled_from(["points", "cash", "old"]))):
        shop.book.purse(wallet).available = data.draw(st.integers(-20, 20))
    rules = data.draw(st.sets(st.sampled_from(["base", "soon", "late"]), min_size=1))
    gives = {(rule, wallet): data.draw(UNITS) for rule in sorted(rules) for wallet in ("points", "cash")}
    decision = shop.decide(gives={key: units for key, units in gives.items() if units})
    at = shop.now - timedelta(hours=late_hours)
    asked = {"now": shop.now, "at": at}
    short = balances_after(shop.book, shop.program, decision, **asked)
    assert list(short.items()) == list(balances_step_by_step(shop.book, shop.program, decision, **asked).items())


@pytest.mark.parametrize(("rule", "is_short"), [("base", True), ("late", False)])
def test_the_long_way_is_gone_only_where_it_has_to_be(rule: str, is_short: bool) -> None:
    shop = Shop(program=SHORT)
    decision = shop.decide(gives={(rule, "cash"): 1})
    with patch.object(quoting, "balances_step_by_step", return_value={}) as long_way:
        balances_after(shop.book, shop.program, decision, now=shop.now, at=shop.now)
    assert long_way.called is not is_short
