"""Goods brought back: in any split, previewed, by id or receipt, and what may not be returned."""

import asyncio
from typing import Any

import asyncpg
import pytest

from tests.e2e.checks import entries, kinds, pointers, refused
from tests.kit import Desk, Stage, client_of, line, refund, served_here, small_program

Sold = dict[str, Any]


async def sell(till: Desk, customer: str | None, *lines: dict[str, Any], **more: Any) -> Sold:
    answer = await till.accrue(customer, *lines, **more)
    assert answer.status_code == 201, answer.text
    sold: Sold = answer.json()
    return sold


def returns(sold: Sold) -> str:
    return f"/v1/purchases/{sold['id']}/returns"


async def test_a_return_is_answered_line_by_line(till: Desk, owner: asyncpg.Connection) -> None:
    customer = await till.register()
    await sell(till, customer, line(price=100000))
    sold = await sell(till, customer, line(1, price=10000, qty=3), line(2, price=5550), redeem={"points": 100})
    # 10,000 of 35,550 by points: 8,439 and 1,561; 255 points accrue as 215.19 and 39.81.
    assert [(each["paid"], each["accrued"]["points"]) for each in sold["lines"]] == [(21561, 215), (3989, 40)]
    answer = await till.post(returns(sold), refund(("1", 1), ("2", 1)))
    assert answer.status_code == 201
    body = answer.json()
    assert body["id"] == body["tx_id"]
    assert (body["version"], body["purchase"], body["refund"]) == (3, sold["id"], 7187 + 3989)
    redeemed = {each["id"]: each["redeemed"] for each in sold["lines"]}
    assert redeemed == {"1": 8439, "2": 1561}
    assert body["lines"] == [
        {"id": "1", "qty": 1, "refund": 7187, "taken_back": {"points": 72}, "given_back": {"points": 28}},
        {"id": "2", "qty": 1, "refund": 3989, "taken_back": {"points": 40}, "given_back": {"points": 16}},
    ]
    assert (body["taken_back"], body["given_back"]) == ({"points": 112}, {"points": 44})
    assert body["balances"]["points"]["available"] == 1000 - 100 + 255 - 112 + 44
    moved = [amount for account, _, amount in await entries(owner, body["tx_id"]) if account.startswith("customer")]
    assert sum(moved) == 44 - 112


@pytest.mark.parametrize(
    "split",
    [
        ["7"],
        ["1"] * 7,
        ["0.001", "6.999"],
        ["3.5", "0.25", "3.25"],
        ["2", "5"],
    ],
    ids="+".join,
)
async def test_any_split_ends_exactly_at_the_whole(till: Desk, split: list[str]) -> None:
    customer = await till.register()
    await sell(till, customer, line(price=1000000))
    sold = await sell(till, customer, line(price=9999, qty=7), redeem={"points": 123})
    paid, accrued = sold["totals"]["paid"], sold["totals"]["accrued"]["points"]
    assert (paid, accrued) == (69993 - 12300, 576)
    backs = [await till.good("POST", returns(sold), refund(("1", part))) for part in split]
    assert sum(back["refund"] for back in backs) == paid
    assert sum(back["taken_back"].get("points", 0) for back in backs) == accrued
    assert sum(back["given_back"].get("points", 0) for back in backs) == 123
    assert backs[-1]["balances"]["points"] == {"available": 10000, "pending": 0, "held": 0}
    assert (await till.good("GET", f"/v1/purchases/{sold['id']}"))["returned"] == {"1": 7}
    refused(await till.post(returns(sold), refund(("1", "0.001"))), 409, "return_exceeds_purchase")
    refused(await till.post(returns(sold), refund()), 409, "return_exceeds_purchase")


async def test_each_part_is_rounded_half_up_on_the_share_so_far(till: Desk) -> None:
    customer = await till.register()
    sold = await sell(till, customer, line(price=101, qty=2))  # 202 paid, 2 points; a fourth of it is 50.5.
    backs = [await till.good("POST", returns(sold), refund(("1", "0.5"))) for _ in range(4)]
    assert [back["refund"] for back in backs] == [51, 50, 51, 50]
    assert [back["taken_back"].get("points", 0) for back in backs] == [1, 0, 1, 0]


