"""Writes outside the rounds (customers, programs): exactly once by the same claims, one transaction each.

A client that hangs up doesn't stop its write: the work is a task of its own.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any, Generic, Protocol, TypeVar

from app.domain.rejections import Rejected
from app.flows import refusals
from app.flows.claims import is_same, key_claim, lock_of
from app.flows.failures import Conflict, DatabaseBusy, DatabaseGone, DatabaseSilent
from app.flows.ledger_port import Changes, NewClaim, RoundTx
from app.flows.ports import Answers, fresh_ids
from app.flows.requests import Answer, Write

Tx = TypeVar("Tx", bound=RoundTx)
Tx_co = TypeVar("Tx_co", bound=RoundTx, covariant=True)
T = TypeVar("T")
After = Callable[[Answer | None], Awaitable[None]]


class Store(Protocol[Tx_co]):
    def round(self) -> AbstractAsyncContextManager[Tx_co]: ...


async def undisturbed(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end even if the caller is cancelled."""
    return await asyncio.shield(asyncio.create_task(work))


class Once(Generic[Tx]):
    """Runs an act under an idempotency key, and keeps its answer in the same transaction."""

    def __init__(self, store: Store[Tx], *, answers: Answers) -> None:
        self._store = store
        self._answers = answers

    async def run(self, write: Write, act: Callable[[Tx], Awaitable[Answer]], *, after: After | None = None) -> Answer:
        """The act's answer, or the one it had the first time.

        after: what the cache has to hear, whether or not anybody waits for the answer still. It gets None where there
            is none: what was attempted may be committed all the same.

        Raises:
            Rejected: the refusals that are not kept; kept ones come back as answers.
        """
        return await undisturbed(self._run(write, act, after))

    async def _run(self, write: Write, act: Callable[[Tx], Awaitable[Answer]], after: After | None) -> Answer:
        answer: Answer | None = None
        try:
            answer = await self._tried(write, act)
            return answer
        finally:
            if after is not None:
                await after(answer)

    async def _tried(self, write: Write, act: Callable[[Tx], Awaitable[Answer]]) -> Answer:
        try:
            try:
                return await self._attempt(write, act)
            except DatabaseSilent:
                raise
            except (Conflict, DatabaseGone):
                # Somebody was first, or the commit's fate is unknown: the second try sees which.
                return await self._attempt(write, act)
        except (Conflict, DatabaseBusy):
            raise refusals.busy("Somebody else is changing this.") from None
        except DatabaseGone:
            raise refusals.unavailable() from None

    async def _attempt(self, write: Write, act: Callable[[Tx], Awaitable[Answer]]) -> Answer:
        key = key_claim(write.caller, write.key)
        async with self._store.round() as tx:
            taken = await tx.take([lock_of(key)])
            if not taken.is_free[0]:
                raise refusals.key_running()
            claim = (await tx.read_known(claims=[key], identifiers=[], customers=[])).claims.get(key)
            if claim is not None:
                stored = (await tx.stored_answers([claim.answer_id])).get(claim.answer_id)
                if not is_same(claim, write) or stored is None:
                    raise refusals.key_reused()
                return Answer(stored.status, stored.body, is_replayed=True)
            try:
                answer = await act(tx)
            except Rejected as rejected:
                if not rejected.rejection.is_kept:
                    raise
                answer = self._answers.refusal(rejected, request_id=write.request_id)
            answer_id = answer.tx_id or next(fresh_ids())
            claims = [NewClaim(key, "k", write.fingerprint, answer_id)]
            await tx.write(Changes(claims=claims, answers=[(answer_id, answer)]))
        return answer
