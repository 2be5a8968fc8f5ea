"""`redeem` and `adjust`: points that move with no basket."""

from app.domain.abuse.corrections import check_alone
from app.domain.abuse.velocity import NO_LIMITS, Velocity, check_pace
from app.domain.counters import advance
from app.domain.ledger.plans import Chained, plan_adjust, plan_redeem
from app.domain.ledger.postings import Origin
from app.domain.program import Program
from app.domain.rejections import Rejected, Rejection
from app.flows import refusals
from app.flows.asks import Ask, Desk, Settled
from app.flows.claims import key_claim, receipt_claims
from app.flows.identity import identified_by, is_by_id, reference
from app.flows.ledger_port import Patron
from app.flows.ports import Answers, Vault
from app.flows.requests import AdjustRequest, Answer, RedeemRequest, Write
from app.flows.results import Posted
from app.flows.rounds import Rounds
from app.flows.sealed_reasons import sealed_reason


class MovePoints:
    def __init__(self, rounds: Rounds, *, vault: Vault, answers: Answers, velocity: Velocity = NO_LIMITS) -> None:
        self._rounds = rounds
        self._velocity = velocity
        self._vault = vault
        self._answers = answers

    async def redeem(self, write: Write, request: RedeemRequest) -> Answer:
        """Raises `Rejected`."""
        receipt = request.receipt

        def settle(desk: Desk) -> Settled:
            program = desk.program.program
            if request.wallet not in program.wallets:
                raise refusals.no_wallet()
            check_strength(program, request, desk.customer)
            origin = Origin(
                idempotency_key=write.key,
                shop=receipt.shop,
                terminal=receipt.terminal,
                receipt=receipt.number,
                program=desk.program_version,
                reason=sealed_reason(self._vault, desk.customer, request.reason),
            )
            book, units = desk.book, {request.wallet: request.points}
            uses = check_pace(self._velocity, book, program, now=desk.moment.now, accrued=None, redeemed=units)
            chained = plan_redeem(
                book, program, desk.moment, wallet=request.wallet, units=request.points, origin=origin
            )
            advance(book.memory.pace, uses)
            return self._settled(desk, chained)

        return await self._rounds.post(
            Ask(
                write=write,
                key=key_claim(write.caller, write.key),
                customer=reference(request.customer, self._vault),
                settle=settle,
                receipts=tuple(receipt_claims(receipt)),
                needs_lots=True,
                takes=lambda _: {request.wallet: request.points},
                spends=True,
            )
        )

    async def adjust(self, write: Write, request: AdjustRequest, *, alone: int = 0) -> Answer:
        """`alone`: what one person may correct without a second one, in units of a wallet a day; 0: anything.

        Raises:
            Rejected: also `SecondPersonNeeded`; nothing is posted then, and the key isn't used up.
        """

        def settle(desk: Desk) -> Settled:
            program = desk.program.program
            if request.wallet not in program.wallets:
                raise refusals.no_wallet()
            reason = sealed_reason(self._vault, desk.customer, request.reason)
            origin = Origin(idempotency_key=write.key, program=desk.program_version, reason=reason)
            book, wallet, units = desk.book, request.wallet, request.points
            hand, now = write.caller.hand, desk.moment.now
            uses = check_alone(book, program, hand=hand, wallet=wallet, units=units, most=alone, now=now)
            chained = plan_adjust(book, program, desk.moment, wallet=wallet, units=units, origin=origin)
            advance(book.memory.pace, uses)
            return self._settled(desk, chained)

        return await self._rounds.post(
            Ask(
                write=write,
                key=key_claim(write.caller, write.key),
                customer=reference(request.customer, self._vault),
                settle=settle,
                needs_lots=request.points < 0,
                takes=lambda _: {request.wallet: -request.points},
                spends=request.points < 0,
            )
        )

    def _settled(self, desk: Desk, chained: Chained) -> Settled:
        posting = chained.posting
        balances = desk.book.balances(desk.program.program.wallets)
        posted = Posted(tx_id=posting.tx_id, version=posting.version, balances=balances)
        return Settled(chained, Answer(201, self._answers.posted(posted)))


def check_strength(program: Program, request: RedeemRequest, patron: Patron) -> None:
    """How the customer was identified must be enough for so many units, or they have confirmed them.

    Raises:
        Rejected: `confirmation_required`.
    """
    kind = identified_by(request.customer, by_code=request.proof.by_code)
    most = program.redemption.strength_of(
        kind,
        is_confirmed=request.proof.confirmed_by == patron.book.customer_id,
        is_gift_card=patron.is_gift_card,
        is_by_id=is_by_id(request.customer, by_code=request.proof.by_code),
    )
    if most is not None and request.points > most:
        raise Rejected(
            Rejection.CONFIRMATION_REQUIRED,
            f"A customer identified by {kind} may redeem up to {most} units.",
            facts={"wallet": request.wallet, "requested": request.points, "allowed": most},
        )