async def test_a_preview_says_the_same_and_writes_nothing(till: Desk, owner: asyncpg.Connection) -> None:
    customer = await till.register()
    await sell(till, customer, line(price=100000))
    sold = await sell(till, customer, line(price=30000, qty=3), redeem={"points": 200})
    body = refund(("1", 2), receipt="P-1")
    headers = {"Authorization": f"Bearer {till.key}", "Content-Type": "application/json"}
    # A preview needs no key and uses up no receipt.
    previews = [await till.http.post(returns(sold) + "?preview=true", json=body, headers=headers) for _ in range(2)]
    for preview in previews:
        assert preview.status_code == 200
        assert (preview.json()["id"], preview.json()["tx_id"]) == (None, None)
    assert await kinds(owner, customer) == [("purchase", 1), ("purchase", 2)]
    assert (await till.good("GET", f"/v1/purchases/{sold['id']}"))["returned"] == {"1": 0}
    real = await till.good("POST", returns(sold), body)
    assert [{**preview.json(), "id": real["id"], "tx_id": real["id"]} for preview in previews] == [real, real]
    too_much = refund(("1", 2))
    refused(await till.post(returns(sold) + "?preview=true", too_much), 409, "return_exceeds_purchase")


async def test_more_than_was_bought_is_refused_and_nothing_comes_back(till: Desk, owner: asyncpg.Connection) -> None:
    customer = await till.register()
    sold = await sell(till, customer, line(1, qty=2), line(2, qty="0.5"))
    await till.good("POST", returns(sold), refund(("1", 1)))
    body = refund(("2", "0.5"), ("1", 2), receipt="X")
    problem = refused(await till.post(returns(sold), body, key="greedy"), 409, "return_exceeds_purchase")
    assert problem["retryable"] is False
    assert (await till.post(returns(sold), body, key="greedy")).headers["Idempotent-Replayed"] == "true"
    refused(await till.post(returns(sold), refund(("2", "0.501"))), 409, "return_exceeds_purchase")
    assert await kinds(owner, customer) == [("purchase", 1), ("return", 2)]
    rest = await till.good("POST", returns(sold), refund(receipt="X"))
    assert [(each["id"], each["qty"]) for each in rest["lines"]] == [("1", 1), ("2", "0.5")]


async def test_a_return_with_a_mistake_is_refused_with_its_place(till: Desk) -> None:
    sold = await sell(till, await till.register(), line(qty=5))
    mistakes: tuple[tuple[dict[str, object], str], ...] = (
        ({"lines": [{"id": "9", "qty": 1}]}, "/lines/0/id"),
        ({"lines": [{"id": "1", "qty": 1}, {"id": "1", "qty": 1}]}, "/lines/1/id"),
        ({"lines": [{"id": "1", "qty": 0}]}, "/lines/0/qty"),
        ({"lines": [{"id": "1", "qty": -1}]}, "/lines/0/qty"),
        ({"lines": [{"id": "1", "qty": 1.5}]}, "/lines/0/qty"),
        ({"lines": [{"id": "1", "qty": "0.0001"}]}, "/lines/0/qty"),
        ({"lines": []}, "/lines"),
        ({"all": False}, "/all"),
        ({"all": True, "lines": [{"id": "1", "qty": 1}]}, ""),
        ({}, ""),
        ({"all": True, "receipt": {}}, "/receipt/number"),
    )
    for mistake, pointer in mistakes:
        response = await till.post(returns(sold), {"receipt": {"number": "M"}} | mistake)
        assert pointers(refused(response, 422, "validation_error")) == {pointer}, mistake
    assert (await till.good("GET", f"/v1/purchases/{sold['id']}"))["returned"] == {"1": 0}


async def test_a_purchase_is_named_by_its_receipt(till: Desk, stage: Stage) -> None:
    customer = await till.register()
    sold = await sell(till, customer, line(qty=3), receipt="N/1")
    neighbour = Desk(till.http, await stage.key("pos", shop="S1", terminal="T2"))
    whole = {"shop": "S1", "terminal": "T1", "number": "N/1"}
    back = await till.good("POST", "/v1/returns", {**refund(("1", 1)), "purchase": whole})
    assert (back["purchase"], back["refund"]) == (sold["id"], 10000)
    back = await till.good("POST", "/v1/returns", {**refund(("1", 1)), "purchase": {"number": "N/1"}})
    assert back["refund"] == 10000
    named_by_neighbour = {**refund(("1", 1)), "purchase": whole}
    assert (await neighbour.good("POST", "/v1/returns?preview=true", named_by_neighbour))["refund"] == 10000
    assert (await neighbour.good("POST", "/v1/returns", named_by_neighbour))["purchase"] == sold["id"]
    for name in ({**whole, "number": "N/2"}, {**whole, "terminal": "T2"}, {**whole, "shift": "1"}):
        refused(await till.post("/v1/returns", {**refund(), "purchase": name}), 404, "not_found")


