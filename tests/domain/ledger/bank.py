"""A bank on the pure core: rounds of one request, with rows in memory that are read and written as storage does.

A book is built from its row, without lots unless something needs them, and then with no more than it may take; what a
plan did not mark as changed is lost.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from uuid import UUID

from app.domain.basket import Basket, Line, Visit
from app.domain.customer import CustomerFacts
from app.domain.decision import Decision
from app.domain.draws.luck import Luck
from app.domain.identifiers import NOBODY, CustomerId, LotId
from app.domain.ledger.books import Book
from app.domain.ledger.chart import Account, TxKind
from app.domain.ledger.lots import Lot, spending_order
from app.domain.ledger.memory import Memory
from app.domain.ledger.plans import (
    Chained,
    Moment,
    bring_up_to_date,
    plan_adjust,
    plan_event,
    plan_nobodys,
    plan_purchase,
    plan_redeem,
)
from app.domain.ledger.postings import Origin
from app.domain.ledger.returns import LineState, PurchaseState, ReturnPlan, plan_return, quantities
from app.domain.ledger.tiers import tier_at
from app.domain.rejections import Rejected, Rejection
from app.domain.rules.compiled import CompiledProgram
from app.domain.rules.evaluate import Asked, evaluate
from app.domain.rules.most_taken import most_taken
from app.domain.rules.needs import needs_of
from app.domain.rules.standing import Standing
from app.flows.ledger_port import Shared
from tests.domain.ledger.shared_state import SharedState
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
    shared: SharedState = field(default_factory=SharedState)
    secret_of: Callable[[date], bytes] | None = None  # The secrets of days; without it nothing is drawn.

    def register(self, customer: CustomerId) -> None:
        self.rows[customer] = Book(customer_id=customer)
        self.lots[customer] = {}

    # --- rounds -------------------------------------------------------------------------------------------------------

    @contextmanager
    def round(
        self,
        customer: CustomerId,
        moment: Moment,
        *,
        needs_lots: bool,
        purchase: Stored | None = None,
        takes: Mapping[str, int] | None = None,
    ) -> Iterator[Book]:
        """Read the book, bring it up to date, write it back: of a request that is refused, only what time brought.

        takes: the most units of each wallet that may be spent, where no other lots are looked at.
        """
        book = self.read(customer)
        if book.is_due(moment.now) or self.converts or (needs_lots and takes is None):
            book.load_lots(self.lots_of(customer, purchase))
        elif needs_lots and takes is not None:
            book.load_first_lots(self.first_lots_of(customer, takes))
        self.postings += bring_up_to_date(book, moment, self.program.program)
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
            memory=Memory.from_document(row.memory.to_document()),
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

    def first_lots_of(self, customer: CustomerId, takes: Mapping[str, int]) -> list[Lot]:
        """Active lots in spending order, as many of each wallet as hold so much."""
        first, left = [], dict(takes)
        for lot in spending_order(self.lots[customer].values()):
            if lot.remaining and not lot.is_pending and left.get(lot.wallet, 0) > 0:
                left[lot.wallet] -= lot.remaining
                first.append(replace(lot))
        return first

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
        bring_up_to_date(book, Moment(now=now, at=now, ids=self.ids), self.program.program)
        return book

    # --- requests -----------------------------------------------------------------------------------------------------

    def accrue(
        self,
        customer: CustomerId | None,
        *,
        basket: Basket,
        visit: Visit,
        asked: Asked,
        now: datetime,
        rewards: Mapping[str, int] | None = None,
        receipt: tuple[str, str] = ("", ""),
    ) -> tuple[Decision, Stored]:
        """`receipt` is the terminal and the number."""
        moment, rewards, luck = (
            Moment(now=now, at=visit.at, ids=self.ids),
            rewards or {},
            self._luck(visit, receipt, now),
        )
        needs = needs_of(self.program, basket, event=None, rewards=rewards, customer_known=customer is not None)
        shared = self.shared.lock_for(needs, basket.coupons, now)
        if customer is None:
            standing = Standing(now=now, program=shared.counts, coupons=shared.coupons, codes=shared.codes, luck=luck)
            decision = evaluate(
                self.program, basket, customer=None, visit=visit, redeem=asked, rewards=rewards, standing=standing
            )
            chained = plan_nobodys(moment, kind=TxKind.PURCHASE, origin=Origin())
        else:
            most = most_taken(self.program, basket, redeem=asked, rewards=rewards)
            with self.round(customer, moment, needs_lots=bool(asked or rewards), takes=most) as book:
                decision = evaluate(
                    self.program,
                    basket,
                    customer=self.facts_of(book, now),
                    visit=visit,
                    redeem=asked,
                    rewards=rewards,
                    standing=self._standing(book, shared, now, luck),
                )
                for wallet, units in decision.redeemed_units.items():
                    assert units <= most.get(wallet, 0), "more is taken than was said"
                chained = plan_purchase(book, self.program.program, decision, moment, origin=Origin())
        self.postings.append(chained)
        state = self._state_of(chained, basket, decision)
        state.uses = self.shared.take(decision, shared, self.program.program, customer=customer, luck=luck)
        state.draws, state.day = decision.draws, now.astimezone(self.program.program.timezone).date()
        stored = Stored(state, customer or NOBODY, self.program, visit.at)
        self.purchases.append(stored)
        return decision, stored

    def act(self, customer: CustomerId, *, visit: Visit, now: datetime) -> Decision:
        """Another act than a purchase: `visit.event`."""
        moment, act = (
            Moment(now=now, at=visit.at, ids=self.ids),
            Basket(lines=(Line(id="event", qty_milli=1_000, price=0),)),
        )
        needs = needs_of(self.program, act, event=visit.event, rewards={}, customer_known=True)
        shared = self.shared.lock_for(needs, (), now)
        with self.round(customer, moment, needs_lots=False) as book:
            facts, standing = self.facts_of(book, now), self._standing(book, shared, now, None)
            decision = evaluate(self.program, act, customer=facts, visit=visit, redeem={}, standing=standing)
            self.postings.append(plan_event(book, self.program.program, decision, moment, origin=Origin()))
        self.shared.take(decision, shared, self.program.program, customer=customer, luck=None)
        return decision

    @property
    def converts(self) -> bool:
        """Full sets are looked for after each posting."""
        return any(wallet.convert is not None for wallet in self.program.program.wallets.values())

    def _luck(self, visit: Visit, receipt: tuple[str, str], now: datetime) -> Luck | None:
        if self.secret_of is None:
            return None
        day = now.astimezone(self.program.program.timezone).date()
        return Luck(self.secret_of(day), day, visit.shop, *receipt)

    def _standing(self, book: Book, shared: Shared, now: datetime, luck: Luck | None) -> Standing:
        return Standing(
            now=now,
            customer=book.memory.counts,
            program=shared.counts,
            coupons=shared.coupons,
            codes=shared.codes,
            slips=book.memory.slips,
            luck=luck,
        )

    def redeem(self, customer: CustomerId, *, wallet: str, units: int, identified_by: str, now: datetime) -> None:
        moment = Moment(now=now, at=now, ids=self.ids)
        with self.round(customer, moment, needs_lots=True, takes={wallet: units}) as book:
            most = self.program.program.redemption.strength.get(identified_by)
            if most is not None and units > most:
                raise Rejected(Rejection.CONFIRMATION_REQUIRED, "")
            self.postings.append(
                plan_redeem(book, self.program.program, moment, wallet=wallet, units=units, origin=Origin())
            )

    def adjust(self, customer: CustomerId, *, wallet: str, units: int, now: datetime) -> None:
        moment = Moment(now=now, at=now, ids=self.ids)
        with self.round(customer, moment, needs_lots=units < 0, takes={wallet: -units}) as book:
            plan = plan_adjust(book, self.program.program, moment, wallet=wallet, units=units, origin=Origin())
            self.postings.append(plan)

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
        self.shared.free(plan, stored.state.uses, now)
        return plan

    def _plan_return(
        self, book: Book | None, stored: Stored, asked: list[tuple[str, int]] | None, moment: Moment
    ) -> ReturnPlan:
        back = quantities(stored.state, asked)
        sold_by, today = stored.program.program, self.program.program
        used = self.shared.used_of(stored.state.uses)
        return plan_return(
            book, stored.state, moment, back=back, sold_by=sold_by, today=today, origin=Origin(), used=used
        )

    def _latest_kept(self, customer: CustomerId) -> datetime | None:
        kept = [each.at for each in self.purchases if each.customer == customer and not each.state.is_all_back]
        return max(kept, default=None)

    def facts_of(self, book: Book, now: datetime) -> CustomerFacts:
        progress = book.progress
        return CustomerFacts(
            id=str(book.customer_id),
            tier=self.tier_of(book, now),
            available={wallet: purse.available for wallet, purse in book.purses.items()},
            purchases=progress.purchases,
            last_purchase_at=progress.last_purchase_at if progress.purchases else None,
        )

    def tier_of(self, book: Book, now: datetime) -> str | None:
        return tier_at(self.program.program, book, now)

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
                kept=dict(line.kept),
                cost_units=line.cost_units,
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
