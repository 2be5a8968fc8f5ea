"""What tests share: a till's client, small programs, a service in this process, a service in processes of its own."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import orjson

from app.api.edge import Edge
from app.config import Settings
from app.deed_log import command_deed, note_command
from app.keyring import Keyring, open_keyring
from app.main import build_app
from app.storage.keys import create_key
from app.wiring import open_service

START_SECONDS_MAX = 30.0
# One till of a test misses as often as a hundred: budgets have tests of their own (tests/e2e/test_lookup_budget.py).
NO_BUDGETS = ("lookup_misses_5min", "lookup_misses_day", "lookup_misses_shop_day", "lookup_misses_bulk_day")


def small_program(**parts: Any) -> dict[str, Any]:
    """1 point for each 1.00 paid, worth 1.00; anything else by `parts`."""
    return {
        "currency": "RUB",
        "timezone": "Europe/Moscow",
        "wallets": {"points": {"value": 100}},
        "rules": [{"id": "base", "kind": "bonus", "give": {"per": {"amount": 100, "units": 1}}}],
        **parts,
    }


@dataclass(frozen=True, slots=True)
class Stage:
    """A database and a cache for one test, with the secrets of its service."""

    database_url: str  # As the application's role.
    owner_url: str  # As a superuser: for looking behind the curtain.
    redis_url: str
    data_dir: Path

    def settings(self, **more: Any) -> Settings:
        values: dict[str, Any] = {
            "database_url": self.database_url,
            "database_owner_url": self.owner_url,
            "redis_url": self.redis_url,
            "data_dir": self.data_dir,
            "at_max_age_hours": 0,
            **dict.fromkeys(NO_BUDGETS, 0),
        }
        return Settings(**{**values, **more})

    def keyring(self) -> Keyring:
        return open_keyring(self.data_dir / "secrets.json", data_dir=self.data_dir)

    async def key(self, role: str, *, shop: str | None = None, terminal: str | None = None) -> str:
        created = await create_key(self.owner_url, role=role, shops=[shop] if shop else [], terminal=terminal)
        return created.key

    async def noted_key(self, role: str, *, shop: str | None = None, terminal: str | None = None) -> str:
        """Likewise, as the command makes one: for tests that last longer than an hour of the database's clock."""
        created = await create_key(self.owner_url, role=role, shops=[shop] if shop else [], terminal=terminal)
        await note_command(self.owner_url, command_deed("create_key", object=f"keys/{created.id}", details={}))
        return created.key


_SERIAL = count(1)


