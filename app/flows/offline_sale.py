"""One receipt made without connection, settled in a round: what its till gave and took is a fact, what it earns is
decided by the program that was in force.

Times are checked by the database's clock, limits, tiers and draws go by it, windows and hours by the till's. Units are
taken under an allowance; what exceeds it, or the balance, is posted all the same, and said.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from app.domain.allowances import Allowance
from app.domain.counters import used
from app.domain.draws.luck import Luck
from app.domain.identifiers import NOBODY
from app.domain.ledger.chart import TxKind
from app.domain.ledger.moments import Moment
from app.domain.ledger.offline import shortfall
from app.domain.ledger.plans import Chained, plan_purchase
from app.domain.ledger.postings import Origin
from app.domain.ledger.recording import plan_nobodys
from app.domain.rejections import Fault, Rejected, Rejection
from app.domain.rules.compiled import CompiledProgram
from app.domain.rules.standing import Needs
from app.flows.asks import Ask, Desk, Settled
from app.flows.claims import receipt_claims
from app.flows.ledger_port import NewPurchase, Patron
from app.flows.offline_allowance import AllowanceKeys
from app.flows.ports import Answers, Vault
from app.flows.ports_offline import Beyond
from app.flows.requests import Answer, PurchaseRequest, Receipt, Write
from app.flows.results import Balances, OfflineSale
from app.flows.sales import AHEAD_MAX, Decided, decide_sale, needs_of_sale, sale_of
from app.flows.standings import codes_of, luck_of, program_day, shared_use_of, standing_of, uses_of
from app.flows.stored_baskets import line_states, stored_basket, stored_verdicts

REASON = "offline"  # Of a posting, with what is to be looked at where there is something.
DEBT_REASON = "offline_debt"
OVER_ALLOWANCE_REASON = "offline_over_allowance"


@dataclass(frozen=True, slots=True)
class _Spent:
    """Units that the till took under an allowance, of its wallet."""

    allowance: Allowance
    units: int


@dataclass(frozen=True, slots=True)
class _Job:
    """One receipt and what is known of it before its round."""

    write: Write
    request: PurchaseRequest
    receipt: Receipt
    allowance: Allowance | None
    version: int
    program: CompiledProgram
    tell: Callable[[Beyond], None]


class OfflineSales:
    def __init__(self, *, vault: Vault, answers: Answers, allowances: AllowanceKeys, age_max: timedelta | None) -> None:
        """age_max: how far back a receipt may have been made; None: no limit."""
        self._vault = vault
        self._answers = answers
        self._allowances = allowances
        self._age_max = age_max

    def ask(
        self,
        write: Write,
        request: PurchaseRequest,
        receipt: Receipt,
        *,
        key: UUID,
        customer: bytes | UUID | None,
        allowance: str | None,
        version: int,
        program: CompiledProgram,
        tell: Callable[[Beyond], None],
    ) -> Ask:
        """The receipt's way through a round, decided by that version. `tell` hears of each attempt to post what is
        beyond its allowance.
        """
        signed = None if allowance is None or not _redeems(request) else self._allowances.read(allowance)
        job = _Job(write, request, receipt, signed, version, program, tell)
        return Ask(
            write=write,
            key=key,
            customer=customer,
            settle=lambda desk: self._settle(desk, job, had_token=allowance is not None),
            receipts=tuple(receipt_claims(receipt)),
            needs_lots=_redeems(request),
            wants=lambda compiled: _needs(compiled, request, signed),
            coupons=codes_of(request.basket.coupons),
            pinned=program,
            keeps_refusals=False,
        )

    def _settle(self, desk: Desk, job: _Job, *, had_token: bool) -> Settled:
        request, now = job.request, desk.moment.now
        moment = Moment(now=now, at=self._time(request.at, now=now), ids=desk.moment.ids)
        patron, shared = desk.patron, desk.shared
        spent = _spent(job, patron, at=moment.at, had_token=had_token) if _redeems(request) else None
        luck = self._luck(job, desk)
        decided = decide_sale(
            request,
            job.write.caller,
            version=job.version,
            program=job.program,
            patron=patron,
            vault=self._vault,
            promise=None,
            at=moment.at,
            standing=standing_of(patron, shared, now=now, luck=luck),
        )
        offline = OfflineSale(debt={}, over_allowance=0, is_frozen=False)
        if spent is not None and patron is not None:
            before = used(shared.counts, spent.allowance.counter, "")
            offline = OfflineSale(
                debt=shortfall(patron.book, decided.decision.redeemed_units),
                over_allowance=spent.allowance.beyond(spent.units, used=before),
                is_frozen=patron.is_frozen,
            )
            uses = (*decided.decision.uses, spent.allowance.use(spent.units))
            decided = replace(decided, decision=replace(decided.decision, uses=uses))
        chained, balances = _post(patron, decided, moment, job, reason=_reason(offline))
        if spent is not None and offline.over_allowance:
            allowance, tx_id = spent.allowance, chained.posting.tx_id
            job.tell(Beyond(allowance.customer, tx_id, allowance.units, offline.over_allowance))
        answer = self._answer(decided, job, moment, chained, balances, offline)
        return Settled(
            chained,
            answer,
            self._purchase(desk, decided, job, moment, chained, answer),
            shared_use_of(decided.decision, shared, customer=patron.book.customer_id if patron else None, luck=luck),
        )

    def _time(self, at: datetime | None, *, now: datetime) -> datetime:
        if at is None:
            raise ValueError("a receipt made without connection says when")
        if at > now + AHEAD_MAX:
            raise _refused("/executed_at", "at_in_future", "must be at most 5 minutes ahead of the database's clock")
        if self._age_max is not None and at < now - self._age_max:
            raise _refused("/executed_at", "at_too_old", f"must be at most {self._age_max.days} days back")
        return at

    def _luck(self, job: _Job, desk: Desk) -> Luck | None:
        """Of the program's day now; of the newest version's, where that is a day further on and has made the secret of
        the other public.
        """
        if not job.program.has_draws:
            return None
        now = desk.moment.now
        day = max(program_day(job.program.program, now), program_day(desk.program.program, now))
        return luck_of(job.receipt, day=day, vault=self._vault)

    def _answer(
        self,
        decided: Decided,
        job: _Job,
        moment: Moment,
        chained: Chained,
        balances: Balances,
        offline: OfflineSale,
    ) -> Answer:
        posting = chained.posting
        sale = sale_of(
            decided, job.request, at=moment.at, version=posting.version, balances=balances, tx_id=posting.tx_id
        )
        return Answer(201, self._answers.sale(replace(sale, offline=offline)))

    def _purchase(
        self, desk: Desk, decided: Decided, job: _Job, moment: Moment, chained: Chained, answer: Answer
    ) -> NewPurchase:
        decision, program = decided.decision, decided.program.program
        return NewPurchase(
            id=chained.posting.tx_id,
            customer_id=desk.patron.book.customer_id if desk.patron else NOBODY,
            shop=job.receipt.shop,
            terminal=job.receipt.terminal,
            program=decided.version,
            at=moment.at,
            answer=answer.body,
            basket=stored_basket(job.request, decided),
            verdicts=stored_verdicts(decision.verdicts),
            lines=line_states(decision, qty_milli={line.id: line.qty_milli for line in job.request.basket.lines}),
            uses=uses_of(decision, desk.shared, program),
            draws=decision.draws,
            day=program_day(program, moment.now),
        )


def _redeems(request: PurchaseRequest) -> bool:
    return any(request.redeem.values())


def _needs(program: CompiledProgram, request: PurchaseRequest, allowance: Allowance | None) -> Needs:
    needs = needs_of_sale(program, request)
    return needs if allowance is None else Needs(needs.counters | {allowance.counter}, needs.pools)


def _spent(job: _Job, patron: Patron | None, *, at: datetime, had_token: bool) -> _Spent:
    """Raises `Rejected`: nobody, or no allowance, lets these units be taken."""
    allowance = job.allowance
    if patron is None:
        raise _refused("/customer", "missing", "is required, since units were redeemed")
    if not had_token:
        raise _refused("/allowance", "missing", "is required, since units were redeemed")
    if allowance is None:
        raise _refused("/allowance", "not_ours", "must be an allowance of this service")
    if allowance.customer != patron.book.customer_id:
        raise _refused("/allowance", "other_customer", "must be an allowance of this customer")
    if at > allowance.until:
        raise _refused("/allowance", "too_late", "must not have been over when the receipt was made")
    units = 0
    for wallet, asked in job.request.redeem.items():
        if asked and wallet != allowance.wallet:
            pointer = "/redeem/" + wallet.replace("~", "~0").replace("/", "~1")
            raise _refused(pointer, "other_wallet", "must be the allowance's wallet")
        units += asked if isinstance(asked, int) else 0
    return _Spent(allowance, units)


def _post(
    patron: Patron | None, decided: Decided, moment: Moment, job: _Job, *, reason: str
) -> tuple[Chained, Balances]:
    program, receipt = decided.program.program, job.receipt
    origin = Origin(
        idempotency_key=job.write.key,
        shop=receipt.shop,
        terminal=receipt.terminal,
        receipt=receipt.number,
        program=decided.version,
        reason=reason,
    )
    if patron is None:
        return plan_nobodys(moment, kind=TxKind.PURCHASE, origin=origin), {}
    chained = plan_purchase(patron.book, program, decided.decision, moment, origin=origin, may_owe=True)
    return chained, patron.book.balances(program.wallets)


def _reason(offline: OfflineSale) -> str:
    if offline.debt:
        return DEBT_REASON
    return OVER_ALLOWANCE_REASON if offline.over_allowance else REASON


def _refused(pointer: str, code: str, message: str) -> Rejected:
    fault = Fault(pointer, code, message)
    return Rejected(Rejection.VALIDATION_ERROR, "The receipt has 1 mistake.", faults=(fault,))
