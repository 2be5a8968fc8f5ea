"""A book and what happens to it, without a database: what tests of the ledger share."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import orjson

from app.domain.counters import Count, Scope, Use, advance
from app.domain.decision import Decision, LineDecision, Part
from app.domain.draws.records import DrawRecord
from app.domain.identifiers import CustomerId, LotId, TxId
from app.domain.ledger.books import Book
from app.domain.ledger.plans import Chained, Moment, bring_up_to_date, plan_event, plan_purchase
from app.domain.ledger.postings import Origin
from app.domain.ledger.returns import LineState, PurchaseState, ReturnPlan, Uses, UseState, plan_return, quantities
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

    def __init__(self, *, program: Mapping[str, object] | None = None, **points: object) -> None:
        """`program` has members of the document; `points` are the terms of the only wallet where it names none."""
        self.program: Program = read_program(
            {
                "currency": "RUB",
                "timezone": "UTC",
                "wallets": {"points": {"value": 100, **points}},
                "tiers": [{"id": "bronze", "from": 0}, {"id": "silver", "from": 100_000}],
                "rules": [],
                **(program or {}),
            }
        )
        self.book = Book(customer_id=CustomerId(UUID(int=2**64)))
        self.book.load_lots([])
        self.now = START
        self.ids = ids()
        self.postings: list[Chained] = []
        self.acts: dict[TxId, str | None] = {}  # What acts took, as stored.
        self.counts: dict[str, Count] = {}  # The program's counters.
        self.card_days: int | None = None  # The own term of a gift card.

    def moment(self) -> Moment:
        return Moment(now=self.now, at=self.now, ids=self.ids)

    def pass_days(self, days: int) -> None:
        """Let time pass, and post what it has brought."""
        self.now += timedelta(days=days)
        self.postings += bring_up_to_date(self.book, self.moment(), self.program)

    def buy(self, *, accrue: int = 0, redeem: int = 0, paid: int = 10_000, qty: int = 1) -> PurchaseState:
        """One line of `qty` pieces; the purchase as later returns see it."""
        gives = {("base", "points"): accrue} if accrue else {}
        return self.sell(gives=gives, redeem={"points": redeem} if redeem else {}, paid=paid, qty=qty)

    def decide(
        self,
        *,
        gives: Mapping[tuple[str, str], int] = {},
        redeem: Mapping[str, int] = {},
        kept: Mapping[str, int] = {},
        paid: int = 10_000,
        uses: Sequence[Use] = (),
        draws: Sequence[DrawRecord] = (),
    ) -> Decision:
        """A basket of one line; `gives` are units by rule and wallet."""
        accrued: dict[str, int] = {}
        for (_, wallet), units in gives.items():
            accrued[wallet] = accrued.get(wallet, 0) + units
        money = sum(units * self.program.wallets[wallet].value for wallet, units in redeem.items())
        line = LineDecision(
            id="1",
            gross=paid + money,
            discount=0,
            redeemed=money,
            redeemed_units=dict(redeem),
            accrued=accrued,
            parts=tuple(
                Part(rule=rule, kind="bonus", wallet=wallet, units=units) for (rule, wallet), units in gives.items()
            ),
            kept=dict(kept),
        )
        return Decision(
            lines=(line,),
            effects=(),
            verdicts=(),
            redeem_terms={},
            redeemed_units=dict(redeem),
            accrued=accrued,
            uses=tuple(uses),
            draws=tuple(draws),
        )

    def sell(
        self,
        *,
        gives: Mapping[tuple[str, str], int] = {},
        redeem: Mapping[str, int] = {},
        kept: Mapping[str, int] = {},
        paid: int = 10_000,
        qty: int = 1,
        uses: Sequence[Use] = (),
        draws: Sequence[DrawRecord] = (),
        coupons: tuple[str, ...] = (),
        codes: tuple[str, ...] = (),
    ) -> PurchaseState:
        """One line of `qty` pieces, as `decide` has it; the purchase as later returns see it."""
        decision = self.decide(gives=gives, redeem=redeem, kept=kept, paid=paid, uses=uses, draws=draws)
        chained = plan_purchase(self.book, self.program, decision, self.moment(), origin=Origin(receipt="1"))
        self.postings.append(chained)
        self._count(uses)
        spent = [
            (entry.wallet, entry.lot_id, -entry.amount)
            for entry in chained.posting.entries
            if entry.account == "customer:available" and entry.amount < 0 and entry.lot_id is not None
            if not self._is_own(entry.lot_id, chained)
        ]
        (line,) = decision.lines
        state = LineState(
            id="1",
            qty_milli=qty * 1000,
            paid=paid,
            accrued=line.accrued,
            redeemed_units=line.redeemed_units,
            kept=line.kept,
        )
        return PurchaseState(
            tx_id=chained.posting.tx_id,
            lines=[state],
            spent=spent,
            uses=Uses([UseState(*use) for use in uses], coupons, codes),
            draws=draws,
            day=self.now.astimezone(self.program.timezone).date(),
        )

    def act(self, *, gives: Mapping[tuple[str, str], int] = {}, uses: Sequence[Use] = ()) -> None:
        """Another act than a purchase."""
        decision = self.decide(gives=gives, paid=0, uses=uses)
        chained = plan_event(self.book, self.program, decision, self.moment(), origin=Origin())
        self.postings.append(chained)
        self._count(uses)
        stored = Uses([UseState(*use) for use in uses])
        self.acts[chained.posting.tx_id] = orjson.dumps(stored).decode() if uses else None

    def bring_back(self, purchase: PurchaseState, qty_milli: int | None = None) -> ReturnPlan:
        """A return of so much of the purchase's only line; None: all that is left."""
        back = quantities(purchase, None if qty_milli is None else [("1", qty_milli)])
        program = self.program
        plan = plan_return(
            self.book, purchase, self.moment(), back=back, sold_by=program, today=program, origin=Origin()
        )
        self.postings.append(plan.chained)
        advance(self.counts, plan.freed)
        return plan

    def _count(self, uses: Sequence[Use]) -> None:
        advance(self.counts, [(use.name, use.period, use.amount) for use in uses if use.scope is Scope.PROGRAM])

    def _is_own(self, lot_id: LotId, chained: Chained) -> bool:
        lots = self.book.lots or {}
        return lots[lot_id].tx_id == chained.posting.tx_id

    def available_in(self, wallet: str) -> int:
        return self.book.purse(wallet).available

    @property
    def available(self) -> int:
        return self.book.purse("points").available

    @property
    def pending(self) -> int:
        return self.book.purse("points").pending

    def check(self) -> None:
        """What must hold after every step: the book is the sum of its postings, and lots less debt are the balance."""
        entries = [entry for chained in self.postings for entry in chained.posting.entries]
        lots = (self.book.lots or {}).values()
        for wallet, purse in self.book.purses.items():
            mine = [lot for lot in lots if lot.wallet == wallet]
            active = sum(lot.remaining for lot in mine if not lot.is_pending)
            assert purse.available == active - max(0, -purse.available)
            assert purse.pending == sum(lot.remaining for lot in mine if lot.is_pending)
            for account, shown in (("customer:available", purse.available), ("customer:pending", purse.pending)):
                assert sum(each.amount for each in entries if (each.account, each.wallet) == (account, wallet)) == shown
            assert purse.available >= purse.floor
        for lot in lots:
            assert lot.remaining == sum(entry.amount for entry in entries if entry.lot_id == lot.id) >= 0
        assert [chained.posting.version for chained in self.postings] == list(range(1, len(self.postings) + 1))
