"""One request, repeated under its own key until the service has given an answer.

What has no answer yet is repeated: a lost connection, a time-out, 429, 503, 409 `request_in_progress`, and a few times
any other 5xx. The wait doubles from 0.1 to 5 seconds, or is what Retry-After asks for if that is longer. All else is an
answer. The body is serialised once, so that every repetition sends the same bytes.
"""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx

from loadtest.till.halt import Halt

# A durable write takes milliseconds; a service that is silent for this long has lost the request.
READ_SECONDS: Final = 15.0
CONNECT_SECONDS: Final = 5.0
BACKOFF_FIRST_SECONDS: Final = 0.1
BACKOFF_MAX_SECONDS: Final = 5.0
# A 500 says nothing about trying again: 0.1 + 0.2 + 0.4 + 0.8 s of waiting, then the request is left without an answer.
SERVER_ERRORS_MAX: Final = 5

BUSY_STATUSES: Final = frozenset({429, 503})
SERVER_ERROR: Final = 500


@dataclass(frozen=True, slots=True)
class Answer:
    """What the service said. `code` is the problem's code, empty for 2xx; `latency_us` is that of the last attempt."""

    status: int
    code: str
    body: Mapping[str, Any]
    is_replayed: bool
    attempts: int
    latency_us: int

    @property
    def is_accepted(self) -> bool:
        return 200 <= self.status < 300


class NoAnswerError(Exception):
    """The patience is used up, or the run was stopped between two attempts. `reason` is a short code for the table."""

    def __init__(self, reason: str, *, is_unreachable: bool, attempts: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.is_unreachable = is_unreachable
        self.attempts = attempts


@dataclass(frozen=True, slots=True)
class _Silence:
    """Why an attempt brought no answer, and how long the service asks to wait."""

    reason: str
    wait_seconds: float = 0.0
    is_server_error: bool = False


class Till:
    """Sends requests one after another over one connection."""

    def __init__(self, http: httpx.AsyncClient, *, patience_seconds: float, halt: Halt) -> None:
        self._http = http
        self._patience_seconds = patience_seconds
        self._halt = halt

    async def post(self, path: str, *, key: str, body: Mapping[str, object]) -> Answer:
        """The answer to one write. Raises NoAnswerError."""
        content = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        gives_up_at = time.monotonic() + self._patience_seconds
        attempts = server_errors = 0
        backoff = BACKOFF_FIRST_SECONDS
        while True:
            attempts += 1
            tried = await self._try(path, key=key, content=content, attempts=attempts)
            if isinstance(tried, Answer):
                return tried
            server_errors += tried.is_server_error
            wait = max(backoff, tried.wait_seconds)
            is_late = time.monotonic() + wait > gives_up_at
            if server_errors == SERVER_ERRORS_MAX or is_late or not await self._halt.sleep(wait):
                raise NoAnswerError(tried.reason, is_unreachable=not tried.is_server_error, attempts=attempts)
            backoff = min(2 * backoff, BACKOFF_MAX_SECONDS)

    async def _try(self, path: str, *, key: str, content: bytes, attempts: int) -> Answer | _Silence:
        headers = {"Idempotency-Key": key, "Content-Type": "application/json"}
        began = time.perf_counter_ns()
        try:
            response = await self._http.post(path, content=content, headers=headers)
        except httpx.TransportError as error:
            return _Silence(reason=type(error).__name__)
        latency_us = (time.perf_counter_ns() - began) // 1000
        body = _document(response)
        code = "" if response.is_success else str(body.get("code") or f"http_{response.status_code}")
        if response.status_code in BUSY_STATUSES or code == "request_in_progress":
            return _Silence(reason=code, wait_seconds=_retry_after(response))
        if response.status_code >= SERVER_ERROR:
            return _Silence(reason=code, is_server_error=True)
        return Answer(
            status=response.status_code,
            code=code,
            body=body,
            is_replayed=response.headers.get("Idempotent-Replayed", "").lower() == "true",
            attempts=attempts,
            latency_us=latency_us,
        )


def open_http(
    url: str, *, key: str, trust: ssl.SSLContext, transport: httpx.AsyncBaseTransport | None
) -> httpx.AsyncClient:
    """One connection with a client of its own.

    In a shared pool, requests wait for one another to be given a connection (eight lanes on eight connections: up to
    half a second), and that wait would be measured as the service's. `trust` is shared, since making one takes longer
    than a purchase. Proxies of the environment are left out: a replay is sent to one's own service.
    """
    return httpx.AsyncClient(
        base_url=url,
        headers={"Authorization": f"Bearer {key}", "User-Agent": "kopilka-replay"},
        limits=httpx.Limits(max_connections=1, max_keepalive_connections=1),
        verify=trust,
        timeout=httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS),
        follow_redirects=False,
        trust_env=False,
        transport=transport,
    )


def _document(response: httpx.Response) -> Mapping[str, Any]:
    """The JSON object of an answer; empty when it is none, as from a proxy in between."""
    try:
        document = json.loads(response.content)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _retry_after(response: httpx.Response) -> float:
    text = response.headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdigit() else 0.0
