"""A book and what happens to it, without a database: what tests of the ledger share."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

from app.domain.decision import Decision, LineDecision, Part
from app.domain.identifiers import CustomerId, LotId
from app.domain.ledger.books import Book
from app.domain.ledger.plans import Chained, Moment, bring_up_to_date, plan_purchase
from app.domain.ledger.postings import Origin
from app.domain.ledger.returns import LineState, PurchaseState
from app.domain.program import Program
from app.domain.programs import read_program

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


def ids() -> Iterator[UUID]:
    number = 0
    while True:
        number += 1
        yield UUID(int=number)


class Shop:
    """One customer's book, a clock that tests move, and every posting made so far."""

    def __init__(self, **points: object) -> None:
        self.program: Program = read_program(
            {
                "currency": "RUB",
                "timezone": "UTC",
                "wallets": {"points": {"value": 100, **points}},
                "tiers": [{"id": "bronze", "from": 0}, {"id": "silver", "from": 100_000}],
                "rules": [],
            }
        )
        self.book = Book(customer_id=CustomerId(UUID(int=2**64)))
        self.book.load_lots([])
        self.now = START
        self.ids = ids()
        self.postings: list[Chained] = []

    def moment(self) -> Moment:
        return Moment(now=self.now, at=self.now, ids=self.ids)

    def pass_days(self, days: int) -> None:
        """Let time pass, and post what it has brought."""
        self.now += timedelta(days=days)
        self.postings += bring_up_to_date(self.book, self.moment())

    def buy(self, *, accrue: int = 0, redeem: int = 0, paid: int = 10_000, qty: int = 1) -> PurchaseState:
        """One line of `qty` pieces; the purchase as later returns see it."""
        accrued = {"points": accrue} if accrue else {}
        redeemed = {"points": redeem} if redeem else {}
        line = LineDecision(
            id="1",
            gross=paid + redeem * 100,
            discount=0,
            redeemed=redeem * 100,
            redeemed_units=redeemed,
            accrued=accrued,
            parts=(Part(rule="base", kind="bonus", wallet="points", units=accrue),),
        )
        decision = Decision(
            lines=(line,), effects=(), verdicts=(), redeem_terms={}, redeemed_units=redeemed, accrued=accrued
        )
        chained = plan_purchase(self.book, self.program, decision, self.moment(), origin=Origin(receipt="1"))
        self.postings.append(chained)
        own = {lot.id for lot in self.book.added}
        spent = [
            (entry.wallet, entry.lot_id, -entry.amount)
            for entry in chained.posting.entries
            if entry.account == "customer:available" and entry.amount < 0 and entry.lot_id is not None
            if not self._is_own(entry.lot_id, chained)
        ]
        assert own or not accrue
        state = LineState(id="1", qty_milli=qty * 1000, paid=paid, accrued=accrued, redeemed_units=redeemed)
        return PurchaseState(tx_id=chained.posting.tx_id, lines=[state], spent=spent)

    def _is_own(self, lot_id: LotId, chained: Chained) -> bool:
        lots = self.book.lots or {}
        return lots[lot_id].tx_id == chained.posting.tx_id

    @property
    def available(self) -> int:
        return self.book.purse("points").available

    @property
    def pending(self) -> int:
        return self.book.purse("points").pending

    def check(self) -> None:
        """What must hold after every step: the book is the sum of its postings, and lots less debt are the balance."""
        lots = (self.book.lots or {}).values()
        active = sum(lot.remaining for lot in lots if not lot.is_pending)
        assert self.available == active - max(0, -self.available)
        assert self.pending == sum(lot.remaining for lot in lots if lot.is_pending)
        entries = [entry for chained in self.postings for entry in chained.posting.entries]
        for account, shown in (("customer:available", self.available), ("customer:pending", self.pending)):
            assert sum(entry.amount for entry in entries if entry.account == account) == shown
        for lot in lots:
            assert lot.remaining == sum(entry.amount for entry in entries if entry.lot_id == lot.id) >= 0
        assert [chained.posting.version for chained in self.postings] == list(range(1, len(self.postings) + 1))
        assert self.available >= self.book.purse("points").floor
