"""The edge under the real server: clients that hang up, and a server that stops, while a write is under way."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

import httpx
import pytest
import uvicorn

from app.main import build_app
from app.one_write import OneWriteProtocol
from tests.api import samples
from tests.api.doubles import MemoryService, opened

WAIT_SECONDS = 5.0


@dataclass
class Running:
    server: uvicorn.Server
    port: int
    task: "asyncio.Task[None]"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def request(self) -> bytes:
        body = httpx.Request("POST", self.url, json=samples.purchase()).content
        head = (
            "POST /v1/accrue HTTP/1.1\r\nHost: kopilka\r\nAuthorization: Bearer till\r\nIdempotency-Key: k-1\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


@asynccontextmanager
async def serving(service: MemoryService) -> AsyncIterator[Running]:
    app = build_app(lambda: opened(service), phone_region="RU")
    config = uvicorn.Config(
        app,
        http=OneWriteProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=5,
    )
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        task = asyncio.create_task(server.serve(sockets=[listening]))
        await until(lambda: server.started)
        yield Running(server, listening.getsockname()[1], task)
        service.is_open.set()
        server.should_exit = True
        await asyncio.wait_for(task, WAIT_SECONDS)


async def until(is_so: Callable[[], object]) -> None:
    """Wait for a claim to become true."""
    async with asyncio.timeout(WAIT_SECONDS):
        while not is_so():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.005)


async def test_a_client_that_hangs_up_does_not_stop_its_write(service: MemoryService) -> None:
    service.is_open.clear()
    async with serving(service) as running:
        _, writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.write(running.request())
        await until(lambda: service.asked)
        writer.transport.abort()
        await asyncio.sleep(0.05)
        assert service.finished == 0
        service.is_open.set()
        await until(lambda: service.finished == 1)
        async with httpx.AsyncClient(base_url=running.url, headers={"Authorization": "Bearer till"}) as client:
            again = await client.post("/v1/accrue", json=samples.purchase(), headers={"Idempotency-Key": "k-1"})
            assert (again.status_code, again.headers["idempotent-replayed"]) == (201, "true")


async def test_a_server_that_stops_answers_the_write_under_way(service: MemoryService) -> None:
    service.is_open.clear()
    async with serving(service) as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.write(running.request())
        await until(lambda: service.asked)
        running.server.should_exit = True
        await asyncio.sleep(0.05)
        assert not running.task.done()
        service.is_open.set()
        assert (await reader.readline()).startswith(b"HTTP/1.1 201")
        writer.close()
        await asyncio.wait_for(running.task, WAIT_SECONDS)


async def test_a_body_in_pieces_is_one_body(service: MemoryService) -> None:
    async with serving(service) as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        request = running.request()
        for start in range(0, len(request), 40):
            writer.write(request[start : start + 40])
            await writer.drain()
            await asyncio.sleep(0)
        assert (await reader.readline()).startswith(b"HTTP/1.1 201")
        writer.close()


async def test_a_body_without_end_is_cut_off(service: MemoryService) -> None:
    async with serving(service) as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        head, _, _ = running.request().partition(b"Content-Length")
        writer.write(head + b"Transfer-Encoding: chunked\r\n\r\n")
        chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
        with_answer = asyncio.create_task(reader.readline())
        for _ in range(8):  # 512 KiB, twice the bound.
            writer.write(chunk)
            await asyncio.sleep(0.005)
        assert (await asyncio.wait_for(with_answer, WAIT_SECONDS)).startswith(b"HTTP/1.1 413")
        writer.transport.abort()
    assert service.asked == []


async def test_a_service_that_cannot_open_stops_the_start() -> None:
    class Broken(AbstractAsyncContextManager[MemoryService]):
        async def __aenter__(self) -> MemoryService:
            raise OSError("no database")

        async def __aexit__(self, *_: object) -> None:
            """Never entered."""

    app = build_app(Broken, phone_region="RU")
    messages = [{"type": "lifespan.startup"}]
    sent: list[str] = []

    async def receive() -> dict[str, str]:
        return messages.pop()

    async def send(message: object) -> None:
        assert isinstance(message, dict)
        sent.append(message["type"])

    with pytest.raises(OSError, match="no database"):
        await app({"type": "lifespan"}, receive, send)
    assert sent == ["lifespan.startup.failed"]


class _Wire(asyncio.Transport):
    """The server's end of a connection, that shows each write."""

    def __init__(self) -> None:
        super().__init__({"sockname": ("127.0.0.1", 1), "peername": ("127.0.0.1", 2)})
        self.writes: list[bytes] = []
        self.is_closed = False

    def write(self, data: "bytes | bytearray | memoryview[int]") -> None:
        self.writes.append(bytes(data))

    def is_closing(self) -> bool:
        return self.is_closed

    def close(self) -> None:
        self.is_closed = True

    def pause_reading(self) -> None:
        """Nothing is read here."""

    def resume_reading(self) -> None:
        """Likewise."""


