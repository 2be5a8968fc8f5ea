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
        app, http="httptools", ws="none", lifespan="on", log_config=None, access_log=False, timeout_graceful_shutdown=5
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
