"""Returns: by the stored purchase and the version it was decided by, in any split, or only previewed."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

from app.domain.identifiers import NOBODY, CustomerId
from app.domain.ledger.books import LotsNotRead
from app.domain.ledger.hold_states import Hold
from app.domain.ledger.moments import Moment
from app.domain.ledger.passing import bring_up_to_date
from app.domain.ledger.postings import Origin
from app.domain.ledger.returns import ReturnPlan, plan_return, quantities
from app.domain.program import Program
from app.domain.rejections import Rejected, Rejection
from app.domain.rules.compiled import CompiledProgram
from app.flows import refusals
from app.flows.asks import Ask, Desk, Settled
from app.flows.claims import key_claim, receipt_claim, receipt_claims
from app.flows.ledger_port import LedgerStore, Patron, RoundTx, Shared, StoredPurchase
from app.flows.ports import Answers, Programs, fresh_ids
from app.flows.requests import Answer, Caller, PurchaseName, ReturnRequest, Write
from app.flows.results import Returned, ReturnedLine
from app.flows.round_lots import load_lots
from app.flows.round_programs import converts
from app.flows.rounds import QUEUE_SECONDS_MAX, Rounds
from app.flows.shared_use import SharedUse, Wanted

Takes: TypeAlias = Callable[[CompiledProgram], Mapping[str, int]]

# At once in a process. Each holds a connection, and may want one more for a program that nobody has read yet: twelve of
# them, which is all that there are, would wait for each other until the database's patience ends.
PREVIEWS_MAX = 4


@dataclass(frozen=True, slots=True)
class _Previewed:
    """A return that isn't posted, as far as it is about lots."""

    owner: CustomerId
    purchase: UUID
    takes: Takes | None
    needs_lots: bool = True
    pinned: None = None


class ReturnLines:
    def __init__(
        self, rounds: Rounds, *, store: LedgerStore, programs: Programs, answers: Answers, any_shop: bool
    ) -> None:
        """any_shop: whether a shop may take back what another one sold."""
        self._rounds = rounds
        self._any_shop = any_shop
        self._store = store
        self._programs = programs
        self._answers = answers
        self._previews = asyncio.Semaphore(PREVIEWS_MAX)

    async def post(self, write: Write, request: ReturnRequest) -> Answer:
        """Raises `Rejected`."""

        def settle(desk: Desk) -> Settled:
            plan = settle_return(desk, write.caller, request, key=write.key, any_shop=self._any_shop)
            returned = returned_of(desk, plan, is_preview=False)
            use = SharedUse(counts=plan.freed, coupons=dict.fromkeys(plan.coupons, -1), voided=plan.voided)
            return Settled(plan.chained, Answer(201, self._answers.returned(returned)), use=use)

        return await self._rounds.post(
            Ask(
                write=write,
                key=key_claim(write.caller, write.key),
                customer=None,
                settle=settle,
                receipts=tuple(receipt_claims(request.receipt)),
                purchase=request.purchase if isinstance(request.purchase, UUID) else None,
                purchase_receipt=None if isinstance(request.purchase, UUID) else receipt_claim(request.purchase),
                needs_lots=True,
                takes=lambda _: {},
            )
        )

    async def preview(self, caller: Caller, request: ReturnRequest) -> Returned:
        """What the return would do: the statements of a round, in its order of locks, in a transaction that writes
        nothing.

        Raises:
            Rejected
        """
        try:
            async with asyncio.timeout(QUEUE_SECONDS_MAX):
                await self._previews.acquire()
        except TimeoutError:
            raise Rejected(Rejection.OVERLOADED, "Too many previews are waiting.") from None
        try:
            return await self._preview(caller, request, takes=lambda _: {})
        except LotsNotRead:
            return await self._preview(caller, request, takes=None)
        finally:
            self._previews.release()

    async def _preview(self, caller: Caller, request: ReturnRequest, *, takes: Takes | None) -> Returned:
        """takes: as `Ask.takes`."""
        name = request.purchase
        async with self._store.round() as tx:
            taken = await tx.take([])
            if isinstance(name, PurchaseName):
                digest = receipt_claim(name)
                claims = (await tx.read_known(claims=[digest], identifiers=[], customers=[])).claims
                name = claims[digest].answer_id if digest in claims else UUID(int=0)
            owner = (await tx.purchase_owners([name])).get(name)
            if owner is None:
                raise refusals.no_purchase()
            patron = None if owner == NOBODY else (await tx.lock_patrons([owner], wait=True))[owner]
            held = await self._holds(tx, patron, now=taken.now)
            stored = (await tx.lock_purchases([name]))[name]
            shared = await self._coupons(tx, stored)
            today = await self._programs.compiled(taken.program)
            sold_by = await self._programs.compiled(stored.program)
            moment = Moment.by_clock(taken.now, fresh_ids(), book=patron.book if patron else None)
            if patron is not None:
                await load_lots(
                    tx,
                    [_Previewed(owner, name, takes)],
                    {owner: patron},
                    holds=lambda _: held,
                    purchases={name: stored},
                    newest=today,
                    converts=converts(today) or converts(sold_by),
                    now=taken.now,
                )
                bring_up_to_date(patron.book, moment, today.program)
        desk = Desk(
            moment=moment,
            program_version=taken.program,
            program=today,
            patron=patron,
            purchase=stored,
            purchase_program=sold_by,
            shared=shared,
        )
        plan = settle_return(desk, caller, request, key=None, any_shop=self._any_shop)
        return returned_of(desk, plan, is_preview=True)

    async def _holds(self, tx: RoundTx, patron: Patron | None, *, now: datetime) -> list[Hold]:
        """The customer's open ones: time may have ended some."""
        if patron is None or not patron.book.open_holds:
            return []
        return [held.state for held in (await tx.lock_holds([], customers=[patron.book.customer_id], now=now)).values()]

    async def _coupons(self, tx: RoundTx, stored: StoredPurchase) -> Shared:
        """Those that go back, or are no longer good; counters don't matter to what is shown."""
        wanted = Wanted()
        wanted.add_stored(stored.state.uses)
        if not wanted.coupons:
            return Shared()
        return await tx.lock_shared(counters=(), coupons=sorted(wanted.coupons), pools={})


