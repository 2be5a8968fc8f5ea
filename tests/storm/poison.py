"""Lies planted in Redis where the service keeps what it knows of a customer."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import cast
from uuid import UUID

from redis.asyncio import Redis

from app.cache.codec import from_body, to_body

SIGNATURE_BYTES = 16
FAR_AHEAD = 10**15  # A revision that no customer reaches.
PAUSE_SECONDS = 0.002

Lie = Callable[[str], Awaitable[None]]


class Poison:
    """`values` are what the service itself had written before: lies are made of them."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._values: dict[str, dict[bytes, bytes]] = {}

    async def keep(self) -> None:
        """Remember what is there now: a value that is genuine today is stale tomorrow."""
        async for key in self._redis.scan_iter("kopilka:*:c:*"):
            name = key.decode()
            if await self._redis.type(name) == b"hash":
                self._values[name] = cast(dict[bytes, bytes], await self._redis.hgetall(name))

    def names_of(self, customer: str) -> list[str]:
        prefixes = {name.rpartition(":")[0] for name in self._values}
        return [f"{prefix}:{customer.replace('-', '')}" for prefix in prefixes]

    async def wrong_type(self, name: str) -> None:
        async with self._redis.pipeline(transaction=True) as at_once:
            at_once.delete(name)
            at_once.rpush(name, b"a list")
            await at_once.execute()

    async def garbage(self, name: str) -> None:
        await self._plant(name, {b"r": b"\xff\x00nonsense", b"b": b"\x00" * 200})

    async def ten_times(self, name: str) -> None:
        """What was there, with ten times the points."""
        kept = self._values[name][b"b"]
        patron = from_body(kept[SIGNATURE_BYTES:], UUID(hex=name.rpartition(":")[2]))
        for purse in patron.book.purses.values():
            purse.available *= 10
        patron.book.revision = FAR_AHEAD
        await self._plant(name, {b"r": b"%d" % FAR_AHEAD, b"b": kept[:SIGNATURE_BYTES] + to_body(patron)})

    async def somebody_elses(self, name: str) -> None:
        other = next(value for key, value in self._values.items() if key != name)
        await self._plant(name, {**other, b"r": b"%d" % FAR_AHEAD})

    async def stale(self, name: str) -> None:
        """What the service had written before, signature and all."""
        await self._plant(name, self._values[name])

    @property
    def lies(self) -> list[Lie]:
        return [self.wrong_type, self.garbage, self.ten_times, self.somebody_elses, self.stale]

    async def _plant(self, name: str, value: dict[bytes, bytes]) -> None:
        async with self._redis.pipeline(transaction=True) as at_once:
            at_once.delete(name)
            at_once.hset(name, mapping=dict(value.items()))
            await at_once.execute()

    @asynccontextmanager
    async def spread(self, customer: str) -> AsyncIterator[None]:
        """One lie after another while the block lasts."""

        stop = asyncio.Event()  # Not a cancellation: the driver's `wait_for` swallows one now and then on Python 3.11.

        async def lie() -> None:
            while not stop.is_set():
                for name in self.names_of(customer):
                    for each in self.lies:
                        await each(name)
                        await asyncio.sleep(PAUSE_SECONDS)

        lying = asyncio.create_task(lie())
        try:
            yield
        finally:
            stop.set()
            await lying
