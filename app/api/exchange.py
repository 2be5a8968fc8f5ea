"""What the pipeline carries: an operation with its validators bound, and one request on its way through."""

import asyncio
from collections.abc import Mapping
from time import perf_counter
from typing import Any

import structlog
from pydantic import ValidationError
from starlette.types import Receive, Scope

from app.api import headers as read
from app.api.calls import Nothing, Operation
from app.api.faults import refuse, rejected_for
from app.api.proxies import TrustedProxies
from app.telemetry import METRICS, log_request

# In a request's scope: its caller had a key, or has signed in. The connection may stay for the next one.
IS_KNOWN = "kopilka.is_known"
NO_ROUTE = "unmatched"  # Label of all paths that nothing answers at.

_log = structlog.get_logger("app.api")


class Served:
    """An operation with its validators bound."""

    __slots__ = ("_body", "_query", "has_sentences", "operation")

    def __init__(self, operation: Operation) -> None:
        self.operation = operation
        self.has_sentences = operation.has_sentences
        self._body = (operation.body or Nothing).__pydantic_validator__
        self._query = None if operation.query is Nothing else operation.query.__pydantic_validator__

    def body(self, document: object) -> Any:
        if document is None and self.operation.body is None:
            return None
        try:
            return self._body.validate_python(document)
        except ValidationError as error:
            raise rejected_for(error, document) from None

    def query(self, query: Mapping[str, str]) -> Any:
        if self._query is None:
            if query:
                raise refuse(f"/query/{next(iter(query))}", "unknown_field", "is not known here")
            return None
        try:
            return self._query.validate_python(query)
        except ValidationError as error:
            raise rejected_for(error, query, prefix="/query") from None


class Exchange:
    """One request on its way through, and what will be said of it in the log."""

    __slots__ = (
        "_proxies", "arrived", "began", "headers", "key_id", "method", "operation", "params", "path", "receive",
        "request_id", "route", "scope",
    )  # fmt: skip

    def __init__(self, scope: Scope, receive: Receive, proxies: TrustedProxies) -> None:
        self.began = perf_counter()
        self.arrived = asyncio.get_running_loop().time()
        self.scope = scope
        self._proxies = proxies
        self.receive = receive
        self.method: str = scope["method"]
        self.path: bytes = scope.get("raw_path") or scope["path"].encode()
        self.request_id = read.request_id(scope["headers"])
        self.headers: read.Headers = {}
        self.params: Mapping[str, str] = {}
        self.route = NO_ROUTE
        self.key_id = ""
        self.operation = ""  # Its name, once there is a route.

    @property
    def peer(self) -> str:
        """The address of the connection's other end."""
        return read.peer_address(self.scope)

    @property
    def ip(self) -> str:
        """The address that the request comes from."""
        return self._proxies.origin(self.peer, self.scope["headers"])

    def age(self) -> float:
        """Seconds since it came."""
        return asyncio.get_running_loop().time() - self.arrived

    def tell(self, *, status: int, code: str | None) -> None:
        """Metrics and the one log line of a request: ids and figures, nothing that was sent."""
        seconds = perf_counter() - self.began
        method = self.method if self.route != NO_ROUTE else "ANY"
        METRICS.request_answered(route=self.route, method=method, status=status, seconds=seconds)
        if code is not None:
            METRICS.refused(code)
        facts: dict[str, object] = {
            "route": self.route,
            "method": method,
            "status": status,
            "code": code,
            "ms": round(seconds * 1_000, 2),
            "key_id": self.key_id,
        }
        log_request(_log, facts, request_id=self.request_id)
