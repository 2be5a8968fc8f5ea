"""A port of its own for what is nobody else's business: documentation, the OpenAPI document, metrics.

Which port a request came to is read off its connection; nothing that a caller sends can change it. At the public port
those paths are as if they weren't there; the internal one has nothing else, so that no till is set up to use it. Both
tell whether the service is up: who spreads load asks the one, who watches the process the other.
"""

from collections.abc import Collection

from starlette.types import ASGIApp, Receive, Scope, Send

HEALTH_PATHS = frozenset({"/health/live", "/health/ready"})
NOWHERE = "/-"


class PortsApart:
    """The application, at each of two ports its part."""

    def __init__(self, app: ASGIApp, *, internal_port: int, internal_paths: Collection[str]) -> None:
        self._app = app
        self._internal_port = internal_port
        self._internal_paths = frozenset(internal_paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not self._is_at_its_port(scope):
            scope = {**scope, "path": NOWHERE, "raw_path": NOWHERE.encode()}
        await self._app(scope, receive, send)

    def _is_at_its_port(self, scope: Scope) -> bool:
        path, server = scope["path"], scope["server"]
        is_internal = server is not None and server[1] == self._internal_port
        return path in HEALTH_PATHS or (path in self._internal_paths) == is_internal
