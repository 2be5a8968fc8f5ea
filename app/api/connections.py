"""What a connection may take before there is a request: bytes, header lines, seconds, and how many there are.

The parser of HTTP has no bounds of its own: it would keep a head of any length, and wait for it for ever. So:

- a head that is too long or has too many lines is refused (431) as it comes, whatever it would say;
- who begins a request and doesn't bring it to its end is told so (408) and cut off, and so is who takes no answer;
- beyond so many connections a worker, a new one is told to come again (503); INTERNAL_PORT has slots of its own, so
  that whoever looks after the service gets an answer when strangers have taken all others;
- between two requests a connection stays for long only once one of them had a key or a session: nobody keeps slots by
  asking for nothing.

None of it is asked a request. Sizes are looked at where a message comes in pieces, which a till's never does. Times are
looked after by `Watch`, once in a tick for all connections: what one waits for is read off the server's own state, and
since when is known from the tick that saw it first. So a limit is kept to within a tick.
"""

import asyncio
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import orjson
import structlog
import uvicorn
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle
from uvicorn.server import ServerState

from app.api.errors import PROBLEM_TYPE, TYPE_PREFIX
from app.api.exchange import IS_KNOWN
from app.api.replies import ALWAYS, NO_PAGE, Header
from app.one_write import OneWriteProtocol

TICK_SECONDS = 0.5
# Where nobody has said who they are: the pages of the documentation, health checks, whoever has no key.
STRANGER_KEEP_ALIVE_SECONDS = 5
INTERNAL_CONNECTIONS_MAX = 32  # A worker: two or three that collect metrics, a check or two, a few people.
# Who still sends when it is refused gets the answer only if its bytes are taken meanwhile: else the system would throw
# the answer away with them.
LINGER_SECONDS = 1
# The largest body is 4 MiB; cut into chunks of a byte it has six times as many. Beyond that it is no body.
MESSAGE_BYTES_MAX = 6 * 4 * 1024 * 1024 + 65_536

Wait: TypeAlias = Literal["head", "body", "answer", "end"]

_log = structlog.get_logger("app.api")


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """The settings of the same names."""

    connections_max: int = 4_096
    internal_port: int | None = None
    head_bytes_max: int = 32_768
    headers_max: int = 100
    head_seconds_max: int = 10
    body_seconds_max: int = 60


@dataclass(frozen=True, slots=True)
class Unread:
    """A "no" to what is no request yet: there is no route, no key, and no id that was sent."""

    status: int
    code: str
    title: str
    detail: str
    retryable: bool = False

    def to_bytes(self, more: list[Header]) -> bytes:
        """The whole answer, after which the connection ends."""
        name = os.urandom(16).hex()
        body = orjson.dumps(
            {
                "type": TYPE_PREFIX + self.code,
                "title": self.title,
                "status": self.status,
                "detail": self.detail,
                "code": self.code,
                "request_id": name,
                "retryable": self.retryable,
                **({"retry_after_ms": 1_000} if self.retryable else {}),
            }
        )
        headers = [
            *more,
            (b"content-type", PROBLEM_TYPE.encode()),
            (b"content-length", b"%d" % len(body)),
            (b"x-request-id", name.encode()),
            *ALWAYS,
            NO_PAGE,
            *([(b"retry-after", b"1")] if self.retryable else []),
            (b"connection", b"close"),
        ]
        return STATUS_LINE[self.status] + b"".join(b"%b: %b\r\n" % header for header in headers) + b"\r\n" + body


MALFORMED = Unread(400, "malformed_request", "The request can't be read", "This is not HTTP/1.1 that can be read.")
TOO_LONG = Unread(431, "headers_too_large", "The headers are too large", "The request's head is too long.")
TOO_SLOW = Unread(
    408, "request_timeout", "The request did not come", "The request took too long to come.", retryable=True
)
TOO_MANY = Unread(503, "overloaded", "Too much work at the moment", "There are too many connections.", retryable=True)


class _HeadRefused(Exception):
    """Stops the parser; nobody sees it."""


class LimitedConfig(uvicorn.Config):
    """uvicorn's own, with the limits for its connections, and whoever looks after their times."""

    limits = ConnectionLimits()
    watch: "Watch | None" = None  # Of one process: made by its first connection.

    def watch_of(self, connections: "set[Any]", loop: asyncio.AbstractEventLoop) -> "Watch":
        if self.watch is None:
            self.watch = Watch(connections, loop)
        return self.watch


