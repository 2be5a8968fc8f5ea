"""The life of a hold: placed, captured or released, seen from the till, the audit views and the ledger's entries."""

from typing import Any

import asyncpg
import pytest

from app.api.hold_answers import HoldAnswer, HoldOrSaleAnswer, HoldStateAnswer
from app.api.sale_answers_schema import PurchaseAnswer
from tests.e2e.checks import kinds, refused
from tests.e2e.hold_desk import balances, capture, check, entries, give, holds, place, release, rows, units
from tests.kit import Desk, line, purchase, refund, small_program

TWO = (line(1, price=10000, qty=2), line(2, price=5000))


async def test_a_held_basket_sets_aside_what_it_redeems_and_brings_nothing_yet(
    admin: Desk, till: Desk, owner: asyncpg.Connection
) -> None:
    customer = await till.register()
    await give(admin, customer, 500)
    held = await place(till, customer, *TWO, redeem={"points": 100}, ttl_seconds=60)
    assert (held["state"], held["id"], held["version"]) == ("held", held["tx_id"], 2)
    assert held["totals"]["paid"] == 15000
    assert held["totals"]["accrued"] == {"points": 150}  # What a capture would bring.
    assert held["balances"] == {"points": {"available": 400, "pending": 0, "held": 100}}
    assert held["expires_at"] > held["at"]
    assert await entries(owner, held["id"]) == [
        ("customer:available", "points", -100),
        ("customer:held", "points", 100),
    ]
    profile = await till.good("GET", f"/v1/customers/{customer}")
    assert (profile["purchases"], profile["balances"]["points"]["held"]) == (0, 100)
    assert await holds(owner, held["id"]) == [
        {"wallet": "points", "amount": 100, "state": "held", "tx_id": held["id"], "resolved_tx": None}
    ]
    state = await till.good("GET", f"/v1/holds/{held['id']}")
    assert (state["state"], state["kind"], state["wallets"], state["customer"]) == (
        "held",
        "purchase",
        {"points": 100},
        customer,
    )
    await check(owner)


async def test_a_captured_hold_answers_like_the_purchase_that_it_has_become(
    admin: Desk, till: Desk, owner: asyncpg.Connection
) -> None:
    """The same basket bought at once by another customer says the same, but for ids, times and versions."""
    answers = []
    for is_held in (True, False):
        customer = await till.register()
        await give(admin, customer, 500)
        if is_held:
            held = await place(till, customer, *TWO, redeem={"points": 100})
            answers.append(await capture(till, held["id"]))
            assert answers[0]["id"] == held["id"] != answers[0]["tx_id"]
        else:
            answers.append(await till.good("POST", "/v1/accrue", purchase(customer, *TWO, redeem={"points": 100})))
    changing = {"id", "tx_id", "receipt", "at", "customer", "version"}
    captured, bought = ({k: v for k, v in answer.items() if k not in changing} for answer in answers)
    assert captured == bought
    assert (answers[0]["version"], answers[1]["version"]) == (3, 2)
    customer = answers[0]["customer"]["id"]
    assert await kinds(owner, customer) == [("adjust", 1), ("hold", 2), ("capture", 3)]
    assert await entries(owner, answers[0]["tx_id"]) == [
        ("customer:held", "points", -100),
        ("customer:available", "points", 150),
        ("program:redeemed", "points", 100),
        ("program:issued", "points", -150),
    ]
    profile = await till.good("GET", f"/v1/customers/{customer}")
    assert profile["purchases"] == 1
    stored = await till.good("GET", f"/v1/purchases/{answers[0]['id']}")
    assert stored == answers[0] | {"returned": {"1": 0, "2": 0}}
    number = answers[0]["receipt"]["number"]
    assert await till.good("GET", f"/v1/purchases?number={number}") == stored
    await check(owner)


async def test_a_held_basket_is_read_as_it_was_decided(admin: Desk, till: Desk) -> None:
    customer = await till.register()
    held = await place(till, customer, *TWO)
    stored = await till.good("GET", f"/v1/purchases/{held['id']}")
    assert stored == held | {"returned": {"1": 0, "2": 0}}
    HoldOrSaleAnswer.model_validate(held)
    PurchaseAnswer.model_validate(stored)
    number = held["receipt"]["number"]
    assert (await till.good("GET", f"/v1/purchases?number={number}&explain=true"))["explain"][0]["verdict"] == "applied"
    explained = await till.good("GET", f"/v1/purchases/{held['id']}/explain")
    assert [each["rule"] for each in explained["explain"]] == ["base"]
    HoldAnswer.model_validate(await release(till, held["id"]))
    assert (await till.good("GET", f"/v1/purchases/{held['id']}"))["state"] == "released"
    HoldStateAnswer.model_validate(await till.good("GET", f"/v1/holds/{held['id']}"))
    captured = await capture(till, (await place(till, customer))["id"])
    HoldOrSaleAnswer.model_validate(captured)


