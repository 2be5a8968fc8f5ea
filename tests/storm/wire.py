"""A till's connection to the service: HTTP/1.1 by hand, since a till that hangs up half-way needs to hold the socket,
and since an HTTP library would take more of the processor than the service it tests.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import orjson

ANSWER_SECONDS_MAX = 20.0  # Longer than anything the service promises: what takes longer hangs.


class Lost(Exception):
    """The connection broke before the whole answer was there: nobody knows what became of the request."""


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_good(self) -> bool:
        return 200 <= self.status < 300

    @property
    def code(self) -> str | None:
        """Of the problem document."""
        return None if self.is_good else str(self.json()["code"])

    def json(self) -> Any:
        return orjson.loads(self.body)


@dataclass(slots=True)
class Wire:
    """One connection, kept for the next request and opened again when it was lost. One request at a time."""

    url: str
    _reader: asyncio.StreamReader | None = field(default=None, init=False)
    _writer: asyncio.StreamWriter | None = field(default=None, init=False)

    async def request(
        self,
        method: str,
        target: str,
        *,
        headers: Mapping[str, str],
        body: bytes = b"",
        seconds: float = ANSWER_SECONDS_MAX,
    ) -> Reply:
        """Raises `Lost`, also when the answer takes longer than `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                reader = await self.send(method, target, headers=headers, body=body)
                return await self._read(reader)
        except (OSError, EOFError, TimeoutError) as error:
            self.hang_up()
            raise Lost(f"{method} {target}: {type(error).__name__}") from error
        except asyncio.CancelledError:
            self.hang_up()
            raise

    async def send(
        self, method: str, target: str, *, headers: Mapping[str, str], body: bytes = b"", sent: int | None = None
    ) -> asyncio.StreamReader:
        """Only the request, and of its body only the first `sent` bytes if given; the reader is where its answer would
        come.
        """
        if self._reader is None or self._writer is None:
            parts = urlsplit(self.url)
            self._reader, self._writer = await asyncio.open_connection(parts.hostname, parts.port)
        lines = [f"{method} {target} HTTP/1.1", "Host: kopilka", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self._writer.write("\r\n".join([*lines, "", ""]).encode() + body[:sent])
        await self._writer.drain()
        return self._reader

    async def _read(self, reader: asyncio.StreamReader) -> Reply:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        if headers.get("connection", "").lower() == "close":
            self.hang_up()
        return Reply(int(head[0].split(" ", 2)[1]), headers, body)

    def hang_up(self) -> None:
        """As a till that loses its power: no farewell."""
        if self._writer is not None:
            with suppress(OSError):
                self._writer.transport.abort()
        self._reader = self._writer = None
