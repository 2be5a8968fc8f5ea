"""Many who ask for single things become one call that fetches them all.

Whoever asks while calls are under way waits for the next one, with all who come meanwhile: nobody is told what was
fetched before the question, so what was written and answered before it is always seen. Those who ask for the same thing
share it. No timer: where nothing is under way, the questions of one tick of the event loop go out at its end.

A call that fails fails for all who wait for it, and one that took as long as anybody may wait (`patience`) also for
those who waited for it to end: asking again would only make them wait twice. Who stops waiting stops nobody else.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import Context
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Together(Generic[K, V]):
    """
    Args:
        fetch: what is asked for by key; a key that it leaves out has nothing. At most `most` keys a call.
        calls_max: so many may be under way at once.
        patience: errors by which a call says that it took as long as anybody may wait.
    """

    def __init__(
        self,
        fetch: Callable[[Sequence[K]], Awaitable[Mapping[K, V]]],
        *,
        most: int,
        calls_max: int = 1,
        patience: type[Exception] | tuple[type[Exception], ...] = (),
    ) -> None:
        self._fetch = fetch
        self._most = most
        self._calls_max = calls_max
        self._patience = patience
        self._waiting: dict[K, list[asyncio.Future[V | None]]] = {}
        self._callers: set[asyncio.Task[None]] = set()  # Held here: the loop alone would let them go.
        self._calling = 0
        self._is_called = False  # One of them begins in the next tick.

    async def ask(self, key: K) -> V | None:
        """What there is under the key. Raises whatever the call raises."""
        answer: asyncio.Future[V | None] = asyncio.get_running_loop().create_future()
        # A future each: cancelling whoever awaits it cancels it, and nobody else's.
        self._waiting.setdefault(key, []).append(answer)
        if not self._is_called and self._calling < self._calls_max:
            # Begins in the next tick, so that all who ask in this one are with it; and in nobody's own context.
            self._is_called = True
            self._calling += 1
            caller = asyncio.create_task(self._call_while_asked(), context=Context())
            self._callers.add(caller)
            caller.add_done_callback(self._callers.discard)
        return await answer

    async def _call_while_asked(self) -> None:
        self._is_called = False
        try:
            while self._waiting:
                await self._call(self._take())
        finally:
            self._calling -= 1  # In the same tick as the last look at who waits, so that nobody is left waiting.

    async def _call(self, asked: Mapping[K, Sequence[asyncio.Future[V | None]]]) -> None:
        try:
            found = await self._fetch(list(asked))
        except BaseException as error:
            _fail(asked, error)
            if isinstance(error, self._patience) or not isinstance(error, Exception):
                while self._waiting:
                    _fail(self._take(), error)
            if not isinstance(error, Exception):
                raise
            return
        for key, answers in asked.items():
            value = found.get(key)
            for answer in answers:
                if not answer.done():
                    answer.set_result(value)

    def _take(self) -> dict[K, list[asyncio.Future[V | None]]]:
        if len(self._waiting) <= self._most:
            asked, self._waiting = self._waiting, {}
            return asked
        return {key: self._waiting.pop(key) for key in list(self._waiting)[: self._most]}


def _fail(asked: Mapping[K, Sequence[asyncio.Future[V | None]]], error: BaseException) -> None:
    for answers in asked.values():
        for answer in answers:
            if answer.done():
                continue
            if isinstance(error, asyncio.CancelledError):
                answer.cancel()
            else:
                answer.set_exception(error)
                answer.exception()  # Looked at here, since whoever awaits it may just be cancelled.
