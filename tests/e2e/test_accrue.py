"""A purchase, committed: the contract's own example to the last figure, and what else an accrue may be."""

from typing import Any

import asyncpg

from app.storage.keys import create_key
from tests.e2e.checks import ago, entries, instant, kinds, pointers, refused
from tests.kit import Desk, Stage, client_of, line, purchase, served_here, small_program

PERCENT_5 = {"id": "base", "kind": "bonus", "lane": "base", "give": {"percent": "5"}}


def contract_program() -> dict[str, Any]:
    """The parts of the contract's program document that its example of an answer needs."""
    return {
        "currency": "RUB",
        "timezone": "Europe/Moscow",
        "wallets": {"points": {"value": 100, "expire_after_days": 365}, "cashback": {"value": 1}},
        "redemption": {"wallets": ["points"], "max_share": "0.30"},
        "tiers": [{"id": "bronze", "from": 0}, {"id": "silver", "from": 1000000}, {"id": "gold", "from": 5000000}],
        "lanes": [{"id": "shelf", "combine": "best_line"}, {"id": "base", "combine": "best"}],
        "rules": [
            {
                "id": "gold-10",
                "kind": "discount",
                "lane": "shelf",
                "priority": 10,
                "when": {"all": [{"tier": ["gold"]}, {"basket_total": {"min": 100000}}]},
                "give": {"percent": "10"},
            },
            PERCENT_5,
        ],
    }


def contract_purchase() -> dict[str, Any]:
    at = ago(minutes=1)
    return {
        "customer": {"phone": "+79001234567"},
        "receipt": {"number": "000123", "fiscal": f"t={at:%Y%m%dT%H%M}&s=208.00&fn=9999&i=77&fp=1&n=1"},
        "at": at.isoformat(),
        "basket": {
            "lines": [
                {
                    "id": "1",
                    "sku": "4601",
                    "name": "Coffee",
                    "category": "drinks/coffee",
                    "brand": "X",
                    "tags": ["own"],
                    "qty": 2,
                    "price": 12900,
                    "list_price": 12900,
                    "min_price": 9000,
                    "no": [],
                }
            ],
            "coupons": ["SPRING"],
            "payments": [{"method": "card", "amount": 20800}],
        },
        "redeem": {"points": 50},
        "expect": {"paid": 20800},
    }


async def prepare(till: Desk, admin: Desk) -> str:
    """A gold customer with 1,200 points at version 41; the program's version becomes 7."""
    for _ in range(6):
        await admin.publish(contract_program())
    customer = await till.register(phone="8 900 123 45 67", name="Anna")
    await till.accrue(customer, line(price=5000000, no=["accrue"]))
    for points in (1201, *(1, -1) * 19, -1):
        body = {"wallet": "points", "points": points, "reason": "moved in"}
        await admin.good("POST", f"/v1/customers/{customer}/adjust", body)
    return customer


async def test_the_contracts_example_gives_the_contracts_answer(
    till: Desk, admin: Desk, owner: asyncpg.Connection
) -> None:
    customer = await prepare(till, admin)
    body = contract_purchase()
    answer = await till.post("/v1/accrue?explain=true", body)
    assert answer.status_code == 201, answer.text
    sale = answer.json()
    assert sale["id"] == sale["tx_id"]
    assert (sale["state"], sale["program"], sale["version"]) == ("committed", 7, 42)
    assert sale["receipt"] == body["receipt"]
    assert instant(sale["at"]) == instant(body["at"])
    assert sale["customer"] == {"id": customer, "tier": "gold", "name": "An***"}
    assert sale["totals"] == {
        "gross": 25800,
        "discount": 0,
        "redeemed": 5000,
        "paid": 20800,
        "redeemed_units": {"points": 50},
        "accrued": {"points": 10, "cashback": 0},
    }
    assert sale["lines"] == [
        {
            "id": "1",
            "gross": 25800,
            "discount": 0,
            "redeemed": 5000,
            "paid": 20800,
            "accrued": {"points": 10},
            "prices": [{"qty": 2, "price": 10400}],
            "parts": [{"rule": "base", "kind": "bonus", "wallet": "points", "units": 10}],
        }
    ]
    assert sale["redeem"] == {
        "wallets": {
            "points": {
                "max_units": 77,
                "max_money": 7740,
                "bound_by": "max_share",
                "terms": {"max_share": 7740, "lines_room": 7800, "available": 120000, "min_paid": 25800},
            }
        }
    }
    assert sale["effects"] == [
        {"rule": "base", "kind": "bonus", "wallet": "points", "wanted": 10, "given": 10, "limited_by": None}
    ]
    (coupon,) = sale["coupons"]
    assert (coupon["code"], coupon["verdict"], coupon["rule"]) == ("SPRING", "unknown", None)
    assert isinstance(coupon["because"], str)
    assert (sale["surprise"], sale["draws"], sale["messages"]) == ({"possible": False}, [], [])
    assert sale["balances"]["points"] == {"available": 1160, "pending": 0, "held": 0}
    explained = {each["rule"]: each for each in sale["explain"]}
    skipped = explained["gold-10"]
    assert (skipped["verdict"], skipped["because"], skipped["need"], skipped["have"]) == (
        "skipped",
        "basket_total",
        {"min": 100000},
        25800,
    )
    assert isinstance(skipped["text"], str)
    assert explained["base"]["verdict"] == "applied"
    assert await entries(owner, sale["tx_id"]) == [
        ("customer:available", "points", -50),
        ("customer:available", "points", 10),
        ("program:redeemed", "points", 50),
        ("program:issued", "points", -10),
    ]


