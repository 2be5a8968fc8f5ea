"""`redeem` and `adjust`: points that move with no basket."""

from app.domain.identifiers import IdentifierKind
from app.domain.ledger.plans import Chained, plan_adjust, plan_redeem
from app.domain.ledger.postings import Origin
from app.domain.program import Program
from app.domain.rejections import Rejected, Rejection
from app.flows import refusals
from app.flows.asks import Ask, Desk, Settled
from app.flows.claims import key_claim, receipt_claims
from app.flows.identity import reference
from app.flows.ports import Answers, Vault
from app.flows.requests import AdjustRequest, Answer, RedeemRequest, Write
from app.flows.results import Posted
from app.flows.rounds import Rounds


class MovePoints:
    def __init__(self, rounds: Rounds, *, vault: Vault, answers: Answers) -> None:
        self._rounds = rounds
        self._vault = vault
        self._answers = answers

    async def redeem(self, write: Write, request: RedeemRequest) -> Answer:
        """Raises `Rejected`."""
        receipt = request.receipt

        def settle(desk: Desk) -> Settled:
            program = desk.program.program
            if request.wallet not in program.wallets:
                raise refusals.no_wallet()
            check_strength(program, request)
            origin = Origin(
                idempotency_key=write.key,
                shop=receipt.shop,
                terminal=receipt.terminal,
                receipt=receipt.number,
                program=desk.program_version,
                reason=request.reason,
            )
            book = desk.book
            chained = plan_redeem(
                book, program, desk.moment, wallet=request.wallet, units=request.points, origin=origin
            )
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

    async def adjust(self, write: Write, request: AdjustRequest) -> Answer:
        """Raises `Rejected`."""

        def settle(desk: Desk) -> Settled:
            program = desk.program.program
            if request.wallet not in program.wallets:
                raise refusals.no_wallet()
            origin = Origin(idempotency_key=write.key, program=desk.program_version, reason=request.reason)
            book = desk.book
            chained = plan_adjust(
                book, program, desk.moment, wallet=request.wallet, units=request.points, origin=origin
            )
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


def check_strength(program: Program, request: RedeemRequest) -> None:
    """How the customer was identified must be enough for so many units. Raises `Rejected(CONFIRMATION_REQUIRED)`."""
    kind = "phone" if request.customer.kind is IdentifierKind.PHONE else "card"
    most = program.redemption.strength.get(kind)
    if most is not None and request.points > most:
        raise Rejected(
            Rejection.CONFIRMATION_REQUIRED,
            f"A customer identified by {kind} may redeem up to {most} units.",
            facts={"wallet": request.wallet, "requested": request.points, "allowed": most},
        )
