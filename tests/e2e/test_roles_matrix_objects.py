"""Other shops' objects, by every caller: whose each route's objects are, and that they are as if they weren't there for
everybody else.

Every route of the document stands in exactly one of the lists below; a new one is in none, and fails.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import asyncpg
import httpx
import orjson
import pytest

from app.api.edge import Edge
from app.flows.ports_people import PEOPLE
from app.flows.requests import Role
from app.storage.keys import create_key
from tests.e2e.callers import signed_in
from tests.e2e.checks import refused
from tests.e2e.everything import everything
from tests.e2e.test_roles import NOBODY
from tests.e2e.test_roles_matrix import DOCUMENTED, OPEN, WITH_KEY
from tests.kit import Desk, Stage, line, purchase, refund

# Of one shop: what was sold, held and asked for there.
OF_A_SHOP = {
    "GET /v1/purchases/{id}", "GET /v1/purchases/{id}/explain", "GET /v1/purchases",
    "POST /v1/purchases/{id}/returns", "POST /v1/returns",
    "GET /v1/holds/{id}", "POST /v1/holds/{id}/capture", "POST /v1/holds/{id}/release",
}  # fmt: skip
# What is done in a shop's name, which the key must have.
FOR_A_SHOP = {
    "POST /v1/quote", "POST /v1/accrue", "POST /v1/redeem", "POST /v1/holds", "POST /v1/receipts/offline",
    "POST /v1/gift-cards/{number}/activate",
}  # fmt: skip
# Of one terminal, or one person.
OF_A_CALLER = {"GET /v1/requests/{key}", "GET /v1/session", "DELETE /v1/session"}
# Of one customer, within the customer's own path.
OF_A_CUSTOMER = {
    "POST /v1/customers/{id}/cards/{number}/block", "POST /v1/customers/{id}/cards/{number}/replace",
    "GET /v1/customers/{id}/proof/{tx_id}",
}  # fmt: skip
# Of the whole chain, and open to its tills: a customer is served in every shop; cards and codes are good in every shop.
OF_THE_CHAIN = {
    "POST /v1/customers", "POST /v1/customers/lookup", "GET /v1/customers/{id}", "PATCH /v1/customers/{id}",
    "GET /v1/customers/{id}/balance", "GET /v1/customers/{id}/history", "GET /v1/customers/{id}/lots",
    "POST /v1/customers/{id}/cards", "POST /v1/customers/{id}/events",
    "GET /v1/gift-cards/{number}", "GET /v1/coupons/{code}",
}  # fmt: skip
# Of the chain's office: no key of a till or a shop reaches any of them.
OF_THE_OFFICE = {
    "POST /v1/customers/{id}/adjust", "POST /v1/customers/{id}/app-code", "GET /v1/customers/{id}/consents",
    "GET /v1/customers/{id}/export", "POST /v1/customers/{id}/erase", "GET /v1/erasures",
    "GET /v1/adjustments", "GET /v1/adjustments/{id}", "POST /v1/adjustments/{id}/approve",
    "POST /v1/adjustments/{id}/decline",
    "GET /v1/alerts", "POST /v1/alerts/{id}", "GET /v1/audit-log", "GET /v1/events",
    "GET /v1/keys", "POST /v1/keys", "POST /v1/keys/{id}/rotate", "POST /v1/keys/{id}/revoke",
    "GET /v1/people", "POST /v1/people/{id}/disable", "GET /v1/ledger/findings", "GET /v1/ledger/roots/{date}",
    "POST /v1/gift-cards", "POST /v1/gift-cards/{number}/block", "GET /v1/coupons", "POST /v1/coupons",
    "POST /v1/coupons/{code}/block", "GET /v1/segments", "POST /v1/segments", "POST /v1/segments/{id}/members",
    "POST /v1/prize-draws", "POST /v1/prize-draws/{id}/freeze", "POST /v1/prize-draws/{id}/draw",
    "GET /v1/program", "GET /v1/program/schema", "GET /v1/program/versions",
    "POST /v1/program/versions/{version}/republish", "POST /v1/program/publish",
    "GET /v1/program/draft", "PUT /v1/program/draft", "POST /v1/program/draft/check",
    "POST /v1/program/draft/backtest", "GET /v1/program/backtests/{id}", "GET /v1/program/backtests/{id}/report",
    "POST /v1/program/backtests/{id}/cancel",
}  # fmt: skip
WHOSE = (OF_A_SHOP, FOR_A_SHOP, OF_A_CALLER, OF_A_CUSTOMER, OF_THE_CHAIN, OF_THE_OFFICE, OPEN)
MAY = {str(route): route.roles or frozenset[str]() for route in WITH_KEY}


def test_every_route_says_whose_objects_it_reaches() -> None:
    for route in DOCUMENTED:
        assert sum(str(route) in routes for routes in WHOSE) == 1, f"{route} reaches somebody's object: say whose"
    assert {str(route) for route in DOCUMENTED} == set[str]().union(*WHOSE)


def test_no_till_reaches_what_is_the_offices() -> None:
    for route in OF_THE_OFFICE:
        assert not MAY[route] & {Role.POS, Role.SHOP}, route


@dataclass(slots=True)
class Mall:
    """What till T1 of shop S1 has made, and who else there is."""

    till: Desk
    people: Mapping[str, Desk]
    customer: str
    other: str
    sale: str
    number: str
    held: str
    plain: str

    def calls(self, *, real: bool) -> list[tuple[str, str, str, Any]]:
        """(route, method, path, body) of every call to an object of the shop; the same to one that isn't there."""
        sale, held, plain = (self.sale, self.held, self.plain) if real else (NOBODY, NOBODY, NOBODY)
        number = self.number if real else "never-printed"
        name = {"shop": "S1", "terminal": "T1", "number": number}
        back = {"receipt": {"number": "back"}, "all": True}
        some = {"receipt": {"number": "back"}, "lines": [{"id": "1", "qty": 1}]}
        calls = [
            ("GET /v1/purchases/{id}", f"/v1/purchases/{sale}", None),
            ("GET /v1/purchases/{id}", f"/v1/purchases/{held}?explain=true", None),
            ("GET /v1/purchases/{id}/explain", f"/v1/purchases/{sale}/explain", None),
            ("GET /v1/purchases", f"/v1/purchases?shop=S1&terminal=T1&number={number}", None),
            ("POST /v1/purchases/{id}/returns", f"/v1/purchases/{sale}/returns", back),
            ("POST /v1/purchases/{id}/returns", f"/v1/purchases/{sale}/returns", some),
            ("POST /v1/purchases/{id}/returns", f"/v1/purchases/{sale}/returns?preview=true", back),
            ("POST /v1/returns", "/v1/returns", {**back, "purchase": name}),
            ("POST /v1/returns", "/v1/returns?preview=true", {**some, "purchase": name}),
        ]
        for hold in (held, plain):
            path = f"/v1/holds/{hold}"
            calls += [
                ("GET /v1/holds/{id}", path, None),
                ("POST /v1/holds/{id}/capture", f"{path}/capture", {}),
                ("POST /v1/holds/{id}/release", f"{path}/release", {}),
            ]
        return [(route, route.partition(" ")[0], path, body) for route, path, body in calls]


