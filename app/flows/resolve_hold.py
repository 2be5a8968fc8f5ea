"""`capture` and `release`: a hold made final, as a whole or some lines of it, or given back.

Time may be first: the round has ended by then what is over, by the database's clock. So each hold ends once, whatever
races, and whoever comes later is told how.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from uuid import UUID

from app.domain.identifiers import NOBODY
from app.domain.ledger.capturing import cut
from app.domain.ledger.hold_states import Hold, HoldKind, HoldState
from app.domain.ledger.holds import HoldEnd, plan_capture, plan_capture_units, plan_release
from app.domain.ledger.postings import Origin
from app.domain.ledger.purchase_states import PurchaseState
from app.domain.program import Program
from app.domain.rejections import Fault, Rejected, Rejection
from app.flows.asks import Ask, Desk, Settled
from app.flows.claims import key_claim
from app.flows.held_uses import capture_uses
from app.flows.ledger_port import HeldSale, NewPurchase, StoredHold
from app.flows.ports import Answers
from app.flows.requests import Answer, CaptureRequest, ReturnLine, Write
from app.flows.results import HoldPosted, Sale, SaleCustomer
from app.flows.rounds import Rounds
from app.flows.shared_use import SharedUse, use_of_end
from app.flows.stored_baskets import stored_verdicts


class ResolveHold:
    def __init__(self, rounds: Rounds, *, answers: Answers) -> None:
        self._rounds = rounds
        self._answers = answers

    async def capture(self, write: Write, request: CaptureRequest) -> Answer:
        """Raises `Rejected`."""
        ask = Ask(
            write=write,
            key=key_claim(write.caller, write.key),
            customer=None,
            settle=lambda desk: self._capture(desk, write, request),
            hold=request.hold,
            needs_lots=True,
            spends=True,
        )
        return await self._rounds.post(ask)

    async def release(self, write: Write, hold: UUID) -> Answer:
        """Raises `Rejected`."""
        ask = Ask(
            write=write,
            key=key_claim(write.caller, write.key),
            customer=None,
            settle=lambda desk: self._release(desk, write),
            hold=hold,
            needs_lots=True,
            frees=True,
        )
        return await self._rounds.post(ask)

    def _capture(self, desk: Desk, write: Write, request: CaptureRequest) -> Settled:
        stored, program = _of_desk(desk)
        hold = stored.state
        dropped = _dropped(hold, request.lines)
        _check_open(hold)
        if hold.kind is HoldKind.REDEEM:
            end = plan_capture_units(
                desk.book, hold, desk.moment, program=desk.program.program, origin=_origin(write, hold)
            )
            return Settled(end.chained, Answer(201, self._answers.hold(_posted(desk, hold, end))))
        return self._capture_basket(desk, write, request, stored, program, dropped)

    def _capture_basket(
        self,
        desk: Desk,
        write: Write,
        request: CaptureRequest,
        stored: StoredHold,
        program: Program,
        dropped: Mapping[str, int],
    ) -> Settled:
        hold, sale, goods = stored.state, stored.sale, stored.state.goods
        if sale is None or goods is None or stored.basket is None:
            raise RuntimeError(f"the hold {hold.id} has no basket to capture")
        qty_milli = {line.id: line.qty_milli for line in goods.lines}
        decision = cut(sale.decision, dropped=dropped, qty_milli=qty_milli)
        end = plan_capture(
            desk.patron.book if desk.patron else None,
            hold,
            desk.moment,
            program=program,
            today=desk.program.program,
            decision=decision,
            dropped=dropped,
            origin=_origin(write, hold),
        )
        capture_uses(goods.uses, decision, program)
        posting = end.chained.posting
        told = Sale(
            id=hold.id,
            tx_id=posting.tx_id,
            state="committed",
            receipt=sale.receipt,
            at=hold.at,
            program=hold.program,
            customer=_customer(hold, sale),
            version=posting.version,
            decision=decision,
            balances=desk.patron.book.balances(program.wallets) if desk.patron else {},
            qty_milli={line.id: line.qty_milli for line in goods.lines},
            scheme=program,
            explain=request.explain,
            is_russian=request.is_russian,
        )
        answer = Answer(201, self._answers.sale(told))
        purchase = NewPurchase(
            id=hold.id,
            customer_id=hold.customer_id,
            shop=hold.shop,
            terminal=stored.terminal,
            program=hold.program,
            at=hold.at,
            answer=answer.body,
            basket=stored.basket,
            verdicts=stored_verdicts(decision.verdicts),
            lines=goods.lines,
            uses=goods.uses,
            draws=decision.draws,
            day=_day(goods),
            spent=end.spent,
        )
        return Settled(end.chained, answer, purchase, SharedUse(counts=end.freed.counters))

    def _release(self, desk: Desk, write: Write) -> Settled:
        stored, _ = _of_desk(desk)
        hold = stored.state
        _check_open(hold)
        book = desk.patron.book if desk.patron else None
        end = plan_release(book, hold, desk.moment, program=desk.program.program, origin=_origin(write, hold))
        use = SharedUse()
        if hold.goods is not None:
            use = use_of_end(end.freed, hold.goods.uses, desk.shared, now=desk.moment.now)
        posted = _posted(desk, hold, end, is_release=True)
        return Settled(end.chained, Answer(201, self._answers.hold(posted)), use=use)


def _of_desk(desk: Desk) -> tuple[StoredHold, Program]:
    if desk.hold is None or desk.hold_program is None:
        raise RuntimeError("a hold's end is settled on a hold")
    return desk.hold, desk.hold_program.program


def _check_open(hold: Hold) -> None:
    """Raises `Rejected`: it has ended before."""
    if hold.is_open:
        return
    facts: dict[str, object] = {"state": hold.state.value, "original_tx_id": str(hold.resolved_tx)}
    if hold.state is HoldState.EXPIRED:
        facts["expires_at"] = hold.expires_at
        raise Rejected(Rejection.HOLD_EXPIRED, "The hold has come to its end.", facts=facts)
    raise Rejected(Rejection.HOLD_ALREADY_RESOLVED, f"The hold was {hold.state} before.", facts=facts)


def _dropped(hold: Hold, lines: tuple[ReturnLine, ...] | None) -> dict[str, int]:
    """Thousandths that are not captured, by line id; none where all is.

    Raises:
        Rejected: `validation_error` for a line that isn't held, for more of it than is, for lines of a hold that has
            none.
    """
    if lines is None:
        return {}
    if hold.goods is None:
        raise _refused([Fault("/lines", "no_lines", "must not be there: the hold has no basket")])
    held = _held_quantities(hold.goods)
    faults = []
    for place, line in enumerate(lines):
        if line.id not in held:
            faults.append(Fault(f"/lines/{place}/id", "unknown_line", "must be a line of the hold"))
        elif line.qty_milli > held[line.id]:
            faults.append(Fault(f"/lines/{place}/qty", "range", "must be at most what is held"))
    if faults:
        raise _refused(faults)
    captured = {line.id: line.qty_milli for line in lines}
    return {line_id: rest for line_id, qty in held.items() if (rest := qty - captured.get(line_id, 0))}


def _held_quantities(goods: PurchaseState) -> dict[str, int]:
    return {line.id: line.qty_milli for line in goods.lines}


def _refused(faults: list[Fault]) -> Rejected:
    return Rejected(Rejection.VALIDATION_ERROR, "These lines can't be captured.", faults=tuple(faults))


def _origin(write: Write, hold: Hold) -> Origin:
    """A receipt stands for one transaction: the one that placed the hold."""
    caller = write.caller
    return Origin(
        idempotency_key=write.key,
        shop=caller.shop or hold.shop,
        terminal=caller.terminal or None,
        program=hold.program,
    )


def _customer(hold: Hold, sale: HeldSale) -> SaleCustomer | None:
    if hold.customer_id == NOBODY:
        return None
    return SaleCustomer(id=hold.customer_id, tier=sale.customer_tier, name=sale.customer_name)


def _day(goods: PurchaseState) -> date:
    if goods.day is None:
        raise RuntimeError("a captured purchase has a day")
    return goods.day


def _posted(desk: Desk, hold: Hold, end: HoldEnd, *, is_release: bool = False) -> HoldPosted:
    posting = end.chained.posting
    posted = HoldPosted(
        id=hold.id,
        tx_id=posting.tx_id,
        version=posting.version,
        state=hold.state,
        expires_at=hold.expires_at,
        balances=desk.patron.book.balances(desk.program.program.wallets) if desk.patron else {},
    )
    if hold.kind is HoldKind.REDEEM:  # Of one wallet, by its body.
        units = {wallet: sum(each for name, _, each in hold.units if name == wallet) for wallet, _, _ in hold.units}
        ((wallet, points),) = units.items()
        posted = replace(posted, wallet=wallet, points=points)
    if is_release:
        posted = replace(posted, given_back=end.given_back, expired_again=end.expired_again)
    return posted
