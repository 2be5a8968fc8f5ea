"""A way to the stand-in service on which chosen requests meet with an accident."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import httpx

from tests.loadtest.fake_service import FakeService

Accident = Callable[[], httpx.Response | None]
"""Called instead of sending. None: send, and lose the answer. A response: not sent, answered with this."""


def lose_answer() -> None:
    """The service does its work; its answer never arrives."""


def refuse_connection() -> httpx.Response:
    """Nothing arrives at the service."""
    raise httpx.ConnectError("refused")


def answer(status: int, code: str, *, retry_after: str = "0") -> Accident:
    """The service says no before it does anything."""

    def respond() -> httpx.Response:
        return httpx.Response(status, json={"code": code, "status": status}, headers={"Retry-After": retry_after})

    return respond


class FaultyTransport(httpx.AsyncBaseTransport):
    """`accidents` by the ordinal of a write, from 1; from write `down_from` on, nothing arrives any more."""

    def __init__(
        self,
        service: FakeService,
        *,
        accidents: Mapping[int, Accident] | None = None,
        down_from: int | None = None,
        before_write: Callable[[int], None] | None = None,
    ) -> None:
        self._inner = httpx.ASGITransport(app=service.app())
        self._accidents = accidents or {}
        self._down_from = down_from
        self._before_write = before_write
        self.writes = 0
        self.keys: list[str] = []
        self.bodies: list[bytes] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Sends one request on, or doesn't."""
        if request.method != "POST":
            return await self._inner.handle_async_request(request)
        await asyncio.sleep(0)  # As on a real connection, the loop sees signals and other tasks between two requests.
        self.writes += 1
        self.keys.append(request.headers["Idempotency-Key"])
        self.bodies.append(await request.aread())
        if self._before_write is not None:
            self._before_write(self.writes)
        if self._down_from is not None and self.writes >= self._down_from:
            return refuse_connection()
        accident = self._accidents.get(self.writes)
        if accident is None:
            return await self._inner.handle_async_request(request)
        response = accident()
        if response is not None:
            return response
        await (await self._inner.handle_async_request(request)).aread()
        raise httpx.ReadError("lost")
