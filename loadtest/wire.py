"""HTTP/1.1 as a load generator needs it: requests as prepared bytes, answers by status and length, nothing more.

On one machine the generator's time is taken from the service, and a client library takes as much as the service
does. None of the well-kept load generators on PyPI sends a new idempotency key with each request cheaply: locust takes
ten times as much, wrk and k6 aren't there. So: keep-alive connections, one request at a time on each, some 15 µs a
request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

_END_OF_HEAD = b"\r\n\r\n"
_LENGTH = b"content-length:"
_REPLAYED = b"idempotent-replayed: true"


@dataclass(slots=True)
class Answer:
    """What came back; `is_replay`: the service says that it had answered this before."""

    status: int
    is_replay: bool
    body: bytes


class Connection(asyncio.Protocol):
    """One connection; `on_answer` and `on_lost` are called with it."""

    __slots__ = ("_buffer", "_on_answer", "_on_lost", "_transport", "number")

    def __init__(
        self,
        number: int,
        *,
        on_answer: Callable[[Connection, Answer], None],
        on_lost: Callable[[Connection], None],
    ) -> None:
        self.number = number
        self._on_answer = on_answer
        self._on_lost = on_lost
        self._buffer = b""
        self._transport: asyncio.WriteTransport | None = None

    @property
    def is_open(self) -> bool:
        return self._transport is not None

    def send(self, request: bytes) -> None:
        """The answer to the request before must have come."""
        if self._transport is None:
            raise RuntimeError(f"connection {self.number} isn't open")
        self._transport.write(request)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._transport = None
        self._on_lost(self)

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        answer = parse_answer(self._buffer)
        if answer is not None:
            self._buffer = b""
            self._on_answer(self, answer)


def parse_answer(data: bytes) -> Answer | None:
    """One whole answer; None while a part is missing. Raises ValueError for one without Content-Length."""
    end = data.find(_END_OF_HEAD)
    if end < 0:
        return None
    head = data[:end].lower()
    at = head.find(_LENGTH)
    if at < 0:
        raise ValueError(f"an answer without content-length: {data[:80]!r}")
    stop = head.find(b"\r\n", at)
    length = int(head[at + len(_LENGTH) : stop if stop > 0 else end])
    begin = end + len(_END_OF_HEAD)
    if len(data) < begin + length:
        return None
    return Answer(status=int(data[9:12]), is_replay=_REPLAYED in head, body=data[begin : begin + length])


def head_of(method: str, path: str, *, key: str) -> bytes:
    """The fixed part of a request's head, for `request`; `path` may hold `%b`, to be filled in first."""
    lines = (
        f"{method} {path} HTTP/1.1",
        "Host: 127.0.0.1",
        f"Authorization: Bearer {key}",
        *(() if method == "GET" else ("Content-Type: application/json",)),
    )
    return "\r\n".join(lines).encode() + b"\r\n"


def request(head: bytes, body: bytes = b"", *, idempotency_key: bytes = b"") -> bytes:
    """A whole request; without a body for GET, without the key for reads."""
    if idempotency_key:
        return b"%bIdempotency-Key: %b\r\nContent-Length: %d\r\n\r\n%b" % (head, idempotency_key, len(body), body)
    if body:
        return b"%bContent-Length: %d\r\n\r\n%b" % (head, len(body), body)
    return head + b"\r\n"