@pytest.fixture
async def mall(till: Desk, stage: Stage, edge: Edge) -> AsyncIterator[Mall]:
    async def desk(role: str, *shops: str, terminal: str | None = None) -> Desk:
        return Desk(till.http, (await create_key(stage.owner_url, role=role, shops=shops, terminal=terminal)).key)

    people = {
        "another till of the shop": await desk("pos", "S1", terminal="T2"),
        "a shop key that sells for it too": await desk("shop", "W1", "S1"),
        "another shop's till": await desk("pos", "S2", terminal="T1"),
        "a web shop": await desk("shop", "W1", "W2"),
        **{role: await desk(role) for role in ("marketer", "analyst", "support", "ops", "admin")},
    }
    browsers = AsyncExitStack()
    people |= {AT_BROWSER + role: await browsers.enter_async_context(signed_in(stage, edge, role)) for role in PEOPLE}
    customer, other = await till.register(card="4276"), await till.register(card="4277")
    await till.good("POST", "/v1/accrue", purchase(customer, line(price=90_000)))
    sold = await till.good("POST", "/v1/accrue", purchase(customer, line(qty=2), receipt="SALE-1"), key="sale-key")
    held = await till.good("POST", "/v1/holds", {**purchase(customer), "ttl_seconds": 600})
    mug = {"customer": {"id": customer}, "wallet": "points", "points": 5, "receipt": {"number": "MUG"}, "reason": "mug"}
    plain = await till.good("POST", "/v1/holds", {**mug, "ttl_seconds": 600})
    yield Mall(till, people, customer, other, sold["id"], "SALE-1", held["id"], plain["id"])
    await browsers.aclose()


