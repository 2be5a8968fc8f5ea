"""A service of a few lines that answers by number, for the generator's tests: it may stall, fail, hang up."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from loadtest.scenarios import Shot
from loadtest.wire import Answer, request

HEAD = b"POST /v1/accrue HTTP/1.1\r\nHost: tiny\r\n"
OK = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}"


class TinyService:
    """Counts the POSTs; `reply` says what goes back to each, None to hang up, and to a GET what the last one got. While
    `open` isn't set nobody is answered."""

    def __init__(self, reply: Callable[[int], bytes | None]) -> None:
        self._reply = reply
        self.requests = 0
        self.connections = 0
        self.port = 0
        self.open = asyncio.Event()
        self.open.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                if head.startswith(b"POST"):
                    await reader.readexactly(int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]))
                    self.requests += 1
                await self.open.wait()
                answer = self._reply(self.requests)
                if answer is None:
                    break
                writer.write(answer)
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()


@asynccontextmanager
async def tiny_service(reply: Callable[[int], bytes | None] = lambda _: OK) -> AsyncIterator[TinyService]:
    service = TinyService(reply)
    server = await asyncio.start_server(service.serve, "127.0.0.1", 0)
    service.port = server.sockets[0].getsockname()[1]
    try:
        yield service
    finally:
        server.close()


class Shots:
    """A source of so many requests, each to be answered by 201."""

    def __init__(self, count: int | None = None, *, customer: int = -1) -> None:
        self._left = count
        self._customer = customer
        self.tills: list[int] = []

    def next(self, till: int) -> Shot | None:
        if self._left is not None:
            if not self._left:
                return None
            self._left -= 1
        self.tills.append(till)
        return Shot(request(HEAD, b"{}"), 201, customer=self._customer)

    def answered(self, till: int, shot: Shot, answer: Answer) -> bool:
        return answer.status == shot.status
