"""Calls from pages of other origins: only where CORS_ORIGINS names them, exactly, and never with a browser's cookies.

Starlette's own middleware decides; without the setting there is none, and a browser lets no page read an answer. A
preflight asks for nothing and tells nothing, so it needs no key; its answer has the headers that all answers have.
"""

import os
from collections.abc import Collection

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.replies import ALWAYS, NO_PAGE

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
# Not X-CSRF-Token: it goes with a session, and a session writes from our own origin alone.
SENT = (
    "Authorization", "Content-Digest", "Idempotency-Key", "Signature", "Signature-Input", "X-Deadline-Ms",
    "X-Request-Id",
)  # fmt: skip
READ = ("Idempotent-Replayed", "X-Request-Id", "Retry-After")


class SharedWithOrigins:
    """The application, for its own origin and for those that are listed."""

    def __init__(self, app: ASGIApp, *, origins: Collection[str]) -> None:
        self._app = app
        self._shared = CORSMiddleware(
            app,
            allow_origins=frozenset(origins),
            allow_methods=METHODS,
            allow_headers=SENT,
            expose_headers=READ,
            allow_credentials=False,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and _is_preflight(scope):
            await self._shared(scope, receive, _with_headers(send))
        else:
            await self._shared(scope, receive, send)


def _is_preflight(scope: Scope) -> bool:
    """As Starlette tells one."""
    names = {name for name, _ in scope["headers"]}
    return scope["method"] == "OPTIONS" and {b"origin", b"access-control-request-method"} <= names


def _with_headers(send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            request_id = os.urandom(16).hex().encode()
            message["headers"] = [*message["headers"], (b"x-request-id", request_id), *ALWAYS, NO_PAGE]
        await send(message)

    return send_with_headers
