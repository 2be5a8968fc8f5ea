"""The main job: find the customer, price the basket, post it before answering."""

import asyncpg

from tests.kit import Desk, line, purchase, refund


async def test_a_purchase_is_posted_and_answered_with_its_balances(till: Desk, owner: asyncpg.Connection) -> None:
    customer = await till.register(phone="+7 900 123-45-67", name="Анна")
    answer = await till.accrue({"phone": "8 (900) 123-45-67"}, line(price=12900, qty=2))
    assert answer.status_code == 201
    body = answer.json()
    assert body["totals"]["paid"] == 25800
    assert body["totals"]["accrued"] == {"points": 258}
    assert body["balances"] == {"points": {"available": 258, "pending": 0, "held": 0}}
    assert (body["version"], body["customer"]) == (1, {"id": customer, "tier": None, "name": "Ан***"})
    entries = await owner.fetch(
        "select account, amount from audit_entry where tx_id = $1 order by entry_id", body["tx_id"]
    )
    assert [tuple(row) for row in entries] == [("customer:available", 258), ("program:issued", -258)]


async def test_points_pay_for_a_purchase_and_come_back_with_its_return(till: Desk) -> None:
    customer = await till.register()
    await till.accrue(customer, line(price=100000))
    answer = await till.accrue(customer, line(price=30000, qty=3), redeem={"points": 200})
    body = answer.json()
    assert (body["totals"]["redeemed"], body["totals"]["paid"]) == (20000, 70000)
    assert body["balances"]["points"]["available"] == 1000 - 200 + 700
    back = await till.good("POST", f"/v1/purchases/{body['id']}/returns", refund(("1", 1)))
    assert (back["refund"], back["taken_back"], back["given_back"]) == (23333, {"points": 233}, {"points": 67})
    rest = await till.good("POST", f"/v1/purchases/{body['id']}/returns", refund())
    assert (rest["refund"], rest["taken_back"], rest["given_back"]) == (46667, {"points": 467}, {"points": 133})
    assert rest["balances"]["points"]["available"] == 1000


async def test_a_repeated_key_gets_the_same_bytes(till: Desk) -> None:
    customer = await till.register()
    body = purchase(customer)
    first = await till.post("/v1/accrue", body, key="same")
    again = await till.post("/v1/accrue", body, key="same")
    assert (first.status_code, first.content) == (again.status_code, again.content)
    assert again.headers["Idempotent-Replayed"] == "true"
    other = await till.post("/v1/accrue", purchase(customer), key="same")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
