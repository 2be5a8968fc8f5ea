"""What stands against abuse, put together once (`app.flows.use_cases`)."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from app.domain.abuse.velocity import OverPace
from app.domain.rejections import Rejected, Rejection
from app.flows.guessing import Guess
from app.flows.keep_alerts import KeepAlerts
from app.flows.ledger_port import RoundTx
from app.flows.lookup_budget import LookupBudget
from app.flows.once import Once
from app.flows.ports_offline import OfflineWatch
from app.flows.rate_limits import RateLimits
from app.flows.requests import Answer, Caller, Write

T = TypeVar("T")


class PaceWatch(Protocol):
    async def over_pace(self, caller: Caller, over: OverPace) -> None:
        """A customer's day has reached a limit. Raises nothing."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Guards:
    """`budget` is of look-ups one by one, `bulk` of calls that name customers by the hundred. `answered` knows what
    keys were answered with.
    """

    rates: RateLimits
    budget: LookupBudget
    bulk: LookupBudget
    answered: Once[RoundTx]
    alerts: KeepAlerts
    pace: PaceWatch
    offline: OfflineWatch

    async def guess(
        self, caller: Caller, guess: Guess, ask: Callable[[], Awaitable[Answer]], *, write: Write | None
    ) -> Answer:
        """What `ask` answers, within the caller's budget of misses. A write that was answered before has that answer
        also without room: it tells nothing new.

        Raises:
            Rejected: also `lookup_budget_exhausted`, unasked.
        """
        try:
            return await (self.bulk if guess.is_bulk else self.budget).guess(caller, guess, ask)
        except Rejected as refused:
            if write is None or refused.rejection is not Rejection.LOOKUP_BUDGET_EXHAUSTED:
                raise
            await self._check_answered(write, refused)
        return await ask()

    async def drain(self) -> None:
        await self.budget.drain()
        await self.bulk.drain()

    async def _check_answered(self, write: Write, refused: Rejected) -> None:
        """Raises `refused` where the key has no answer yet; and what a key in use or of another request is told."""

        async def act(_tx: RoundTx) -> Answer:
            raise refused

        await self.answered.run(write, act)

    async def watched(self, caller: Caller, work: Awaitable[T]) -> T:
        """What `work` comes to. Raises what it raises; who was too fast is an alert."""
        try:
            return await work
        except OverPace as over:
            await self.pace.over_pace(caller, over)
            raise
