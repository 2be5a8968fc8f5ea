"""The closed loop against a service of a few lines: what is counted, and from when on."""

import asyncio

from loadtest.driver import ClosedLoop, Tally
from loadtest.scenarios import Shot
from loadtest.wire import Answer
from tests.loadtest.tiny_service import OK, Shots, TinyService, tiny_service

REFUSED = b'HTTP/1.1 409 Conflict\r\ncontent-length: 15\r\n\r\n{"code":"busy"}'
VERSION_7 = b'HTTP/1.1 201 Created\r\ncontent-length: 14\r\n\r\n{"version": 7}'


async def closed(service: TinyService, source: Shots, *, connections: int, seconds: float = 30.0) -> Tally:
    loop = ClosedLoop(source, host="127.0.0.1", port=service.port)
    await loop.connect(connections)
    await loop.run(seconds)
    loop.close()
    return loop.tally


async def test_every_request_of_a_source_is_sent_and_counted_once() -> None:
    async with tiny_service() as service:
        source = Shots(100)
        tally = await closed(service, source, connections=7)
    assert (tally.right, tally.wrong, tally.statuses, len(tally.latencies)) == (100, 0, {201: 100}, 100)
    assert (service.requests, service.connections) == (100, 7)
    assert set(source.tills) == set(range(7))


async def test_a_closed_loop_has_one_request_in_flight_on_each_connection() -> None:
    async with tiny_service() as service:
        service.open.clear()
        running = asyncio.create_task(closed(service, Shots(), connections=5, seconds=0.3))
        for _ in range(100):
            if service.requests == 5:
                break
            await asyncio.sleep(0.1)
        await asyncio.sleep(0.4)  # The time is over before anybody is answered.
        assert service.requests == 5
        service.open.set()
        tally = await running
    assert tally.right == 5
    assert min(tally.latencies) > 0.3


async def test_other_statuses_are_wrong_and_the_first_ones_are_told() -> None:
    async with tiny_service(lambda number: REFUSED if number % 10 == 0 else OK) as service:
        tally = await closed(service, Shots(200), connections=4)
    assert (tally.right, tally.wrong, tally.statuses) == (180, 20, {201: 180, 409: 20})
    assert tally.errors == ['409 where 201 is right: {"code":"busy"}'] * 5


async def test_what_is_never_answered_is_wrong_and_took_at_least_so_long() -> None:
    async with tiny_service() as service:
        service.open.clear()
        loop = ClosedLoop(Shots(), host="127.0.0.1", port=service.port)
        loop.drain_seconds = 0.1
        await loop.connect(3)
        await loop.run(0.2)
        service.open.set()
        loop.close()
    assert (loop.tally.right, loop.tally.errors) == (0, ["no answer"] * 3)
    assert len(loop.tally.latencies) == 3
    assert min(loop.tally.latencies) > 0.25


async def test_a_second_run_goes_on_over_the_same_connections() -> None:
    async with tiny_service(lambda number: REFUSED if number == 1 else OK) as service:
        loop = ClosedLoop(Shots(), host="127.0.0.1", port=service.port)
        await loop.connect(3)
        await loop.run(0.1)
        warming = loop.tally.right
        loop.tally.begin_again()
        await loop.run(0.1)
        loop.close()
    assert service.connections == 3
    assert loop.tally.right == service.requests - warming - 1 == len(loop.tally.latencies)
    assert (loop.tally.wrong, loop.tally.statuses) == (1, {201: loop.tally.right})


async def test_a_lost_connection_is_a_wrong_answer_and_the_others_go_on() -> None:
    async with tiny_service(lambda number: None if number == 3 else OK) as service:
        tally = await closed(service, Shots(50), connections=2)
    assert (tally.right, tally.wrong, tally.errors) == (49, 1, ["the connection was lost"])


async def test_an_answer_without_a_length_is_not_counted_as_right() -> None:
    endless = b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n"
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    async with tiny_service(lambda _: endless) as service:
        tally = await closed(service, Shots(1), connections=1)
    assert (tally.right, tally.wrong) == (0, 1)


async def test_versions_of_writes_are_kept_for_the_audited_customers() -> None:
    async with tiny_service(lambda _: VERSION_7) as service:
        audited = await closed(service, Shots(2, customer=0), connections=1)
        others = await closed(service, Shots(2, customer=1000), connections=1)
        reads = await closed(service, Shots(2), connections=1)
    assert audited.versions == {0: [7, 7]}
    assert others.versions == {}
    assert reads.versions == {}


def test_a_replay_adds_no_version() -> None:
    tally = Tally()
    shot = Shot(b"", 201, is_replay=True, customer=0)
    tally.take(shot, Answer(status=201, is_replay=True, body=b'{"version":7}'), is_right=True, latency=0.001)
    assert (tally.right, tally.versions) == (1, {})
