"""Every route by every caller: who may, and that whoever may not has written nothing and has learned nothing.

Callers are a key of each role, a session of each role that people have, no key, bad keys and sessions, keys without
what they demand besides. The routes are those of the table that the edge serves, with the OpenAPI document's own
examples as bodies; who may call them stands in `test_roles.ROUTES`, who needs no key here. A new route or role is in
neither, and fails. Whose objects they reach: `test_roles_matrix_objects`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg
import httpx
import orjson
import pytest

from app.api.docs_page import PAGE_PATHS
from app.api.edge import Edge
from app.api.openapi import openapi_document
from app.api.operations import OPERATIONS
from app.api.ports_apart import HEALTH_PATHS, PortsApart
from app.domain.key_text import KeyEnv, key_text
from app.flows.keep_people import BadPerson
from app.flows.ports_people import PEOPLE
from app.flows.requests import Role
from app.main import INTERNAL_PATHS, OPENAPI_PATH
from app.storage.keys import create_key, revoke_key
from tests.e2e.callers import Who, by_every_caller, desk_of, signed_in
from tests.e2e.checks import refused
from tests.e2e.everything import everything
from tests.e2e.people import HERE, keeper_of
from tests.e2e.test_roles import NOBODY, ROUTES
from tests.kit import Desk, Stage, line, purchase

DOCUMENT = openapi_document(OPERATIONS, version="0")
FILLED = {
    "id": NOBODY, "key": "x", "version": 9, "code": "X", "number": "N", "date": "x", "tx_id": NOBODY,
}  # fmt: skip
# What needs no key: it tells of nobody, or is the way in.
OPEN = {
    "GET /health/live", "GET /health/ready", "GET /metrics", "GET /.well-known/jwks.json",
    "GET /v1/draws/{date}", "GET /v1/prize-draws/{id}", "GET /v1/prize-draws/{id}/entrants",
    "POST /v1/session", "POST /v1/session/set-up", "GET /v1/sign-in", "GET /v1/sign-in/callback",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Route:
    """One of the document, with a sound request to it; `roles` None needs no key."""

    method: str
    template: str
    path: str
    body: Any
    roles: frozenset[str] | None
    is_write: bool

    def __str__(self) -> str:
        return f"{self.method} {self.template}"


def _routes() -> tuple[Route, ...]:
    writes = {(each.method, each.path) for each in OPERATIONS if each.is_write}
    return tuple(
        Route(
            method.upper(), path, path.format(**FILLED), _example(told), _roles(told), (method.upper(), path) in writes
        )
        for path, methods in DOCUMENT["paths"].items()
        for method, told in methods.items()
    )


def _example(told: Mapping[str, Any]) -> Any:
    examples = told.get("requestBody", {}).get("content", {}).get("application/json", {}).get("examples", {})
    return next((example["value"] for example in examples.values()), {})


def _roles(told: Mapping[str, Any]) -> frozenset[str] | None:
    return None if told.get("security") == [] else frozenset(told["x-roles"])


DOCUMENTED = _routes()
WITH_KEY = tuple(route for route in DOCUMENTED if route.roles is not None)
MAY = {(method, path.partition("?")[0]): roles for (method, path), roles in ROUTES.items()}


def test_every_route_that_is_served_is_documented() -> None:
    assert {str(route) for route in DOCUMENTED} == {f"{each.method} {each.path}" for each in OPERATIONS}
    assert {OPENAPI_PATH, *PAGE_PATHS} <= INTERNAL_PATHS


def test_every_route_of_the_document_stands_in_the_table_with_its_roles() -> None:
    assert {(route.method, route.path): set(route.roles or ()) for route in WITH_KEY} == MAY
    assert {str(route) for route in DOCUMENTED if route.roles is None} == OPEN


async def test_every_role_stands_in_the_table_and_may_sign_in_or_not(stage: Stage) -> None:
    assert set[str]().union(*ROUTES.values()) == set(Role)
    assert ROUTES["GET", "/v1/session"] == PEOPLE
    async with keeper_of(stage) as people:
        for role in set(Role) - PEOPLE:
            with pytest.raises(BadPerson):
                await people.create(login="anna", role=role)


@pytest.fixture
async def sold_something(till: Desk) -> None:
    """So that there is something to change."""
    customer = await till.register()
    await till.good("POST", "/v1/accrue", purchase(customer, line(price=50_000)))


@by_every_caller
@pytest.mark.usefixtures("sold_something")
async def test_what_a_role_may_not_is_refused_and_writes_nothing(
    stage: Stage, edge: Edge, http: httpx.AsyncClient, owner: asyncpg.Connection, who: Who
) -> None:
    async with desk_of(who, stage, edge, http) as desk:
        before = await everything(owner)
        for route in WITH_KEY:
            if who.role not in MAY[route.method, route.path]:
                refused(await desk.call(route.method, route.path, route.body), 403, "insufficient_scope")
        assert await everything(owner) == before


async def _bad_keys(stage: Stage, edge: Edge, till: Desk) -> Mapping[str, Mapping[str, str]]:
    """Headers by what is wrong with them."""
    revoked = await create_key(stage.owner_url, role="admin", shops=[], terminal=None)
    assert await revoke_key(stage.owner_url, revoked.id)
    unknown = key_text(env=KeyEnv.LIVE, key_id=revoked.id, secret="x" * 43)
    keys = {
        "revoked": revoked.key,
        "unknown": unknown,
        "of the first releases, unknown": unknown[:-6],
        "a typo": till.key[:-1] + ("x" if till.key[-1] != "x" else "y"),
        "another case": till.key.swapcase(),
        "not ASCII": "ключ",
        "an SQL quote": "' or true --",
    }
    bearers = {name: {"Authorization": f"Bearer {key}"} for name, key in keys.items() if key.isascii()}
    async with signed_in(stage, edge, Role.ADMIN) as desk:
        ended, guard = desk.http.cookies["kopilka"], {"Origin": HERE, "X-CSRF-Token": desk.key}
        await desk.good("DELETE", "/v1/session")
    cookies = {"ended": ended, "unknown": "x" * 43, "none": "", "sent twice": f"{ended}; kopilka={ended}"}
    sessions = {f"a session, {name}": {"Cookie": f"kopilka={text}", **guard} for name, text in cookies.items()}
    return {
        "none": {},
        "another scheme": {"Authorization": f"Basic {till.key}"},
        "as a cookie": {"Cookie": f"key={till.key}"},
        "as a session": {"Cookie": f"kopilka={till.key}", **guard},
        "as another header": {"X-Api-Key": till.key},
        **bearers,
        **sessions,
    }


@pytest.mark.usefixtures("sold_something")
async def test_without_a_good_key_every_route_says_the_same_and_writes_nothing(
    till: Desk, stage: Stage, edge: Edge, owner: asyncpg.Connection
) -> None:
    bad = await _bad_keys(stage, edge, till)
    before, said = await everything(owner), set()
    for route in WITH_KEY:
        for name, headers in bad.items():
            sent = {**headers, "Idempotency-Key": "k", "Content-Type": "application/json", "X-Request-Id": "same"}
            body = None if route.method == "GET" else orjson.dumps(route.body)
            answer = await till.http.request(route.method, route.path, content=body, headers=sent)
            refused(answer, 401, "unauthenticated")
            said.add((answer.content, tuple(sorted(answer.headers.items()))))
            assert len(said) == 1, f"{route} with a key that is {name}"
    assert await everything(owner) == before


@pytest.mark.parametrize(
    "wrong",
    [
        {"X-CSRF-Token": ""},
        {"X-CSRF-Token": "0" * 64},
        {"Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
    ids=str,
)
@pytest.mark.usefixtures("sold_something")
async def test_another_page_writes_nothing_at_any_route(
    stage: Stage, edge: Edge, owner: asyncpg.Connection, wrong: Mapping[str, str]
) -> None:
    async with signed_in(stage, edge, Role.ADMIN) as admin:
        before = await everything(owner)
        for route in WITH_KEY:
            if route.method != "GET":
                answer = await admin.call(route.method, route.path, route.body, headers=wrong)
                refused(answer, 403, "insufficient_scope")
        assert await everything(owner) == before


@pytest.mark.usefixtures("sold_something")
async def test_a_key_without_what_it_demands_besides_is_no_key_at_any_route(
    till: Desk, stage: Stage, owner: asyncpg.Connection
) -> None:
    signing = await create_key(stage.owner_url, role="admin", shops=[], terminal=None, signed_by=bytes(32))
    bound = await create_key(stage.owner_url, role="admin", shops=[], terminal=None, certificate_sha256=bytes(32))
    unsigned, uncertified = Desk(till.http, signing.key), Desk(till.http, bound.key)
    before = await everything(owner)
    for route in WITH_KEY:
        refused(await uncertified.call(route.method, route.path, route.body), 401, "unauthenticated")
        if route.is_write:
            refused(await unsigned.call(route.method, route.path, route.body), 401, "unauthenticated")
    assert await everything(owner) == before


async def test_what_needs_no_key_looks_at_none(till: Desk, stage: Stage) -> None:
    admin = await stage.key("admin")
    for route in DOCUMENTED:
        if route.roles is None:
            bodies = None if route.method == "GET" else route.body
            statuses = [
                (await till.http.request(route.method, route.path, json=bodies, headers=headers)).status_code
                for headers in ({}, {"Authorization": f"Bearer {admin}"}, {"Authorization": "Bearer nobody"})
            ]
            assert len(set(statuses)) == 1, f"{route}: {statuses}"


async def test_at_the_other_port_there_is_no_route_whoever_asks(edge: Edge, stage: Stage, till: Desk) -> None:
    """With INTERNAL_PORT: the internal port has the internal routes and health alone, the public one the rest."""
    apart = PortsApart(edge, internal_port=9_000, internal_paths=INTERNAL_PATHS)
    headers = {"Authorization": f"Bearer {await stage.key('admin')}", "X-Request-Id": "same", "Idempotency-Key": "k"}
    asked = {(route.method, route.path) for route in DOCUMENTED} | {("GET", path) for path in INTERNAL_PATHS}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=apart)) as http:
        for port in (80, 9_000):
            base = f"http://kopilka:{port}"
            nothing = await http.get(f"{base}/v1/nothing", headers=headers)
            refused(nothing, 404, "not_found")
            for method, path in sorted(asked):
                if path in HEALTH_PATHS or (path in INTERNAL_PATHS) == (port == 9_000):
                    continue
                answer = await http.request(method, f"{base}{path}", json={}, headers=headers)
                assert (answer.content, answer.headers) == (nothing.content, nothing.headers), f"{path} at {port}"
