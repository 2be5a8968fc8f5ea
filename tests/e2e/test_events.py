"""Other acts than purchases: what rules that test `event` give for them."""

from typing import Any

import asyncpg
import orjson
import pytest

from app.verification import findings
from tests.e2e.checks import ago, entries, instant, kinds, pointers, refused
from tests.kit import Desk, Stage, line, purchase, refund, small_program

NOBODY = "01890000-0000-7000-8000-000000000000"
BASE = {"id": "base", "kind": "bonus", "give": {"per": {"amount": 100, "units": 1}}}
REVIEW = {"id": "review", "kind": "bonus", "when": {"event": ["review"]}, "give": {"units": 50}}


@pytest.fixture
async def shop(till: Desk, admin: Desk) -> Desk:
    """The till, with a program that rewards reviews."""
    await admin.publish(small_program(rules=[BASE, REVIEW]))
    return till


def path(customer: str) -> str:
    return f"/v1/customers/{customer}/events"


async def test_an_act_is_rewarded_and_kept(shop: Desk, owner: asyncpg.Connection) -> None:
    customer = await shop.register()
    data = {"stars": 5, "place": "карты", "share": 0.5, "more": [None, {"a": True}]}
    response = await shop.post(path(customer), {"type": "review", "data": data})
    assert response.status_code == 201
    answer = response.json()
    assert answer["id"] == answer["tx_id"]
    assert (answer["version"], answer["type"], answer["accrued"]) == (1, "review", {"points": 50})
    assert answer["balances"] == {"points": {"available": 50, "pending": 0, "held": 0}}
    assert [(effect["rule"], effect["given"]) for effect in answer["effects"]] == [("review", 50)]
    assert "explain" not in answer
    assert await entries(owner, answer["tx_id"]) == [
        ("customer:available", "points", 50),
        ("program:issued", "points", -50),
    ]
    assert await kinds(owner, customer) == [("event", 1)]
    row = await owner.fetchrow("select * from acts")
    assert (str(row["tx_id"]), str(row["customer_id"]), row["type"]) == (answer["tx_id"], customer, "review")
    assert (row["at"], orjson.loads(row["data"])) == (instant(answer["at"]), data)
    assert [(verdict["rule"], verdict["verdict"]) for verdict in orjson.loads(row["verdicts"])] == [
        ("review", "applied")
    ]


async def test_an_act_that_nobody_rewards_is_posted_too(shop: Desk, owner: asyncpg.Connection) -> None:
    customer = await shop.register()
    answer = await shop.good("POST", path(customer), {"type": "visit"})
    assert (answer["version"], answer["accrued"], answer["effects"]) == (1, {"points": 0}, [])
    assert await entries(owner, answer["tx_id"]) == []
    assert await kinds(owner, customer) == [("event", 1)]
    assert orjson.loads(await owner.fetchval("select data from acts")) == {}


async def test_rules_of_purchases_and_of_acts_keep_apart(shop: Desk) -> None:
    customer = await shop.register()
    sold = (await shop.accrue(customer, line(price=10000))).json()
    assert sold["totals"]["accrued"] == {"points": 100}
    answer = await shop.good("POST", f"{path(customer)}?explain=true", {"type": "review"})
    assert answer["accrued"] == {"points": 50}
    verdicts = {each["rule"]: each["verdict"] for each in answer["explain"]}
    assert verdicts["review"] == "applied"
    assert verdicts.get("base", "skipped") == "skipped"


async def test_an_act_is_no_purchase(shop: Desk, stage: Stage) -> None:
    customer = await shop.register()
    await shop.good("POST", path(customer), {"type": "review"})
    profile = await shop.good("GET", f"/v1/customers/{customer}")
    assert (profile["purchases"], profile["version"]) == (0, 1)


async def test_an_act_is_in_the_history(shop: Desk) -> None:
    customer = await shop.register()
    answer = await shop.good("POST", path(customer), {"type": "review"})
    item = (await shop.good("GET", f"/v1/customers/{customer}/history"))["items"][0]
    assert (item["tx_id"], item["kind"], item["reason"], item["receipt"]) == (answer["tx_id"], "event", "review", None)


