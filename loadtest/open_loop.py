"""The open loop: requests arrive at a fixed mean rate, at random as customers do (Poisson, from a seed), whether or not
earlier ones are answered.

A latency counts from the moment at which its request was meant to leave, so a service that stalls is charged with
everybody who would have come meanwhile (no coordinated omission), and so is a generator that comes late. An arrival
that finds every connection busy opens another, up to `CONNECTIONS_MAX`; then it waits its turn. Who was never sent or
never answered counts with the time until the end, and is told.

One thread without an event loop: it sleeps until an answer comes or the next request's tick, then reads all that has
come and sends all that is due. A request leaves up to a tick late, and that is part of its latency. At 1,570 requests a
second it costs 20 to 30 µs of processor time a request. On uvloop it was 124, because a timer of less than half a
millisecond spins there; a wake-up at every tick, whether or not there is something to do, was 25 to 45.
"""

from __future__ import annotations

import asyncio
import errno
import os
import random
import select
import selectors
import socket
import time
from collections import deque

from loadtest.driver import CONNECTIONS_MAX, DRAIN_SECONDS, Source, Tally
from loadtest.scenarios import Shot
from loadtest.wire import parse_answer

TICK_SECONDS = 0.000_25
READ_BYTES = 65_536  # Many times an answer.


class _Line:
    """One connection. `flying`: what it waits for the answer of, and since when; `unsent`: what the kernel had no room
    for yet."""

    __slots__ = ("buffer", "events", "flying", "is_open", "number", "socket", "unsent")

    def __init__(self, number: int) -> None:
        self.number = number
        self.socket = socket.socket()
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.is_open = False
        self.events = selectors.EVENT_WRITE  # What it is watched for: the first is that it opens.
        self.flying: tuple[Shot, float] | None = None
        self.buffer = self.unsent = b""


