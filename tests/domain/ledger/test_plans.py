"""Decisions become postings: what is spent, what is brought, and what time does to it."""

import pytest

from app.domain.ledger.chart import TxKind
from app.domain.ledger.lots import spending_order
from app.domain.ledger.plans import plan_adjust, plan_redeem
from app.domain.ledger.postings import Entry, Origin, Posting
from app.domain.rejections import Rejected, Rejection
from tests.domain.ledger.shop import Shop


def _entries(shop: Shop) -> list[tuple[str, int]]:
    return [(entry.account.value, entry.amount) for entry in shop.postings[-1].posting.entries]


def test_an_accrual_is_a_lot_against_what_the_program_issued() -> None:
    shop = Shop()
    shop.buy(accrue=10)
    assert _entries(shop) == [("customer:available", 10), ("program:issued", -10)]
    assert [(lot.remaining, lot.expires_at) for lot in shop.book.added] == [(10, None)]
    shop.check()


def test_lots_that_expire_first_are_spent_first() -> None:
    shop = Shop(expire_after_days=30)
    shop.buy(accrue=10)
    shop.pass_days(10)
    shop.buy(accrue=10)
    shop.buy(redeem=15)
    first, second = spending_order((shop.book.lots or {}).values())
    assert (first.remaining, second.remaining) == (0, 5)
    shop.check()


def test_points_of_a_receipt_do_not_pay_for_it() -> None:
    shop = Shop()
    shop.buy(accrue=10)
    shop.buy(accrue=7, redeem=10)
    assert _entries(shop) == [
        ("customer:available", -10),
        ("customer:available", 7),
        ("program:redeemed", 10),
        ("program:issued", -7),
    ]
    shop.check()


def test_pending_points_become_active_at_their_instant_by_a_posting_of_their_own() -> None:
    shop = Shop(activate_after_days=14)
    shop.buy(accrue=10)
    assert (shop.available, shop.pending) == (0, 10)
    shop.pass_days(13)
    assert shop.book.version == 1
    shop.pass_days(1)
    assert (shop.available, shop.pending, shop.postings[-1].posting.kind) == (10, 0, TxKind.ACTIVATE)
    shop.check()


def test_what_expires_goes_to_the_program() -> None:
    shop = Shop(expire_after_days=30)
    shop.buy(accrue=10)
    shop.buy(redeem=4)
    shop.pass_days(30)
    assert _entries(shop) == [("customer:available", -6), ("program:expired", 6)]
    assert shop.book.due_at is None
    shop.check()


def test_a_lot_that_is_over_before_it_is_active_expires_out_of_pending() -> None:
    shop = Shop(activate_after_days=20, expire_after_days=10)
    shop.buy(accrue=10)
    shop.pass_days(25)
    assert _entries(shop) == [("customer:pending", -10), ("program:expired", 10)]
    shop.check()


def test_time_brings_nothing_twice() -> None:
    shop = Shop(activate_after_days=1, expire_after_days=2)
    shop.buy(accrue=10)
    shop.pass_days(5)
    kinds = [chained.posting.kind for chained in shop.postings]
    assert kinds == [TxKind.PURCHASE, TxKind.ACTIVATE, TxKind.EXPIRE]
    shop.pass_days(5)
    assert len(shop.postings) == 3


def test_more_than_is_available_is_refused_and_changes_nothing() -> None:
    shop = Shop()
    shop.buy(accrue=10)
    with pytest.raises(Rejected) as refusal:
        plan_redeem(shop.book, shop.program, shop.moment(), wallet="points", units=11, origin=Origin())
    assert refusal.value.rejection is Rejection.INSUFFICIENT_POINTS
    assert dict(refusal.value.facts) == {"requested": 11, "available": 10}
    with pytest.raises(Rejected):
        plan_adjust(shop.book, shop.program, shop.moment(), wallet="points", units=-11, origin=Origin())
    shop.check()


def test_the_purchase_that_reaches_a_tier_is_the_last_of_the_old_one() -> None:
    shop = Shop()
    shop.buy(paid=99_999)
    assert shop.book.tier == "bronze"
    shop.buy(paid=1)
    assert shop.book.tier == "silver"
    assert (shop.book.progress.paid, shop.book.progress.purchases) == (100_000, 2)


def test_a_posting_that_does_not_balance_cannot_be_built() -> None:
    shop = Shop()
    shop.buy(accrue=10)
    posting = shop.postings[0].posting
    with pytest.raises(ValueError, match="unbalanced"):
        Posting(
            tx_id=posting.tx_id,
            kind=posting.kind,
            customer_id=posting.customer_id,
            version=1,
            at=posting.at,
            created_at=posting.created_at,
            entries=(Entry(posting.entries[0].account, "points", 1),),
            origin=Origin(),
        )
