"""Where storms take place: live services, their database, tills that ask until they know."""

import asyncio
import random
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import asyncpg
import httpx
import orjson

from app.engines.places import SOCKETS_PARENT
from app.verification import verify
from tests.kit import START_SECONDS_MAX, Desk, LiveService, Stage, live, purchase, small_program
from tests.storm.audit import audit
from tests.storm.proxy import Proxy, proxied
from tests.storm.wire import ANSWER_SECONDS_MAX, Lost, Reply, Wire

SETTLE_SECONDS_MAX = 20.0
SOCKET_NAME = ".s.PGSQL.5432"
_SERIAL = count(1)


def fresh(prefix: str) -> str:
    """A key, a receipt number or a name that nobody has used."""
    return f"{prefix}-{next(_SERIAL)}"


@dataclass(slots=True)
class Till:
    """A caller with a connection of its own."""

    wire: Wire
    bearer: str
    put_off: Counter[str | None] = field(default_factory=Counter)  # Answers that said "not now", by their code.

    async def call(
        self, method: str, target: str, body: Any = None, *, key: str | None = None, seconds: float = ANSWER_SECONDS_MAX
    ) -> Reply:
        """Raises `Lost`."""
        headers, content = self.headed(body, key=key)
        return await self.wire.request(method, target, headers=headers, body=content, seconds=seconds)

    def headed(self, body: Any, *, key: str | None) -> tuple[Mapping[str, str], bytes]:
        headers = {"Authorization": f"Bearer {self.bearer}"}
        if body is None:
            return headers, b""
        headers["Content-Type"] = "application/json"
        if key is not None:
            headers["Idempotency-Key"] = key
        return headers, orjson.dumps(body)

    async def post(
        self, target: str, body: Any, *, key: str | None = None, seconds: float = ANSWER_SECONDS_MAX
    ) -> Reply:
        """A write, under a key of its own unless given one. Raises `Lost`."""
        return await self.call("POST", target, body, key=key or fresh("key"), seconds=seconds)

    async def settle(self, target: str, body: Any, *, key: str) -> Reply:
        """Repeats a write until the answer is definite: good, or a "no" that asking again would not change."""
        give_up = time.monotonic() + SETTLE_SECONDS_MAX
        reply: Reply | None = None
        while time.monotonic() < give_up:
            try:
                reply = await self.post(target, body, key=key)
            except Lost:
                reply = None
            if reply is not None and is_definite(reply):
                return reply
            self.put_off[reply.code if reply else "lost"] += 1
            await asyncio.sleep(random.uniform(0.02, 0.1))
        raise AssertionError(f"{target} under {key} never came to an end: {reply}")

    async def good(self, method: str, target: str, body: Any = None, *, key: str | None = None) -> Any:
        reply = await self.call(method, target, body, key=key)
        assert reply.is_good, f"{method} {target}: {reply}"
        return reply.json()

    async def balance(self, customer: str) -> int:
        answer = await self.good("GET", f"/v1/customers/{customer}/balance")
        return int(answer["wallets"]["points"]["available"])

    async def version(self, customer: str) -> int:
        return int((await self.good("GET", f"/v1/customers/{customer}/balance"))["version"])


def is_definite(reply: Reply) -> bool:
    """Whether the same request under the same key would get this answer again. A service never says 500, whatever
    happens to it.
    """
    assert reply.status != 500, f"the service failed: {reply}"
    return reply.status not in {429, 503} and reply.code != "request_in_progress"