class OpenLoop:
    """Requests leave when they are due."""

    connections_max = CONNECTIONS_MAX
    drain_seconds = DRAIN_SECONDS

    def __init__(self, source: Source, *, host: str, port: int, rate: float, seed: int) -> None:
        self.tally = Tally()
        self._source = source
        self._address = host, port
        self._rate = rate
        self._random = random.Random(seed)
        self._selector = selectors.DefaultSelector()
        self._lines: set[_Line] = set()
        self._opened = self._opening = self._flying = 0
        self._free: deque[_Line] = deque()
        self._waiting: deque[float] = deque()  # moments at which requests were due

    async def connect(self, count: int) -> None:
        """Opens connections, one after another: a queue of them would measure the kernel. Raises `OSError`."""
        await asyncio.to_thread(self._connect, count)

    async def run(self, seconds: float) -> float:
        """Lets requests arrive for so long; the seconds until the last answer."""
        return await asyncio.to_thread(self._run, seconds)

    def close(self) -> None:
        for line in self._lines:
            line.socket.close()
        self._selector.close()

    def _connect(self, count: int) -> None:
        for _ in range(count):
            self._open()
            while self._opening:
                self._look(patience=None)
        if len(self._free) < count:
            raise ConnectionError(self.tally.errors[0])

    def _run(self, seconds: float) -> float:
        began = time.perf_counter()
        until = began + seconds
        due = began + self._random.expovariate(self._rate)
        while True:
            self._look(patience=0)
            now = time.perf_counter()
            while due <= now and due < until:
                self._arrive(due)
                due += self._random.expovariate(self._rate)
            self._serve()
            is_done = due >= until and not self._flying and not self._waiting
            if is_done or now >= until + self.drain_seconds:
                break
            self._wait(due if due < until else until + self.drain_seconds)
        self._give_up()
        return time.perf_counter() - began

    def _wait(self, moment: float) -> None:
        """For an answer, or the first tick after a moment."""
        now = time.perf_counter()
        tick = moment + TICK_SECONDS - moment % TICK_SECONDS
        if tick > now:
            select.select([self._selector], [], [], tick - now)

    def _arrive(self, due: float) -> None:
        self._waiting.append(due)
        is_short = len(self._waiting) > len(self._free) + self._opening
        if is_short and len(self._lines) < self.connections_max:
            self._open()

    def _serve(self) -> None:
        """The longest waiting ones get the connections that have been free for longest."""
        while self._waiting and self._free:
            line, since = self._free.popleft(), self._waiting.popleft()
            shot = self._source.next(line.number)
            if shot is None:
                self._free.append(line)
                continue
            line.flying, line.unsent = (shot, since), shot.data
            self._flying += 1
            self._send(line)

    def _look(self, *, patience: float | None) -> None:
        """Whatever has happened on the connections; `patience`: seconds to wait for something, None for as long as it
        takes."""
        for key, events in self._selector.select(patience):
            line: _Line = key.data
            if not line.is_open:
                self._is_opened(line)
            elif events & selectors.EVENT_READ:
                self._receive(line)
            else:
                self._send(line)

    def _open(self) -> None:
        self._opened += 1
        line = _Line(self._opened - 1)
        self._lines.add(line)
        self._opening += 1
        self._selector.register(line.socket, line.events, line)
        code = line.socket.connect_ex(self._address)
        if code not in {0, errno.EINPROGRESS}:
            self._is_refused(line, code)

    def _is_opened(self, line: _Line) -> None:
        code = line.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            self._is_refused(line, code)
            return
        self._opening -= 1
        line.is_open = True
        self._watch(line, selectors.EVENT_READ)
        self._free.append(line)

    def _is_refused(self, line: _Line, code: int) -> None:
        self._opening -= 1
        self.tally.fail(f"no connection: {os.strerror(code)}")
        self._drop(line)

    def _send(self, line: _Line) -> None:
        """As much as the kernel takes; the rest when it has room again."""
        try:
            line.unsent = line.unsent[line.socket.send(line.unsent) :]
        except BlockingIOError:
            pass
        except OSError:
            self._is_lost(line)
            return
        self._watch(line, selectors.EVENT_READ | (selectors.EVENT_WRITE if line.unsent else 0))

    def _watch(self, line: _Line, events: int) -> None:
        if line.events != events:
            line.events = events
            self._selector.modify(line.socket, events, line)

    def _receive(self, line: _Line) -> None:
        try:
            data = line.socket.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        line.buffer = line.buffer + data if line.buffer else data
        try:
            answer = parse_answer(line.buffer)
        except ValueError:
            answer, data = None, b""
        if not data:
            self._is_lost(line)
        elif answer is not None and line.flying is not None:
            shot, since = line.flying
            line.flying, line.buffer = None, b""
            self._flying -= 1
            latency = time.perf_counter() - since
            is_right = self._source.answered(line.number, shot, answer)
            self.tally.take(shot, answer, is_right=is_right, latency=latency)
            if line.unsent:  # Answered before it was sent: what comes next would be taken for its rest.
                self._drop(line)
            else:
                self._free.append(line)

    def _is_lost(self, line: _Line) -> None:
        """The next arrival opens another."""
        if line.flying is not None:
            self._flying -= 1
            self.tally.fail("the connection was lost")
        else:
            self._free.remove(line)
        self._drop(line)

    def _drop(self, line: _Line) -> None:
        self._lines.discard(line)
        self._selector.unregister(line.socket)
        line.socket.close()

    def _give_up(self) -> None:
        """What is still open at the end: at least so long it took."""
        now = time.perf_counter()
        for line in tuple(self._lines):
            if line.flying is not None:
                self.tally.latencies.append(now - line.flying[1])
                self.tally.fail("no answer")
                self._drop(line)
        self._flying = 0
        self.tally.latencies += [now - since for since in self._waiting]
        self.tally.unsent += len(self._waiting)
        self._waiting.clear()