async def test_a_release_gives_everything_back(admin: Desk, till: Desk, owner: asyncpg.Connection) -> None:
    customer = await till.register()
    await give(admin, customer, 500)
    held = await place(till, customer, *TWO, redeem={"points": 100})
    released = await release(till, held["id"])
    assert (released["id"], released["state"], released["version"]) == (held["id"], "released", 3)
    assert (released["given_back"], released["expired_again"]) == ({"points": 100}, {})
    assert released["balances"] == {"points": {"available": 500, "pending": 0, "held": 0}}
    assert await entries(owner, released["tx_id"]) == [
        ("customer:held", "points", -100),
        ("customer:available", "points", 100),
    ]
    assert (await holds(owner, held["id"]))[0]["state"] == "released"
    refused(await till.post(f"/v1/purchases/{held['id']}/returns", refund()), 404, "not_found")
    # The receipt of a released hold stays used.
    again = await till.post("/v1/accrue", purchase(customer, *TWO, receipt=held["receipt"]["number"]))
    assert refused(again, 409, "duplicate_receipt")["original_tx_id"] == held["id"]
    await check(owner)


async def test_units_are_held_captured_and_released_without_a_basket(
    admin: Desk, till: Desk, owner: asyncpg.Connection
) -> None:
    customer = await till.register()
    await give(admin, customer, 500)
    mug = await till.good("POST", "/v1/holds", units(customer, 300, receipt="M1"))
    assert mug.keys() == {"id", "tx_id", "version", "state", "wallet", "points", "expires_at", "balances"}
    assert (mug["state"], mug["wallet"], mug["points"]) == ("held", "points", 300)
    assert mug["balances"]["points"] == {"available": 200, "pending": 0, "held": 300}
    refused(await till.post("/v1/redeem", units(customer, 201, receipt="M2")), 409, "insufficient_points")
    captured = await capture(till, mug["id"])
    assert captured.keys() == mug.keys()
    assert (captured["id"], captured["state"], captured["points"]) == (mug["id"], "captured", 300)
    assert captured["balances"]["points"] == {"available": 200, "pending": 0, "held": 0}
    assert await entries(owner, captured["tx_id"]) == [
        ("customer:held", "points", -300),
        ("program:redeemed", "points", 300),
    ]
    other = await till.good("POST", "/v1/holds", units(customer, 200, receipt="M3"))
    assert (await release(till, other["id"]))["given_back"] == {"points": 200}
    assert await balances(till, customer) == (200, 0)
    refused(await till.get(f"/v1/purchases/{mug['id']}"), 404, "not_found")
    await check(owner)


async def test_a_part_is_captured_and_the_rest_goes_back(admin: Desk, till: Desk, owner: asyncpg.Connection) -> None:
    customer = await till.register()
    await give(admin, customer, 500)
    held = await place(till, customer, *TWO, redeem={"points": 100})  # 80 on the first line, 20 on the second.
    part = await capture(till, held["id"], ("1", 1))
    assert [(each["id"], each["gross"], each["redeemed"], each["paid"]) for each in part["lines"]] == [
        ("1", 10000, 4000, 6000)
    ]
    assert part["totals"]["redeemed_units"] == {"points": 40}
    assert part["totals"]["accrued"] == {"points": 60}
    assert part["lines"][0]["prices"] == [{"qty": 1, "price": 6000}]
    assert part["balances"]["points"] == {"available": 520, "pending": 0, "held": 0}
    lines = await owner.fetch("select line_id, qty, accrued, redeemed from audit_purchase_line")
    assert [tuple(row) for row in lines] == [("1", 1, 60, 40)]
    refused(await till.post(f"/v1/purchases/{held['id']}/returns", refund(("1", 2))), 409, "return_exceeds_purchase")
    back = await till.good("POST", f"/v1/purchases/{held['id']}/returns", refund())
    assert (back["refund"], back["taken_back"], back["given_back"]) == (6000, {"points": 60}, {"points": 40})
    assert await balances(till, customer) == (500, 0)
    await check(owner)


