"""How a hold stands, by the database's clock: whether or not its end is posted yet."""

from typing import Protocol
from uuid import UUID

from app.flows import refusals
from app.flows.requests import Caller
from app.flows.results import HoldView


class HoldReads(Protocol):
    async def hold(self, hold_id: UUID) -> HoldView | None: ...


class ReadHold:
    def __init__(self, reads: HoldReads) -> None:
        self._reads = reads

    async def hold(self, caller: Caller, hold_id: UUID) -> HoldView:
        """Raises `Rejected(NOT_FOUND)`, also for another shop's hold."""
        view = await self._reads.hold(hold_id)
        if view is None or (caller.shops and view.shop not in caller.shops):
            raise refusals.no_hold()
        return view
