"""The two ways to load a service, over connections that each carry one request at a time.

*Closed loop*: every connection sends its next request when it has the answer to the last. That finds the capacity; its
latencies say only how long the queue is.

*Open loop*: requests arrive at a fixed mean rate, at random as customers do (Poisson, from a seed), whether or not
earlier ones are answered. A latency counts from the moment at which its request was meant to leave, so a service that
stalls is charged with everybody who would have come meanwhile (no coordinated omission). An arrival that finds every
connection busy opens another, up to `CONNECTIONS_MAX`; then it waits its turn. What was never sent is told. The loop's
timers tick in milliseconds: a request leaves up to one late, and that is counted too. It is woken for each request by
itself, which costs some 100 µs where a closed loop under load takes 20.
"""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections import deque
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
    """What came back. Latencies in seconds."""

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

    def fail(self, error: str) -> None:
        self.wrong += 1
        if len(self.errors) < ERRORS_KEPT:
            self.errors.append(error[:ERROR_CHARACTERS])


class _Loop:
    """What both loops share: connections, what each waits for, the end."""

    connections_max = CONNECTIONS_MAX
    drain_seconds = DRAIN_SECONDS

    def __init__(self, source: Source, *, host: str, port: int) -> None:
        self.tally = Tally()
        self._source = source
        self._host, self._port = host, port
        self._connections: list[Connection] = []
        self._flying: dict[int, tuple[Shot, float]] = {}  # by the connection's number; since when
        self._ended = asyncio.get_running_loop().create_future()

    async def connect(self, count: int) -> None:
        """Opens connections, one after another: a queue of them would measure the kernel."""
        for _ in range(count):
            await self._open()

    def close(self) -> None:
        for connection in self._connections:
            connection.close()

    async def _open(self) -> Connection:
        connection = Connection(len(self._connections), on_answer=self._answered, on_lost=self._lost)
        self._connections.append(connection)
        await asyncio.get_running_loop().create_connection(lambda: connection, self._host, self._port)
        return connection

    async def _finish(self, *, within: float) -> None:
        """Until the end, or so many seconds; what is still unanswered then is wrong."""
        done, _ = await asyncio.wait([self._ended], timeout=within)
        if not done:
            for _ in self._flying:
                self.tally.fail("no answer")
            self._flying.clear()

    def _send(self, connection: Connection, shot: Shot, *, since: float) -> None:
        self._flying[connection.number] = (shot, since)
        connection.send(shot.data)

    def _answered(self, connection: Connection, answer: Answer) -> None:
        flown = self._flying.pop(connection.number, None)
        if flown is None:
            return
        shot, since = flown
        latency = time.perf_counter() - since
        is_right = self._source.answered(connection.number, shot, answer)
        self.tally.take(shot, answer, is_right=is_right, latency=latency)
        self._is_free(connection)

    def _lost(self, connection: Connection) -> None:
        if self._flying.pop(connection.number, None) is not None:
            self.tally.fail("the connection was lost")
            self._is_gone(connection)

    def _is_free(self, connection: Connection) -> None:
        raise NotImplementedError

    def _is_gone(self, connection: Connection) -> None:
        raise NotImplementedError

    def _end(self) -> None:
        if not self._ended.done():
            self._ended.set_result(None)


class ClosedLoop(_Loop):
    """Each connection sends when it has its answer."""

    _until = 0.0

    async def run(self, seconds: float) -> float:
        """Sends for so long, or until the source has no more; the seconds until the last answer."""
        began = time.perf_counter()
        self._until = began + seconds
        for connection in self._connections:
            self._is_free(connection)
        await self._finish(within=seconds + self.drain_seconds)
        return time.perf_counter() - began

    def _is_free(self, connection: Connection) -> None:
        now = time.perf_counter()
        shot = self._source.next(connection.number) if now < self._until else None
        if shot is not None:
            self._send(connection, shot, since=now)
        elif not self._flying:
            self._end()

    def _is_gone(self, connection: Connection) -> None:  # noqa: ARG002 - one fewer sends
        if not self._flying:
            self._end()


class OpenLoop(_Loop):
    """Requests leave when they are due."""

    def __init__(self, source: Source, *, host: str, port: int, rate: float, seed: int) -> None:
        super().__init__(source, host=host, port=port)
        self._rate = rate
        self._random = random.Random(seed)
        self._free: deque[Connection] = deque()
        self._waiting: deque[float] = deque()  # moments at which requests were due
        self._opening: set[asyncio.Task[None]] = set()
        self._due = self._until = 0.0

    async def run(self, seconds: float) -> float:
        """Lets requests arrive for so long; the seconds until the last answer."""
        began = time.perf_counter()
        self._free.extend(self._connections)
        self._due, self._until = began + self._gap(), began + seconds
        self._arrive()
        await self._finish(within=seconds + self.drain_seconds)
        self.tally.unsent = len(self._waiting)
        return time.perf_counter() - began

    def _gap(self) -> float:
        return self._random.expovariate(self._rate)

    def _arrive(self) -> None:
        """Everybody who is due; then sleeps until the next one is."""
        now = time.perf_counter()
        while self._due <= now and self._due < self._until:
            self._waiting.append(self._due)
            self._due += self._gap()
            self._serve()
        if self._due < self._until:
            asyncio.get_running_loop().call_later(self._due - now, self._arrive)
        else:
            self._end_if_done()

    def _serve(self) -> None:
        """The longest waiting one gets a free connection, or a new one is opened."""
        if self._free:
            connection = self._free.popleft()
            since = self._waiting.popleft()
            if (shot := self._source.next(connection.number)) is not None:
                self._send(connection, shot, since=since)
        elif len(self._opening) < len(self._waiting) and len(self._connections) < self.connections_max:
            task = asyncio.get_running_loop().create_task(self._open_another())
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

    async def _open_another(self) -> None:
        try:
            connection = await self._open()
        except OSError as error:
            self.tally.fail(f"no connection: {error.strerror}")
        else:
            self._is_free(connection)

    def _is_free(self, connection: Connection) -> None:
        self._free.append(connection)
        if self._waiting:
            self._serve()
        else:
            self._end_if_done()

    def _is_gone(self, connection: Connection) -> None:  # noqa: ARG002 - the next arrival opens another
        self._end_if_done()

    def _end_if_done(self) -> None:
        if self._due >= self._until and not self._flying and not self._waiting:
            self._end()
