"""Stored purchases, by id or receipt, and what became of a key."""

from dataclasses import replace
from uuid import UUID

from app.flows import refusals
from app.flows.batch_answers import named_in, with_names
from app.flows.claims import key_claim, receipt_claim
from app.flows.ports import Programs
from app.flows.ports_customers import Reads
from app.flows.requests import Caller, PurchaseName
from app.flows.results import PurchaseRecord, RequestState
from app.flows.sealed_answers import SealedAnswers


class ReadPurchase:
    def __init__(self, reads: Reads, *, programs: Programs, sealed: SealedAnswers) -> None:
        self._reads = reads
        self._sealed = sealed
        self._programs = programs

    async def purchase(self, caller: Caller, name: UUID | PurchaseName) -> PurchaseRecord:
        """Raises `Rejected(NOT_FOUND)`, also for another shop's purchase."""
        purchase_id = name if isinstance(name, UUID) else await self._reads.claimed(receipt_claim(name))
        found = await self._reads.purchase(purchase_id) if purchase_id else None
        if found is None or (caller.shops and found[0].shop not in caller.shops):
            raise refusals.no_purchase()
        record, version = found
        return replace(record, scheme=(await self._programs.compiled(version)).program)

    async def request_state(self, caller: Caller, key: str) -> RequestState:
        """`unknown` is a key never seen, or still running."""
        answer_id = await self._reads.claimed(key_claim(caller, key))
        answer = await self._reads.answer(answer_id) if answer_id else None
        return RequestState(answer.status, await self._opened(answer.body)) if answer else RequestState()

    async def _opened(self, body: bytes) -> bytes:
        if not (purchases := named_in(body)):
            return await self._sealed.opened_body(body)
        found = [(each, await self._reads.answer(each)) for each in purchases]
        return with_names(body, {each: answer for each, answer in found if answer is not None})