async def test_another_shops_purchase_is_not_there(till: Desk, stage: Stage, admin: Desk) -> None:
    sold = await sell(till, await till.register(), receipt="O-1")
    stranger = Desk(till.http, await stage.key("pos", shop="S2", terminal="T1"))
    shop = Desk(till.http, await stage.key("shop", shop="S2"))
    name = {"shop": "S1", "terminal": "T1", "number": "O-1"}
    for desk in (stranger, shop):
        refused(await desk.post(returns(sold), refund()), 404, "not_found")
        refused(await desk.post(returns(sold) + "?preview=true", refund()), 404, "not_found")
        refused(await desk.post("/v1/returns", {**refund(), "purchase": name}), 404, "not_found")
        refused(await desk.get(f"/v1/purchases/{sold['id']}"), 404, "not_found")
        refused(await desk.get("/v1/purchases?shop=S1&terminal=T1&number=O-1"), 404, "not_found")
    assert (await admin.get(f"/v1/purchases/{sold['id']}")).status_code == 200
    assert (await till.post(returns(sold), refund())).status_code == 201


async def test_what_is_returned_at_many_tills_at_once_comes_back_once(till: Desk) -> None:
    customer = await till.register()
    sold, other = await sell(till, customer, line(qty=5)), await sell(till, customer, line(qty=2))
    asked = [returns(sold)] * 12 + [returns(other)] * 4
    answers = await asyncio.gather(*(till.post(path, refund(("1", 1))) for path in asked))
    for path, bought in ((returns(sold), 5), (returns(other), 2)):
        mine = [answer for answer, where in zip(answers, asked, strict=True) if where == path]
        assert sorted(answer.status_code for answer in mine) == [201] * bought + [409] * (len(mine) - bought)
        for answer in mine:
            if answer.status_code == 409:
                refused(answer, 409, "return_exceeds_purchase")
    assert await till.balance(customer, min_version=9) == 0


async def test_any_shop_takes_goods_back_where_the_setting_says_so(till: Desk, stage: Stage) -> None:
    sold = await sell(till, await till.register(), line(qty=2), receipt="O-2")
    async with served_here(stage, returns_any_shop=True) as edge, client_of(edge) as http:
        elsewhere = Desk(http, await stage.key("pos", shop="S2", terminal="T1"))
        name = {"shop": "S1", "terminal": "T1", "number": "O-2"}
        back = await elsewhere.good("POST", "/v1/returns", {**refund(("1", 1)), "purchase": name})
        assert (back["purchase"], back["refund"]) == (sold["id"], 10000)
        assert (await elsewhere.good("POST", returns(sold), refund()))["refund"] == 10000


async def test_nobodys_purchase_is_returned_for_its_money(till: Desk, owner: asyncpg.Connection) -> None:
    sold = await sell(till, None, line(price=10001, qty=2))
    back = await till.good("POST", returns(sold), refund(("1", "0.5")))
    assert (back["refund"], back["taken_back"], back["given_back"]) == (5001, {}, {})
    assert (back["version"], back["balances"]) == (0, {})
    rest = await till.good("POST", returns(sold), refund())
    assert rest["refund"] == 20002 - 5001
    assert await entries(owner, rest["tx_id"]) == []
    row = await owner.fetchrow("select kind, customer_id, parent_tx from audit_tx where tx_id = $1", rest["tx_id"])
    assert tuple(row) == ("return", None, sold["tx_id"])


async def test_a_purchase_that_never_was_is_not_found(till: Desk) -> None:
    for name in ("01890000-0000-7000-8000-000000000000", "nonsense", "1"):
        refused(await till.post(f"/v1/purchases/{name}/returns", refund()), 404, "not_found")
        refused(await till.post(f"/v1/purchases/{name}/returns?preview=true", refund()), 404, "not_found")
        refused(await till.get(f"/v1/purchases/{name}"), 404, "not_found")
    refused(await till.get("/v1/purchases?number=404"), 404, "not_found")
    refused(await till.get("/v1/purchases"), 422, "validation_error")


async def test_a_return_is_decided_by_the_stored_purchase(till: Desk, admin: Desk) -> None:
    customer = await till.register()
    sold = await sell(till, customer, line(price=10000, qty=2))
    rules = [{"id": "other", "kind": "bonus", "give": {"units": 1}}]
    await admin.publish(small_program(wallets={"stars": {}, "points": {"value": 7, "debt": "clamp"}}, rules=rules))
    back = await till.good("POST", returns(sold), refund(("1", 1)))
    assert (back["refund"], back["taken_back"]) == (10000, {"points": 100})
