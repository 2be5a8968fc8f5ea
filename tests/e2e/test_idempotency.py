"""Every write, under its key: once, with the same bytes for ever; and what became of a key."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import asyncpg
import httpx
import pytest

from tests.e2e.checks import refused
from tests.kit import Desk, Stage, line, purchase, refund, small_program


@dataclass(frozen=True, slots=True)
class Facts:
    """What the writes of the table are about."""

    customer: str
    purchase: str
    receipt: str


@dataclass(frozen=True, slots=True)
class Write:
    """One write of the contract. `other` is another body for the same path."""

    method: str
    path: Callable[[Facts], str]
    body: Callable[[Facts], Any]
    other: Callable[[Facts], Any]
    status: int
    role: str = "admin"


def spending(facts: Facts, points: int) -> dict[str, Any]:
    body = {"customer": {"id": facts.customer}, "wallet": "points", "points": points, "reason": "x"}
    return {**body, "receipt": {"number": "I-2", "shop": "S1"}}


def selling(facts: Facts, price: int) -> dict[str, Any]:
    body = purchase(facts.customer, line(price=price), receipt="I-1")
    body["receipt"]["shop"] = "S1"
    return body


def returning(**what: Any) -> dict[str, Any]:
    body = refund(receipt="I-3") | what
    body["receipt"]["shop"] = "S1"
    return body


def correcting(points: int) -> dict[str, Any]:
    return {"wallet": "points", "points": points, "reason": "x"}


WRITES = {
    "register": Write("POST", lambda _: "/v1/customers", lambda _: {"card": "1"}, lambda _: {"card": "2"}, 201),
    "update": Write(
        "PATCH", lambda f: f"/v1/customers/{f.customer}", lambda _: {"name": "A"}, lambda _: {"name": "B"}, 200
    ),
    "adjust": Write(
        "POST", lambda f: f"/v1/customers/{f.customer}/adjust", lambda _: correcting(5), lambda _: correcting(6), 201
    ),
    "accrue": Write("POST", lambda _: "/v1/accrue", lambda f: selling(f, 500), lambda f: selling(f, 501), 201),
    "redeem": Write("POST", lambda _: "/v1/redeem", lambda f: spending(f, 5), lambda f: spending(f, 6), 201),
    "return": Write(
        "POST",
        lambda f: f"/v1/purchases/{f.purchase}/returns",
        lambda _: returning(),
        lambda _: returning(receipt={"number": "I-4"}),
        201,
    ),
    "return by receipt": Write(
        "POST",
        lambda _: "/v1/returns",
        lambda f: returning(purchase={"shop": "S1", "terminal": "T1", "number": f.receipt}),
        lambda _: returning(purchase={"shop": "S1", "terminal": "T1", "number": "other"}),
        201,
    ),
    "draft": Write(
        "PUT", lambda _: "/v1/program/draft", lambda _: small_program(), lambda _: small_program(rules=[]), 200
    ),
    "publish": Write("POST", lambda _: "/v1/program/publish", lambda _: {}, lambda _: {"x": 1}, 200),
    "republish": Write("POST", lambda _: "/v1/program/versions/1/republish", lambda _: {}, lambda _: {"x": 1}, 200),
}


@pytest.fixture
async def facts(till: Desk) -> Facts:
    customer = await till.register(phone="+79001234567")
    sold = (await till.accrue(customer, line(price=50000), receipt="I-0")).json()
    return Facts(customer=customer, purchase=sold["id"], receipt="I-0")


async def counts(owner: asyncpg.Connection) -> dict[str, int]:
    tables = ("txs", "entries", "events", "claims", "customers", "lots", "programs", "answers", "purchases")
    return {table: await owner.fetchval(f"select count(*) from {table}") for table in tables}


@pytest.mark.parametrize("name", WRITES)
async def test_a_write_is_done_once_and_answered_the_same_for_ever(
    admin: Desk, facts: Facts, owner: asyncpg.Connection, name: str
) -> None:
    write = WRITES[name]
    path, body = write.path(facts), write.body(facts)
    first = await admin.call(write.method, path, body, key="one")
    assert first.status_code == write.status, first.text
    assert "Idempotent-Replayed" not in first.headers
    before = await counts(owner)
    shuffled = dict(reversed(body.items()))  # The same JSON value.
    for sent in (body, shuffled):
        again = await admin.call(write.method, path, sent, key="one")
        assert (again.status_code, again.content) == (first.status_code, first.content)
        assert again.headers["Idempotent-Replayed"] == "true"
        assert again.headers["Content-Type"] == first.headers["Content-Type"]
    state = await admin.good("GET", "/v1/requests/one")
    assert state == {"state": "done", "status": write.status, "body": first.json()}
    assert await counts(owner) == before


@pytest.mark.parametrize("name", WRITES)
async def test_a_key_is_for_one_request(admin: Desk, facts: Facts, owner: asyncpg.Connection, name: str) -> None:
    write = WRITES[name]
    path = write.path(facts)
    assert (await admin.call(write.method, path, write.body(facts), key="one")).status_code == write.status
    before = await counts(owner)
    other_body = await admin.call(write.method, path, write.other(facts), key="one")
    if name not in {"publish", "republish"}:  # Which take no body, so another one is refused for itself.
        refused(other_body, 422, "idempotency_key_reused")
    other_path = await admin.post(f"/v1/customers/{facts.customer}/adjust", correcting(9), key="one")
    refused(other_path, 422, "idempotency_key_reused")
    assert await counts(owner) == before


@pytest.mark.parametrize("name", WRITES)
async def test_a_write_without_a_key_that_can_be_used_writes_nothing(
    admin: Desk, facts: Facts, owner: asyncpg.Connection, name: str
) -> None:
    write = WRITES[name]
    before = await counts(owner)
    headers = {"Authorization": f"Bearer {admin.key}", "Content-Type": "application/json"}

    async def send(**more: str) -> httpx.Response:
        sent = httpx.Headers({**headers, **more}, encoding="latin-1")
        return await admin.http.request(write.method, write.path(facts), json=write.body(facts), headers=sent)

    refused(await send(), 400, "idempotency_key_missing")
    for key in ("", "x" * 256, "caf\u00e9", "tab\tkey"):
        refused(await send(**{"Idempotency-Key": key}), 400, "idempotency_key_invalid")
    assert await counts(owner) == before
    assert (await send(**{"Idempotency-Key": "x" * 255})).status_code == write.status


async def test_the_query_is_part_of_the_request(till: Desk) -> None:
    customer = await till.register()
    body = purchase(customer)
    await till.good("POST", "/v1/accrue?explain=true", body, key="one")
    refused(await till.post("/v1/accrue", body, key="one"), 422, "idempotency_key_reused")


async def test_a_key_belongs_to_a_terminal(till: Desk, stage: Stage, admin: Desk) -> None:
    customer = await till.register()
    neighbour = Desk(till.http, await stage.key("pos", shop="S1", terminal="T2"))
    elsewhere = Desk(till.http, await stage.key("pos", shop="S2", terminal="T1"))
    rotated = Desk(till.http, await stage.key("pos", shop="S1", terminal="T1"))
    body = purchase(customer, receipt="K")
    first = await till.post("/v1/accrue", body, key="one")
    for desk in (neighbour, elsewhere):
        refused_state = await desk.good("GET", "/v1/requests/one")
        assert refused_state["state"] == "unknown"
        assert (await desk.post("/v1/accrue", body, key="one")).json()["id"] != first.json()["id"]
    again = await rotated.post("/v1/accrue", body, key="one")  # The same terminal with a new key.
    assert (again.content, again.headers["Idempotent-Replayed"]) == (first.content, "true")
    assert (await admin.good("GET", "/v1/requests/one"))["state"] == "unknown"


async def test_people_have_keys_of_their_own(till: Desk, stage: Stage) -> None:
    customer = await till.register()
    first, second = [Desk(till.http, await stage.key("support")) for _ in range(2)]
    for desk in (first, second):
        answer = await desk.post(f"/v1/customers/{customer}/adjust", correcting(10), key="one")
        assert "Idempotent-Replayed" not in answer.headers
    assert await first.balance(customer, min_version=2) == 20


async def test_a_key_never_seen_is_unknown(till: Desk) -> None:
    assert await till.good("GET", "/v1/requests/never") == {"state": "unknown", "status": None, "body": None}
    assert (await till.good("GET", "/v1/requests/a%20b%2Fc"))["state"] == "unknown"
    refused(await till.get(f"/v1/requests/{'x' * 256}"), 400, "idempotency_key_invalid")
    refused(await till.get("/v1/requests/caf%C3%A9"), 400, "idempotency_key_invalid")


async def test_a_kept_refusal_is_done_and_another_one_is_not(till: Desk) -> None:
    customer = await till.register()
    poor = purchase(customer, receipt="R", redeem={"points": 1})
    problem = refused(await till.post("/v1/accrue", poor, key="poor"), 409, "insufficient_points")
    assert await till.good("GET", "/v1/requests/poor") == {"state": "done", "status": 409, "body": problem}
    wrong = purchase(customer, receipt="R") | {"basket": {"lines": []}}
    refused(await till.post("/v1/accrue", wrong, key="wrong"), 422, "validation_error")
    unknown = purchase({"card": "404"}, receipt="R")
    refused(await till.post("/v1/accrue", unknown, key="wrong"), 404, "customer_not_found")
    assert (await till.good("GET", "/v1/requests/wrong"))["state"] == "unknown"
    assert (await till.post("/v1/accrue", purchase(customer, receipt="R"), key="wrong")).status_code == 201


async def test_a_replay_is_answered_whatever_has_happened_since(till: Desk, admin: Desk) -> None:
    customer = await till.register()
    body = purchase(customer, receipt="R")
    first = await till.post("/v1/accrue", body, key="one")
    await till.good("POST", f"/v1/purchases/{first.json()['id']}/returns", refund())
    await admin.publish(small_program(rules=[], wallets={"stars": {}}))
    again = await till.post("/v1/accrue", body, key="one")
    assert (again.status_code, again.content) == (201, first.content)