async def test_a_key_posts_its_act_once(shop: Desk, owner: asyncpg.Connection) -> None:
    customer = await shop.register()
    first = await shop.post(path(customer), {"type": "review", "data": {"a": 1}}, key="one")
    again = await shop.post(path(customer), {"data": {"a": 1}, "type": "review"}, key="one")
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["Idempotent-Replayed"] == "true"
    for body in ({"type": "review", "data": {"a": 2}}, {"type": "signup", "data": {"a": 1}}):
        refused(await shop.post(path(customer), body, key="one"), 422, "idempotency_key_reused")
    state = await shop.good("GET", "/v1/requests/one")
    assert (state["state"], state["status"], state["body"]) == ("done", 201, first.json())
    assert await owner.fetchval("select count(*) from acts") == 1


async def test_limits_hold_for_acts(shop: Desk, admin: Desk, owner: asyncpg.Connection) -> None:
    limited = REVIEW | {"limit": {"customer": {"uses": 1, "period": "month"}, "budget": 80}}
    await admin.publish(small_program(rules=[limited]))
    first, second, third = [await shop.register() for _ in range(3)]
    given = [
        (await shop.good("POST", path(customer), {"type": "review"}))["accrued"]["points"]
        for customer in (first, first, second, third)
    ]
    assert given == [50, 0, 30, 0]
    kept = [orjson.loads(row["uses"]) for row in await owner.fetch("select uses from acts where uses is not null")]
    budgets = [use["amount"] for uses in kept for use in uses["counts"] if use["name"] == "rule/review/budget"]
    assert sorted(budgets) == [30, 50]


async def test_an_act_may_bring_a_code_and_a_gift(
    shop: Desk, admin: Desk, stage: Stage, owner: asyncpg.Connection
) -> None:
    rules = [
        {"id": "code", "kind": "reward", "when": {"event": ["signup"]}, "give": {"coupon": "welcome"}},
        {"id": "mug", "kind": "reward", "when": {"event": ["signup"]}, "give": {"gift": "MUG"}},
    ]
    await admin.publish(small_program(rules=rules))
    made = await admin.good("POST", "/v1/coupons", {"pool": "welcome", "count": 1})
    customer, other = await shop.register(), await shop.register()
    answer = await shop.good("POST", path(customer), {"type": "signup"})
    by_rule = {effect["rule"]: effect for effect in answer["effects"]}
    assert (by_rule["mug"]["gift"], by_rule["mug"]["given"]) == ("MUG", 1)
    assert (by_rule["code"]["coupon"], by_rule["code"]["given"]) == ("welcome", 1)
    assert by_rule["code"]["codes"] == made["codes"]
    assert (await shop.good("GET", f"/v1/coupons/{made['codes'][0]}"))["customer"] == customer
    late = await shop.good("POST", path(other), {"type": "signup"})
    assert {effect["rule"]: effect["given"] for effect in late["effects"]}.get("code", 0) == 0


async def test_an_act_fills_a_set_of_stamps(shop: Desk, admin: Desk) -> None:
    wallets = {"points": {"value": 100}, "stamps": {"value": 0, "convert": {"every": 2, "into": "points", "units": 7}}}
    rule = REVIEW | {"give": {"units": 1, "wallet": "stamps"}}
    await admin.publish(small_program(wallets=wallets, rules=[rule]))
    customer = await shop.register()
    balances = [
        {
            wallet: balance["available"]
            for wallet, balance in (await shop.good("POST", path(customer), {"type": "review"}))["balances"].items()
        }
        for _ in range(2)
    ]
    assert balances == [{"points": 0, "stamps": 1}, {"points": 7, "stamps": 0}]


async def test_acts_and_coupons_pass_the_audit(shop: Desk, admin: Desk, stage: Stage) -> None:
    rules = [
        REVIEW | {"limit": {"customer": {"max": 80, "period": "day"}, "budget": 70, "uses": 2}},
        {"id": "code", "kind": "reward", "when": {"event": ["review"]}, "give": {"coupon": "welcome"}},
        {"id": "off", "kind": "discount", "when": {"coupon": ["welcome"]}, "give": {"percent": "10"}},
    ]
    await admin.publish(small_program(rules=[BASE, *rules]))
    await admin.good("POST", "/v1/coupons", {"pool": "welcome", "count": 3, "uses_per_customer": 1})
    customers = [await shop.register() for _ in range(3)]
    for customer in customers * 2:
        act = await shop.good("POST", path(customer), {"type": "review"})
        codes = [code for effect in act["effects"] for code in effect.get("codes", ())]
        body = purchase(customer, line(price=10000, qty=2))
        body["basket"]["coupons"] = codes
        sold = await shop.good("POST", "/v1/accrue", body)
        await shop.good("POST", f"/v1/purchases/{sold['id']}/returns", refund(("1", 1)))
    assert await findings(stage.owner_url) == []


