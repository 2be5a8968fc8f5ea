"""What a connection may take, on the real server over raw sockets: heads, bodies, seconds, their number."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from time import perf_counter

import orjson
import pytest
import uvicorn
from structlog.testing import capture_logs

from app.api import connections
from app.api.connections import MESSAGE_BYTES_MAX, ConnectionLimits, LimitedConfig, LimitedProtocol
from app.main import build_app
from tests.api import samples
from tests.api.doubles import MemoryService, opened

LIMITS = ConnectionLimits(
    connections_max=4, head_bytes_max=4_096, headers_max=20, head_seconds_max=1, body_seconds_max=1
)
WITHIN = 3.0  # Seconds: the patience of a second, a tick, and a slow machine.
LIVE = b"GET /health/live HTTP/1.1\r\nHost: kopilka\r\n"
POST = (
    b"POST /v1/accrue HTTP/1.1\r\nHost: kopilka\r\nAuthorization: Bearer till\r\nIdempotency-Key: k-1\r\n"
    b"Content-Type: application/json\r\n"
)


@dataclass
class Line:
    """A till's end of a connection, as raw as it gets."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        head = (await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), WITHIN)).decode().splitlines()
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        body = await self.reader.readexactly(int(headers["content-length"]))
        return int(head[0].split()[1]), headers, body

    async def refusal(self, status: int, code: str) -> None:
        """The answer is this "no", as every one of ours is, and the connection ends with it."""
        seen, headers, body = await self.answer()
        told = orjson.loads(body)
        assert (seen, told["status"], told["code"]) == (status, status, code)
        assert headers["content-type"] == "application/problem+json"
        assert headers["x-request-id"] == told["request_id"]
        assert (headers["cache-control"], headers["x-content-type-options"]) == ("no-store", "nosniff")
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["connection"] == "close"
        assert "server" not in headers
        await self.ends()

    async def ends(self) -> None:
        with suppress(ConnectionResetError):  # It had more to say than was read.
            assert await asyncio.wait_for(self.reader.read(), WITHIN) == b""
        self.writer.close()

    async def still_answers(self) -> None:
        self.writer.write(LIVE + b"\r\n")
        assert (await self.answer())[0] == 200


@dataclass
class House:
    port: int
    internal_port: int

    async def call(self, sent: bytes = b"", *, port: int | None = None) -> Line:
        line = Line(*await asyncio.open_connection("127.0.0.1", port or self.port))
        line.writer.write(sent)
        return line


@asynccontextmanager
async def open_house(service: MemoryService, limits: ConnectionLimits) -> AsyncIterator[House]:
    app = build_app(lambda: opened(service), phone_region="RU")
    config = LimitedConfig(
        app, http=LimitedProtocol, ws="none", lifespan="on", log_config=None, access_log=False, server_header=False,
        timeout_graceful_shutdown=1, timeout_keep_alive=75,
    )  # fmt: skip
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening, socket.create_server(("127.0.0.1", 0)) as inside:
        internal_port = inside.getsockname()[1]
        config.limits = replace(limits, internal_port=internal_port)
        task = asyncio.create_task(server.serve(sockets=[listening, inside]))
        while not server.started:  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.005)
        yield House(listening.getsockname()[1], internal_port)
        service.is_open.set()
        server.should_exit = True
        await asyncio.wait_for(task, WITHIN + 2)


@pytest.fixture
async def house(service: MemoryService) -> AsyncIterator[House]:
    async with open_house(service, LIMITS) as house:
        yield house


async def test_a_head_up_to_the_limit_is_read(house: House) -> None:
    room = LIMITS.head_bytes_max - len("/health/live") - len("Host") - len("kopilka") - 4 - len("X") - 4
    line = await house.call(LIVE + b"X: " + b"x" * room + b"\r\n\r\n")
    assert (await line.answer())[0] == 200
    line.writer.write(LIVE + b"X: " + b"x" * (room + 1) + b"\r\n\r\n")
    await line.refusal(431, "headers_too_large")


@pytest.mark.parametrize("pieces", [False, True])
async def test_a_megabyte_of_headers_is_refused_as_it_comes(
    service: MemoryService, monkeypatch: pytest.MonkeyPatch, pieces: bool
) -> None:
    monkeypatch.setattr(connections, "LINGER_SECONDS", 60)  # A busy machine may take a while to send a megabyte.
    async with open_house(service, replace(LIMITS, head_seconds_max=60)) as house:
        line = await house.call(LIVE)
        for _ in range(1_024):
            line.writer.write(b"X: " + b"x" * 1_000 + b"\r\n" if pieces else b"x" * 1_024)
            await line.writer.drain()
            await asyncio.sleep(0)
        await line.refusal(431, "headers_too_large")  # Had time ended it, it would be a 408.


