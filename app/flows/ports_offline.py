"""What receipts made without connection need besides a round's."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from app.flows.guessing import Guess
from app.flows.requests import Answer, Caller, PurchaseRequest, Receipt


class PublishedVersions(Protocol):
    async def published(self) -> Sequence[tuple[int, datetime]]:
        """All versions of the program and since when each has been in force, the first one first."""
        ...


@dataclass(frozen=True, slots=True)
class Beyond:
    """A receipt took so many units more than its allowance of so many left."""

    customer: UUID
    tx_id: UUID
    allowed: int
    units: int


class OfflineWatch(Protocol):
    async def beyond_allowance(self, receipt: Receipt, beyond: Beyond) -> None:
        """It was posted all the same. Raises nothing."""
        ...


class OfflineBudget(Protocol):
    async def guessed(self, caller: Caller, *, named: int, missed: int) -> None:
        """Of so many customers that a caller named, by what can be guessed, nobody knows so many. Raises
        `Rejected(LOOKUP_BUDGET_EXHAUSTED)`.
        """
        ...

    async def guess(self, caller: Caller, guess: Guess, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        """What `ask` answers, in its turn."""
        ...

    async def basket(
        self, caller: Caller, request: PurchaseRequest, ask: Callable[[PurchaseRequest], Awaitable[Answer]]
    ) -> Answer:
        """What `ask` answers; of the basket's codes no more is told than there is room for."""
        ...
