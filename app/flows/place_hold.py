"""`holds`: a basket or units set aside until the sale is final, or until the hold's end.

A held basket is decided when it is placed, by the same code as a purchase, and takes then what a purchase takes: units,
limits, budgets, coupons, codes, stocks, and the draw of its receipt. What it brings comes with the capture. Nothing of
a draw is shown before: whoever saw one could release what has lost.
"""

from datetime import datetime, timedelta

from app.domain.abuse.velocity import NO_LIMITS, Velocity, check_pace
from app.domain.counters import advance
from app.domain.ledger.capturing import without_draws
from app.domain.ledger.holds import HoldPlan, plan_hold, plan_hold_units
from app.domain.ledger.postings import Origin
from app.domain.rejections import Rejected, Rejection
from app.flows import refusals
from app.flows.asks import Ask, Desk, Settled
from app.flows.claims import key_claim, receipt_claims
from app.flows.held_uses import held_draws, held_uses
from app.flows.identity import reference
from app.flows.ledger_port import HeldSale, Patron, StoredHold
from app.flows.move_points import check_strength
from app.flows.ports import Answers, Clock, Programs, Vault
from app.flows.requests import Answer, HoldRequest, PurchaseRequest, RedeemRequest, Write
from app.flows.results import HoldPosted, Sale
from app.flows.rounds import Rounds
from app.flows.sale_desk import OnDesk, SaleDesk
from app.flows.sales import AtLimits, held_sale_of
from app.flows.sealed_reasons import sealed_reason
from app.flows.standings import program_day
from app.flows.stored_baskets import line_states, stored_basket, stored_verdicts

# Open ones of one customer, whose ends may come in one round: a person has a few, only a fault or a thief has more.
OPEN_HOLDS_MAX = 1_000


class PlaceHold:
    def __init__(
        self,
        rounds: Rounds,
        *,
        programs: Programs,
        vault: Vault,
        answers: Answers,
        clock: Clock,
        limits: AtLimits,
        velocity: Velocity = NO_LIMITS,
    ) -> None:
        self._rounds = rounds
        self._vault = vault
        self._answers = answers
        self._velocity = velocity
        self._desk = SaleDesk(programs=programs, vault=vault, clock=clock, limits=limits, velocity=velocity)

    async def place(self, write: Write, request: HoldRequest) -> Answer:
        """Raises `Rejected`."""
        what, ttl = request.what, timedelta(seconds=request.ttl_seconds)
        if isinstance(what, RedeemRequest):
            return await self._rounds.post(self._units_ask(write, what, ttl))
        ask = await self._desk.ask(write, what, lambda desk, on_desk: self._settle_basket(desk, on_desk, what, ttl))
        return await self._rounds.post(ask)

    def _settle_basket(self, desk: Desk, on_desk: OnDesk, request: PurchaseRequest, ttl: timedelta) -> Settled:
        patron, moment, origin = desk.patron, on_desk.moment, on_desk.origin
        _check_room(patron)
        decided, program = on_desk.decided, on_desk.program
        qty_milli = {line.id: line.qty_milli for line in request.basket.lines}
        plan = plan_hold(
            patron.book if patron else None,
            program,
            decided.decision,
            moment,
            lines=line_states(decided.decision, qty_milli=qty_milli),
            uses=held_uses(decided.decision, desk.shared, program),
            day=program_day(program, moment.now),
            shop=origin.shop or "",
            expires_at=moment.now + ttl,
            origin=origin,
        )
        if patron is not None:
            on_desk.keep_pace(patron)
        if plan.hold.goods is not None:
            plan.hold.goods.draws = held_draws(decided.decision.draws)
        shown = without_draws(decided.decision)
        sale = held_sale_of(
            decided,
            request,
            shown=shown,
            hold=plan.hold,
            version=plan.chained.posting.version,
            balances=patron.book.balances(program.wallets) if patron else {},
        )
        answer = Answer(201, self._answers.sale(sale))
        placed = StoredHold(
            state=plan.hold,
            terminal=origin.terminal or "",
            sale=_held(on_desk, sale),
            basket=stored_basket(request, decided),
            answer=answer.body,
            verdicts=stored_verdicts(shown.verdicts),
        )
        return Settled(plan.chained, answer, use=on_desk.use, placed=placed)

    def _units_ask(self, write: Write, request: RedeemRequest, ttl: timedelta) -> Ask:
        return Ask(
            write=write,
            key=key_claim(write.caller, write.key),
            customer=reference(request.customer, self._vault),
            settle=lambda desk: self._settle_units(desk, write, request, ttl),
            receipts=tuple(receipt_claims(request.receipt)),
            needs_lots=True,
            takes=lambda _: {request.wallet: request.points},
            spends=True,
        )

    def _settle_units(self, desk: Desk, write: Write, request: RedeemRequest, ttl: timedelta) -> Settled:
        program, receipt = desk.program.program, request.receipt
        if request.wallet not in program.wallets:
            raise refusals.no_wallet()
        _check_room(desk.patron)
        check_strength(program, request, desk.customer)
        origin = Origin(
            idempotency_key=write.key,
            shop=receipt.shop,
            terminal=receipt.terminal,
            receipt=receipt.number,
            program=desk.program_version,
            reason=sealed_reason(self._vault, desk.customer, request.reason),
        )
        units = {request.wallet: request.points}
        uses = check_pace(self._velocity, desk.book, program, now=desk.moment.now, accrued=None, redeemed=units)
        expires_at = desk.moment.now + ttl
        plan = plan_hold_units(
            desk.book,
            program,
            desk.moment,
            wallet=request.wallet,
            units=request.points,
            shop=receipt.shop,
            expires_at=expires_at,
            origin=origin,
        )
        advance(desk.book.memory.pace, uses)
        answer = Answer(201, self._answers.hold(_posted(desk, plan, request, expires_at)))
        placed = StoredHold(state=plan.hold, terminal=receipt.terminal, sale=None, answer=answer.body)
        return Settled(plan.chained, answer, placed=placed)


def _check_room(patron: Patron | None) -> None:
    """Raises `Rejected`: `limit_exceeded`."""
    if patron is not None and patron.book.open_holds >= OPEN_HOLDS_MAX:
        raise Rejected(Rejection.LIMIT_EXCEEDED, f"The customer has {OPEN_HOLDS_MAX} open holds: release some first.")


def _held(on_desk: OnDesk, sale: Sale) -> HeldSale:
    customer = sale.customer
    return HeldSale(
        decision=on_desk.decided.decision,
        receipt=sale.receipt or {},
        customer_tier=customer.tier if customer else None,
        customer_name=customer.name if customer else None,
    )


def _posted(desk: Desk, plan: HoldPlan, request: RedeemRequest, expires_at: datetime) -> HoldPosted:
    posting = plan.chained.posting
    return HoldPosted(
        id=plan.hold.id,
        tx_id=posting.tx_id,
        version=posting.version,
        state=plan.hold.state,
        expires_at=expires_at,
        balances=desk.book.balances(desk.program.program.wallets),
        wallet=request.wallet,
        points=request.points,
    )