class LimitedProtocol(OneWriteProtocol):
    """A connection that takes no more than it may."""

    config: LimitedConfig

    def __init__(
        self,
        config: LimitedConfig,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._limits = config.limits
        self._refusal = MALFORMED
        self._is_refused = False
        self._packet_bytes = 0
        self._has_just_begun = False
        self._pieces_bytes = 0  # Of a message, without the packet that it began in.
        self._is_internal = False
        self.timeout_keep_alive = min(config.timeout_keep_alive, STRANGER_KEEP_ALIVE_SECONDS)
        self.headers = []

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        watch = self.config.watch_of(self.connections, self.loop)
        self._is_internal = self.server is not None and self.server[1] == self._limits.internal_port
        watch.internal += self._is_internal
        if self._is_beyond(internal=watch.internal):
            watch.note("full")
            self._answer_and_end(TOO_MANY)
            self.transport.close()
        watch.begin()

    def connection_lost(self, exc: Exception | None) -> None:
        self.config.watch_of(self.connections, self.loop).internal -= self._is_internal
        super().connection_lost(exc)

    def _is_beyond(self, *, internal: int) -> bool:
        """Whether it is one too many; it is among those counted."""
        if self._is_internal:
            return internal > INTERNAL_CONNECTIONS_MAX
        return len(self.connections) - internal > self._limits.connections_max

    def on_response_complete(self) -> None:
        if self.timeout_keep_alive != self.config.timeout_keep_alive and (
            self._is_internal or IS_KNOWN in self.cycle.scope
        ):
            self.timeout_keep_alive = self.config.timeout_keep_alive
        super().on_response_complete()

    def data_received(self, data: bytes) -> None:
        if self._is_refused:
            return
        self._packet_bytes = len(data)
        self._has_just_begun = False
        super().data_received(data)
        cycle = self._latest
        if cycle is None or cycle.more_body or cycle.scope is not self.scope:
            self._count_piece(len(data))

    def on_message_begin(self) -> None:
        self._has_just_begun = True
        self._pieces_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        is_long = self._packet_bytes > self._limits.head_bytes_max or self._pieces_bytes
        if len(self.headers) > self._limits.headers_max or (
            is_long and self._head_bytes() > self._limits.head_bytes_max
        ):
            self._refusal = TOO_LONG
            raise _HeadRefused
        self._pieces_bytes = 0
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's own sentence
        """To what the parser refused, or was told to."""
        self._answer_and_end(self._refusal)

    @property
    def _latest(self) -> RequestResponseCycle | None:
        """The request whose head was whole last."""
        return self.cycle

    def waits_for(self) -> Wait | None:
        """What the other side owes us; None while it owes nothing, or may take its time between two requests."""
        if self._is_refused or self.transport.is_closing():
            return "end"
        if self.flow.write_paused:
            return "answer"
        if self.timeout_keep_alive_task is not None:
            return None
        cycle = self._latest
        if cycle is None or cycle.response_complete:
            return "head"
        return "body" if cycle.more_body and not self.pipeline and not self.flow.read_paused else None

    def patience(self, wait: Wait) -> int:
        """Seconds."""
        if wait == "end" and self._is_refused:
            return LINGER_SECONDS
        return self._limits.head_seconds_max if wait == "head" else self._limits.body_seconds_max

    def give_up(self, wait: Wait) -> None:
        """End a connection whose patience is over."""
        if wait in {"answer", "end"}:
            self.transport.abort()
        elif wait == "head" and not (bool(self.scope) and self._is_before_request()):
            self.transport.close()  # Nothing has begun to come.
        else:
            self._answer_and_end(TOO_SLOW)

    def _count_piece(self, size: int) -> None:
        """One packet of a message that isn't whole yet."""
        if self._is_refused or self.transport.is_closing():
            return
        if not self._has_just_begun:
            self._pieces_bytes += size
        bytes_max = self._limits.head_bytes_max if self._is_before_request() else MESSAGE_BYTES_MAX
        # A chunked body may end in headers of its own, which nobody here reads.
        if self._pieces_bytes > bytes_max or len(self.headers) > self._limits.headers_max:
            self._answer_and_end(TOO_LONG)

    def _is_before_request(self) -> bool:
        """Whether no head has come whole since the last request."""
        return self._latest is None or self._latest.scope is not self.scope

    def _head_bytes(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def _answer_and_end(self, unread: Unread) -> None:
        """Nothing is said where it would be taken for the answer to an earlier request, or would be a second one."""
        cycle = self._latest
        owed = cycle if cycle is not None and not cycle.response_complete else None
        if self._is_before_request() == (owed is None) and not (owed and owed.response_started):
            self.transport.write(unread.to_bytes(self.server_state.default_headers))
        if owed is not None:
            owed.disconnected = True  # Whoever waits for the rest of the body waits no more, and answers nobody.
            owed.message_event.set()
        self._is_refused = True
        self.flow.resume_reading()
        self.transport.write_eof()


class Watch:
    """Ends the connections of one process whose patience is over, and says how many, a line a tick at most."""

    def __init__(self, connections: "set[LimitedProtocol]", loop: asyncio.AbstractEventLoop) -> None:
        self._connections = connections
        self._loop = loop
        self._since: dict[LimitedProtocol, tuple[object, float]] = {}
        self._ended: Counter[str] = Counter()
        self._is_on = False
        self.internal = 0  # Connections at INTERNAL_PORT.

    def begin(self) -> None:
        """Look after connections, as long as there are any."""
        if not self._is_on:
            self._is_on = True
            self._loop.call_later(TICK_SECONDS, self._tick)

    def note(self, why: str) -> None:
        """One was ended at once."""
        self._ended[why] += 1

    def _tick(self) -> None:
        self._since = dict(self._still_waiting(self._loop.time()))
        if self._ended:
            _log.warning("connections_ended", **self._ended)
            self._ended.clear()
        self._is_on = bool(self._connections)
        if self._is_on:
            self._loop.call_later(TICK_SECONDS, self._tick)

    def _still_waiting(self, now: float) -> Iterator[tuple[LimitedProtocol, tuple[object, float]]]:
        """What is waited for, and since when; the wait for one request's body isn't that for the next one's."""
        for connection in tuple(self._connections):
            wait = connection.waits_for()
            if wait is None:
                continue
            what = (wait, connection.cycle)
            before, since = self._since.get(connection, (None, now))
            if before != what:
                since = now
            if now - since < connection.patience(wait):
                yield connection, (what, since)
            else:
                self.note(wait)
                connection.give_up(wait)