async def test_the_time_of_an_act_dates_its_points(shop: Desk, admin: Desk, owner: asyncpg.Connection) -> None:
    await admin.publish(small_program(wallets={"points": {"expire_after_days": 10}}, rules=[REVIEW]))
    customer = await shop.register()
    at = ago(days=4)
    answer = await shop.good("POST", path(customer), {"type": "review", "at": at.isoformat()})
    assert instant(answer["at"]) == at
    lots = await shop.good("GET", f"/v1/customers/{customer}/lots")
    assert (instant(lots["items"][0]["expires_at"]) - at).days == 10
    ahead = {"type": "review", "at": ago(hours=-1).isoformat()}
    problem = refused(await shop.post(path(customer), ahead), 422, "validation_error")
    assert pointers(problem) == {"/at"}
    assert await kinds(owner, customer) == [("event", 1)]


async def test_a_blocked_customer_has_no_acts(shop: Desk, owner: asyncpg.Connection) -> None:
    customer = await shop.register()
    await owner.execute("update customers set is_blocked = true where id = $1", customer)
    refused(await shop.post(path(customer), {"type": "review"}), 409, "customer_blocked")
    assert await owner.fetchval("select count(*) from acts") == 0


@pytest.mark.parametrize("role", ["pos", "shop", "support", "admin"])
async def test_tills_shops_and_support_tell_of_acts(shop: Desk, stage: Stage, role: str) -> None:
    place = {"pos": {"shop": "S9", "terminal": "T9"}, "shop": {"shop": "S9"}}.get(role, {})
    desk = Desk(shop.http, await stage.key(role, **place))
    customer = await shop.register()
    assert (await desk.good("POST", path(customer), {"type": "review"}))["accrued"] == {"points": 50}


async def test_others_tell_of_none(shop: Desk, stage: Stage) -> None:
    customer = await shop.register()
    for role in ("marketer", "analyst", "ops"):
        desk = Desk(shop.http, await stage.key(role))
        refused(await desk.post(path(customer), {"type": "review"}), 403, "insufficient_scope")


async def test_an_act_of_nobody_is_not_found(shop: Desk) -> None:
    for customer in (NOBODY, "nobody", "%00", NOBODY.replace("-", "")):
        refused(await shop.post(path(customer), {"type": "review"}), 404, "customer_not_found")


DEEP: Any = {}
for _ in range(40):
    DEEP = {"a": DEEP}


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({}, "/type"),
        ({"type": ""}, "/type"),
        ({"type": "x" * 65}, "/type"),
        ({"type": "a\nb"}, "/type"),
        ({"type": 5}, "/type"),
        ({"type": "a", "at": "yesterday"}, "/at"),
        ({"type": "a", "data": []}, "/data"),
        ({"type": "a", "data": "x"}, "/data"),
        ({"type": "a", "data": {"text": "x" * 4096}}, "/data"),
        ({"type": "a", "data": {"text": "я" * 2048}}, "/data"),
        ({"type": "a", "data": {"n": 10**30}}, "/data/n"),
        ({"type": "a", "data": {"nul": "\u0000"}}, "/data/nul"),
        ({"type": "a", "data": DEEP}, None),
        ({"type": "a", "note": 1}, "/note"),
    ],
)
async def test_what_is_wrong_is_refused_with_its_place(
    shop: Desk, owner: asyncpg.Connection, body: dict[str, Any], where: str | None
) -> None:
    customer = await shop.register()
    raw = orjson.dumps(body) if where != "/data/n" else b'{"type":"a","data":{"n":1' + b"0" * 30 + b"}}"
    response = await shop.call("POST", path(customer), raw)
    assert response.json()["code"] in {"validation_error", "limit_exceeded"}, response.text
    problem = refused(response, 422, response.json()["code"])
    assert where is None or pointers(problem) == {where}
    assert await kinds(owner, customer) == []