@dataclass(slots=True)
class Desk:
    """A caller with a key. Every write gets an idempotency key of its own, every sale a receipt number of its own,
    unless given.
    """

    http: httpx.AsyncClient
    key: str

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        sent = {"Authorization": f"Bearer {self.key}", **(headers or {})}
        if method not in {"GET", "HEAD"}:
            sent.setdefault("Content-Type", "application/json")
            sent["Idempotency-Key"] = key or f"k{next(_SERIAL)}-{os.getpid()}"
        content = body if isinstance(body, bytes) else orjson.dumps(body if body is not None else {})
        return await self.http.request(method, path, content=None if method == "GET" else content, headers=sent)

    async def get(self, path: str) -> httpx.Response:
        return await self.call("GET", path)

    async def post(self, path: str, body: Any = None, **more: Any) -> httpx.Response:
        return await self.call("POST", path, body, **more)

    async def good(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """The JSON of an answer that must be 2xx."""
        response = await self.call(method, path, body, **more)
        assert response.is_success, f"{method} {path}: {response.status_code} {response.text}"
        return response.json()

    async def register(self, **profile: Any) -> str:
        """A new customer's id; a card of its own unless identified otherwise."""
        if not {"phone", "card", "external_id"} & profile.keys():
            profile["card"] = f"C{next(_SERIAL)}"
        customer = await self.good("POST", "/v1/customers", profile)
        return str(customer["id"])

    async def publish(self, program: Mapping[str, Any]) -> int:
        await self.good("PUT", "/v1/program/draft", program)
        return int((await self.good("POST", "/v1/program/publish"))["version"])

    async def accrue(
        self, customer: str | Mapping[str, str] | None, *lines: Mapping[str, Any], **more: Any
    ) -> httpx.Response:
        return await self.post("/v1/accrue", purchase(customer, *lines, **more))

    async def balance(self, customer: str, wallet: str = "points", *, min_version: int = 0) -> int:
        answer = await self.good("GET", f"/v1/customers/{customer}/balance?min_version={min_version}")
        return int(answer["wallets"][wallet]["available"])


def line(place: int = 1, *, price: int = 10000, qty: int | str = 1, **more: Any) -> dict[str, Any]:
    return {"id": str(place), "price": price, "qty": qty, **more}


def purchase(
    customer: str | Mapping[str, str] | None, *lines: Mapping[str, Any], receipt: str | None = None, **more: Any
) -> dict[str, Any]:
    """The body of an accrue, for a customer by id or by any reference: one line of 100.00 unless given."""
    body: dict[str, Any] = {
        "receipt": {"number": receipt or f"R{next(_SERIAL)}-{os.getpid()}"},
        "basket": {"lines": list(lines) or [line()]},
        **more,
    }
    if customer is not None:
        body["customer"] = {"id": customer} if isinstance(customer, str) else customer
    return body


def refund(*lines: tuple[str, int | str], receipt: str | None = None) -> dict[str, Any]:
    """The body of a return: the named lines, or all that is left."""
    body: dict[str, Any] = {"receipt": {"number": receipt or f"V{next(_SERIAL)}-{os.getpid()}"}}
    if lines:
        return {**body, "lines": [{"id": line_id, "qty": qty} for line_id, qty in lines]}
    return {**body, "all": True}


@asynccontextmanager
async def served_here(stage: Stage, **settings: Any) -> AsyncIterator[Edge]:
    """The whole service in this process, on real PostgreSQL and Valkey; call it through `client_of`."""
    chosen = stage.settings(**settings)
    async with open_service(
        chosen, stage.keyring(), database_url=stage.database_url, redis_url=stage.redis_url
    ) as service:
        edge = build_app(
            lambda: open_service(chosen, stage.keyring(), database_url="", redis_url=None),
            phone_region="RU",
            public_url=chosen.public_url,
            trusted_proxies=chosen.trusted_networks,
        )
        edge.open(service)
        yield edge
        await edge.close()


@asynccontextmanager
async def client_of(edge: Edge) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=edge), base_url="http://kopilka") as http:
        yield http


@dataclass(frozen=True, slots=True)
class LiveService:
    """`python -m app serve` in processes of its own."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path

    def stop(self, number: int = signal.SIGTERM) -> int:
        """The exit code."""
        self.process.send_signal(number)
        return self.process.wait(timeout=20)

    def kill(self) -> None:
        """All its processes at once, as a power cut would."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=10)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def live(stage: Stage, *, workers: int = 1, port: int | None = None, **env: str) -> AsyncIterator[LiveService]:
    """A live service on the stage; ready when yielded, gone at the end."""
    port = port or free_port()
    log = stage.data_dir / f"serve-{port}.log"
    environment = {
        **os.environ,
        "DATABASE_URL": stage.database_url,
        "DATABASE_OWNER_URL": stage.owner_url,
        "REDIS_URL": stage.redis_url,
        "DATA_DIR": str(stage.data_dir),
        "WORKERS": str(workers),
        "PORT": str(port),
        "AT_MAX_AGE_HOURS": "0",
        **{name.upper(): "0" for name in NO_BUDGETS},
        **env,
    }
    process = _spawn(environment, log)
    service = LiveService(f"http://127.0.0.1:{port}", process, log)
    try:
        await _until_ready(service)
        yield service
    finally:
        if process.poll() is None:
            service.kill()


def _spawn(environment: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as out:
        return subprocess.Popen(
            [sys.executable, "-m", "app", "serve"], env=environment, stdout=out, stderr=out, start_new_session=True
        )


async def _until_ready(service: LiveService) -> None:
    async with httpx.AsyncClient(base_url=service.url) as http:
        for _ in range(int(START_SECONDS_MAX / 0.1)):
            if service.process.poll() is not None:
                raise AssertionError(f"the service ended: {service.log.read_text()[-2000:]}")
            try:
                if (await http.get("/health/ready")).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.1)
    raise AssertionError(f"the service is not ready: {service.log.read_text()[-2000:]}")
