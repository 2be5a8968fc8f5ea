"""A bank on the pure core: rounds of one request, with rows in memory that are read and written as storage does.

A book is built from its row, without lots unless something needs them; what a plan did not mark as changed is lost.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from app.domain.basket import Basket, Visit
from app.domain.customer import CustomerFacts
from app.domain.decision import Decision
from app.domain.identifiers import NOBODY, CustomerId, LotId
from app.domain.ledger.books import Book
from app.domain.ledger.chart import Account, TxKind
from app.domain.ledger.lots import Lot
from app.domain.ledger.plans import (
    Chained,
    Moment,
    bring_up_to_date,
    plan_adjust,
    plan_nobodys,
    plan_purchase,
    plan_redeem,
)
from app.domain.ledger.postings import Origin
from app.domain.ledger.returns import LineState, PurchaseState, ReturnPlan, plan_return, quantities
from app.domain.ledger.tiers import tier_of
from app.domain.rejections import Rejected, Rejection
from app.domain.rules.compiled import CompiledProgram
from app.domain.rules.evaluate import Asked, evaluate
from tests.domain.ledger.shop import ids


@dataclass(slots=True)
class Stored:
    """A purchase as storage keeps it."""

    state: PurchaseState
    customer: CustomerId
    program: CompiledProgram
    at: datetime


@dataclass(slots=True)
class Bank:
    """Everyone's rows, and every posting made so far. Nothing here decides; it calls the core as flows do."""

    program: CompiledProgram
    rows: dict[CustomerId, Book] = field(default_factory=dict)
    lots: dict[CustomerId, dict[LotId, Lot]] = field(default_factory=dict)
    purchases: list[Stored] = field(default_factory=list)
    postings: list[Chained] = field(default_factory=list)
    ids: Iterator[UUID] = field(default_factory=ids)

    def register(self, customer: CustomerId) -> None:
        self.rows[customer] = Book(customer_id=customer)
        self.lots[customer] = {}

    # --- rounds -------------------------------------------------------------------------------------------------------

    @contextmanager
    def round(
        self, customer: CustomerId, moment: Moment, *, needs_lots: bool, purchase: Stored | None = None
    ) -> Iterator[Book]:
        """Read the book, bring it up to date, write it back: of a request that is refused, only what time brought."""
        book = self.read(customer)
        if needs_lots or book.is_due(moment.now):
            book.load_lots(self.lots_of(customer, purchase))
        self.postings += bring_up_to_date(book, moment)
        before = book.version
        try:
            yield book
        except Rejected:
            assert book.version == before, "a refusal has moved something"
            self.write(book)
            raise
        assert book.version == before + 1, "one request, one posting"
        self.write(book)

    def read(self, customer: CustomerId) -> Book:
        row = self.rows[customer]
        return replace(
            row,
            purses={wallet: replace(purse) for wallet, purse in row.purses.items()},
            progress=replace(row.progress),
            lots=None,
            added=[],
            bought_at=[],
        )

    def lots_of(self, customer: CustomerId, purchase: Stored | None = None) -> list[Lot]:
        """Open lots, and those that the purchase made or spent."""
        spent = {lot_id for _, lot_id, _ in purchase.state.spent} if purchase else set()
        own = purchase.state.tx_id if purchase else None
        return [
            replace(lot)
            for lot in self.lots[customer].values()
            if lot.remaining or lot.id in spent or (own is not None and lot.tx_id == own)
        ]

    def write(self, book: Book) -> None:
        kept = self.lots[book.customer_id]
        for lot in (*(book.lots or {}).values(), *book.added):
            if lot.is_changed or lot.is_new:
                kept[lot.id] = replace(lot, is_new=False, is_changed=False)
        self.rows[book.customer_id] = book

    def seen(self, customer: CustomerId, now: datetime) -> Book:
        """The book with what time has brought counted in, as reads show it; nothing is posted."""
        book = self.read(customer)
        book.load_lots(self.lots_of(customer))
        bring_up_to_date(book, Moment(now=now, at=now, ids=ids()))
        return book

    # --- requests -----------------------------------------------------------------------------------------------------

    def accrue(
        self, customer: CustomerId | None, *, basket: Basket, visit: Visit, asked: Asked, now: datetime
    ) -> tuple[Decision, Stored]:
        moment = Moment(now=now, at=visit.at, ids=self.ids)
        if customer is None:
            decision = evaluate(self.program, basket, customer=None, visit=visit, redeem=asked)
            chained = plan_nobodys(moment, kind=TxKind.PURCHASE, origin=Origin())
        else:
            with self.round(customer, Moment(now=now, at=visit.at, ids=self.ids), needs_lots=bool(asked)) as book:
                facts = self.facts_of(book)
                decision = evaluate(self.program, basket, customer=facts, visit=visit, redeem=asked)
                chained = plan_purchase(book, self.program.program, decision, moment, origin=Origin())
        self.postings.append(chained)
        stored = Stored(self._state_of(chained, basket, decision), customer or NOBODY, self.program, visit.at)
        self.purchases.append(stored)
        return decision, stored

    def redeem(self, customer: CustomerId, *, wallet: str, units: int, identified_by: str, now: datetime) -> None:
        moment = Moment(now=now, at=now, ids=self.ids)
        with self.round(customer, moment, needs_lots=True) as book:
            most = self.program.program.redemption.strength.get(identified_by)
            if most is not None and units > most:
                raise Rejected(Rejection.CONFIRMATION_REQUIRED, "")
            self.postings.append(plan_redeem(book, moment, wallet=wallet, units=units, origin=Origin()))

    def adjust(self, customer: CustomerId, *, wallet: str, units: int, now: datetime) -> None:
        moment = Moment(now=now, at=now, ids=self.ids)
        with self.round(customer, moment, needs_lots=units < 0) as book:
            terms = self.program.program.wallets[wallet]
            self.postings.append(plan_adjust(book, terms, moment, units=units, origin=Origin()))

    def bring_back(self, stored: Stored, *, asked: list[tuple[str, int]] | None, now: datetime) -> ReturnPlan:
        moment = Moment(now=now, at=now, ids=self.ids)
        if stored.customer == NOBODY:
            plan = self._plan_return(None, stored, asked, moment)
        else:
            with self.round(stored.customer, moment, needs_lots=True, purchase=stored) as book:
                plan = self._plan_return(book, stored, asked, moment)
                if stored.state.is_all_back and book.progress.last_purchase_at == stored.at:
                    book.progress.last_purchase_at = self._latest_kept(stored.customer)
        self.postings.append(plan.chained)
        return plan

    def _plan_return(
        self, book: Book | None, stored: Stored, asked: list[tuple[str, int]] | None, moment: Moment
    ) -> ReturnPlan:
        back = quantities(stored.state, asked)
        wallets = stored.program.program.wallets
        return plan_return(book, stored.state, moment, back=back, wallets=wallets, origin=Origin())

    def _latest_kept(self, customer: CustomerId) -> datetime | None:
        kept = [each.at for each in self.purchases if each.customer == customer and not each.state.is_all_back]
        return max(kept, default=None)

    def facts_of(self, book: Book) -> CustomerFacts:
        progress = book.progress
        return CustomerFacts(
            id=str(book.customer_id),
            tier=self.tier_of(book),
            available={wallet: purse.available for wallet, purse in book.purses.items()},
            purchases=progress.purchases,
            last_purchase_at=progress.last_purchase_at if progress.purchases else None,
        )

    def tier_of(self, book: Book) -> str | None:
        return tier_of(self.program.program, stored=book.tier, progress=book.progress)

    def _state_of(self, chained: Chained, basket: Basket, decision: Decision) -> PurchaseState:
        posting = chained.posting
        lots = self.lots.get(posting.customer_id, {})
        spent = [
            (entry.wallet, entry.lot_id, -entry.amount)
            for entry in posting.entries
            if entry.account is Account.AVAILABLE and entry.amount < 0 and entry.lot_id is not None
            if lots[entry.lot_id].tx_id != posting.tx_id
        ]
        lines = [
            LineState(
                id=line.id,
                qty_milli=bought.qty_milli,
                paid=line.paid,
                accrued=dict(line.accrued),
                redeemed_units=dict(line.redeemed_units),
            )
            for line, bought in zip(decision.lines, basket.lines, strict=True)
        ]
        return PurchaseState(tx_id=posting.tx_id, lines=lines, spent=spent)

    # --- what must hold by itself -------------------------------------------------------------------------------------

    def check(self, customer: CustomerId) -> None:
        """The row is the sum of its postings, lots less debts are the balances, versions have no gap."""
        row = self.rows[customer]
        postings = [each.posting for each in self.postings if each.posting.customer_id == customer]
        assert [each.version for each in postings] == list(range(1, len(postings) + 1))
        entries = [entry for posting in postings for entry in posting.entries]
        lots = self.lots[customer]
        for wallet, purse in row.purses.items():
            sums = {Account.AVAILABLE: 0, Account.PENDING: 0, Account.HELD: 0}
            for entry in entries:
                if entry.wallet == wallet and entry.account in sums:
                    sums[entry.account] += entry.amount
            assert list(sums.values()) == [purse.available, purse.pending, purse.held]
            mine = [lot for lot in lots.values() if lot.wallet == wallet]
            assert purse.pending == sum(lot.remaining for lot in mine if lot.is_pending)
            assert max(0, purse.available) == sum(lot.remaining for lot in mine if not lot.is_pending)
            assert purse.floor == min(0, purse.available), "the row's floor is not the debt"
        by_lot = dict.fromkeys(lots, 0)
        for entry in entries:
            if entry.lot_id is not None:
                by_lot[entry.lot_id] += entry.amount
        assert by_lot == {lot_id: lot.remaining for lot_id, lot in lots.items()}
        last = [each.hash for each in self.postings if each.posting.customer_id == customer]
        assert row.head == (last[-1] if last else bytes(32))
