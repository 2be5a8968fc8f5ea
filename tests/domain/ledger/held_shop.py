"""A shop that holds: baskets of any lines and plain redemptions are set aside, released, captured, or left to time."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from app.domain.counters import advance
from app.domain.decision import Decision
from app.domain.ledger.capturing import cut
from app.domain.ledger.hold_states import Hold, HoldState
from app.domain.ledger.holds import (
    HoldEnd,
    plan_capture,
    plan_capture_units,
    plan_hold,
    plan_hold_units,
    plan_release,
)
from app.domain.ledger.plans import bring_up_to_date, plan_purchase
from app.domain.ledger.postings import Origin
from app.domain.ledger.purchase_states import PurchaseState, Uses, UseState
from app.domain.ledger.returns import ReturnPlan, plan_return, quantities
from tests.domain.ledger.held_baskets import states_of
from tests.domain.ledger.shop import Shop

TTL = timedelta(minutes=15)
ORIGIN = Origin(idempotency_key="k", shop="S1", terminal="T1", program=7)


class HeldShop(Shop):
    """`decisions` are by hold; of every line `qty` pieces are bought, two unless a call says otherwise."""

    def __init__(self, *, program: Mapping[str, object] | None = None, **points: object) -> None:
        super().__init__(program=program, **points)
        self.decisions: dict[object, Decision] = {}

    def hold(
        self,
        decision: Decision,
        *,
        qty: int = 2,
        ttl: timedelta = TTL,
        coupons: tuple[str, ...] = (),
        codes: tuple[str, ...] = (),
        is_nobodys: bool = False,
    ) -> Hold:
        plan = plan_hold(
            None if is_nobodys else self.book,
            self.program,
            decision,
            self.moment(),
            lines=states_of(decision, {line.id: qty * 1000 for line in decision.lines}),
            uses=Uses([UseState(*use) for use in decision.uses], coupons, codes),
            day=self.now.date(),
            shop="S1",
            expires_at=self.now + ttl,
            origin=ORIGIN,
        )
        if not is_nobodys:
            self.postings.append(plan.chained)
        self._count(decision.uses)
        self.decisions[plan.hold.id] = decision
        return plan.hold

    def hold_units(self, units: int, *, wallet: str = "points", ttl: timedelta = TTL) -> Hold:
        plan = plan_hold_units(
            self.book,
            self.program,
            self.moment(),
            wallet=wallet,
            units=units,
            shop="S1",
            expires_at=self.now + ttl,
            origin=ORIGIN,
        )
        self.postings.append(plan.chained)
        return plan.hold

    def release(self, hold: Hold) -> HoldEnd:
        end = plan_release(self.book, hold, self.moment(), program=self.program, origin=ORIGIN)
        return self._ended(end)

    def capture(self, hold: Hold, dropped: Mapping[str, int] = {}) -> HoldEnd:
        """Dropped: thousandths by line."""
        assert hold.goods is not None
        qty_milli = {line.id: line.qty_milli for line in hold.goods.lines}
        end = plan_capture(
            self.book,
            hold,
            self.moment(),
            program=self.program,
            today=self.program,
            decision=cut(self.decisions[hold.id], dropped=dropped, qty_milli=qty_milli),
            dropped=dropped,
            origin=ORIGIN,
        )
        return self._ended(end)

    def capture_units(self, hold: Hold) -> HoldEnd:
        return self._ended(plan_capture_units(self.book, hold, self.moment(), program=self.program, origin=ORIGIN))

    def purchase(self, decision: Decision) -> None:
        """The same basket, bought at once."""
        chained = plan_purchase(self.book, self.program, decision, self.moment(), origin=ORIGIN)
        self.postings.append(chained)
        self._count(decision.uses)

    def return_lines(self, purchase: PurchaseState, asked: Sequence[tuple[str, int]] | None = None) -> ReturnPlan:
        """Thousandths by line; None: all that is left."""
        plan = plan_return(
            self.book,
            purchase,
            self.moment(),
            back=quantities(purchase, asked),
            sold_by=self.program,
            today=self.program,
            origin=ORIGIN,
        )
        self.postings.append(plan.chained)
        self._free(plan.freed)
        return plan

    def pass_time(self, span: timedelta) -> None:
        """Let time pass, and post what it has brought."""
        self.now += span
        ended = len(self.book.ended)
        self.postings += bring_up_to_date(self.book, self.moment(), self.program)
        for each in self.book.ended[ended:]:
            self._free(each.freed.counters)

    def _ended(self, end: HoldEnd) -> HoldEnd:
        self.postings.append(end.chained)
        self._free(end.freed.counters)
        return end

    def _free(self, counters: Sequence[tuple[str, str, int]]) -> None:
        advance(self.counts, counters)

    @property
    def held(self) -> int:
        return self.book.purse("points").held

    @property
    def entries(self) -> list[tuple[str, int]]:
        """Of the last posting."""
        return [(entry.account.value, entry.amount) for entry in self.postings[-1].posting.entries]

    @property
    def kinds(self) -> list[str]:
        return [chained.posting.kind.value for chained in self.postings]

    def check(self) -> None:
        """What must hold after every step: the book is the sum of its postings, lots less debt are the balance, and
        what is held is what lots and open holds say.
        """
        entries = [entry for chained in self.postings for entry in chained.posting.entries]
        lots = (self.book.lots or {}).values()
        units = [each for hold in self.book.holds.values() if hold.state is HoldState.HELD for each in hold.units]
        for wallet, purse in self.book.purses.items():
            mine = [lot for lot in lots if lot.wallet == wallet]
            active = sum(lot.remaining for lot in mine if not lot.is_pending)
            assert purse.available == active - max(0, -purse.available)
            assert purse.pending == sum(lot.remaining for lot in mine if lot.is_pending)
            assert purse.held == sum(lot.held for lot in mine) == sum(each[2] for each in units if each[0] == wallet)
            for side in ("available", "pending", "held"):
                posted = sum(e.amount for e in entries if (e.account, e.wallet) == (f"customer:{side}", wallet))
                assert posted == getattr(purse, side)
            assert purse.floor == min(0, purse.available)
        for lot in lots:
            assert lot.held == sum(each[2] for each in units if each[1] == lot.id) >= 0
            assert lot.remaining + lot.held == sum(entry.amount for entry in entries if entry.lot_id == lot.id)
            assert lot.remaining >= 0
        assert self.book.open_holds == sum(hold.state is HoldState.HELD for hold in self.book.holds.values())
        assert [chained.posting.version for chained in self.postings] == list(range(1, len(self.postings) + 1))


def rich_shop(*, expire_after_days: int) -> HeldShop:
    """80 points in two lots: 30 that end first, then 50."""
    shop = HeldShop(expire_after_days=expire_after_days)
    shop.buy(accrue=30, paid=0)
    shop.pass_days(1)
    shop.buy(accrue=50, paid=0)
    return shop
