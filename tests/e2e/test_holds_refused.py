"""What is refused of holds: bad input writes nothing, a definite "no" is kept under its key."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import asyncpg
import pytest

from app.flows import place_hold
from tests.e2e.checks import pointers, refused
from tests.e2e.hold_desk import balances, capture, check, give, place, release, rows, units
from tests.kit import Desk, Stage, line, purchase

UNKNOWN = "01890000-0000-7000-8000-000000000000"


@pytest.fixture
async def customer(admin: Desk, till: Desk) -> str:
    customer = await till.register()
    await give(admin, customer, 500)
    return customer


@pytest.fixture
async def untouched(owner: asyncpg.Connection, customer: str) -> AsyncIterator[None]:
    """Nothing is written by what is asked for."""
    assert customer
    before = await rows(owner)
    yield
    assert await rows(owner) == before
    await check(owner)


_BASKET = {"basket": {"lines": [{"id": "1", "qty": 1, "price": 100}]}}
BAD: Mapping[str, tuple[dict[str, Any], set[str]]] = {
    "no seconds": (purchase(None, ttl_seconds=0), {"/ttl_seconds"}),
    "more than a week": (purchase(None, ttl_seconds=604_801), {"/ttl_seconds"}),
    "seconds as text": (purchase(None, ttl_seconds="1"), {"/ttl_seconds"}),
    "seconds and a half": (purchase(None, ttl_seconds=1.5), {"/ttl_seconds"}),
    "seconds that are true": (purchase(None, ttl_seconds=True), {"/ttl_seconds"}),
    "nothing": ({}, {"/customer", "/wallet", "/points", "/receipt", "/reason"}),
    "a basket and a wallet": (purchase(None, wallet="points"), {"/wallet"}),
    "a basket and points": (purchase(None, points=5, reason="x"), {"/points", "/reason"}),
    "an unknown member": (purchase(None, until="2030-01-01"), {"/until"}),
    "an empty basket": ({"receipt": {"number": "1"}, "basket": {"lines": []}}, {"/basket/lines"}),
    "no basket at all": ({"receipt": {"number": "1"}, "basket": None}, {"/basket"}),
    "no receipt": (dict(_BASKET), {"/receipt"}),
    "no units": (units(UNKNOWN, 0, receipt="1"), {"/points"}),
    "no such wallet": (units(UNKNOWN, 5, receipt="1") | {"wallet": ""}, {"/wallet"}),
    "the same line twice": (purchase(None, line(1), line(1)), {"/basket/lines/1/id"}),
    "seconds of units": (units(UNKNOWN, 5, receipt="1", ttl_seconds=-1), {"/ttl_seconds"}),
}


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("name", BAD)
async def test_a_bad_hold_is_refused(till: Desk, name: str) -> None:
    body, where = BAD[name]
    assert pointers(refused(await till.post("/v1/holds", body), 422, "validation_error")) == where


@pytest.mark.usefixtures("untouched")
async def test_other_bad_input(till: Desk, customer: str) -> None:
    body = units(customer, 5, receipt="W1")
    answer = await till.post("/v1/holds", body | {"wallet": "silver"})
    assert pointers(refused(answer, 422, "validation_error")) == {"/wallet"}
    refused(await till.post("/v1/holds", b"{"), 400, "malformed_request")
    refused(await till.post("/v1/holds", [body]), 422, "validation_error")
    refused(await till.post("/v1/holds", body, headers={"Content-Type": "text/plain"}), 415, "unsupported_media_type")
    refused(await till.post("/v1/holds", units(UNKNOWN, 5, receipt="W2")), 404, "customer_not_found")
    refused(await till.post("/v1/holds", purchase(UNKNOWN)), 404, "customer_not_found")
    for path in ("/v1/holds", f"/v1/holds/{UNKNOWN}/capture", f"/v1/holds/{UNKNOWN}/release"):
        missing = await till.http.post(path, json=body, headers={"Authorization": f"Bearer {till.key}"})
        refused(missing, 400, "idempotency_key_missing")
        refused(await till.get(path), 405, "method_not_allowed")


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("hold", [UNKNOWN, "nonsense", "0", UNKNOWN.upper() + "0"])
async def test_a_hold_that_is_not_there(till: Desk, hold: str) -> None:
    refused(await till.get(f"/v1/holds/{hold}"), 404, "not_found")
    for what in ("capture", "release"):
        refused(await till.post(f"/v1/holds/{hold}/{what}", {}), 404, "not_found")


@pytest.mark.parametrize(
    ("lines", "where"),
    [
        ([{"id": "9", "qty": 1}], {"/lines/0/id"}),
        ([{"id": "1", "qty": 3}], {"/lines/0/qty"}),
        ([{"id": "1", "qty": 1}, {"id": "2", "qty": "1.001"}], {"/lines/1/qty"}),
        ([{"id": "9", "qty": 1}, {"id": "1", "qty": 9}], {"/lines/0/id", "/lines/1/qty"}),
        ([{"id": "1", "qty": 1}, {"id": "1", "qty": 1}], {"/lines/1/id"}),
        ([{"id": "1", "qty": 0}], {"/lines/0/qty"}),
        ([{"id": "1"}], {"/lines/0/qty"}),
        ([{"id": "1", "qty": 1, "price": 5}], {"/lines/0/price"}),
        ([], {"/lines"}),
        ("1", {"/lines"}),
    ],
)
async def test_lines_that_are_not_held_are_not_captured(
    till: Desk, customer: str, owner: asyncpg.Connection, lines: object, where: set[str]
) -> None:
    held = await place(till, customer, line(1, qty=2), line(2), redeem={"points": 10})
    before = await rows(owner)
    answer = await till.post(f"/v1/holds/{held['id']}/capture", {"lines": lines})
    assert pointers(refused(answer, 422, "validation_error")) == where
    assert pointers(
        refused(await till.post(f"/v1/holds/{held['id']}/capture", {"all": True}), 422, "validation_error")
    ) == {"/all"}
    refused(await till.post(f"/v1/holds/{held['id']}/release", {"lines": lines}), 422, "validation_error")
    assert await rows(owner) == before
    await capture(till, held["id"])
    await check(owner)


async def test_units_have_no_lines_to_capture(till: Desk, customer: str, owner: asyncpg.Connection) -> None:
    held = await till.good("POST", "/v1/holds", units(customer, 100, receipt="N1"))
    before = await rows(owner)
    answer = await till.post(f"/v1/holds/{held['id']}/capture", {"lines": [{"id": "1", "qty": 1}]})
    assert pointers(refused(answer, 422, "validation_error")) == {"/lines"}
    assert await rows(owner) == before
    await capture(till, held["id"])


async def test_another_shops_hold_is_not_there(
    till: Desk, customer: str, stage: Stage, owner: asyncpg.Connection
) -> None:
    other = Desk(till.http, await stage.key("pos", shop="S2", terminal="T1"))
    held, mug = await place(till, customer), await till.good("POST", "/v1/holds", units(customer, 5, receipt="O1"))
    await owner.execute("update customers set is_blocked = true")  # It doesn't learn even that.
    before = await rows(owner)
    for each in (held, mug):
        refused(await other.get(f"/v1/holds/{each['id']}"), 404, "not_found")
        for what in ("capture", "release"):
            refused(await other.post(f"/v1/holds/{each['id']}/{what}", {}), 404, "not_found")
    refused(await other.get(f"/v1/purchases/{held['id']}"), 404, "not_found")
    assert await rows(owner) == before
    second = Desk(till.http, await stage.key("pos", shop="S1", terminal="T7"))
    assert (await release(second, held["id"]))["state"] == "released"  # Another till of the same shop may.


async def test_a_hold_ends_once_and_a_no_is_kept(till: Desk, customer: str, owner: asyncpg.Connection) -> None:
    held, mug = await place(till, customer), await till.good("POST", "/v1/holds", units(customer, 5, receipt="E1"))
    ends = {held["id"]: await capture(till, held["id"]), mug["id"]: await release(till, mug["id"])}
    before = await rows(owner)
    for hold, end in ends.items():
        state = (await till.good("GET", f"/v1/holds/{hold}"))["state"]
        for what in ("capture", "release"):
            no = await till.post(f"/v1/holds/{hold}/{what}", {}, key=f"{what}-{hold}")
            problem = refused(no, 409, "hold_already_resolved")
            assert (problem["state"], problem["original_tx_id"]) == (state, end["tx_id"])
            again = await till.post(f"/v1/holds/{hold}/{what}", {}, key=f"{what}-{hold}")
            assert (again.content, again.headers["Idempotent-Replayed"]) == (no.content, "true")
    assert await rows(owner) == before
    await check(owner)


async def test_more_than_is_there_is_not_held(till: Desk, customer: str, owner: asyncpg.Connection) -> None:
    before = await rows(owner)
    no = await till.post("/v1/holds", units(customer, 501, receipt="P1"), key="p1")
    problem = refused(no, 409, "insufficient_points")
    assert (problem["requested"], problem["available"]) == (501, 500)
    refused(await till.post("/v1/holds", purchase(customer, redeem={"points": 501})), 409, "insufficient_points")
    refused(await till.post("/v1/holds", purchase(customer, redeem={"points": 101})), 409, "redeem_limit_exceeded")
    refused(await till.post("/v1/holds", purchase(customer, expect={"paid": 1})), 409, "quote_changed")
    assert await rows(owner) == before
    # A refusal doesn't use up its receipt.
    await till.good("POST", "/v1/holds", units(customer, 500, receipt="P1"))
    refused(await till.post("/v1/holds", units(customer, 501, receipt="P1"), key="p1"), 409, "insufficient_points")
    taken = await till.post("/v1/holds", units(customer, 1, receipt="P1"))
    assert refused(taken, 409, "duplicate_receipt")["original_tx_id"]


async def test_a_blocked_or_frozen_customer_gets_back_and_gives_nothing(
    admin: Desk, till: Desk, customer: str, owner: asyncpg.Connection
) -> None:
    paid = [await place(till, customer, redeem={"points": 100}) for _ in range(2)]
    mug = await till.good("POST", "/v1/holds", units(customer, 50, receipt="B1"))
    plain = await place(till, customer)
    await owner.execute("update customers set frozen_at = now()")
    for each in (paid[0], mug):
        problem = refused(await till.post(f"/v1/holds/{each['id']}/capture", {}), 409, "customer_blocked")
        assert problem["detail"] != "The customer is blocked."
    for path, body in (
        ("/v1/holds", units(customer, 1, receipt="B2")),
        ("/v1/holds", purchase(customer, redeem={"points": 1})),
        ("/v1/redeem", units(customer, 1, receipt="B3")),
        ("/v1/accrue", purchase(customer, redeem={"points": "max"})),
    ):
        refused(await till.post(path, body), 409, "customer_blocked")
    adjusted = {"wallet": "points", "points": -1, "reason": "x"}
    refused(await admin.post(f"/v1/customers/{customer}/adjust", adjusted), 409, "customer_blocked")
    # What takes no units goes on: an accrual, a hold of it, its capture, a release.
    await till.good("POST", "/v1/accrue", purchase(customer))
    await capture(till, (await place(till, customer))["id"])
    await release(till, paid[0]["id"])
    await owner.execute("update customers set frozen_at = null, is_blocked = true")
    for each in (paid[1], mug, plain):
        problem = refused(await till.post(f"/v1/holds/{each['id']}/capture", {}), 409, "customer_blocked")
        assert problem["detail"] == "The customer is blocked."
        await release(till, each["id"])
    await owner.execute("update customers set is_blocked = false")
    available, held = await balances(till, customer)
    assert (available, held) == (500 + 200, 0)
    await check(owner)


async def test_a_customer_has_only_so_many_open_holds(
    till: Desk, customer: str, owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They may all come to their end in one round, which others wait for."""
    monkeypatch.setattr(place_hold, "OPEN_HOLDS_MAX", 2)
    first = await place(till, customer)
    await till.good("POST", "/v1/holds", units(customer, 10, receipt="H2"))
    for body in (purchase(customer, receipt="H3"), units(customer, 10, receipt="H3")):
        refused(await till.post("/v1/holds", body), 422, "limit_exceeded")
    assert (await till.accrue(customer)).status_code == 201
    assert (await till.post("/v1/holds", purchase(None))).status_code == 201
    await release(till, first["id"])
    await place(till, customer, receipt="H3")
    await check(owner)