class Stopwatch:
    """How long what is inside took."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began


@dataclass(slots=True)
class Ground:
    """A service with a database, and whom it has told what."""

    stage: Stage
    service: LiveService
    admin: Desk
    told: set[str] = field(default_factory=set)  # Transactions that somebody was told of.
    keys: dict[str, str] = field(default_factory=dict)  # By terminal, which has one for all storms on this ground.

    async def key(self, terminal: str) -> str:
        if terminal not in self.keys:
            self.keys[terminal] = await self.stage.key("pos", shop="S1", terminal=terminal)
        return self.keys[terminal]

    async def customer(self, points: int = 0) -> str:
        """A new customer's id."""
        customer = await self.admin.register()
        if points:
            await self.give(customer, points)
        return customer

    async def give(self, customer: str, points: int) -> None:
        body = {"wallet": "points", "points": points, "reason": "storm"}
        given = await self.admin.good("POST", f"/v1/customers/{customer}/adjust", body)
        self.told.add(given["tx_id"])

    def note(self, replies: Iterable[Reply]) -> None:
        """Remember what good answers to writes have said was posted."""
        self.told |= {reply.json()["tx_id"] for reply in replies if reply.is_good}

    async def posted_version(self, customer: str) -> int:
        """As the ledger has it."""
        owner = await asyncpg.connect(self.stage.owner_url)
        try:
            query = "select max(version) from audit_tx where customer_id = $1"
            return int(await owner.fetchval(query, customer))
        finally:
            await owner.close()

    async def audit(self) -> None:
        """Fails unless the ledger is right, by the audit views and by the service's own `verify`."""
        owner = await asyncpg.connect(self.stage.owner_url)
        try:
            await audit(owner, acknowledged=self.told)
        finally:
            await owner.close()
        said: list[str] = []
        assert await verify(self.stage.owner_url, say=said.append, progress=False) == 0, said


@asynccontextmanager
async def ground(stage: Stage, *, workers: int = 1, port: int | None = None, **env: str) -> AsyncIterator[Ground]:
    async with (
        live(stage, workers=workers, port=port, **env) as service,
        httpx.AsyncClient(base_url=service.url) as http,
    ):
        await _all_workers_answer(service)
        yield Ground(stage, service, Desk(http, await stage.key("admin")))


async def _all_workers_answer(service: LiveService) -> None:
    """The first of them may have answered long before the last."""
    for _ in range(int(START_SECONDS_MAX / 0.05)):
        if "Kopilka answers" in service.log.read_text():
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"not all workers answer: {service.log.read_text()[-2000:]}")


def children_of(pid: int | None) -> list[int]:
    """The processes that a process has started."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # It has just ended.
            if stat.read_text().rpartition(")")[2].split()[1] == str(pid):
                found.append(int(stat.parent.name))
    return sorted(found)


@contextmanager
def tills(url: str, bearers: Iterable[str]) -> Iterator[list[Till]]:
    """One till a bearer, on a connection of its own."""
    manned = [Till(Wire(url), bearer) for bearer in bearers]
    try:
        yield manned
    finally:
        for till in manned:
            till.wire.hang_up()


def address_of(url: str) -> tuple[str, int]:
    """Host and port of a service."""
    parts = urlsplit(url)
    if parts.hostname is None or parts.port is None:
        raise ValueError(f"{url} names no host and port")
    return parts.hostname, parts.port


def socket_of(database_url: str) -> Path:
    """The Unix socket that the database listens on."""
    return Path(parse_qs(urlsplit(database_url).query)["host"][0]) / SOCKET_NAME


def sale(
    customer: str | None, *, price: int = 10_000, qty: int = 1, receipt: str | None = None, **more: Any
) -> dict[str, Any]:
    """The body of a purchase of one line, with a receipt number of its own."""
    line = {"id": "1", "price": price, "qty": qty}
    return purchase(customer, line, receipt=receipt or fresh("receipt"), **more)


def in_shop(body: dict[str, Any]) -> dict[str, Any]:
    """The same from a person, who may sell in any shop and says in which."""
    return {**body, "receipt": {**body["receipt"], "shop": "S1"}}


def redemption(customer: str, points: int) -> dict[str, Any]:
    return {
        "customer": {"id": customer},
        "wallet": "points",
        "points": points,
        "receipt": {"number": fresh("gift")},
        "reason": "gift",
    }


@dataclass(frozen=True, slots=True)
class Cable:
    """Two instances with one database and one DATA_DIR: the connections of the first go through a proxy."""

    ground: Ground
    database: Proxy
    beside: Ground


@asynccontextmanager
async def on_a_cable(stage: Stage) -> AsyncIterator[Cable]:
    with tempfile.TemporaryDirectory(prefix="kopilka-storm-", dir=SOCKETS_PARENT) as directory:
        at = Path(directory) / SOCKET_NAME
        cabled = replace(stage, database_url=f"{stage.database_url.partition('?')[0]}?host={directory}")
        async with (
            proxied(socket_of(stage.database_url), at=at) as proxy,
            ground(cabled) as first,
            ground(stage) as second,
        ):
            await first.admin.publish(small_program())
            yield Cable(first, proxy, second)
