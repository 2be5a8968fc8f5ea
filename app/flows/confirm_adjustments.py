"""Adjustments above the declared sum: one person asks, another decides, and then it is posted, exactly once.

The sum is what one person may correct of a customer's wallet alone in a day, at once or little by little; it is counted
where the posting is (`app.domain.abuse.corrections`). A person is whoever has signed in, and every key that they or
their keys have made: who has seen a key's text can use it (`Caller.hand`).

An approval has three commits: the decision, the posting in a round of its own, and the answer under the approver's key.
The posting has an idempotency key made of the adjustment's id, that no caller can have. So wherever an approval was cut
off, whoever approves once more, with the same key or another, by the same person or a third, brings it to its end; and
what was decided can't be declined or expire meanwhile. A refusal of the posting, such as too few points, is final: the
adjustment is asked for anew.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from hashlib import sha256
from uuid import UUID

from app.domain.abuse.corrections import SecondPersonNeeded
from app.domain.identifiers import Identifier, IdentifierKind
from app.domain.rejections import Rejected, Rejection
from app.flows import refusals
from app.flows.cursors import id_of, to_text_cursor
from app.flows.identity import customer_uuid
from app.flows.move_points import MovePoints
from app.flows.once import Once
from app.flows.ports import Programs, Vault, fresh_ids
from app.flows.ports_adjustments import Adjustment, AdjustmentState, AdjustmentStore, AdjustmentTx
from app.flows.read_customer import ReadCustomer
from app.flows.requests import AdjustRequest, Answer, Caller, Role, Write
from app.flows.results import Page
from app.flows.sealed_reasons import opened_reason, sealed_reason

PENDING_FOR = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class AdjustmentAnswers:
    """Give adjustments their bytes. `posted` puts the id to what the posting answered; `posting` and `code` read its
    `tx_id` of that, or the code of its refusal.
    """

    one: Callable[[Adjustment], bytes]
    posted: Callable[[UUID, bytes], bytes]
    posting: Callable[[bytes], UUID]
    code: Callable[[bytes], str]


class ConfirmAdjustments:
    def __init__(
        self,
        once: Once[AdjustmentTx],
        store: AdjustmentStore,
        points: MovePoints,
        *,
        programs: Programs,
        customers: ReadCustomer,
        vault: Vault,
        answers: AdjustmentAnswers,
        above: int,
    ) -> None:
        """above: what more needs a second person, in units of a wallet a day; 0: nothing does."""
        self._once = once
        self._store = store
        self._points = points
        self._programs = programs
        self._customers = customers
        self._vault = vault
        self._answers = answers
        self._above = above
        # It keeps a connection while the posting takes another: many at once would leave none for tills.
        self._approving = asyncio.Semaphore(1)

    async def adjust(self, write: Write, request: AdjustRequest) -> Answer:
        """The posting, 201; or the adjustment, 202, of more than one person may correct alone.

        Raises:
            Rejected
        """
        try:
            return await self._points.adjust(write, request, alone=self._above)
        except SecondPersonNeeded:
            return await self._ask(write, request)

    async def _ask(self, write: Write, request: AdjustRequest) -> Answer:
        """The adjustment, 202, for somebody else to decide.

        Raises:
            Rejected: the customer or the wallet is unknown, or the customer was erased.
        """
        customer = customer_uuid(request.customer.value)

        async def act(tx: AdjustmentTx) -> Answer:
            program = await self._programs.compiled(await self._programs.newest())
            if request.wallet not in program.program.wallets:
                raise refusals.no_wallet()
            patron = (await tx.lock_patrons([customer], wait=True)).get(customer)
            if patron is None:
                raise refusals.no_customer()
            if patron.is_erased:
                raise refusals.erased()
            kept = replace(request, reason=sealed_reason(self._vault, patron, request.reason))
            asked = await tx.insert_adjustment(
                next(fresh_ids()), customer, kept, by=write.caller.key_id, expires_in=PENDING_FOR
            )
            return Answer(202, self._answers.one(asked))

        return await self._once.run(write, act)

    async def approve(self, write: Write, adjustment_id: UUID) -> Answer:
        """What the posting answers, with the adjustment's id.

        Raises:
            Rejected: there is none; it is one's own; it has been decided, or its time is over.
        """

        async def act(tx: AdjustmentTx) -> Answer:
            asked = _another_s(await tx.adjustment(adjustment_id), write)
            if not asked.is_open:
                raise _decided(asked)
            if asked.state is AdjustmentState.PENDING and not await self._store.approve_adjustment(
                adjustment_id, by=write.caller.key_id
            ):
                raise refusals.busy("Somebody else is deciding this.")
            posted = await self._points.adjust(_posting_of(asked, write), _request_of(await self._opened(asked)))
            is_good = posted.status < 400
            await tx.note_posted(
                adjustment_id,
                tx_id=self._answers.posting(posted.body) if is_good else None,
                refusal=None if is_good else self._answers.code(posted.body),
            )
            return Answer(posted.status, self._answers.posted(adjustment_id, posted.body) if is_good else posted.body)

        async with self._approving:
            return await self._once.run(write, act)

    async def decline(self, write: Write, adjustment_id: UUID) -> Answer:
        """The adjustment, declined. Raises `Rejected` as `approve`."""

        async def act(tx: AdjustmentTx) -> Answer:
            asked = _another_s(await tx.adjustment(adjustment_id), write)
            declined = await tx.decline_adjustment(adjustment_id, by=write.caller.key_id)
            if declined is None:
                raise _decided(await tx.adjustment(adjustment_id) or asked)
            return Answer(200, self._answers.one(declined))

        return await self._once.run(write, act)

    async def one(self, adjustment_id: UUID) -> Adjustment:
        found = await self._store.adjustment(adjustment_id)
        if found is None:
            raise _none()
        return await self._opened(found)

    async def waiting(self, *, limit: int, cursor: str | None) -> Page[Adjustment]:
        """Those that somebody may still decide, the oldest first."""
        after = None if cursor is None else id_of(cursor)
        found = await self._store.open_adjustments(after=after, limit=limit + 1)
        shown = tuple([await self._opened(each) for each in found[:limit]])
        return Page(shown, to_text_cursor(str(found[limit - 1].id)) if len(found) > limit else None)

    async def _opened(self, adjustment: Adjustment) -> Adjustment:
        """With its reason in clear."""
        patron, _ = await self._customers.patron(adjustment.customer)
        key = patron.profile.wrapped_key
        reason = opened_reason(self._vault, adjustment.customer, adjustment.reason, wrapped_key=key)
        return replace(adjustment, reason=reason)


def _another_s(asked: Adjustment | None, write: Write) -> Adjustment:
    if asked is None:
        raise _none()
    if asked.hand == write.caller.hand:
        detail = "Another person has to decide what one has asked for; keys that a person has made are that person's."
        raise Rejected(Rejection.INSUFFICIENT_SCOPE, detail)
    return asked


def _posting_of(asked: Adjustment, write: Write) -> Write:
    """The posting's own write: of a caller that nobody can be, since ids of keys and people have no spaces."""
    return Write(
        caller=Caller(key_id=f"adjustment {asked.id}", role=Role.ADMIN),
        key=f"adjustment-{asked.id}",
        fingerprint=sha256(asked.id.bytes).digest()[:16],
        request_id=write.request_id,
    )


def _request_of(asked: Adjustment) -> AdjustRequest:
    return AdjustRequest(
        customer=Identifier(IdentifierKind.ID, str(asked.customer)),
        wallet=asked.wallet,
        points=asked.points,
        reason=asked.reason or "",  # Of who was erased, nothing is posted.
    )


def _none() -> Rejected:
    return Rejected(Rejection.NOT_FOUND, "There is no such adjustment.")


def _decided(asked: Adjustment) -> Rejected:
    return Rejected(
        Rejection.ADJUSTMENT_DECIDED, f"The adjustment is {asked.state} already.", facts={"state": asked.state.value}
    )
