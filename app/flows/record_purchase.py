"""`accrue`: one receipt's discounts, redemption and accruals in one posting."""

from app.domain.abuse.velocity import NO_LIMITS, Velocity
from app.domain.identifiers import NOBODY
from app.domain.ledger.chart import TxKind
from app.domain.ledger.plans import plan_purchase
from app.domain.ledger.recording import plan_nobodys
from app.flows.asks import Desk, Settled
from app.flows.ledger_port import NewPurchase
from app.flows.ports import Answers, Clock, Programs, Vault
from app.flows.requests import Answer, PurchaseRequest, Write
from app.flows.results import Balances
from app.flows.rounds import Rounds
from app.flows.sale_desk import OnDesk, SaleDesk
from app.flows.sales import AtLimits, sale_of
from app.flows.standings import program_day, uses_of
from app.flows.stored_baskets import line_states, stored_basket, stored_verdicts


class RecordPurchase:
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
        self._answers = answers
        self._desk = SaleDesk(programs=programs, vault=vault, clock=clock, limits=limits, velocity=velocity)

    async def accrue(self, write: Write, request: PurchaseRequest) -> Answer:
        """Raises `Rejected`."""
        ask = await self._desk.ask(write, request, lambda desk, sale: self._settle(desk, sale, request))
        return await self._rounds.post(ask)

    def _settle(self, desk: Desk, on_desk: OnDesk, request: PurchaseRequest) -> Settled:
        patron, moment, origin = desk.patron, on_desk.moment, on_desk.origin
        decided, program = on_desk.decided, on_desk.program
        decision = decided.decision
        uses = uses_of(decision, desk.shared, program)
        if patron is None:
            chained = plan_nobodys(moment, kind=TxKind.PURCHASE, origin=origin)
            balances: Balances = {}
        else:
            chained = plan_purchase(patron.book, program, decision, moment, origin=origin)
            on_desk.keep_pace(patron)
            balances = patron.book.balances(program.wallets)
        posting = chained.posting
        version, tx_id = posting.version, posting.tx_id
        sale = sale_of(decided, request, at=moment.at, version=version, balances=balances, tx_id=tx_id)
        answer = Answer(201, self._answers.sale(sale))
        purchase = NewPurchase(
            id=tx_id,
            customer_id=patron.book.customer_id if patron else NOBODY,
            shop=origin.shop or "",
            terminal=origin.terminal or "",
            program=decided.version,
            at=moment.at,
            answer=answer.body,
            basket=stored_basket(request, decided),
            verdicts=stored_verdicts(decision.verdicts),
            lines=line_states(decision, qty_milli=sale.qty_milli),
            uses=uses,
            draws=decision.draws,
            day=program_day(program, moment.now),
        )
        return Settled(chained, answer, purchase, on_desk.use)