async def test_more_lines_than_the_limit_are_refused(house: House) -> None:
    lines = b"".join(b"X-%d: 1\r\n" % place for place in range(LIMITS.headers_max - 1))
    line = await house.call(LIVE + lines + b"\r\n")
    assert (await line.answer())[0] == 200
    line.writer.write(LIVE + lines + b"One: more\r\n\r\n")
    await line.refusal(431, "headers_too_large")


async def test_a_path_without_end_is_refused(house: House) -> None:
    line = await house.call(b"GET /" + b"a" * 5_000 + b" HTTP/1.1\r\nHost: kopilka\r\n\r\n")
    await line.refusal(431, "headers_too_large")


async def test_what_is_no_http_is_told_so_as_any_other_mistake(house: House) -> None:
    line = await house.call(b"HELO kopilka\r\n\r\n")
    await line.refusal(400, "malformed_request")


async def test_a_head_that_trickles_is_ended(house: House) -> None:
    line = await house.call(LIVE)
    began = perf_counter()
    trickle = asyncio.create_task(_trickle(line, b"X-Slow: 1\r\n"))
    await line.refusal(408, "request_timeout")
    trickle.cancel()
    assert perf_counter() - began >= LIMITS.head_seconds_max


async def test_a_connection_that_says_nothing_is_ended_without_a_word(house: House) -> None:
    line = await house.call()
    await line.ends()


async def test_empty_lines_keep_no_connection(house: House) -> None:
    line = await house.call()
    await line.still_answers()
    trickle = asyncio.create_task(_trickle(line, b"\r\n"))
    await line.ends()
    trickle.cancel()


async def test_between_two_requests_a_till_may_take_its_time(house: House) -> None:
    line = await house.call()
    await line.still_answers()
    await asyncio.sleep(LIMITS.head_seconds_max + 1.2)
    await line.still_answers()
    line.writer.close()


async def test_a_body_that_trickles_is_ended_and_writes_nothing(house: House, service: MemoryService) -> None:
    line = await house.call(POST + b"Content-Length: 10000\r\n\r\n{")
    with capture_logs() as lines:
        trickle = asyncio.create_task(_trickle(line, b" "))
        await line.refusal(408, "request_timeout")
        trickle.cancel()
    assert service.asked == []
    assert {"event": "connections_ended", "log_level": "warning", "body": 1} in lines


async def test_a_body_in_time_is_read_however_it_is_cut(house: House) -> None:
    body = orjson.dumps(samples.purchase())
    line = await house.call(POST + b"Content-Length: %d\r\n\r\n" % len(body))
    for start in range(0, len(body), 50):
        line.writer.write(body[start : start + 50])
        await line.writer.drain()
        await asyncio.sleep(0.001)
    assert (await line.answer())[0] == 201
    await line.still_answers()
    line.writer.close()


