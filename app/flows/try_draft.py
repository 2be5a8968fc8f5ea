"""Back-tests: asked for, looked at, cancelled. The work is done by a process of its own, which the row connects."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Protocol
from uuid import UUID

from app.domain.rejections import Rejected, Rejection
from app.flows import refusals
from app.flows.once import Once
from app.flows.ports import fresh_ids
from app.flows.ports_customers import CustomerTx
from app.flows.requests import Answer, Write

LAST_MAX = 10_000_000


@dataclass(frozen=True, slots=True)
class BacktestRequest:
    """Purchases posted from `start` on and before `end`, of them the `last` ones; all None: the last 90 days."""

    start: datetime | None
    end: datetime | None
    last: int | None


@dataclass(frozen=True, slots=True)
class Backtest:
    """`state`: running, done, cancelled, failed. `report` is JSON, None while there is none; `total` None: not counted
    yet.
    """

    id: UUID
    state: str
    asked: Mapping[str, Any]
    done: int
    total: int | None
    report: bytes | None
    failure: str | None
    created_at: datetime
    created_by: str
    finished_at: datetime | None


class Backtests(Protocol):
    async def one(self, backtest_id: UUID) -> Backtest | None: ...


class TryDraft:
    """`start` starts the process of a row; `answer` gives a new row its bytes."""

    def __init__(
        self,
        once: Once[CustomerTx],
        backtests: Backtests,
        *,
        start: Callable[[UUID], None],
        answer: Callable[[UUID], bytes],
    ) -> None:
        self._once = once
        self._backtests = backtests
        self._start = start
        self._answer = answer

    async def ask(self, write: Write, request: BacktestRequest) -> Answer:
        """Raises `Rejected`: `not_found` without a draft, `busy` while another is under way."""
        backtest_id = next(fresh_ids())

        async def act(tx: CustomerTx) -> Answer:
            draft = await tx.lock_draft()
            if draft is None:
                raise Rejected(Rejection.NOT_FOUND, "There is no draft to try.")
            if await tx.is_trying():  # Looked at under the draft's lock: of two who ask at once one is told.
                raise refusals.busy("A back-test is under way.")
            asked = {
                "from": request.start.isoformat() if request.start else None,
                "until": request.end.isoformat() if request.end else None,
                "last": request.last,
            }
            await tx.insert_backtest(
                backtest_id, document=draft, digest=digest_of(draft), asked=asked, by=write.caller.key_id
            )
            return Answer(202, self._answer(backtest_id))

        answer = await self._once.run(write, act)
        if not answer.is_replayed:
            self._start(backtest_id)
        return answer

    async def one(self, backtest_id: UUID) -> Backtest:
        """Raises `Rejected(NOT_FOUND)`."""
        found = await self._backtests.one(backtest_id)
        if found is None:
            raise Rejected(Rejection.NOT_FOUND, "There is no such back-test.")
        return found

    async def cancel(self, write: Write, backtest_id: UUID) -> Answer:
        """It stops within a second; one that has ended stays as it is."""
        await self.one(backtest_id)

        async def act(tx: CustomerTx) -> Answer:
            await tx.cancel_backtest(backtest_id)
            return Answer(200, self._answer(backtest_id))

        return await self._once.run(write, act)


def digest_of(draft: str) -> bytes:
    """By which a tried draft is known: a single changed character is another draft."""
    return sha256(draft.encode()).digest()
