"""Everybody who may call: a key of each role, and a person of each role that can sign in, at a browser."""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

import httpx
import orjson
import pytest

from app.api.edge import Edge
from app.flows.ports_people import PEOPLE
from app.flows.requests import Role
from tests.e2e.people import HERE, account_of, browser_of
from tests.kit import Desk, Stage

_SERIAL = count(1)


@dataclass(frozen=True, slots=True)
class Who:
    """A role, by a key or by a session."""

    role: Role
    at_browser: bool

    def __str__(self) -> str:
        return f"a session of {self.role}" if self.at_browser else f"a key of {self.role}"


CALLERS = (*(Who(role, at_browser=False) for role in Role), *(Who(role, at_browser=True) for role in sorted(PEOPLE)))
by_every_caller = pytest.mark.parametrize("who", CALLERS, ids=str)


class SignedIn(Desk):
    """A person at a browser, who calls as a key does: `http` keeps the cookie, `key` is the guard of its writes."""

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        sent = {"Origin": HERE, "X-CSRF-Token": self.key, **(headers or {})}
        if method == "GET":
            return await self.http.request(method, path, headers=sent)
        sent |= {"Content-Type": "application/json", "Idempotency-Key": key or f"s{next(_SERIAL)}-{os.getpid()}"}
        content = body if isinstance(body, bytes) else orjson.dumps(body if body is not None else {})
        return await self.http.request(method, path, content=content, headers=sent)


@asynccontextmanager
async def signed_in(stage: Stage, edge: Edge, role: Role) -> AsyncIterator[SignedIn]:
    async with browser_of(edge) as browser:
        answer = await browser.sign_in(await account_of(stage, browser, login=f"a-{role}", role=role))
        assert answer.status_code == 200, answer.text
        yield SignedIn(browser.http, browser.guard)


@asynccontextmanager
async def desk_of(who: Who, stage: Stage, edge: Edge, http: httpx.AsyncClient) -> AsyncIterator[Desk]:
    """Keys that need a shop are of S1; the till is T8."""
    if who.at_browser:
        async with signed_in(stage, edge, who.role) as desk:
            yield desk
    else:
        needed = {Role.POS: {"shop": "S1", "terminal": "T8"}, Role.SHOP: {"shop": "S1"}}.get(who.role, {})
        yield Desk(http, await stage.key(who.role, **needed))