async def test_explanations_are_in_the_language_asked_for(till: Desk, admin: Desk) -> None:
    await admin.publish(contract_program())
    customer = await till.register()
    body = purchase(customer)
    english = await till.post("/v1/quote?explain=true", body)
    russian = await till.post("/v1/quote?explain=true", body, headers={"Accept-Language": "ru-RU,ru;q=0.9,en;q=0.5"})
    words = [answer.json()["explain"][0]["text"] for answer in (english, russian)]
    assert "tier" in words[0].lower()
    assert "уров" in words[1].lower()
    assert "explain" not in (await till.post("/v1/quote", body)).json()


async def test_a_purchase_is_read_as_it_was_decided(till: Desk, admin: Desk) -> None:
    await admin.publish(contract_program())
    customer = await till.register(phone="+79001234567")
    sale = (await till.accrue(customer, line(price=50000), receipt="R 1/A", redeem={})).json()
    await admin.publish(small_program())
    by_id = await till.good("GET", f"/v1/purchases/{sale['id']}")
    assert {name: by_id[name] for name in sale} == sale
    for query in ("number=R%201/A", "shop=S1&terminal=T1&number=R%201/A"):
        assert await till.good("GET", f"/v1/purchases?{query}") == by_id
    explained = await till.good("GET", f"/v1/purchases/{sale['id']}?explain=true")
    assert {each["rule"]: each["verdict"] for each in explained["explain"]} == {"gold-10": "skipped", "base": "applied"}


async def test_a_rule_that_no_line_touches_is_explained_from_the_stored_version(till: Desk, admin: Desk) -> None:
    tea = {"id": "tea", "kind": "discount", "on": {"category": ["drinks/tea"]}, "give": {"percent": "10"}}
    await admin.publish(small_program(rules=[tea, {"id": "base", "kind": "bonus", "give": {"percent": "1"}}]))
    sale = (await till.accrue(await till.register(), line(category="drinks/coffee"))).json()
    await admin.publish(small_program())
    explained = (await till.good("GET", f"/v1/purchases/{sale['id']}?explain=true"))["explain"]
    assert [(each["rule"], each["verdict"], each["because"]) for each in explained] == [
        ("tea", "skipped", "on"),
        ("base", "applied", None),
    ]


async def test_nobody_gets_discounts_and_no_points(till: Desk, admin: Desk, owner: asyncpg.Connection) -> None:
    rules = [
        {"id": "sale", "kind": "discount", "give": {"percent": "10"}},
        {"id": "base", "kind": "bonus", "give": {"percent": "5"}},
    ]
    await admin.publish(small_program(rules=rules))
    answer = await till.accrue(None, line(price=10005))
    assert answer.status_code == 201
    sale = answer.json()
    assert (sale["customer"], sale["version"], sale["balances"]) == (None, 0, {})
    assert (sale["totals"]["discount"], sale["totals"]["paid"]) == (1001, 9004)  # Half-up.
    assert sale["totals"]["accrued"] == {"points": 0}
    assert await entries(owner, sale["tx_id"]) == []
    row = await owner.fetchrow("select kind, customer_id, version from audit_tx where tx_id = $1", sale["tx_id"])
    assert tuple(row) == ("purchase", None, 0)
    assert (await till.good("GET", f"/v1/purchases/{sale['id']}"))["totals"] == sale["totals"]


