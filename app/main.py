"""The application that `python -m app serve` answers with.

It has no other server: what a connection may take (`app.api.connections`), whom forwarding headers are believed from,
what is refused of secrets, database and schema before anything answers, are the server's and the start's. Another one,
as `uvicorn app.main:app`, would leave them out without a word, so `app` refuses to start there.

The edge answers every call of the contract. FastAPI stands behind it with the documentation (`/docs`, `/openapi.json`)
and the lifespan: the service is opened before the first request and closed after the last write. Before the edge stands
only what a setting asks for: origins that may call from a browser (CORS_ORIGINS), a port of its own for what is nobody
else's business (INTERNAL_PORT).
"""

import asyncio
import gc
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import structlog
from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.cors import SharedWithOrigins
from app.api.docs_page import PAGE_PATHS, add_docs
from app.api.edge import Edge
from app.api.openapi import openapi_document
from app.api.operations import OPERATIONS
from app.api.ports_apart import PortsApart
from app.api.proxies import Network, TrustedProxies
from app.api.sessions_cookies import Site
from app.config import Settings
from app.engines import running_engines
from app.flows.service import Service
from app.keyring import open_keyring
from app.processors import run_anywhere
from app.telemetry.metrics import build_version

# Purchases leave no cycles behind: of 14,000 none had to be found. But a round of 64 holds tens of thousands of objects
# while it is decided, so that by Python's own thresholds (700, 10, 10) every fourth purchase set a search off, 4.5 % of
# the processor. By these there was none in 15,000 purchases; what refusals leave is found at 10 MB at the latest.
GC_THRESHOLDS = (50_000, 10, 10)

OPENAPI_PATH = "/openapi.json"
METRICS_PATH = "/metrics"
INTERNAL_PATHS = frozenset({*PAGE_PATHS, OPENAPI_PATH, METRICS_PATH})

_log = structlog.get_logger("app.main")

ONLY_SERVE = "start Kopilka with `python -m app serve`: another server has neither its checks nor its limits"

OpenService = Callable[[], AbstractAsyncContextManager[Service]]


class Documentation(FastAPI):
    """FastAPI with the document of our own table of operations; it has no routes besides its pages."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            self.openapi_schema = openapi_document(OPERATIONS, version=self.version)
        return self.openapi_schema


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """What another server finds here: it doesn't start, and says why."""
    if scope["type"] != "lifespan":
        raise RuntimeError(ONLY_SERVE)
    await receive()
    await send({"type": "lifespan.startup.failed", "message": ONLY_SERVE})


def create_app(settings: Settings) -> ASGIApp:
    """The application as the settings say."""
    edge = build_app(
        lambda: _service(settings),
        phone_region=settings.phone_region,
        trusted_proxies=settings.trusted_networks,
        public_url=settings.public_url,
    )
    return fronted(edge, settings)


def fronted(app: ASGIApp, settings: Settings) -> ASGIApp:
    """The application behind what the settings ask for; itself where they ask for nothing."""
    if settings.internal_port is not None:
        app = PortsApart(app, internal_port=settings.internal_port, internal_paths=INTERNAL_PATHS)
    if settings.allowed_origins:
        app = SharedWithOrigins(app, origins=settings.allowed_origins)
    return app


def build_app(
    open_service: OpenService,
    *,
    phone_region: str,
    trusted_proxies: Sequence[Network] = (),
    public_url: str | None = None,
) -> Edge:
    """An application around any service."""

    @asynccontextmanager
    async def lifespan(_pages: FastAPI) -> AsyncIterator[None]:
        # What calculates in a thread (passwords, programs) takes no till's processor where there is another.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(initializer=run_anywhere))
        async with open_service() as service:
            edge.open(service)
            try:
                yield
            finally:
                await edge.close()

    pages = Documentation(
        title="Kopilka",
        version=build_version(),
        docs_url=None,
        openapi_url=OPENAPI_PATH,
        redoc_url=None,
        lifespan=lifespan,
        telemetry={"auto_configure": False},
    )
    add_docs(pages, openapi_path=OPENAPI_PATH)
    edge = Edge(
        OPERATIONS,
        pages=pages,
        page_paths=(*PAGE_PATHS, OPENAPI_PATH),
        phone_region=phone_region,
        proxies=TrustedProxies(trusted_proxies),
        site=Site(public_url),
    )
    return edge


@asynccontextmanager
async def _service(settings: Settings) -> AsyncIterator[Service]:
    """The service on named servers, or on the embedded ones of DATA_DIR."""
    from app.wiring import open_service

    keyring = open_keyring(settings.secrets_path, data_dir=settings.data_dir)
    async with (
        running_engines(settings, say=lambda line: _log.info("engines", line=line)) as addresses,
        open_service(settings, keyring, database_url=addresses.database_url, redis_url=addresses.redis_url) as service,
    ):
        # What is here by now stays. Left among what is looked through, it would stop the tills for 50 ms at a time.
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        yield service
