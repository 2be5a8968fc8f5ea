"""The wish to stop, seen by every connection: what is in flight is finished, nothing new is begun."""

from __future__ import annotations

import asyncio


class Halt:
    """Asked for once; the first reason stands."""

    __slots__ = ("_event", "reason")

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self.reason: str | None = None

    @property
    def is_asked(self) -> bool:
        return self._event.is_set()

    def ask(self, reason: str) -> None:
        """Stops the run; `reason` is a line for the person at the screen."""
        if self.reason is None:
            self.reason = reason
        self._event.set()

    async def sleep(self, seconds: float) -> bool:
        """Waits that long; false when the run was stopped meanwhile."""
        try:
            await asyncio.wait_for(self._event.wait(), timeout=seconds)
        except TimeoutError:
            return True
        return False
