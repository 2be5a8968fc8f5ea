"""Corrections by support, and points spent with no basket."""

from typing import Any

import asyncpg
import pytest

from tests.e2e.checks import entries, kinds, pointers, refused
from tests.kit import Desk, Stage, line, small_program

NOBODY = "01890000-0000-7000-8000-000000000000"


def correction(points: object, **more: object) -> dict[str, object]:
    return {"wallet": "points", "points": points, "reason": "a test", **more}


def spending(customer: str | dict[str, str], points: object, *, receipt: str = "G-1", **more: object) -> dict[str, Any]:
    reference = {"id": customer} if isinstance(customer, str) else customer
    body = {"customer": reference, "wallet": "points", "points": points, "receipt": {"number": receipt}}
    return {**body, "reason": "a mug", **more}


@pytest.mark.parametrize("role", ["support", "admin"])
async def test_a_correction_adds_and_takes(till: Desk, stage: Stage, owner: asyncpg.Connection, role: str) -> None:
    person = Desk(till.http, await stage.key(role))
    customer = await till.register()
    added = await person.good("POST", f"/v1/customers/{customer}/adjust", correction(300))
    assert added.keys() == {"tx_id", "version", "balances"}
    assert (added["version"], added["balances"]) == (1, {"points": {"available": 300, "pending": 0, "held": 0}})
    taken = await person.good("POST", f"/v1/customers/{customer}/adjust", correction(-120))
    assert (taken["version"], taken["balances"]["points"]["available"]) == (2, 180)
    assert await entries(owner, added["tx_id"]) == [
        ("customer:available", "points", 300),
        ("program:adjusted", "points", -300),
    ]
    assert await entries(owner, taken["tx_id"]) == [
        ("customer:available", "points", -120),
        ("program:adjusted", "points", 120),
    ]


async def test_a_correction_takes_no_more_than_there_is(till: Desk, admin: Desk) -> None:
    customer = await till.register()
    path = f"/v1/customers/{customer}/adjust"
    await admin.good("POST", path, correction(100))
    problem = refused(await admin.post(path, correction(-101), key="take"), 409, "insufficient_points")
    assert (problem["requested"], problem["available"]) == (101, 100)
    await admin.good("POST", path, correction(50))
    again = await admin.post(path, correction(-101), key="take")  # Kept, though there is enough by now.
    assert refused(again, 409, "insufficient_points")["available"] == 100
    assert again.headers["Idempotent-Replayed"] == "true"
    assert await admin.balance(customer, min_version=2) == 150


async def test_a_correction_has_the_terms_of_its_wallet(till: Desk, admin: Desk) -> None:
    await admin.publish(small_program(wallets={"points": {"activate_after_days": 3, "expire_after_days": 9}}))
    customer = await till.register()
    answer = await admin.good("POST", f"/v1/customers/{customer}/adjust", correction(100))
    assert answer["balances"]["points"] == {"available": 0, "pending": 100, "held": 0}


async def test_a_correction_with_a_mistake_writes_nothing(till: Desk, admin: Desk, owner: asyncpg.Connection) -> None:
    customer = await till.register()
    for body, pointer in (
        (correction(0), "/points"),
        (correction("5"), "/points"),
        (correction(1.0), "/points"),
        (correction(10**12 + 1), "/points"),
        (correction(5, wallet="stars"), "/wallet"),
        (correction(5, reason=""), "/reason"),
        ({"wallet": "points", "points": 5}, "/reason"),
        (correction(5, note="x"), "/note"),
    ):
        response = await admin.post(f"/v1/customers/{customer}/adjust", body)
        assert pointers(refused(response, 422, "validation_error")) == {pointer}, body
    assert await kinds(owner, customer) == []


async def test_only_support_and_admin_correct(till: Desk, stage: Stage) -> None:
    customer = await till.register()
    for role in ("shop", "marketer", "analyst", "ops"):
        desk = Desk(till.http, await stage.key(role, shop="S1" if role == "shop" else None))
        refused(await desk.post(f"/v1/customers/{customer}/adjust", correction(5)), 403, "insufficient_scope")
    refused(await till.post(f"/v1/customers/{customer}/adjust", correction(5)), 403, "insufficient_scope")


async def test_a_correction_of_nobody_is_not_found(admin: Desk) -> None:
    refused(await admin.post(f"/v1/customers/{NOBODY}/adjust", correction(5)), 404, "customer_not_found")


async def test_points_are_spent_with_no_basket(till: Desk, admin: Desk, owner: asyncpg.Connection) -> None:
    customer = await till.register(phone="+79001234567")
    await till.accrue(customer, line(price=50000))
    answer = await till.post("/v1/redeem", spending({"phone": "89001234567"}, 200))
    assert answer.status_code == 201
    body = answer.json()
    assert body.keys() == {"tx_id", "version", "balances"}
    assert (body["version"], body["balances"]) == (2, {"points": {"available": 300, "pending": 0, "held": 0}})
    assert await entries(owner, body["tx_id"]) == [
        ("customer:available", "points", -200),
        ("program:redeemed", "points", 200),
    ]


async def test_no_more_is_spent_than_there_is(till: Desk) -> None:
    customer = await till.register()
    await till.accrue(customer, line(price=10000))
    problem = refused(await till.post("/v1/redeem", spending(customer, 101)), 409, "insufficient_points")
    assert (problem["requested"], problem["available"]) == (101, 100)
    spent = await till.good("POST", "/v1/redeem", spending(customer, 100))  # The refusal didn't use up the receipt.
    assert spent["balances"]["points"]["available"] == 0
    problem = refused(await till.post("/v1/redeem", spending(customer, 1)), 409, "duplicate_receipt")
    assert problem["original_tx_id"] == spent["tx_id"]


async def test_pending_points_are_not_spent(till: Desk, admin: Desk) -> None:
    await admin.publish(small_program(wallets={"points": {"value": 100, "activate_after_days": 1}}))
    customer = await till.register()
    await till.accrue(customer, line(price=10000))
    problem = refused(await till.post("/v1/redeem", spending(customer, 1)), 409, "insufficient_points")
    assert problem["available"] == 0


async def test_a_phone_alone_may_spend_as_much_as_the_program_says(till: Desk, admin: Desk) -> None:
    await admin.publish(small_program(redemption={"strength": {"phone": 50, "card": None}}))
    customer = await till.register(phone="+79001234567", card="77")
    await till.accrue(customer, line(price=100000))
    by_phone = {"phone": "+79001234567"}
    refused(await till.post("/v1/redeem", spending(by_phone, 51)), 403, "confirmation_required")
    assert (await till.post("/v1/redeem", spending(by_phone, 50))).status_code == 201
    assert (await till.post("/v1/redeem", spending({"card": "77"}, 500, receipt="G-2"))).status_code == 201


async def test_a_spending_with_a_mistake_is_refused_with_its_place(till: Desk) -> None:
    customer = await till.register()
    await till.accrue(customer)
    mistakes: tuple[tuple[dict[str, object], str], ...] = (
        ({"points": 0}, "/points"),
        ({"points": -1}, "/points"),
        ({"points": "max"}, "/points"),
        ({"wallet": "stars"}, "/wallet"),
        ({"receipt": {}}, "/receipt/number"),
        ({"customer": {}}, "/customer"),
        ({"reason": None}, "/reason"),
    )
    for mistake, pointer in mistakes:
        response = await till.post("/v1/redeem", spending(customer, 5) | mistake)
        assert pointers(refused(response, 422, "validation_error")) == {pointer}, mistake
    assert await till.balance(customer, min_version=1) == 100
