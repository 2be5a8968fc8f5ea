"""Challenges: a code is sent to a customer, and a call that comes again with it is theirs too.

A challenge is bound to its subject, a hash of what is asked for, and keeps what that comes to. Codes are kept as keyed
hashes and told to nobody but the channel. Nothing is counted in the cache. A code that could not be sent counts among
those that were: whoever took it may have been too slow to say so.

A call whose code is refused may be one that was answered long ago: then it gets that answer again.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import sha256
from uuid import UUID

import orjson

from app.domain.identifiers import Identifier, IdentifierKind
from app.domain.one_time_codes import CODES, TRIES_MAX, VALID_FOR, code_of
from app.domain.rejections import Rejected, Rejection
from app.flows import refusals
from app.flows.courier import Courier
from app.flows.ledger_port import RoundTx
from app.flows.once import Once
from app.flows.ports import Vault, fresh_ids
from app.flows.ports_confirmation import ChallengeLimits, ChallengeStore, NewChallenge, Tried
from app.flows.ports_messages import Message, MessageNotSent
from app.flows.read_customer import ReadCustomer
from app.flows.requests import Answer, Confirmation, Taken, Write

LIMIT_RETRY_MS = 60_000  # Of ten minutes: by then a challenge may have left the window.


@dataclass(frozen=True, slots=True)
class Question:
    """What a customer is asked: `text` makes the message of the digits, `taken` is what it comes to, where known."""

    customer: UUID
    subject: bytes
    text: Callable[[str], str]
    is_russian: bool
    taken: Taken | None = None


class Challenges:
    def __init__(
        self,
        once: Once[RoundTx],
        store: ChallengeStore,
        *,
        customers: ReadCustomer,
        vault: Vault,
        courier: Courier,
        limits: ChallengeLimits,
        luck: Callable[[int], int],
    ) -> None:
        """luck: a number from 0 to below its argument that nobody can foresee."""
        self._once = once
        self._store = store
        self._customers = customers
        self._vault = vault
        self._courier = courier
        self._limits = limits
        self._luck = luck

    async def answered(self, write: Write, refused: Rejected) -> Answer:
        """What the key was answered with before. Raises `refused` where it wasn't."""

        async def act(_tx: RoundTx) -> Answer:
            raise refused

        return await self._once.run(write, act)

    async def prove(self, sent: Confirmation, *, subject: bytes) -> Tried:
        """A right code, and what it was sent for. Raises `Rejected`: `confirmation_failed`, `confirmation_dead`."""
        try:
            challenge_id = UUID(sent.challenge_id)
        except ValueError:
            raise dead() from None
        code = self._hash_of(challenge_id, sent.code)
        tried = await self._store.try_code(challenge_id, subject=subject, code=code)
        if tried is None:
            raise dead()
        if not tried.is_right:
            raise _failed(tried.tries_left)
        return tried

    async def send(self, write: Write, question: Question, refused: Rejected) -> Rejected:
        """Send a code; the refusal that names its challenge, or says why there is none."""
        customer = question.customer
        patron, _ = await self._customers.named(Identifier(IdentifierKind.ID, str(customer)))
        person = self._vault.open(customer, patron.profile)
        if not self._courier.reaches(person):
            return replace(refused, detail=f"{refused.detail} No code can be sent: there is no address for it.")
        if self._courier.is_busy:  # Before a challenge is counted that nobody would hear of.
            return refusals.unavailable("Too many codes are on their way.")
        challenge_id, code = next(fresh_ids()), code_of(self._luck(CODES))
        challenge = NewChallenge(
            id=challenge_id,
            customer=customer,
            scope=write.caller.scope,
            subject=question.subject,
            code=self._hash_of(challenge_id, code),
            tries=TRIES_MAX,
            valid_for=VALID_FOR,
            taken=question.taken,
        )
        if not await self._store.open_challenge(challenge, self._limits):
            facts = {"retry_after_ms": LIMIT_RETRY_MS}
            return Rejected(Rejection.RATE_LIMITED, "Too many codes were sent; wait before the next.", facts=facts)
        title = "Код подтверждения" if question.is_russian else "Confirmation code"
        try:
            await self._courier.send(Message(person, title, question.text(code)))
        except MessageNotSent:
            return refusals.unavailable("The code could not be sent.")
        return replace(refused, facts={**refused.facts, "challenge_id": str(challenge_id)})

    def _hash_of(self, challenge_id: UUID, code: str) -> bytes:
        return self._vault.sign(b"one-time code\n" + challenge_id.bytes + code.encode())


def subject_of(document: dict[str, object]) -> bytes:
    """SHA-256 of what is asked for."""
    return sha256(orjson.dumps(document, option=orjson.OPT_SORT_KEYS)).digest()


def dead() -> Rejected:
    return Rejected(
        Rejection.CONFIRMATION_DEAD,
        "There is no such challenge for this call, or it is over: repeat it without `confirmation` for a new one.",
    )


def _failed(tries_left: int) -> Rejected:
    facts = {"attempts_left": tries_left}
    return Rejected(Rejection.CONFIRMATION_FAILED, "That is not the code that was sent.", facts=facts)
