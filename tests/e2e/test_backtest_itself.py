"""The honest proof over HTTP: what was really sold by a published program, tried by the same, changes nothing."""

import asyncio
from datetime import UTC, datetime
from typing import Any

from app.domain.backtest.sums import CHANGES_MAX
from tests.e2e.test_backtest import _ended
from tests.kit import Desk, line, refund, small_program

STAMPS = {"value": 0, "convert": {"every": 3, "into": "points", "units": 10}}
MORE = {"kind": "bonus", "lane": "more"}
OFF = {"kind": "discount", "lane": "more"}
# Whatever remembers something: tiers, limits and caps of customers, coupons, costs, numbers of purchases.
RULES: list[dict[str, Any]] = [
    {
        "id": "drinks",
        "kind": "discount",
        "on": {"category": ["drinks"]},
        "give": {"percent": "10"},
        "limit": {"customer": {"max": 1500, "period": "day"}},
    },
    {
        "id": "third",
        "kind": "discount",
        "on": {"sku": ["A"], "units": {"every": 3, "take": 1}},
        "give": {"percent": "100"},
    },
    {**OFF, "id": "bought", "give": {"amount": 700}, "cost": {"points": 5}},
    {**OFF, "id": "code", "when": {"coupon": ["spring"]}, "give": {"amount": 300}},
    {**MORE, "id": "base", "give": {"percent": "5"}},
    {**MORE, "id": "gold", "when": {"tier": ["gold"]}, "give": {"percent": "3"}},
    {**MORE, "id": "back", "kind": "cashback", "give": {"percent": "4"}},
    {**MORE, "id": "stamp", "give": {"units": 1, "wallet": "stamps"}},
    {**MORE, "id": "second", "when": {"purchase_number": {"every": 2}}, "give": {"units": 9}},
    {**MORE, "id": "party", "when": {"birthday": {"before": 1, "after": 1}}, "give": {"multiply": "2"}},
    {**MORE, "id": "review", "when": {"event": ["review"]}, "give": {"units": 50}},
    {**OFF, "id": "mug", "kind": "reward", "when": {"basket_total": {"min": 30000}}, "give": {"gift": "MUG"}},
]
PROGRAM = small_program(
    wallets={"points": {"value": 100}, "cashback": {}, "stamps": STAMPS},
    redemption={"max_share": "0.30"},
    tiers=[{"id": "new", "from": 0}, {"id": "gold", "from": 20000}],
    lanes=[{"id": "shelf", "combine": "best_line"}, {"id": "base", "combine": "all"}, {"id": "more", "combine": "all"}],
    caps=[{"id": "month", "wallet": "cashback", "period": "month", "by": "category", "max": 700}],
    rules=[{**rule, "lane": "base"} if rule["id"] == "base" else rule for rule in RULES],
)


def baskets(place: int) -> list[dict[str, Any]]:
    return [
        line(
            1, price=5000 + 777 * place, qty="1.345", category=("drinks/tea", "food", "drinks")[place % 3], tags=["own"]
        ),
        line(2, price=1999, qty=1 + place % 4, sku="A", no=["redeem"] if place % 2 else []),
        line(3, price=3333, qty=1, category="drinks", min_price=3300, list_price=4000),
    ]


async def test_a_published_program_tried_on_its_own_purchases_changes_nothing(admin: Desk, till: Desk) -> None:
    await admin.publish(PROGRAM)
    codes = (await admin.good("POST", "/v1/coupons", {"pool": "spring", "count": 2}))["codes"]  # Each for one use.
    today = datetime.now(UTC).date().replace(year=1992)
    people = [await admin.register(birthday=today.isoformat()), await admin.register(), None]
    sold = []
    for place in range(24):
        who = people[place % 3]
        redeem = ({}, {"points": "max"}, {"rewards": {"bought": 1}})[place // 3 % 3]
        more = {"redeem": redeem} if who is not None and redeem else {}
        basket = {"lines": baskets(place), "coupons": [(codes[0], codes[1].lower(), "nobodys")[place % 3]]}
        answer = await till.post("/v1/accrue", {**_purchase(who, place), "basket": basket, **more})
        if answer.status_code == 201:
            sold.append(answer.json()["id"])
        else:  # Not enough points for the reward; nothing was sold.
            assert answer.json()["code"] == "insufficient_points", answer.text
        if who is not None and place % 5 == 0:
            await till.good("POST", f"/v1/customers/{who}/events", {"type": "review"})
    await till.good(
        "POST", f"/v1/purchases/{sold[-1]}/returns", refund(("2", 1))
    )  # A return doesn't change what was given.
    assert len(sold) > CHANGES_MAX
    await admin.good("PUT", "/v1/program/draft", PROGRAM)
    found = await _ended(admin, (await admin.good("POST", "/v1/program/draft/backtest", {}))["id"])
    report = found["report"]
    # As many baskets as purchases: other acts than purchases aren't among them.
    assert (found["state"], report["baskets"], report["unreadable"], report["without_facts"]) == (
        "done",
        len(sold),
        0,
        0,
    )
    assert report["redemptions_refused"] == {}
    assert report["changes"] == []
    assert report["customers_change"]["same"] == report["customers"] == 2
    gave = {rule["rule"] for rule in report["rules"] if rule["real"]["baskets"]}
    assert gave == {rule["id"] for rule in PROGRAM["rules"]} - {"review"}
    for rule in report["rules"]:
        assert rule["real"] == rule["draft"], rule
    for totals in (report["totals"]["discount"], report["totals"]["redeemed"], *report["totals"]["units"].values()):
        assert totals["difference"] == 0
    assert {limit["limited_by"] for limit in report["limits"]} >= {"customer", "cap:month"}


def _purchase(who: str | None, place: int) -> dict[str, Any]:
    body: dict[str, Any] = {"receipt": {"number": f"itself-{place}"}}
    return body if who is None else {**body, "customer": {"id": who}}


async def test_two_back_tests_of_one_past_say_the_same(admin: Desk, till: Desk) -> None:
    who = await admin.register()
    await asyncio.gather(*(till.accrue(who, line(price=1000 + place)) for place in range(5)))
    await admin.good("PUT", "/v1/program/draft", {**PROGRAM, "tiers": []} | {"rules": RULES[:1]})
    reports = []
    for _ in range(2):
        asked = await admin.good("POST", "/v1/program/draft/backtest", {"until": "2100-01-01T00:00:00Z"})
        reports.append((await _ended(admin, asked["id"]))["report"])
    one, other = ({key: value for key, value in each.items() if key not in {"speed", "period"}} for each in reports)
    assert one == other
    assert one["baskets"] == 5
