"""Other acts than purchases (a review, a sign-up): rules that test `event` decide them, on a basket of one line that is
worth nothing and stands for the act.

An act that no rule rewards is posted too, as a transaction without entries: it is known that it happened. There is no
receipt, so no ticket: an act draws nothing.
"""

import orjson

from app.domain.amounts import AMOUNT_MAX, MILLI
from app.domain.basket import Basket, IdentifiedBy, Line, Visit
from app.domain.decision import Decision
from app.domain.ledger.moments import Moment
from app.domain.ledger.plans import plan_event
from app.domain.ledger.postings import Origin
from app.domain.rejections import Rejected, Rejection
from app.domain.rules.evaluate import evaluate
from app.domain.rules.needs import needs_of
from app.flows.asks import Ask, Desk, Settled
from app.flows.claims import key_claim
from app.flows.ledger_port import NewAct, Patron
from app.flows.ports import Answers, Vault
from app.flows.requests import Answer, Caller, EventRequest, Write
from app.flows.results import EventPosted
from app.flows.rounds import Rounds
from app.flows.sales import AtLimits, facts_of
from app.flows.standings import shared_use_of, standing_of, uses_of
from app.flows.stored_baskets import stored_verdicts

_ACT = Basket(lines=(Line(id="event", qty_milli=MILLI, price=0),))


class PostEvent:
    def __init__(self, rounds: Rounds, *, vault: Vault, answers: Answers, limits: AtLimits) -> None:
        self._rounds = rounds
        self._vault = vault
        self._answers = answers
        self._limits = limits

    async def post(self, write: Write, request: EventRequest) -> Answer:
        """Raises `Rejected`."""
        ask = Ask(
            write=write,
            key=key_claim(write.caller, write.key),
            customer=request.customer,
            settle=lambda desk: self._settle(desk, write, request),
            wants=lambda program: needs_of(program, _ACT, event=request.type, rewards={}, customer_known=True),
        )
        return await self._rounds.post(ask)

    def _settle(self, desk: Desk, write: Write, request: EventRequest) -> Settled:
        patron = desk.patron
        if patron is None:
            raise RuntimeError("an act is somebody's")
        now = desk.moment.now
        moment = Moment(now=now, at=self._limits.check(request.at, now=now), ids=desk.moment.ids)
        decision = self._decide(desk, patron, write.caller, request, moment)
        program = desk.program.program
        use = shared_use_of(decision, desk.shared, customer=patron.book.customer_id, luck=None)
        caller = write.caller
        origin = Origin(
            idempotency_key=write.key,
            shop=caller.shop or None,
            terminal=caller.terminal or None,
            program=desk.program_version,
            reason=request.type,
        )
        chained = plan_event(patron.book, program, decision, moment, origin=origin)
        posting = chained.posting
        posted = EventPosted(
            tx_id=posting.tx_id,
            version=posting.version,
            type=request.type,
            at=moment.at,
            program=desk.program_version,
            decision=decision,
            balances=patron.book.balances(program.wallets),
            scheme=program,
            explain=request.explain,
            is_russian=request.is_russian,
        )
        act = NewAct(
            tx_id=posting.tx_id,
            customer_id=patron.book.customer_id,
            type=request.type,
            at=moment.at,
            data=orjson.dumps(request.data),
            verdicts=stored_verdicts(decision.verdicts),
            uses=uses_of(decision, desk.shared, program),
        )
        return Settled(chained, Answer(201, self._answers.event(posted)), use=use, act=act)

    def _decide(self, desk: Desk, patron: Patron, caller: Caller, request: EventRequest, moment: Moment) -> Decision:
        """The program's word on the act.

        Raises:
            Rejected: `limit_exceeded` where it gives more than a posting may move.
        """
        person = self._vault.open(patron.book.customer_id, patron.profile)
        visit = Visit(
            at=moment.at,
            channel=caller.channel,
            shop=caller.shop,
            identified_by=IdentifiedBy.CARD,  # By the id, which counts as one.
            partner=caller.partner,
            card_types=frozenset(patron.card_types.values()),
            event=request.type,
        )
        decision = evaluate(
            desk.program,
            _ACT,
            customer=facts_of(patron, person, desk.program, now=moment.now),
            visit=visit,
            redeem={},
            standing=standing_of(patron, desk.shared, now=moment.now, luck=None),
        )
        if any(units > AMOUNT_MAX for units in decision.accrued.values()):
            raise Rejected(Rejection.LIMIT_EXCEEDED, f"The act would bring more than {AMOUNT_MAX} units of a wallet.")
        return decision