# Besides those of the shop's own tills: whoever may call the route at all and belongs to no shop.
KIN = {"another till of the shop", "a shop key that sells for it too"}
STRANGERS = {"another shop's till", "a web shop"}
AT_BROWSER = "at a browser: "


def role_of(name: str) -> str:
    return name.removeprefix(AT_BROWSER)


async def test_the_mall_reaches_every_route_to_a_shops_objects(mall: Mall) -> None:
    assert {route for route, _, _, _ in mall.calls(real=True)} == OF_A_SHOP


async def test_another_shops_objects_are_as_if_they_were_not_there(mall: Mall, owner: asyncpg.Connection) -> None:
    """Byte for byte, headers too; for roles that may not call the route at all likewise."""
    before = await everything(owner)
    for name, desk in mall.people.items():
        for there, nowhere in zip(mall.calls(real=True), mall.calls(real=False), strict=True):
            route = there[0]
            if name in STRANGERS:
                status, code = 404, "not_found"
            elif name in KIN or role_of(name) in MAY[route]:
                continue
            else:
                status, code = 403, "insufficient_scope"
            answers = [await _call(desk, method, path, body) for _, method, path, body in (there, nowhere)]
            for answer in answers:
                refused(answer, status, code)
            assert answers[0].content == answers[1].content, f"{name} learns from {route}"
            assert answers[0].headers == answers[1].headers, f"{name} learns from {route}"
    assert await everything(owner) == before


async def _call(desk: Desk, method: str, path: str, body: Any) -> httpx.Response:
    return await desk.call(method, path, body, headers={"X-Request-Id": "same"})


async def test_the_shops_own_and_those_of_no_shop_reach_them(mall: Mall) -> None:
    """Reads and previews alone, so that each finds the same."""
    for name in (*KIN, "support", "admin", f"{AT_BROWSER}support", f"{AT_BROWSER}admin"):
        desk, role = mall.people[name], role_of(name)
        for route, method, path, body in mall.calls(real=True):
            if (name in KIN or role in MAY[route]) and (method == "GET" or "preview" in path):
                named = {**body, "receipt": {**body["receipt"], "shop": "S1"}} if body and role == "admin" else body
                assert (await desk.call(method, path, named)).status_code == 200, f"{name}: {route}"
    back = await mall.people["another till of the shop"].post(f"/v1/purchases/{mall.sale}/returns", refund())
    assert back.status_code == 201
    for hold in (mall.held, mall.plain):
        released = await mall.people["a shop key that sells for it too"].post(f"/v1/holds/{hold}/release", {})
        assert released.status_code == 201, released.text


async def test_nobody_learns_of_anothers_idempotency_key(mall: Mall) -> None:
    assert (await mall.till.good("GET", "/v1/requests/sale-key"))["state"] == "done"
    for name, desk in mall.people.items():
        answers = [await _call(desk, "GET", f"/v1/requests/{key}", None) for key in ("sale-key", "other-key")]
        assert answers[0].content == answers[1].content, name
        assert answers[0].status_code in {200, 403}


