"""`accrue`: one receipt's discounts, redemption and accruals in one posting."""

import orjson

from app.domain.draws.luck import Luck
from app.domain.identifiers import NOBODY
from app.domain.ledger.chart import TxKind
from app.domain.ledger.moments import Moment
from app.domain.ledger.plans import plan_purchase
from app.domain.ledger.postings import Origin
from app.domain.ledger.recording import plan_nobodys
from app.domain.rules.compiled import CompiledProgram
from app.flows.asks import Ask, Desk, Settled
from app.flows.claims import key_claim, receipt_claims
from app.flows.identity import reference
from app.flows.ledger_port import NewPurchase
from app.flows.ports import Answers, Clock, Programs, Vault
from app.flows.promises import Promise, read_token, refuse_changed
from app.flows.requests import Answer, PurchaseRequest, Receipt, Write
from app.flows.results import Balances
from app.flows.rounds import Rounds
from app.flows.sales import AtLimits, decide_sale, needs_of_sale, sale_of
from app.flows.standings import codes_of, luck_of, program_day, shared_use_of, standing_of, uses_of
from app.flows.stored_baskets import line_states, stored_basket


class RecordPurchase:
    def __init__(
        self, rounds: Rounds, *, programs: Programs, vault: Vault, answers: Answers, clock: Clock, limits: AtLimits
    ) -> None:
        self._rounds = rounds
        self._programs = programs
        self._vault = vault
        self._answers = answers
        self._clock = clock
        self._limits = limits

    async def accrue(self, write: Write, request: PurchaseRequest) -> Answer:
        """Raises `Rejected`."""
        receipt = request.receipt
        if receipt is None:
            raise ValueError("a purchase has a receipt")
        promise = read_token(request.quote, self._vault) if request.quote else None
        pinned = None
        if promise is not None and self._clock.now() < promise.until:
            pinned = await self._programs.compiled(promise.program)

        def settle(desk: Desk) -> Settled:
            return self._settle(desk, write, request, receipt, promise=promise if pinned else None, pinned=pinned)

        ask = Ask(
            write=write,
            key=key_claim(write.caller, write.key),
            customer=reference(request.customer, self._vault),
            settle=settle,
            receipts=tuple(receipt_claims(receipt)),
            needs_lots=bool(request.redeem or request.rewards),
            wants=lambda program: needs_of_sale(program, request),
            coupons=codes_of(request.basket.coupons),
            pinned=pinned,
        )
        return await self._rounds.post(ask)

    def _luck(self, receipt: Receipt, desk: Desk, promise: Promise | None, pinned: CompiledProgram | None) -> Luck:
        """Of the day that the deciding version lives in."""
        now = desk.moment.now
        day = program_day((pinned or desk.program).program, now)
        if promise is not None and day < program_day(desk.program.program, now):
            # The newest version is a day further on: the secret of this day is public.
            refuse_changed(promise.totals, {})
        return luck_of(receipt, day=day, vault=self._vault)

    def _settle(
        self,
        desk: Desk,
        write: Write,
        request: PurchaseRequest,
        receipt: Receipt,
        *,
        promise: Promise | None,
        pinned: CompiledProgram | None,
    ) -> Settled:
        now = desk.moment.now
        moment = Moment(now=now, at=self._limits.check(request.at, now=now, promise=promise), ids=desk.moment.ids)
        patron, shared = desk.patron, desk.shared
        luck = self._luck(receipt, desk, promise, pinned) if (pinned or desk.program).has_draws else None
        decided = decide_sale(
            request,
            write.caller,
            version=promise.program if promise else desk.program_version,
            program=pinned or desk.program,
            patron=patron,
            vault=self._vault,
            promise=promise,
            at=moment.at,
            standing=standing_of(patron, shared, now=now, luck=luck),
        )
        decision, program = decided.decision, decided.program.program
        uses = uses_of(decision, shared, program)
        use = shared_use_of(decision, shared, customer=patron.book.customer_id if patron else None, luck=luck)
        origin = Origin(
            idempotency_key=write.key,
            shop=receipt.shop,
            terminal=receipt.terminal,
            receipt=receipt.number,
            program=decided.version,
        )
        if patron is None:
            chained = plan_nobodys(moment, kind=TxKind.PURCHASE, origin=origin)
            balances: Balances = {}
        else:
            chained = plan_purchase(patron.book, program, decision, moment, origin=origin)
            balances = patron.book.balances(program.wallets)
        posting = chained.posting
        version, tx_id = posting.version, posting.tx_id
        sale = sale_of(decided, request, at=moment.at, version=version, balances=balances, tx_id=tx_id)
        answer = Answer(201, self._answers.sale(sale))
        purchase = NewPurchase(
            id=tx_id,
            customer_id=patron.book.customer_id if patron else NOBODY,
            shop=receipt.shop,
            terminal=receipt.terminal,
            program=decided.version,
            at=moment.at,
            answer=answer.body,
            basket=stored_basket(request, decided),
            # Rules that no line of the basket touches are filled in when the purchase is read.
            verdicts=orjson.dumps(decision.verdicts),
            lines=line_states(decision, qty_milli=sale.qty_milli),
            uses=uses,
            draws=decision.draws,
            day=program_day(program, now),
        )
        return Settled(chained, answer, purchase, use)
