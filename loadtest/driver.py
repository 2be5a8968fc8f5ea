"""What is sent and what came back, and the closed loop: every connection sends its next request when it has the answer
to the last. That finds the capacity; its latencies say only how long the queue is (for those see `open_loop.py`).
"""

from __future__ import annotations

import asyncio
import re
import time
from typing import Protocol

from loadtest.scenarios import Shot
from loadtest.wire import Answer, Connection

# How many customers' versions are checked afterwards: those of the first places.
AUDITED = 16
# A service's backlog of connections is some thousand; a till's patience is far below the seconds.
CONNECTIONS_MAX = 512
DRAIN_SECONDS = 10.0
ERRORS_KEPT = 5
ERROR_CHARACTERS = 300

_VERSION = re.compile(rb'"version":\s*(\d+)')


class Source(Protocol):
    """Where requests come from. `till` is the connection's number."""

    def next(self, till: int) -> Shot | None:
        """None: there are no more."""

    def answered(self, till: int, shot: Shot, answer: Answer) -> bool:
        """Whether it is the right answer."""


class Tally:
    """What came back. Latencies in seconds; of who was never answered, at least so long."""

    __slots__ = ("errors", "latencies", "right", "statuses", "unsent", "versions", "wrong")

    def __init__(self) -> None:
        self.latencies: list[float] = []
        self.statuses: dict[int, int] = {}
        self.right = 0
        self.wrong = 0
        self.unsent = 0
        self.errors: list[str] = []
        self.versions: dict[int, list[int]] = {}  # of the audited customers' acknowledged writes

    def take(self, shot: Shot, answer: Answer, *, is_right: bool, latency: float) -> None:
        self.latencies.append(latency)
        self.statuses[answer.status] = self.statuses.get(answer.status, 0) + 1
        if not is_right:
            self.fail(f"{answer.status} where {shot.status} is right: {answer.body.decode(errors='replace')}")
            return
        self.right += 1
        if 0 <= shot.customer < AUDITED and not shot.is_replay:
            found = _VERSION.search(answer.body)
            self.versions.setdefault(shot.customer, []).append(int(found[1]) if found else -1)

    def begin_again(self) -> None:
        """What was warming up doesn't count, except what was wrong; versions go on, since they are in a row."""
        self.latencies.clear()
        self.statuses.clear()
        self.right = 0

    def fail(self, error: str) -> None:
        self.wrong += 1
        if len(self.errors) < ERRORS_KEPT:
            self.errors.append(error[:ERROR_CHARACTERS])


class ClosedLoop:
    """Connections that each send when they have their answer."""

    drain_seconds = DRAIN_SECONDS

    def __init__(self, source: Source, *, host: str, port: int) -> None:
        self.tally = Tally()
        self._source = source
        self._host, self._port = host, port
        self._connections: list[Connection] = []
        self._flying: dict[int, tuple[Shot, float]] = {}  # by the connection's number; since when
        self._until = 0.0
        self._ended: asyncio.Future[None]

    async def connect(self, count: int) -> None:
        """Opens connections, one after another: a queue of them would measure the kernel. Raises `OSError`."""
        for number in range(count):
            connection = Connection(number, on_answer=self._answered, on_lost=self._lost)
            self._connections.append(connection)
            await asyncio.get_running_loop().create_connection(lambda: connection, self._host, self._port)  # noqa: B023

    async def run(self, seconds: float) -> float:
        """Sends for so long, or until the source has no more; the seconds until the last answer."""
        began = time.perf_counter()
        self._until = began + seconds
        self._ended = asyncio.get_running_loop().create_future()
        for connection in self._connections:
            if connection.is_open:
                self._go_on(connection)
        if not self._flying:
            self._end()
        done, _ = await asyncio.wait([self._ended], timeout=seconds + self.drain_seconds)
        if not done:
            self._give_up()
        return time.perf_counter() - began

    def close(self) -> None:
        for connection in self._connections:
            connection.close()

    def _go_on(self, connection: Connection) -> None:
        now = time.perf_counter()
        shot = self._source.next(connection.number) if now < self._until else None
        if shot is not None:
            self._flying[connection.number] = (shot, now)
            connection.send(shot.data)
        elif not self._flying:
            self._end()

    def _answered(self, connection: Connection, answer: Answer) -> None:
        flown = self._flying.pop(connection.number, None)
        if flown is None:
            return
        shot, since = flown
        latency = time.perf_counter() - since
        is_right = self._source.answered(connection.number, shot, answer)
        self.tally.take(shot, answer, is_right=is_right, latency=latency)
        self._go_on(connection)

    def _lost(self, connection: Connection) -> None:
        if self._flying.pop(connection.number, None) is not None:
            self.tally.fail("the connection was lost")
            if not self._flying:
                self._end()

    def _give_up(self) -> None:
        """What is unanswered at the end is wrong, and took at least so long."""
        now = time.perf_counter()
        for _, since in self._flying.values():
            self.tally.latencies.append(now - since)
            self.tally.fail("no answer")
        self._flying.clear()

    def _end(self) -> None:
        if not self._ended.done():
            self._ended.set_result(None)