async def test_nobody_speaks_for_a_shop_that_is_not_theirs(mall: Mall, owner: asyncpg.Connection) -> None:
    before = await everything(owner)
    customer = {"id": mall.customer}
    sale = {"customer": customer, "basket": {"lines": [line()]}, "receipt": {"number": "F-1", "shop": "S1"}}
    gift = {"customer": customer, "wallet": "points", "points": 1, "reason": "gift", "receipt": sale["receipt"]}
    late = {**sale, "executed_at": "2026-11-21T12:00:00+03:00"}
    calls: list[tuple[str, str, Any]] = [
        ("POST /v1/quote", "/v1/quote", sale),
        ("POST /v1/accrue", "/v1/accrue", sale),
        ("POST /v1/redeem", "/v1/redeem", gift),
        ("POST /v1/holds", "/v1/holds", {**sale, "ttl_seconds": 60}),
        ("POST /v1/holds", "/v1/holds", {**gift, "ttl_seconds": 60}),
        (
            "POST /v1/gift-cards/{number}/activate",
            "/v1/gift-cards/90000000000000000018/activate",
            {"receipt": sale["receipt"]},
        ),
    ]
    assert {route for route, _, _ in calls} | {"POST /v1/receipts/offline"} == FOR_A_SHOP
    back = (f"/v1/purchases/{mall.sale}/returns", {"receipt": sale["receipt"], "all": True})
    for name in STRANGERS:
        desk = mall.people[name]
        for path, body in (*((path, body) for _, path, body in calls), back):
            refused(await desk.post(path, body), 403, "insufficient_scope")
    assert await everything(owner) == before
    # A call of many receipts has an answer of its own, which is kept; none of them is posted.
    postings = await owner.fetchval("select count(*) from txs")
    for name in STRANGERS:
        (result,) = (await mall.people[name].good("POST", "/v1/receipts/offline", [late]))["results"]
        assert (result["status"], result["problem"]["code"]) == (403, "insufficient_scope")
    assert await owner.fetchval("select count(*) from txs") == postings


async def test_a_customers_cards_and_postings_are_reached_by_nobody_elses_path(
    mall: Mall, owner: asyncpg.Connection
) -> None:
    before = await everything(owner)
    support = mall.people["support"]
    for desk in (mall.till, mall.people["another shop's till"], support):
        for act in ("block", "replace"):
            path = f"/v1/customers/{mall.other}/cards/{{}}/{act}"
            answers = [await _call(desk, "POST", path.format(number), {}) for number in ("4276", "5999")]
            refused(answers[0], 404, "not_found")
            assert answers[0].content == answers[1].content
    paths = [f"/v1/customers/{mall.other}/proof/{tx_id}" for tx_id in (mall.sale, NOBODY)]
    answers = [await _call(support, "GET", path, None) for path in paths]
    refused(answers[0], 404, "not_found")
    assert answers[0].content == answers[1].content
    assert await everything(owner) == before


async def test_a_personal_coupon_tells_a_stranger_nothing(mall: Mall) -> None:
    """It gives another customer nothing, refuses no call, and doesn't say whose it is."""
    marketer = mall.people["marketer"]
    await marketer.good("POST", "/v1/coupons", {"code": "MINE", "customer": {"id": mall.customer}})
    basket = {"lines": [line()], "coupons": ["MINE"]}
    quoted = await mall.till.good("POST", "/v1/quote", {"customer": {"id": mall.other}, "basket": basket})
    (verdict,) = quoted["coupons"]
    assert verdict["verdict"] in {"wrong_customer", "not_applicable"}
    assert mall.customer not in orjson.dumps(quoted).decode()


async def test_a_till_learns_nothing_of_the_offices_objects(
    mall: Mall, stage: Stage, owner: asyncpg.Connection
) -> None:
    """Of keys, adjustments and alerts that are there and of those that aren't: one refusal."""
    made = await create_key(stage.owner_url, role="pos", shops=["S1"], terminal="T7")
    raised = await owner.fetchval(
        """insert into alerts (id, kind, shop, terminal, day, facts)
        values (gen_random_uuid(), 'many_returns', 'S1', 'T1', current_date, '{}') returning id"""
    )
    asked = await owner.fetchval(
        """insert into adjustments (id, customer_id, wallet, points, reason, asked_by, expires_at)
        values (gen_random_uuid(), $1::uuid, 'points', 5000, 'x', 'k', now() + interval '1 day') returning id""",
        mall.customer,
    )
    before = await everything(owner)
    for path, there, nowhere, body in (
        ("/v1/keys/{}/revoke", made.id, "000000000000", {}),
        ("/v1/keys/{}/rotate", made.id, "000000000000", {}),
        ("/v1/alerts/{}", raised, NOBODY, {"state": "dismissed"}),
        ("/v1/adjustments/{}/approve", asked, NOBODY, {}),
        ("/v1/adjustments/{}/decline", asked, NOBODY, {}),
    ):
        for desk in (mall.till, *(mall.people[name] for name in KIN | STRANGERS)):
            answers = [await _call(desk, "POST", path.format(each), body) for each in (there, nowhere)]
            refused(answers[0], 403, "insufficient_scope")
            assert answers[0].content == answers[1].content
            assert answers[0].headers == answers[1].headers
    assert await everything(owner) == before