def _connected(service: MemoryService) -> tuple[OneWriteProtocol, _Wire]:
    app = build_app(lambda: opened(service), phone_region="RU")
    app.open(service)
    config = uvicorn.Config(app, http=OneWriteProtocol, ws="none", lifespan="off", log_config=None, access_log=False)
    config.load()
    protocol, wire = OneWriteProtocol(config, uvicorn.server.ServerState(), {}), _Wire()
    protocol.connection_made(wire)
    return protocol, wire


async def test_an_answer_is_one_write(service: MemoryService) -> None:
    protocol, wire = _connected(service)
    get = b"GET /health/live HTTP/1.1\r\nHost: kopilka\r\n\r\n"
    protocol.data_received(get)
    await until(lambda: wire.writes)
    protocol.data_received(get.replace(b"GET", b"HEAD") + get)  # The second waits for the first one's answer.
    await until(lambda: len(wire.writes) == 3)
    heads = [write.partition(b"\r\n\r\n") for write in wire.writes]
    assert all(head.startswith(b"HTTP/1.1 200 OK\r\n") for head, _, _ in heads)
    assert [body for _, _, body in heads] == [b'{"status":"ok"}', b"", b'{"status":"ok"}']
    assert not wire.is_closed


async def test_the_answers_of_a_turn_go_one_right_after_another(
    service: MemoryService, monkeypatch: pytest.MonkeyPatch
) -> None:
    happened: list[str] = []
    complete, write = OneWriteProtocol.on_response_complete, _Wire.write

    def completed(self: OneWriteProtocol) -> None:
        happened.append("answered")
        complete(self)

    def written(self: _Wire, data: "bytes | bytearray | memoryview[int]") -> None:
        happened.append("written")
        write(self, data)

    monkeypatch.setattr(OneWriteProtocol, "on_response_complete", completed)
    monkeypatch.setattr(_Wire, "write", written)
    for protocol, _ in [_connected(service), _connected(service)]:
        protocol.data_received(b"GET /health/live HTTP/1.1\r\nHost: kopilka\r\n\r\n")
    await until(lambda: happened.count("written") == 2)
    assert happened == ["answered", "answered", "written", "written"]


async def test_who_has_sent_everything_gets_the_answer_that_waits_and_who_is_gone_gets_nothing(
    service: MemoryService,
) -> None:
    protocol, wire = _connected(service)
    transport = protocol.transport
    transport.write(b"an answer")
    protocol.eof_received()
    assert wire.writes == [b"an answer"]
    transport.write(b"another")
    protocol.connection_lost(ConnectionResetError())
    for _ in range(3):
        await asyncio.sleep(0)
    assert wire.writes == [b"an answer"]


async def test_what_is_said_before_the_answer_goes_at_once_and_the_last_word_before_the_end(
    service: MemoryService,
) -> None:
    protocol, wire = _connected(service)
    head = b"POST /v1/quote HTTP/1.1\r\nHost: kopilka\r\nAuthorization: Bearer till\r\nConnection: close\r\n"
    protocol.data_received(
        head + b"Content-Type: application/json\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
    )
    await until(lambda: wire.writes)
    assert wire.writes == [b"HTTP/1.1 100 Continue\r\n\r\n"]
    protocol.data_received(b"{}")
    await until(lambda: wire.is_closed)
    assert len(wire.writes) == 2
    assert wire.writes[1].startswith(b"HTTP/1.1 422 ")
    protocol, wire = _connected(service)
    protocol.data_received(b"no HTTP\r\n\r\n")
    assert wire.is_closed
    assert wire.writes[0].startswith(b"HTTP/1.1 400 ")
