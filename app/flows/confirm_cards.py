"""Confirmation of cards: where a card lets more be redeemed than a phone does, a till that knows a phone would only
have to give its customer a card of the cashier's own. So a till's card needs the customer's yes, by a code, as
redemptions do; support gives cards without one. It is bound to customer, card and idempotency key: one card a code.
"""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Concatenate, ParamSpec
from uuid import UUID

from app.domain.identifiers import Identifier
from app.domain.one_time_codes import card_text
from app.domain.rejections import Rejected, Rejection
from app.flows.challenges import Challenges, Question, subject_of
from app.flows.ports import Programs, Vault
from app.flows.requests import Answer, Assent, Caller, Role, Write

P = ParamSpec("P")

_AT_TILLS = frozenset({Role.POS, Role.SHOP})


class ConfirmCards:
    def __init__(self, challenges: Challenges, *, programs: Programs, vault: Vault) -> None:
        self._challenges = challenges
        self._programs = programs
        self._vault = vault

    def asking(
        self, act: Callable[Concatenate[Write, UUID, P], Awaitable[Answer]]
    ) -> Callable[Concatenate[Write, UUID, Assent, P], Awaitable[Answer]]:
        """`act`, once the customer has confirmed it where that is needed.

        Raises:
            Rejected: as `ConfirmRedemptions.run`.
        """

        async def asked(write: Write, customer: UUID, assent: Assent, /, *args: P.args, **kwargs: P.kwargs) -> Answer:
            if not await self._is_needed(write.caller):
                return await act(write, customer, *args, **kwargs)
            subject = self._subject_of(write, customer, kwargs)
            try:
                if assent.confirmation is None:
                    raise _needed()
                await self._challenges.prove(assent.confirmation, subject=subject)
            except Rejected as refused:
                return await self._unproved(write, customer, assent, subject, refused)
            return await act(write, customer, *args, **kwargs)

        return asked

    async def _unproved(
        self, write: Write, customer: UUID, assent: Assent, subject: bytes, refused: Rejected
    ) -> Answer:
        """What the key was answered with before. Raises `Rejected` where it wasn't."""
        try:
            return await self._challenges.answered(write, refused)
        except Rejected as raised:
            if raised is not refused or refused.rejection is not Rejection.CONFIRMATION_REQUIRED:
                raise
        text = partial(card_text, shop=write.caller.shop, is_russian=assent.is_russian)
        raise await self._challenges.send(write, Question(customer, subject, text, assent.is_russian), refused)

    async def _is_needed(self, caller: Caller) -> bool:
        if caller.role not in _AT_TILLS or (compiled := await self._programs.current()) is None:
            return False
        return compiled.program.redemption.is_lifted_by("card")

    def _subject_of(self, write: Write, customer: UUID, asked: Mapping[str, object]) -> bytes:
        """asked: the call's own; a card stands in it by its digest."""
        told = {
            name: self._vault.digest(value).hex() if isinstance(value, Identifier) else value
            for name, value in asked.items()
        }
        return subject_of({"customer": str(customer), "card": told, "key": write.key})


def _needed() -> Rejected:
    return Rejected(
        Rejection.CONFIRMATION_REQUIRED, "By a card more may be redeemed than by phone: the customer must agree to one."
    )
