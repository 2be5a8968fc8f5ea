"""Confirmation of redemptions: a code is sent to the customer, and the same call comes again with it.

A round that finds the identification too weak for what is to be redeemed refuses; only then, outside of it, a challenge
is made. It is bound to what the customer is told: receipt, basket, what is redeemed, and the customer; and to what that
came to in the round that refused: units by wallet, by that version of the program, costs of rewards and `max` reckoned.
The till repeats its call with `confirmation` (under the same idempotency key: such a refusal isn't kept), the code is
tried before the round, and lifts the limit of the identification if the round comes to the same units; whatever else
may be in the way still is.

A right code may come twice, as calls do, until its time is over: it is bound to a receipt, which is posted once.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import TypeVar
from uuid import UUID

from app.domain.identifiers import IdentifierKind
from app.domain.one_time_codes import confirmation_text
from app.domain.rejections import Rejected, Rejection
from app.flows.app_codes import AppCodes
from app.flows.challenges import Challenges, Question, dead, subject_of
from app.flows.claims import receipt_claim
from app.flows.read_customer import ReadCustomer
from app.flows.requests import Answer, Proof, PurchaseRequest, RedeemRequest, Taken, Write
from app.flows.sales import ConfirmationNeeded

R = TypeVar("R", bound=PurchaseRequest | RedeemRequest)


class ConfirmRedemptions:
    def __init__(self, challenges: Challenges, *, app_codes: AppCodes, customers: ReadCustomer) -> None:
        self._challenges = challenges
        self._app_codes = app_codes
        self._customers = customers

    async def run(self, write: Write, request: R, post: Callable[[Write, R], Awaitable[Answer]]) -> Answer:
        """What `post` answers, once the customer is known and has confirmed what needs it.

        Raises:
            Rejected: also `confirmation_required` with the challenge that was sent, `confirmation_failed`,
                `confirmation_dead`; `rate_limited` where too many were sent.
        """
        try:
            request = await self._proved(request)
        except Rejected as unproved:
            return await self._challenges.answered(write, unproved)
        try:
            return await post(write, request)
        except Rejected as refused:
            if refused.rejection is not Rejection.CONFIRMATION_REQUIRED:
                raise
            challenge = await self._challenge(write, request, refused)
        raise challenge

    async def _proved(self, request: R) -> R:
        """Whom the app's code names, and whether they have confirmed. Raises `Rejected`."""
        if request.customer is not None and request.customer.kind is IdentifierKind.CODE:
            receipt = None if request.receipt is None else receipt_claim(request.receipt)
            customer = await self._app_codes.customer(request.customer, receipt=receipt)
            request = replace(request, customer=customer, proof=Proof(by_code=True))
        if request.confirmation is not None:
            if request.customer is None:
                raise dead()
            customer_id = await self._customers.find(request.customer)
            tried = await self._challenges.prove(request.confirmation, subject=_subject_of(request, customer_id))
            request = replace(request, proof=replace(request.proof, confirmed_by=customer_id, taken=tried.taken))
        return request

    async def _challenge(self, write: Write, request: PurchaseRequest | RedeemRequest, refused: Rejected) -> Rejected:
        """Send a code; the refusal that names its challenge, or says why there is none."""
        if request.customer is None or request.receipt is None:
            return refused
        customer = await self._customers.find(request.customer)
        taken = refused.taken if isinstance(refused, ConfirmationNeeded) else None
        text = partial(
            confirmation_text,
            asked=_asked_of(request, taken),
            shop=request.receipt.shop,
            receipt=request.receipt.number,
            is_russian=request.is_russian,
        )
        question = Question(customer, _subject_of(request, customer), text, request.is_russian, taken)
        return await self._challenges.send(write, question, refused)


def _asked_of(request: PurchaseRequest | RedeemRequest, taken: Taken | None) -> list[tuple[str, int | str]]:
    """Units by wallet, `max` only where it isn't known yet; then rewards, how often each."""
    if isinstance(request, RedeemRequest):
        return [(request.wallet, request.points)]
    units = request.redeem if taken is None else taken.units
    return [(name, asked) for name, asked in (*units.items(), *request.rewards.items()) if asked]


def _subject_of(request: PurchaseRequest | RedeemRequest, customer: UUID) -> bytes:
    """Not of payments, times and quotes: they take nothing from the customer."""
    receipt = request.receipt
    document: dict[str, object] = {
        "customer": str(customer),
        "receipt": None if receipt is None else str(receipt_claim(receipt)),
    }
    if isinstance(request, RedeemRequest):
        document |= {"wallet": request.wallet, "points": request.points}
    else:
        document |= {"lines": request.lines, "coupons": request.basket.coupons}
        document |= {"redeem": request.redeem, "rewards": request.rewards}
    return subject_of(document)
