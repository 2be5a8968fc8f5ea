"""The open loop against a service of a few lines: who comes when, and from which moment on a latency counts."""

import asyncio
import time

from loadtest.open_loop import TICK_SECONDS, OpenLoop
from loadtest.scenarios import Shot
from loadtest.wire import request
from tests.loadtest.tiny_service import HEAD, OK, Shots, TinyService, tiny_service

SLOW_SECONDS = 0.05


class WatchedLoop(OpenLoop):
    """Knows for how long the machine let it or the service stand still: the requests due then are slow too.

    What the generator or the service does of its own accord is no part of it: both are measured by how late they are
    woken after the moment that they asked for.
    """

    async def run(self, seconds: float) -> float:
        self._lags = list[float]()
        ticking = asyncio.create_task(self._tick())
        try:
            return await super().run(seconds)
        finally:
            ticking.cancel()

    @property
    def stood_still(self) -> float:
        """Seconds of which every request that was due is slow, at least; none on a quiet machine."""
        return sum(lag - SLOW_SECONDS for lag in self._lags if lag > SLOW_SECONDS)

    async def _tick(self) -> None:
        """In the event loop that the service has, too."""
        while True:
            asked = time.perf_counter() + 0.005
            await asyncio.sleep(0.005)
            self._lags.append(time.perf_counter() - asked)

    def _wait(self, moment: float) -> None:
        asked = max(moment, time.perf_counter())
        super()._wait(moment)
        self._lags.append(time.perf_counter() - asked)


async def opened(
    service: TinyService, source: Shots, *, rate: float, connections: int = 4, seconds: float = 1.0
) -> WatchedLoop:
    """A loop that has run."""
    loop = WatchedLoop(source, host="127.0.0.1", port=service.port, rate=rate, seed=1)
    await loop.connect(connections)
    await loop.run(seconds)
    loop.close()
    return loop


async def test_an_open_loop_keeps_its_rate_whatever_the_service_does() -> None:
    async with tiny_service() as service:
        loop = await opened(service, Shots(), rate=400)
    # A Poisson count of 400 has a deviation of 20.
    assert 300 < loop.tally.right < 500
    assert (loop.tally.wrong, loop.tally.unsent) == (0, 0)


async def test_the_same_seed_sends_the_same_number() -> None:
    counts = []
    async with tiny_service() as service:
        for _ in range(2):
            loop = await opened(service, Shots(), rate=300, connections=2, seconds=0.3)
            counts.append(loop.tally.right)
    assert counts[0] == counts[1] > 0


