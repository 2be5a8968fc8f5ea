"""Redis as it may be: slow, full, lying, gone for a while, back with what it had before.

A call has CALL_SECONDS; after FAULTS_MAX faults in a row nobody calls any more, and one task of our own asks again
every REST_SECONDS, so no request waits for a Redis that doesn't answer.

What could not be written is remembered, as long as the value before it may live, and forgotten by Redis before this
process asks anything else of it, and soon, since others ask too: a Redis that comes back must not tell what it was not
told had changed. Until then it tells others for up to `ttl_seconds`.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from contextvars import Context
from itertools import islice
from typing import Protocol, TypeVar

from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

CALL_SECONDS = 0.1  # Ten of Redis's slow answers; a till never waits longer for what the database knows as well.
FAULTS_MAX = 3
REST_SECONDS = 1.0
AGAIN_SECONDS = 0.05  # Until what could not be written is tried again.
DELETED_AT_ONCE = 1_000  # Some 50 KB of keys a call.

# RedisError covers the driver's own time-outs and broken connections.
_FAULTS = (RedisError, OSError, TimeoutError)

T = TypeVar("T")


class CacheWatch(Protocol):
    """Counts what the cache does."""

    def cache_hit(self, kind: str) -> None: ...
    def cache_miss(self, kind: str) -> None: ...
    def cache_fault(self, kind: str, error: BaseException) -> None: ...


class GuardedRedis:
    """Calls that may fail and say so. ttl_seconds: the longest for which a value is told that isn't so any more."""

    def __init__(self, redis: Redis, *, ttl_seconds: float, watch: CacheWatch) -> None:
        self._redis = redis
        self._ttl_seconds = ttl_seconds
        self._watch = watch
        self._faults = 0
        self._untold: dict[str, float] = {}  # Keys by when they could not be written, the oldest first.
        self._recovery: asyncio.Task[None] | None = None
        self._errand: asyncio.Task[None] | None = None

    async def close(self) -> None:
        for task in (self._recovery, self._errand):
            if task is not None:
                task.cancel()
        if self._untold:
            with suppress(*_FAULTS):
                async with asyncio.timeout(CALL_SECONDS):
                    await self._forget_untold()
        await self._redis.aclose(close_connection_pool=True)

    async def ask(self, call: Callable[[Redis], Awaitable[T]], otherwise: T, *, keys: Iterable[str] = ()) -> T:
        """The answer; `otherwise` where there is none. keys: forgotten where what they hold can't be read."""
        if self._recovery is not None:
            return otherwise
        try:
            async with asyncio.timeout(CALL_SECONDS):
                await self._forget_untold()
                answer = await call(self._redis)
        except ResponseError as error:  # It answers; something is wrong with this value.
            self._watch.cache_fault("value", error)
            self._forget_soon(keys)
            return otherwise
        except _FAULTS as error:
            self._note_fault(error)
            return otherwise
        self._faults = 0
        return answer

    async def tell(self, keys: Iterable[str], call: Callable[[Redis], Awaitable[object]]) -> None:
        """A write of these keys. Where it fails, Redis forgets them as soon as it can."""
        if self._recovery is None:
            try:
                async with asyncio.timeout(CALL_SECONDS):
                    await call(self._redis)
            except _FAULTS as error:
                self._note_fault(error)
            except asyncio.CancelledError:
                self._forget_soon(keys)
                raise
            else:
                self._faults = 0
                return
        self._forget_soon(keys)

    def _forget_soon(self, keys: Iterable[str]) -> None:
        now = time.monotonic()
        for key in keys:
            self._untold.pop(key, None)
            self._untold[key] = now
        while self._untold and next(iter(self._untold.values())) < now - self._ttl_seconds:
            del self._untold[next(iter(self._untold))]
        if self._untold and self._errand is None:
            self._errand = asyncio.create_task(self._tell_again(), context=Context())

    async def _tell_again(self) -> None:
        """Nobody may ask here for long, while others do elsewhere. The recovery takes over where that fails."""
        try:
            while self._untold and self._recovery is None:
                await asyncio.sleep(AGAIN_SECONDS)
                try:
                    async with asyncio.timeout(CALL_SECONDS):
                        await self._forget_untold()
                except _FAULTS as error:
                    self._note_fault(error)
        finally:
            self._errand = None

    async def _forget_untold(self) -> None:
        while noted := list(islice(self._untold.items(), DELETED_AT_ONCE)):
            await self._redis.delete(*(key for key, _ in noted))
            for key, at in noted:
                if self._untold.get(key) == at:  # Else it has changed once more meanwhile.
                    del self._untold[key]

    def _note_fault(self, error: BaseException) -> None:
        self._watch.cache_fault("call", error)
        self._faults += 1
        if self._faults >= FAULTS_MAX and self._recovery is None:
            self._recovery = asyncio.create_task(self._recover())

    async def _recover(self) -> None:
        try:
            while True:
                await asyncio.sleep(REST_SECONDS)
                try:
                    async with asyncio.timeout(REST_SECONDS):
                        await self._redis.ping()
                        await self._forget_untold()
                except _FAULTS as error:
                    self._watch.cache_fault("call", error)
                else:
                    return
        finally:
            self._faults = 0
            self._recovery = None