def settle_return(desk: Desk, caller: Caller, request: ReturnRequest, *, key: str | None, any_shop: bool) -> ReturnPlan:
    """Plan one return on the desk's purchase and books.

    Raises:
        Rejected: `not_found` for another shop's purchase, `validation_error`, `return_exceeds_purchase`.
    """
    stored, program = of_desk(desk)
    if caller.shops and stored.shop not in caller.shops and not any_shop:
        raise refusals.no_purchase()
    asked = None if request.lines is None else [(line.id, line.qty_milli) for line in request.lines]
    back = quantities(stored.state, asked)
    receipt = request.receipt
    origin = Origin(
        idempotency_key=key,
        shop=receipt.shop,
        terminal=receipt.terminal,
        receipt=receipt.number,
        program=stored.program,
    )
    coupons = desk.shared.coupons
    plan = plan_return(
        desk.patron.book if desk.patron else None,
        stored.state,
        desk.moment,
        back=back,
        sold_by=program,
        today=desk.program.program,
        origin=origin,
        used=[code for code in stored.state.uses.codes if code in coupons and coupons[code].uses],
    )
    plan = replace(
        plan,
        coupons=tuple(code for code in plan.coupons if code in coupons),
        voided=tuple(code for code in plan.voided if code in coupons and not coupons[code].uses),
    )
    if desk.patron is not None and stored.state.is_all_back:
        book = desk.patron.book
        if book.progress.last_purchase_at == stored.at:
            others = (stored.previous_at, *book.bought_at)
            book.progress.last_purchase_at = max((at for at in others if at is not None), default=None)
    return plan


def of_desk(desk: Desk) -> tuple[StoredPurchase, Program]:
    if desk.purchase is None or desk.purchase_program is None:
        raise RuntimeError("a return is settled on a purchase")
    return desk.purchase, desk.purchase_program.program


def returned_of(desk: Desk, plan: ReturnPlan, *, is_preview: bool) -> Returned:
    """The answer of a return."""
    stored, program = of_desk(desk)
    posting = plan.chained.posting
    return Returned(
        id=None if is_preview else posting.tx_id,
        purchase=stored.state.tx_id,
        version=posting.version,
        refund=plan.refund,
        lines=tuple(
            ReturnedLine(
                id=line.id,
                qty_milli=line.qty_milli,
                refund=line.refund,
                taken_back=line.taken_back,
                given_back=line.given_back,
            )
            for line in plan.lines
        ),
        taken_back=plan.taken_back,
        given_back=plan.given_back,
        expired_again=plan.expired_again,
        clamped=plan.clamped,
        balances=desk.patron.book.balances(program.wallets) if desk.patron else {},
        draws=plan.draws,
        coupons=plan.coupons,
        voided=plan.voided,
        costs_kept=plan.costs_kept,
    )