async def test_latency_counts_from_the_moment_at_which_a_request_was_due() -> None:
    """A stall of 0.5 s in a second: a closed loop would see two slow answers, in truth half of all waited."""
    async with tiny_service() as service:
        loop = WatchedLoop(Shots(), host="127.0.0.1", port=service.port, rate=200, seed=2)
        await loop.connect(2)
        running = asyncio.create_task(loop.run(1.0))
        await asyncio.sleep(0.2)
        service.open.clear()
        began = time.perf_counter()
        await asyncio.sleep(0.5)
        stalled = time.perf_counter() - began
        service.open.set()
        await running
        loop.close()
    slow = [latency for latency in loop.tally.latencies if latency > SLOW_SECONDS]
    assert 60 < len(slow) < 140 + 200 * loop.stood_still  # about 90 came while it stood still
    longest = stalled + loop.stood_still
    assert 0.8 * stalled < max(slow) < longest + 0.3
    assert 0.3 * stalled < sorted(slow)[len(slow) // 2] < 0.8 * longest  # evenly spread: the first waited longest
    assert service.connections > 2  # those who came opened more


async def test_what_no_connection_was_left_for_is_told() -> None:
    async with tiny_service() as service:
        service.open.clear()
        loop = OpenLoop(Shots(), host="127.0.0.1", port=service.port, rate=200, seed=3)
        loop.connections_max = 4
        loop.drain_seconds = 0.2
        await loop.run(0.5)
        service.open.set()
        loop.close()
    tally = loop.tally
    assert (tally.right, tally.errors) == (0, ["no answer"] * 4)
    assert tally.wrong == 4
    assert tally.unsent > 50
    assert len(tally.latencies) == tally.wrong + tally.unsent
    assert min(tally.latencies) > 0.15  # the last of them came at the end, and 0.2 s later it was over


async def test_a_service_that_is_not_there_is_told() -> None:
    async with tiny_service() as service:
        port = service.port
    loop = OpenLoop(Shots(), host="127.0.0.1", port=port, rate=100, seed=3)
    loop.drain_seconds = 0.1
    await loop.run(0.2)
    assert loop.tally.right == 0
    assert loop.tally.wrong > 0
    assert loop.tally.errors[0].startswith("no connection")


class LateShots(Shots):
    """Of which the generator takes 0.3 s to make the hundredth."""

    def next(self, till: int) -> Shot | None:
        if len(self.tills) == 99:
            time.sleep(0.3)
        return super().next(till)


async def test_a_generator_that_comes_late_is_charged_too() -> None:
    """At 500 a second, 150 were meant to leave while it was busy: they waited, whoever kept them."""
    async with tiny_service() as service:
        loop = await opened(service, LateShots(), rate=500)
    tally = loop.tally
    assert 100 < sum(latency > SLOW_SECONDS for latency in tally.latencies) < 180 + 500 * loop.stood_still
    assert max(tally.latencies) > 0.28
    assert tally.right == len(tally.latencies)


async def test_requests_leave_at_ticks_and_answers_are_seen_at_once() -> None:
    """All that it may add to the middle of the latencies is about a tick; 5 ms are for a busy machine."""
    async with tiny_service() as service:
        tally = (await opened(service, Shots(), rate=300)).tally
    assert 0 < sorted(tally.latencies)[len(tally.latencies) // 2] < 2 * TICK_SECONDS + 0.005


class LargeShots(Shots):
    """Of more bytes than a socket takes at once."""

    def next(self, till: int) -> Shot | None:
        super().next(till)
        return Shot(request(HEAD, b"x" * 8_000_000), 201)


async def test_what_the_kernel_has_no_room_for_is_sent_when_it_has() -> None:
    async with tiny_service() as service:
        tally = (await opened(service, LargeShots(), rate=10, seconds=0.5)).tally
    assert tally.right == service.requests > 0
    assert tally.wrong == 0


async def test_who_is_answered_before_all_was_sent_leaves_the_connection() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Content Too Large\r\ncontent-length: 0\r\n\r\n")
        await asyncio.sleep(0.5)
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    loop = OpenLoop(LargeShots(), host="127.0.0.1", port=server.sockets[0].getsockname()[1], rate=20, seed=1)
    await loop.connect(1)
    await loop.run(0.5)
    loop.close()
    server.close()
    assert loop.tally.statuses[413] == loop.tally.wrong > 2
    assert loop.tally.errors[0].startswith("413 where 201 is right")


async def test_a_lost_connection_is_a_wrong_answer_and_the_next_arrival_opens_another() -> None:
    async with tiny_service(lambda number: None if number % 10 == 0 else OK) as service:
        tally = (await opened(service, Shots(), rate=200, connections=1)).tally
    assert tally.errors == ["the connection was lost"] * 5
    assert tally.wrong == service.requests // 10
    assert tally.right == service.requests - tally.wrong
    assert service.connections > tally.wrong


async def test_an_answer_without_a_length_is_not_counted_as_right() -> None:
    endless = b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with tiny_service(lambda _: endless) as service:
        tally = (await opened(service, Shots(1), rate=500, connections=1, seconds=0.2)).tally
    assert (tally.right, tally.wrong) == (0, 1)


async def test_a_second_run_goes_on_over_the_same_connections() -> None:
    """Of which there is one for each request of a run, so that no stall makes it open more; both together have more
    requests than that."""
    source = Shots()
    async with tiny_service() as service:
        loop = OpenLoop(source, host="127.0.0.1", port=service.port, rate=200, seed=1)
        await loop.connect(80)
        await loop.run(0.3)
        loop.tally.begin_again()
        before = service.requests
        await loop.run(0.3)
        loop.close()
    assert loop.tally.right == service.requests - before == len(loop.tally.latencies) > 20
    assert service.connections == 80
    assert before < 80 > len(loop.tally.latencies)
    assert set(source.tills[:before]) & set(source.tills[before:])