async def test_an_empty_basket_is_quoted_and_not_accrued(till: Desk) -> None:
    customer = await till.register()
    quoted = await till.good("POST", "/v1/quote", {"customer": {"id": customer}, "basket": {"lines": []}})
    assert quoted["totals"] == {
        "gross": 0,
        "discount": 0,
        "redeemed": 0,
        "paid": 0,
        "redeemed_units": {},
        "accrued": {"points": 0},
    }
    assert quoted["lines"] == []
    body = {"customer": {"id": customer}, "receipt": {"number": "E"}, "basket": {"lines": []}}
    assert pointers(refused(await till.post("/v1/accrue", body), 422, "validation_error")) == {"/basket/lines"}


async def test_the_time_of_a_deal_has_bounds(stage: Stage, till: Desk, owner: asyncpg.Connection) -> None:
    """72 hours back and 5 minutes ahead, as a service with the default settings has them."""
    customer = await till.register()
    async with served_here(stage, at_max_age_hours=72) as edge, client_of(edge) as http:
        desk = Desk(http, till.key)
        for span, is_taken in (
            ({"hours": 71.9}, True),
            ({"hours": 72.1}, False),
            ({"minutes": -4.9}, True),
            ({"minutes": -5.1}, False),
        ):
            body = purchase(customer, at=ago(**span).isoformat())
            for path in ("/v1/quote", "/v1/accrue"):
                answer = await desk.post(path, body)
                assert answer.is_success is is_taken, (span, answer.text)
                if not is_taken:
                    assert pointers(refused(answer, 422, "validation_error")) == {"/at"}
    assert len(await kinds(owner, customer)) == 2


async def test_points_of_a_till_whose_clock_runs_ahead_are_spendable_at_once(till: Desk) -> None:
    customer = await till.register()
    answer = await till.accrue(customer, at=ago(minutes=-4).isoformat())
    assert answer.json()["balances"]["points"] == {"available": 100, "pending": 0, "held": 0}


async def test_a_paid_sum_that_differs_from_what_was_expected_refuses_for_good(till: Desk) -> None:
    customer = await till.register()
    body = purchase(customer, line(price=10000), receipt="X-1", expect={"paid": 9999})
    problem = refused(await till.post("/v1/accrue", body, key="wrong"), 409, "quote_changed")
    assert (problem["promised"]["paid"], problem["decided"]["paid"]) == (9999, 10000)
    again = await till.post("/v1/accrue", body, key="wrong")
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (409, "true")
    right = purchase(customer, line(price=10000), receipt="X-1", expect={"paid": 10000})
    assert (await till.post("/v1/accrue", right)).status_code == 201


async def test_a_line_is_closed_to_what_it_says(till: Desk, admin: Desk) -> None:
    rules = [
        {"id": "sale", "kind": "discount", "give": {"percent": "10"}},
        {"id": "base", "kind": "bonus", "give": {"per": {"amount": 100, "units": 1}}},
    ]
    await admin.publish(small_program(rules=rules))
    customer = await till.register()
    await till.accrue(customer, line(price=1000000))
    lines = [
        line(1, price=10000),
        line(2, price=10000, no=["discount"]),
        line(3, price=10000, no=["accrue"]),
        line(4, price=10000, no=["redeem"]),
    ]
    sale = (await till.accrue(customer, *lines, redeem={"points": "max"})).json()
    assert [each["discount"] for each in sale["lines"]] == [1000, 0, 1000, 1000]
    assert [each["redeemed"] for each in sale["lines"]] == [9000, 10000, 9000, 0]
    assert [each["accrued"].get("points", 0) for each in sale["lines"]] == [0, 0, 0, 90]
    assert sale["totals"]["redeemed_units"] == {"points": 280}


async def test_a_shops_key_speaks_for_its_shops_and_sells_online(till: Desk, admin: Desk, stage: Stage) -> None:
    rules = [
        {"id": "web", "kind": "bonus", "when": {"channel": ["online"]}, "give": {"units": 7}},
        {"id": "s2", "kind": "bonus", "when": {"shop": ["S2"]}, "give": {"units": 100}},
    ]
    await admin.publish(small_program(rules=rules))
    made = await create_key(stage.owner_url, role="shop", shops=["S2", "S3"], terminal=None)
    shop = Desk(till.http, made.key)
    customer = await till.register()

    async def points(desk: Desk, **receipt: str) -> int:
        body = purchase(customer)
        body["receipt"] |= receipt
        return int((await desk.good("POST", "/v1/accrue", body))["totals"]["accrued"]["points"])

    assert await points(shop) == 107
    assert await points(shop, shop="S3") == 7
    assert await points(till) == 0
    elsewhere = purchase(customer)
    elsewhere["receipt"]["shop"] = "S9"
    refused(await shop.post("/v1/accrue", elsewhere), 403, "insufficient_scope")
    elsewhere["receipt"]["shop"] = "S2"
    refused(await till.post("/v1/accrue", elsewhere), 403, "insufficient_scope")