@pytest.mark.parametrize("split", [[("1", 3)], [("1", 1), ("1", 2)], [("1", 1), ("1", 1), ("1", 1)]])
async def test_a_captured_basket_comes_back_in_any_split(
    admin: Desk, till: Desk, owner: asyncpg.Connection, split: list[tuple[str, int]]
) -> None:
    customer = await till.register()
    await give(admin, customer, 500)
    held = await place(till, customer, line(1, price=3333, qty=7), line(2, price=777), redeem={"points": 101})
    part = await capture(till, held["id"], ("1", 3))
    path = f"/v1/purchases/{held['id']}/returns"
    for place_, each in enumerate(split):
        preview = await till.good("POST", f"{path}?preview=true", refund(each))
        back = await till.good("POST", path, refund(each))
        assert preview["refund"] == back["refund"], place_
        assert preview["balances"] == back["balances"]
    assert await balances(till, customer) == (500, 0)
    stored = await till.good("GET", f"/v1/purchases/{held['id']}")
    assert stored["returned"] == {"1": 3}
    refunds = await owner.fetchval(
        "select sum((l.value ->> 'refunded')::bigint) from purchases, jsonb_array_elements(lines) l"
    )
    assert refunds == part["totals"]["paid"]
    await check(owner)


async def test_nobodys_basket_is_held_captured_and_released(till: Desk, owner: asyncpg.Connection) -> None:
    held, other = await place(till, None), await place(till, None)
    assert (held["customer"], held["version"], held["balances"]) == (None, 0, {})
    captured = await capture(till, held["id"])
    assert (captured["state"], captured["totals"]["paid"], captured["customer"]) == ("committed", 10000, None)
    assert (await release(till, other["id"]))["version"] == 0
    back = await till.good("POST", f"/v1/purchases/{held['id']}/returns", refund())
    assert back["refund"] == 10000
    states = [(await till.good("GET", f"/v1/holds/{each['id']}"))["state"] for each in (held, other)]
    assert states == ["captured", "released"]
    await check(owner)


async def test_every_write_of_a_hold_is_answered_again_by_its_key(
    admin: Desk, till: Desk, owner: asyncpg.Connection
) -> None:
    customer = await till.register()
    await give(admin, customer, 500)
    first, second = purchase(customer, *TWO, redeem={"points": 10}), units(customer, 20, receipt="K2")
    placed = [await till.post("/v1/holds", body, key=f"place{n}") for n, body in enumerate((first, second))]
    ids = [answer.json()["id"] for answer in placed]
    ended = [
        await till.post(f"/v1/holds/{ids[0]}/capture", {}, key="end0"),
        await till.post(f"/v1/holds/{ids[1]}/release", key="end1"),
    ]
    before = await rows(owner)
    again = [await till.post("/v1/holds", body, key=f"place{n}") for n, body in enumerate((first, second))]
    again += [
        await till.post(f"/v1/holds/{ids[0]}/capture", {}, key="end0"),
        await till.post(f"/v1/holds/{ids[1]}/release", key="end1"),
    ]
    for one, other in zip((*placed, *ended), again, strict=True):
        assert (one.status_code, other.status_code) == (201, 201)
        assert one.content == other.content
        assert other.headers["Idempotent-Replayed"] == "true"
        assert "Idempotent-Replayed" not in one.headers
    known = await till.good("GET", "/v1/requests/place0")
    assert (known["state"], known["body"]) == ("done", placed[0].json())
    refused(await till.post("/v1/holds", second, key="place0"), 422, "idempotency_key_reused")
    assert await rows(owner) == before
    await check(owner)


async def test_a_hold_is_decided_when_it_is_placed(admin: Desk, till: Desk) -> None:
    """A version that is published meanwhile decides nothing of it; its quote pins it likewise."""
    customer = await till.register()
    quote = await till.good("POST", "/v1/quote", {k: v for k, v in purchase(customer).items() if k != "receipt"})
    held = await place(till, customer)
    generous: dict[str, Any] = {"id": "base", "kind": "bonus", "give": {"units": 5000}}
    await admin.publish(small_program(rules=[generous]))
    pinned = await place(till, customer, quote=quote["quote"])
    for each in (held, pinned):
        captured = await capture(till, each["id"])
        assert (captured["program"], captured["totals"]["accrued"]) == (1, {"points": 100})
    assert (await capture(till, (await place(till, customer))["id"]))["totals"]["accrued"] == {"points": 5000}


async def test_lots_run_from_the_capture_and_tiers_count_it_then(admin: Desk, till: Desk) -> None:
    program = small_program(
        wallets={"points": {"value": 100, "expire_after_days": 30}},
        tiers=[{"id": "plain", "from": 0}, {"id": "gold", "from": 10000}],
    )
    await admin.publish(program)
    customer = await till.register()
    held = await place(till, customer)
    assert (await till.good("GET", f"/v1/customers/{customer}"))["tier"] == "plain"
    captured = await capture(till, held["id"])
    assert captured["customer"]["tier"] == "plain"  # It was decided by the old one.
    assert (await till.good("GET", f"/v1/customers/{customer}"))["tier"] == "gold"
    (lot,) = (await till.good("GET", f"/v1/customers/{customer}/lots"))["items"]
    assert (lot["tx_id"], lot["remaining"]) == (captured["tx_id"], 100)
    assert lot["active_at"] > held["at"]
