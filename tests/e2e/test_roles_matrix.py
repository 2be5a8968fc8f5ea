"""Every route by every role, with no key, with bad keys, and at other shops' objects: who may, and that whoever may not
has written nothing and has learned nothing.

The routes are those of the OpenAPI document, with its own examples as bodies; who may call them stands in
`test_roles.ROUTES`, and whose objects they reach stands here. A new route is in neither, and fails both.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg
import httpx
import orjson
import pytest

from app.api.openapi import openapi_document
from app.api.operations import OPERATIONS
from app.domain.key_text import KeyEnv, key_text
from app.flows.requests import Role
from app.storage.keys import create_key, revoke_key
from tests.e2e.checks import refused
from tests.e2e.everything import everything
from tests.e2e.test_roles import NOBODY, ROUTES
from tests.kit import Desk, Stage, line, purchase, refund

DOCUMENT = openapi_document(OPERATIONS, version="0")
FILLED = {
    "id": NOBODY, "key": "x", "version": 9, "code": "X", "number": "N", "date": "x", "tx_id": NOBODY,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Route:
    """One of the document, with a sound request to it; `roles` None needs no key."""

    method: str
    template: str
    path: str
    body: Any
    roles: frozenset[str] | None

    def __str__(self) -> str:
        return f"{self.method} {self.template}"


def _routes() -> tuple[Route, ...]:
    return tuple(
        Route(method.upper(), path, path.format(**FILLED), _example(told), _roles(told))
        for path, methods in DOCUMENT["paths"].items()
        for method, told in methods.items()
    )


def _example(told: Mapping[str, Any]) -> Any:
    examples = told.get("requestBody", {}).get("content", {}).get("application/json", {}).get("examples", {})
    return next((example["value"] for example in examples.values()), {})


def _roles(told: Mapping[str, Any]) -> frozenset[str] | None:
    return None if told.get("security") == [] else frozenset(told["x-roles"])


DOCUMENTED = _routes()
WITH_KEY = tuple(route for route in DOCUMENTED if route.roles is not None)
MAY = {(method, path.partition("?")[0]): roles for (method, path), roles in ROUTES.items()}


def test_every_route_of_the_document_stands_in_the_table_with_its_roles() -> None:
    assert {(route.method, route.path): set(route.roles or ()) for route in WITH_KEY} == MAY


@pytest.fixture
async def sold_something(till: Desk) -> None:
    """So that there is something to change."""
    customer = await till.register()
    await till.good("POST", "/v1/accrue", purchase(customer, line(price=50_000)))


@pytest.mark.parametrize("role", Role)
@pytest.mark.usefixtures("sold_something")
async def test_what_a_role_may_not_is_refused_and_writes_nothing(
    till: Desk, stage: Stage, owner: asyncpg.Connection, role: Role
) -> None:
    needed = {Role.POS: {"shop": "S1", "terminal": "T8"}, Role.SHOP: {"shop": "S1"}}.get(role, {})
    desk = Desk(till.http, await stage.key(role, **needed))
    before = await everything(owner)
    for route in WITH_KEY:
        if role not in MAY[route.method, route.path]:
            refused(await desk.call(route.method, route.path, route.body), 403, "insufficient_scope")
    assert await everything(owner) == before


async def _bad_keys(stage: Stage, till: Desk) -> Mapping[str, Mapping[str, str]]:
    """Headers by what is wrong with them."""
    revoked = await create_key(stage.owner_url, role="admin", shops=[], terminal=None)
    assert await revoke_key(stage.owner_url, revoked.id)
    unknown = key_text(env=KeyEnv.LIVE, key_id=revoked.id, secret="x" * 43)
    keys = {
        "revoked": revoked.key,
        "unknown": unknown,
        "of the first releases, unknown": unknown[:-6],
        "a typo": till.key[:-1] + ("x" if till.key[-1] != "x" else "y"),
        "another case": till.key.swapcase(),
        "not ASCII": "ключ",
        "an SQL quote": "' or true --",
    }
    bearers = {name: {"Authorization": f"Bearer {key}"} for name, key in keys.items() if key.isascii()}
    return {
        "none": {},
        "another scheme": {"Authorization": f"Basic {till.key}"},
        "as a cookie": {"Cookie": f"key={till.key}"},
        "as another header": {"X-Api-Key": till.key},
        **bearers,
    }


@pytest.mark.usefixtures("sold_something")
async def test_without_a_good_key_every_route_says_the_same_and_writes_nothing(
    till: Desk, stage: Stage, owner: asyncpg.Connection
) -> None:
    bad = await _bad_keys(stage, till)
    before, said = await everything(owner), set()
    for route in WITH_KEY:
        for name, headers in bad.items():
            sent = {**headers, "Idempotency-Key": "k", "Content-Type": "application/json", "X-Request-Id": "same"}
            body = None if route.method == "GET" else orjson.dumps(route.body)
            answer = await till.http.request(route.method, route.path, content=body, headers=sent)
            refused(answer, 401, "unauthenticated")
            said.add((answer.content, tuple(sorted(answer.headers.items()))))
            assert len(said) == 1, f"{route} with a key that is {name}"
    assert await everything(owner) == before


# Whose objects they are. Of one shop: what was sold, held and asked for there.
OF_A_SHOP = {
    "GET /v1/purchases/{id}", "GET /v1/purchases/{id}/explain", "GET /v1/purchases",
    "POST /v1/purchases/{id}/returns", "POST /v1/returns",
    "GET /v1/holds/{id}", "POST /v1/holds/{id}/capture", "POST /v1/holds/{id}/release",
}  # fmt: skip
# Of one terminal, or one person.
OF_A_CALLER = {"GET /v1/requests/{key}"}
# Of one customer, within the customer's own path.
OF_A_CUSTOMER = {
    "POST /v1/customers/{id}/cards/{number}/block", "POST /v1/customers/{id}/cards/{number}/replace",
    "GET /v1/customers/{id}/proof/{tx_id}",
}  # fmt: skip
# Of the whole chain: a customer is served in every shop, programs and what belongs to them are one for all.
OF_THE_CHAIN = re.compile(
    r"(GET|PATCH) /v1/customers/{id}(/(balance|history|lots))?|POST /v1/customers/{id}/(adjust|cards|events)"
    r"|(GET|POST) /v1/(gift-cards|coupons|segments|prize-draws|keys|adjustments)/{\w+}(/\w+)?"
    r"|(GET|POST) /v1/program/(versions|backtests)/{\w+}(/\w+)?|GET /v1/(draws|ledger/roots)/{date}"
)


def test_every_route_to_an_object_says_whose_it_is() -> None:
    for route in DOCUMENTED:
        is_told = [str(route) in OF_A_SHOP, str(route) in OF_A_CALLER, str(route) in OF_A_CUSTOMER]
        is_told.append(OF_THE_CHAIN.fullmatch(str(route)) is not None)
        if "{" in route.template:
            assert sum(is_told) == 1, f"{route} reaches somebody's object: say whose"
    assert {str(route) for route in DOCUMENTED} >= OF_A_SHOP | OF_A_CALLER | OF_A_CUSTOMER


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
async def mall(till: Desk, stage: Stage) -> Mall:
    async def desk(role: str, *shops: str, terminal: str | None = None) -> Desk:
        return Desk(till.http, (await create_key(stage.owner_url, role=role, shops=shops, terminal=terminal)).key)

    people = {
        "another till of the shop": await desk("pos", "S1", terminal="T2"),
        "a shop key that sells for it too": await desk("shop", "W1", "S1"),
        "another shop's till": await desk("pos", "S2", terminal="T1"),
        "a web shop": await desk("shop", "W1", "W2"),
        **{role: await desk(role) for role in ("marketer", "analyst", "support", "ops", "admin")},
    }
    customer, other = await till.register(card="4276"), await till.register(card="4277")
    await till.good("POST", "/v1/accrue", purchase(customer, line(price=90_000)))
    sold = await till.good("POST", "/v1/accrue", purchase(customer, line(qty=2), receipt="SALE-1"), key="sale-key")
    held = await till.good("POST", "/v1/holds", {**purchase(customer), "ttl_seconds": 600})
    mug = {"customer": {"id": customer}, "wallet": "points", "points": 5, "receipt": {"number": "MUG"}, "reason": "mug"}
    plain = await till.good("POST", "/v1/holds", {**mug, "ttl_seconds": 600})
    return Mall(till, people, customer, other, sold["id"], "SALE-1", held["id"], plain["id"])


# Besides those of the shop's own tills: whoever may call the route at all and belongs to no shop.
KIN = {"another till of the shop", "a shop key that sells for it too"}
STRANGERS = {"another shop's till", "a web shop"}


async def test_the_mall_reaches_every_route_to_a_shops_objects(mall: Mall) -> None:
    assert {route for route, _, _, _ in mall.calls(real=True)} == OF_A_SHOP


async def test_another_shops_objects_are_as_if_they_were_not_there(mall: Mall, owner: asyncpg.Connection) -> None:
    """Byte for byte, headers too; for roles that may not call the route at all likewise."""
    may = {str(route): route.roles or frozenset() for route in WITH_KEY}
    before = await everything(owner)
    for name, desk in mall.people.items():
        for there, nowhere in zip(mall.calls(real=True), mall.calls(real=False), strict=True):
            route = there[0]
            if name in STRANGERS:
                status, code = 404, "not_found"
            elif name in KIN or name in may[route]:
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
    for name in (*KIN, "support", "admin"):
        desk, may = mall.people[name], {str(route): route.roles or () for route in WITH_KEY}
        for route, method, path, body in mall.calls(real=True):
            if (name in KIN or name in may[route]) and (method == "GET" or "preview" in path):
                named = {**body, "receipt": {**body["receipt"], "shop": "S1"}} if body and name == "admin" else body
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
    for name in STRANGERS:
        desk = mall.people[name]
        for path, body in (
            ("/v1/accrue", sale),
            ("/v1/redeem", gift),
            ("/v1/holds", {**sale, "ttl_seconds": 60}),
            ("/v1/holds", {**gift, "ttl_seconds": 60}),
            ("/v1/gift-cards/90000000000000000018/activate", {"receipt": sale["receipt"]}),
            (f"/v1/purchases/{mall.sale}/returns", {"receipt": sale["receipt"], "all": True}),
        ):
            refused(await desk.post(path, body), 403, "insufficient_scope")
        refused(await desk.post("/v1/quote", sale), 403, "insufficient_scope")
    assert await everything(owner) == before


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
