"""People for tests of signing in: a browser that keeps cookies, an account with its authenticator."""

import base64
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from app.api.edge import Edge
from app.domain.one_time_codes import STEP_SECONDS, step_of, totp
from app.flows.keep_people import KeepPeople
from app.storage.engine import Database
from app.wiring_people import keeping_people
from tests.kit import Stage

HERE = "http://127.0.0.1:8000"
PASSWORD = "correct horse battery"
EDGE_SECONDS = 1.0  # In which a code that was made is read.


@dataclass(slots=True)
class Browser:
    """Keeps cookies, says whose page it shows, sends the session's guard with what it writes."""

    http: httpx.AsyncClient
    origin: str = HERE
    guard: str = ""
    _serial: int = field(default=0)

    async def get(self, path: str) -> httpx.Response:
        return await self.http.get(path)

    async def send(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """A write; a header given as "" isn't sent."""
        self._serial += 1
        sent = {
            "Origin": self.origin,
            "Sec-Fetch-Site": "same-origin",
            "X-CSRF-Token": self.guard,
            "Idempotency-Key": f"b{self._serial}",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        sent = {name: value for name, value in sent.items() if value}
        return await self.http.request(method, path, json=body if body is not None else {}, headers=sent)

    async def sign_in(self, account: "LocalAccount", **wrong: str) -> httpx.Response:
        body = {"login": account.login, "password": PASSWORD, "code": account.code(), **wrong}
        answer = await self.send("POST", "/v1/session", body)
        if answer.status_code == 200:
            self.guard = answer.json()["csrf_token"]
        return answer


def past_the_edge() -> None:
    """Sleep over the end of a half-minute that is near: the code before now's would be too old on its arrival."""
    left = STEP_SECONDS - time.time() % STEP_SECONDS
    if left < EDGE_SECONDS:
        time.sleep(left + 0.01)


@dataclass(slots=True)
class LocalAccount:
    """`code` gives codes of later and later steps: the one before, now's, the one after; three in half a minute."""

    id: str
    login: str
    secret: bytes
    used: int = 0

    def code(self) -> str:
        if self.used < step_of(datetime.now(UTC)) - 1:  # It will be the one before.
            past_the_edge()
        self.used = max(self.used + 1, step_of(datetime.now(UTC)) - 1)
        return totp(self.secret, self.used)


@asynccontextmanager
async def browser_of(edge: Edge, *, origin: str = HERE, address: str = "127.0.0.1") -> AsyncIterator[Browser]:
    transport = httpx.ASGITransport(app=edge, client=(address, 12345))
    async with httpx.AsyncClient(transport=transport, base_url=origin) as http:
        yield Browser(http, origin)


@asynccontextmanager
async def keeper_of(stage: Stage) -> AsyncIterator[KeepPeople]:
    database = Database(stage.database_url, allow_unsafe=True)
    await database.open()
    try:
        yield keeping_people(database)
    finally:
        await database.close()


async def account_of(stage: Stage, browser: Browser, *, login: str = "anna", role: str = "support") -> LocalAccount:
    """Made, and set up by its owner."""
    async with keeper_of(stage) as people:
        person_id, invitation = await people.create(login=login, role=role)
    answer = await browser.send("POST", "/v1/session/set-up", {"invitation": invitation, "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert told["id"] == person_id
    secret = parse_qs(urlsplit(told["authenticator"]).query)["secret"][0]
    return LocalAccount(person_id, login, base64.b32decode(secret))
