"""A receipt is posted once, whatever the keys; a refusal doesn't use it up."""

import asyncio
from typing import Any

import asyncpg

from tests.e2e.checks import kinds, pointers, refused
from tests.kit import Desk, Stage, line, purchase, refund

FISCAL = "t=20261121T1200&s=100.00&fn=9999078900004792&i=12345&fp=3522207165&n=1"


def with_receipt(customer: str | None, **receipt: str) -> dict[str, Any]:
    return purchase(customer) | {"receipt": receipt}


async def test_a_receipt_is_posted_once(till: Desk, owner: asyncpg.Connection) -> None:
    customer = await till.register()
    first = (await till.post("/v1/accrue", with_receipt(customer, number="1"))).json()
    again = with_receipt(customer, number="1")
    problem = refused(await till.post("/v1/accrue", again, key="again"), 409, "duplicate_receipt")
    assert problem["original_tx_id"] == first["tx_id"]
    kept = await till.post("/v1/accrue", again, key="again")
    assert (kept.json(), kept.headers["Idempotent-Replayed"]) == (problem, "true")
    assert await kinds(owner, customer) == [("purchase", 1)]


async def test_whose_purchase_a_receipt_was_makes_no_difference(till: Desk) -> None:
    first, second = await till.register(), await till.register()
    sold = (await till.post("/v1/accrue", with_receipt(first, number="1"))).json()
    for customer in (second, None):
        problem = refused(await till.post("/v1/accrue", with_receipt(customer, number="1")), 409, "duplicate_receipt")
        assert problem["original_tx_id"] == sold["tx_id"]
    nobodys = (await till.post("/v1/accrue", with_receipt(None, number="2"))).json()
    problem = refused(await till.post("/v1/accrue", with_receipt(first, number="2")), 409, "duplicate_receipt")
    assert problem["original_tx_id"] == nobodys["tx_id"]


async def test_a_shift_and_a_terminal_make_another_receipt(till: Desk, stage: Stage) -> None:
    customer = await till.register()
    neighbour = Desk(till.http, await stage.key("pos", shop="S1", terminal="T2"))
    elsewhere = Desk(till.http, await stage.key("pos", shop="S2", terminal="T1"))
    for desk, receipt in (
        (till, {"number": "1"}),
        (till, {"number": "1", "shift": "1"}),
        (till, {"number": "1", "shift": "2"}),
        (neighbour, {"number": "1"}),
        (elsewhere, {"number": "1"}),
        (till, {"number": "01"}),
    ):
        assert (await desk.post("/v1/accrue", with_receipt(customer, **receipt))).status_code == 201, receipt
    refused(await till.post("/v1/accrue", with_receipt(customer, number="1", shift="2")), 409, "duplicate_receipt")


async def test_a_fiscal_document_is_posted_once_at_whatever_till(till: Desk, stage: Stage) -> None:
    customer = await till.register()
    elsewhere = Desk(till.http, await stage.key("pos", shop="S2", terminal="T9"))
    first = (await till.post("/v1/accrue", with_receipt(customer, number="1", fiscal=FISCAL))).json()
    for fiscal in (FISCAL, "i=0012345&fn=9999078900004792&s=1.00"):
        problem = refused(
            await elsewhere.post("/v1/accrue", with_receipt(customer, number="7", fiscal=fiscal)),
            409,
            "duplicate_receipt",
        )
        assert problem["original_tx_id"] == first["tx_id"]
    next_document = with_receipt(customer, number="7", fiscal=FISCAL.replace("12345", "12346"))
    assert (await elsewhere.post("/v1/accrue", next_document)).status_code == 201
    unreadable = with_receipt(customer, number="8", fiscal="hello")
    assert pointers(refused(await till.post("/v1/accrue", unreadable), 422, "validation_error")) == {"/receipt/fiscal"}


async def test_purchases_spendings_and_returns_share_the_numbers_of_a_till(till: Desk) -> None:
    customer = await till.register()
    sold = (await till.post("/v1/accrue", with_receipt(customer, number="1"))).json()
    spending = {
        "customer": {"id": customer},
        "wallet": "points",
        "points": 1,
        "receipt": {"number": "1"},
        "reason": "a mug",
    }
    path = f"/v1/purchases/{sold['id']}/returns"
    for response in (await till.post("/v1/redeem", spending), await till.post(path, refund(receipt="1"))):
        assert refused(response, 409, "duplicate_receipt")["original_tx_id"] == sold["tx_id"]
    back = await till.good("POST", path, refund(receipt="2"))
    problem = refused(await till.post("/v1/accrue", with_receipt(customer, number="2")), 409, "duplicate_receipt")
    assert problem["original_tx_id"] == back["tx_id"]


async def test_a_refusal_does_not_use_up_its_receipt(till: Desk) -> None:
    customer = await till.register()
    greedy = with_receipt(customer, number="1", fiscal=FISCAL) | {"redeem": {"points": 5}}
    refused(await till.post("/v1/accrue", greedy), 409, "insufficient_points")
    modest = with_receipt(customer, number="1", fiscal=FISCAL)
    assert (await till.post("/v1/accrue", modest)).status_code == 201


async def test_a_kept_refusal_stays_one_after_a_top_up(till: Desk, admin: Desk) -> None:
    customer = await till.register()
    body = with_receipt(customer, number="1") | {"redeem": {"points": 50}}
    first = await till.post("/v1/accrue", body, key="poor")
    refused(first, 409, "insufficient_points")
    await till.accrue(customer, line(price=100000))
    again = await till.post("/v1/accrue", body, key="poor")
    assert (again.content, again.headers["Idempotent-Replayed"]) == (first.content, "true")
    assert (await till.post("/v1/accrue", body, key="rich")).status_code == 201


async def test_one_receipt_under_many_keys_at_once_is_posted_once(till: Desk, owner: asyncpg.Connection) -> None:
    customer = await till.register()
    body = with_receipt(customer, number="1")
    answers = await asyncio.gather(*(till.post("/v1/accrue", body, key=f"r{number}") for number in range(12)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 11
    (sold,) = [answer.json() for answer in answers if answer.status_code == 201]
    for answer in answers:
        if answer.status_code == 409:
            assert refused(answer, 409, "duplicate_receipt")["original_tx_id"] == sold["tx_id"]
    assert await kinds(owner, customer) == [("purchase", 1)]


async def test_one_key_many_times_at_once_is_posted_once(till: Desk, owner: asyncpg.Connection) -> None:
    customer = await till.register()
    body = with_receipt(customer, number="1")
    answers = await asyncio.gather(*(till.post("/v1/accrue", body, key="same") for _ in range(12)))
    bodies = {answer.content for answer in answers if answer.status_code == 201}
    assert len(bodies) == 1
    for answer in answers:
        if answer.status_code != 201:
            assert "Retry-After" in answer.headers
            assert refused(answer, 409, "request_in_progress")["retryable"] is True
    assert await kinds(owner, customer) == [("purchase", 1)]