async def test_a_slow_answer_of_ours_costs_no_till_its_connection(house: House, service: MemoryService) -> None:
    service.is_open.clear()
    body = orjson.dumps(samples.purchase())
    line = await house.call(POST + b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
    await asyncio.sleep(LIMITS.body_seconds_max + 1.2)
    service.is_open.set()
    assert (await line.answer())[0] == 201
    line.writer.close()


async def test_a_chunked_body_is_cut_off_while_it_comes_whatever_it_consists_of(house: House) -> None:
    line = await house.call(POST + b"Transfer-Encoding: chunked\r\n\r\n")
    line.writer.write((b"40000\r\n" + b" " * 0x40000 + b"\r\n") + b"1\r\n \r\n")
    assert (await line.answer())[0] == 413
    try:  # What it sends on is thrown away, and not for ever.
        for _ in range(MESSAGE_BYTES_MAX // 0x40000 + 4):
            line.writer.write(b"40000\r\n" + b" " * 0x40000 + b"\r\n")
            await line.writer.drain()
    except ConnectionError:
        pass
    await line.ends()


async def test_headers_after_a_chunked_body_are_counted_too(house: House, service: MemoryService) -> None:
    line = await house.call(POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n0\r\n")
    for place in range(LIMITS.headers_max - 3):
        line.writer.write(b"X-%d: 1\r\n" % place)
    await line.refusal(431, "headers_too_large")
    assert service.asked == []


async def test_an_answer_that_nobody_takes_is_not_kept(house: House) -> None:
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    narrow.connect(("127.0.0.1", house.port))
    narrow.setblocking(False)
    loop = asyncio.get_running_loop()
    asked = b"GET /openapi.json HTTP/1.1\r\nHost: kopilka\r\n\r\n" * 64
    await loop.sock_sendall(narrow, asked)
    await asyncio.sleep(LIMITS.body_seconds_max + 1.5)
    answers = b""
    with suppress(ConnectionResetError):
        while taken := await asyncio.wait_for(loop.sock_recv(narrow, 65_536), WITHIN):
            answers += taken
    assert answers.count(b"HTTP/1.1 200") < 64
    narrow.close()


async def test_beyond_so_many_connections_a_new_one_is_told_to_come_again(house: House) -> None:
    tills = [await house.call() for _ in range(LIMITS.connections_max)]
    for till in tills:
        await till.still_answers()
    late = await house.call()
    await late.refusal(503, "overloaded")
    for till in tills:
        await till.still_answers()
    tills[0].writer.close()
    await asyncio.sleep(0.05)
    next_one = await house.call()
    await next_one.still_answers()
    for till in (*tills, next_one):
        till.writer.close()


async def test_when_all_slots_are_taken_the_internal_port_has_its_own(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "INTERNAL_CONNECTIONS_MAX", 2)
    strangers = [await house.call() for _ in range(LIMITS.connections_max)]
    await asyncio.sleep(0.05)
    await (await house.call()).refusal(503, "overloaded")
    checks = [await house.call(port=house.internal_port) for _ in range(2)]
    for check in checks:
        await check.still_answers()
    await (await house.call(port=house.internal_port)).refusal(503, "overloaded")
    checks.pop().writer.close()
    strangers.pop().writer.close()
    await asyncio.sleep(0.05)
    for port in (house.port, house.internal_port):
        line = await house.call(port=port)
        await line.still_answers()
        line.writer.close()
    for line in (*checks, *strangers):
        line.writer.close()


async def test_only_who_had_a_key_may_keep_a_connection_for_long(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "STRANGER_KEEP_ALIVE_SECONDS", 1)
    body = orjson.dumps(samples.purchase())
    sale = POST + b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    unknown = sale.replace(b"Bearer till", b"Bearer nobody")
    till, stranger, checker, collector = [
        await house.call(port=port) for port in (house.port, house.port, house.port, house.internal_port)
    ]
    till.writer.write(sale)
    assert (await till.answer())[0] == 201
    stranger.writer.write(unknown)
    assert (await stranger.answer())[0] == 401
    await checker.still_answers()
    await collector.still_answers()
    await asyncio.sleep(1.2)
    for line in (stranger, checker):
        await line.ends()
    for line in (till, collector):
        await line.still_answers()
    await asyncio.sleep(1.2)
    await till.still_answers()  # It need not say so again.
    till.writer.close()
    collector.writer.close()


async def test_a_hundred_thousand_brackets_cost_nothing(house: House) -> None:
    for depth in (b"[" * 100_000, b'{"a":' * 40_000):
        line = await house.call(POST + b"Content-Length: %d\r\n\r\n%b" % (len(depth), depth))
        began = perf_counter()
        status, _, body = await line.answer()
        assert (status, orjson.loads(body)["code"]) == (422, "limit_exceeded")
        assert perf_counter() - began < 0.5
        line.writer.close()


async def test_the_answer_to_an_earlier_request_is_never_mixed_up(house: House, service: MemoryService) -> None:
    """A till that sends on before it was answered, and sends nonsense: the connection ends without a second answer."""
    service.is_open.clear()
    body = orjson.dumps(samples.purchase())
    line = await house.call(POST + b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
    while not service.asked:  # noqa: ASYNC110 - likewise
        await asyncio.sleep(0.005)
    line.writer.write(b"NONSENSE\r\n\r\n")
    await line.ends()
    service.is_open.set()
    await asyncio.sleep(0.05)
    assert service.finished == 1  # The write itself came to its end; its key tells.


async def _trickle(line: Line, drop: bytes) -> None:
    while True:
        line.writer.write(drop)
        await asyncio.sleep(0.1)
