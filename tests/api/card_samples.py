"""Made-up answers about cards and back-tests."""

from uuid import UUID

import orjson

from app.api.backtest_page import page_of
from app.domain.backtest.report import report_of
from app.domain.backtest.sums import Sums
from app.domain.ledger.balances import WalletBalance
from app.domain.programs import read_program
from app.flows.keep_cards import CardState
from app.flows.keep_gift_cards import GiftCard
from app.flows.try_draft import Backtest
from tests.api import samples

BACKTEST = UUID("01932b7c-0000-7000-8000-00000000000b")


def card(*, is_blocked: bool = False) -> CardState:
    return CardState("2700000000042", "club", "blocked" if is_blocked else "active", samples.CUSTOMER)


def gift_card() -> GiftCard:
    return GiftCard(
        id=samples.CUSTOMER,
        state="active",
        wallet="gift",
        units=100_000,
        balance=WalletBalance(available=60_000),
        version=2,
        activated_at=samples.NOON,
        expires_at=None,
        tx_id=samples.PURCHASE,
    )


def backtest() -> Backtest:
    """Done, over no baskets."""
    period = {"from": "2026-09-01T00:00:00+03:00", "until": "2026-11-01T00:00:00+03:00", "last": None}
    report = {"period": period, **report_of(Sums(), read_program(samples.program()))}
    report["speed"] = {"workers": 1, "milliseconds": 1, "baskets_per_second": 0}
    page_of(report)  # What is shown as a page can be.
    return Backtest(
        id=BACKTEST,
        state="done",
        asked={"from": None, "until": None, "last": 1_000},
        done=0,
        total=0,
        report=orjson.dumps(report),
        failure=None,
        created_at=samples.NOON,
        created_by="marketer",
        finished_at=samples.NOON,
    )
