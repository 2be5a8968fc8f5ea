"""Coupons made by marketers: pools, personal codes, one code for all; their state, and blocking."""

import asyncio
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import asyncpg
import pytest

from tests.e2e.checks import ago, pointers, refused
from tests.kit import Desk, Stage, small_program

NOBODY = "01890000-0000-7000-8000-000000000000"
VIEW = {
    "code", "pool", "state", "public", "uses", "uses_max", "uses_per_customer", "customer", "from", "until",
}  # fmt: skip


@pytest.fixture
async def marketer(till: Desk, stage: Stage) -> Desk:
    return Desk(till.http, await stage.key("marketer"))


async def made(marketer: Desk, **body: Any) -> dict[str, Any]:
    answer: dict[str, Any] = await marketer.good("POST", "/v1/coupons", body)
    return answer


async def seen(desk: Desk, code: str) -> dict[str, Any]:
    answer: dict[str, Any] = await desk.good("GET", f"/v1/coupons/{quote(code, safe='')}")
    return answer


async def test_a_pool_is_made_and_grows(marketer: Desk, till: Desk) -> None:
    first = await marketer.post("/v1/coupons", {"pool": "spring", "count": 3, "prefix": "sp-", "length": 8})
    assert first.status_code == 201
    answer = first.json()
    assert answer | {"codes": []} == {
        "pool": "spring",
        "codes": [],
        "customer": None,
        "uses_max": 1,
        "uses_per_customer": None,
        "from": None,
        "until": None,
    }
    more = await made(marketer, pool="spring", count=2)
    codes = answer["codes"] + more["codes"]
    assert len(set(codes)) == 5
    assert all(re.fullmatch(r"SP-[2-9A-HJKMNP-Z]{8}", code) for code in answer["codes"])
    assert all(re.fullmatch(r"[2-9A-HJKMNP-Z]{10}", code) for code in more["codes"])
    listed = await marketer.good("GET", "/v1/coupons?pool=spring")
    assert [item["code"] for item in listed["items"]] == sorted(codes)
    assert listed["next"] is None
    view = await seen(till, f" {codes[0].lower()} ")
    assert view.keys() == VIEW
    assert view == {
        "code": codes[0],
        "pool": "spring",
        "state": "active",
        "public": False,
        "uses": 0,
        "uses_max": 1,
        "uses_per_customer": None,
        "customer": None,
        "from": None,
        "until": None,
    }


async def test_a_thousand_codes_come_at_once(marketer: Desk) -> None:
    codes = (await made(marketer, pool="big", count=1000))["codes"]
    assert len(set(codes)) == 1000


async def test_the_bounds_of_a_pool_stand(marketer: Desk) -> None:
    until = "2031-01-01T00:00:00+03:00"
    await made(marketer, pool="p", count=1, uses=3, uses_per_customer=2, until=until)
    again = await made(marketer, pool="p", count=1)
    assert (again["uses_max"], again["uses_per_customer"], again["from"]) == (3, 2, None)
    assert again["until"] == "2030-12-31T21:00:00Z"
    same = await made(marketer, pool="p", count=1, uses=3, until="2030-12-31T21:00:00Z")
    assert same["uses_max"] == 3
    other = {"pool": "p", "count": 1, "uses": None, "uses_per_customer": None, "from": until}
    problem = refused(await marketer.post("/v1/coupons", other), 422, "validation_error")
    assert pointers(problem) == {"/uses", "/uses_per_customer", "/from"}
    assert len((await marketer.good("GET", "/v1/coupons?pool=p"))["items"]) == 3


async def test_a_personal_code_is_the_customers(marketer: Desk, till: Desk) -> None:
    customer = await till.register(phone="+79001234567")
    own = await made(marketer, customer={"phone": "8 900 123-45-67"}, code=" anna-10 ", pool="birthday")
    assert (own["codes"], own["customer"], own["pool"], own["uses_max"]) == (["ANNA-10"], customer, "birthday", 1)
    drawn = await made(marketer, customer={"id": customer}, prefix="B", uses=None, uses_per_customer=1)
    assert (drawn["customer"], drawn["uses_max"], drawn["pool"]) == (customer, None, None)
    assert re.fullmatch(r"B[2-9A-HJKMNP-Z]{10}", drawn["codes"][0])
    view = await seen(till, "anna-10")
    assert (view["customer"], view["state"], view["pool"]) == (customer, "active", "birthday")


async def test_a_personal_code_needs_a_customer(marketer: Desk, till: Desk, owner: asyncpg.Connection) -> None:
    for reference in ({"id": NOBODY}, {"id": "nobody"}, {"phone": "+79009999999"}, {"card": "404"}):
        response = await marketer.post("/v1/coupons", {"customer": reference, "code": "X", "pool": "new"})
        refused(response, 404, "customer_not_found")
    assert await owner.fetchval("select count(*) from coupons") == 0
    assert await owner.fetchval("select count(*) from coupon_pools") == 0


async def test_one_code_is_for_all_and_without_end(marketer: Desk, till: Desk) -> None:
    answer = await made(marketer, code="Spring", uses_per_customer=1)
    assert answer["codes"] == ["SPRING"]
    assert (answer["pool"], answer["customer"], answer["uses_max"], answer["uses_per_customer"]) == (
        None,
        None,
        None,
        1,
    )
    assert (await made(marketer, code="Summer", uses=7))["uses_max"] == 7
    assert (await seen(till, "SPRING"))["uses_max"] is None


async def test_a_code_may_be_any_text_that_can_be_printed(marketer: Desk, till: Desk) -> None:
    for sent, kept in (("весна", "ВЕСНА"), ("10% off/now?", "10% OFF/NOW?"), ("x" * 64, "X" * 64), ("a..b", "A..B")):
        assert (await made(marketer, code=sent))["codes"] == [kept]
        assert (await seen(till, sent))["code"] == kept
    assert (await seen(till, "Весна"))["state"] == "active"


async def test_a_code_that_there_is_is_taken(marketer: Desk, till: Desk) -> None:
    customer = await till.register()
    await made(marketer, code="SPRING")
    await made(marketer, pool="Autumn", count=1)
    for body, pointer in (
        ({"code": "spring"}, "/code"),
        ({"code": "SPRING", "customer": {"id": customer}}, "/code"),
        ({"code": "autumn"}, "/code"),  # The name of a pool.
        ({"pool": "spring", "count": 1}, "/pool"),  # A code.
        ({"pool": "AUTUMN", "count": 1}, "/pool"),  # Another pool but for the case of its letters.
    ):
        problem = refused(await marketer.post("/v1/coupons", body), 422, "validation_error")
        assert [(fault["pointer"], fault["code"]) for fault in problem["errors"]] == [(pointer, "taken")], body
    assert (await seen(till, "SPRING"))["customer"] is None


async def test_the_state_tells_what_a_code_is_good_for(marketer: Desk, till: Desk, owner: asyncpg.Connection) -> None:
    past, future = ago(days=2).isoformat(), ago(days=-2).isoformat()
    await made(marketer, code="NOW", **{"from": past}, until=future)
    await made(marketer, code="SOON", **{"from": future})
    await made(marketer, code="OVER", until=past)
    await made(marketer, code="USED", uses=2)
    await made(marketer, code="BLOCKED", uses=2)
    await owner.execute("update coupons set uses = 2 where code in ('USED', 'BLOCKED')")
    await marketer.good("POST", "/v1/coupons/blocked/block")
    states = {code: (await seen(till, code))["state"] for code in ("NOW", "SOON", "OVER", "USED", "BLOCKED")}
    assert states == {
        "NOW": "active",
        "SOON": "not_started",
        "OVER": "expired",
        "USED": "used_up",
        "BLOCKED": "blocked",
    }
    assert (await seen(till, "USED"))["uses"] == 2


async def test_blocking_is_for_good_and_may_be_repeated(marketer: Desk, till: Desk) -> None:
    await made(marketer, code="SPRING")
    blocked = await marketer.good("POST", "/v1/coupons/spring/block", key="b")
    assert (blocked.keys(), blocked["code"], blocked["state"]) == (VIEW, "SPRING", "blocked")
    again = await marketer.post("/v1/coupons/spring/block", key="b")
    assert (again.json(), again.headers["Idempotent-Replayed"]) == (blocked, "true")
    assert await marketer.good("POST", "/v1/coupons/SPRING/block") == blocked
    refused(await marketer.post("/v1/coupons/SUMMER/block"), 404, "not_found")


async def test_a_code_only_named_in_a_rule_is_public(marketer: Desk, till: Desk, admin: Desk) -> None:
    rules = [
        {"id": "a", "kind": "discount", "when": {"any": [{"coupon": ["Public"]}, {"coupon": ["pool"]}]}, "give": TEN},
    ]
    await admin.publish(small_program(rules=rules))
    view = await seen(till, "public")
    assert view == {
        "code": "PUBLIC",
        "pool": None,
        "state": "active",
        "public": True,
        "uses": None,
        "uses_max": None,
        "uses_per_customer": None,
        "customer": None,
        "from": None,
        "until": None,
    }
    await made(marketer, pool="pool", count=1)
    refused(await till.get("/v1/coupons/pool"), 404, "not_found")  # Now it is the name of a pool, and no code.
    refused(await marketer.post("/v1/coupons/public/block"), 404, "not_found")
    refused(await marketer.post("/v1/coupons/pool/block"), 404, "not_found")
    await made(marketer, code="PUBLIC", uses=1)  # From now on it has bounds.
    assert (await seen(till, "public"))["public"] is False


TEN: Mapping[str, object] = {"percent": "10"}


async def test_an_unknown_code_is_not_found(till: Desk) -> None:
    for code in ("NONE", "%00", "%20", "x" * 65, "a%0Ab", "%FF%FE", "%ED%A0%80"):
        refused(await till.get(f"/v1/coupons/{code}"), 404, "not_found")


async def test_codes_are_listed_page_by_page(marketer: Desk) -> None:
    spring = (await made(marketer, pool="spring", count=5))["codes"]
    await made(marketer, pool="autumn", count=2)
    await made(marketer, code="ЯБЛОКО")
    for path, expected in (("/v1/coupons?pool=spring&limit=2", spring), ("/v1/coupons?limit=3", None)):
        found: list[str] = []
        page = await marketer.good("GET", path)
        found += [item["code"] for item in page["items"]]
        while page["next"] is not None:
            page = await marketer.good("GET", f"{path}&cursor={page['next']}")
            found += [item["code"] for item in page["items"]]
        assert found == sorted(found)
        assert len(found) == (5 if expected else 8)
        assert expected is None or found == sorted(expected)
    assert (await marketer.good("GET", "/v1/coupons?pool=none")) == {"items": [], "next": None}
    for cursor in ("x", "cDE", "dAA", "%00"):
        problem = refused(await marketer.get(f"/v1/coupons?cursor={cursor}"), 422, "validation_error")
        assert pointers(problem) <= {"/query/cursor", "/query"}


async def test_makers_at_once_make_one_pool_and_one_code(marketer: Desk) -> None:
    pools = await asyncio.gather(*(marketer.post("/v1/coupons", {"pool": "p", "count": 20}) for _ in range(6)))
    codes = [code for answer in pools for code in answer.json()["codes"]]
    assert [answer.status_code for answer in pools] == [201] * 6
    assert len(set(codes)) == 120
    singles = await asyncio.gather(*(marketer.post("/v1/coupons", {"code": "ONE"}) for _ in range(6)))
    assert sorted(answer.status_code for answer in singles) == [201] + [422] * 5
    both = await asyncio.gather(
        marketer.post("/v1/coupons", {"pool": "two", "count": 1}), marketer.post("/v1/coupons", {"code": "TWO"})
    )
    assert sorted(answer.status_code for answer in both) == [201, 422]


async def test_a_key_makes_its_codes_once(marketer: Desk) -> None:
    body = {"pool": "spring", "count": 3}
    first = await marketer.post("/v1/coupons", body, key="one")
    again = await marketer.post("/v1/coupons", body, key="one")
    assert (again.status_code, again.json(), again.headers["Idempotent-Replayed"]) == (201, first.json(), "true")
    refused(await marketer.post("/v1/coupons", body | {"count": 4}, key="one"), 422, "idempotency_key_reused")
    assert len((await marketer.good("GET", "/v1/coupons?pool=spring"))["items"]) == 3
    refused(await marketer.post("/v1/coupons", {"code": "A", "count": 1}, key="two"), 422, "validation_error")
    assert (await marketer.post("/v1/coupons", {"code": "A"}, key="two")).status_code == 201


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({}, {""}),
        ({"pool": "p"}, {""}),
        ({"count": 1}, {"/pool"}),
        ({"pool": "p", "count": 0}, {"/count"}),
        ({"pool": "p", "count": 1001}, {"/count"}),
        ({"pool": "p", "count": True}, {"/count"}),
        ({"pool": "p", "count": 1, "code": "A"}, {"/code"}),
        ({"pool": "p", "count": 1, "customer": {"id": NOBODY}}, {"/customer"}),
        ({"pool": "", "count": 1}, {"/pool"}),
        ({"pool": "two words", "count": 1}, {"/pool"}),
        ({"pool": "p\n", "count": 1}, {"/pool"}),
        ({"pool": "p" * 65, "count": 1}, {"/pool"}),
        ({"pool": "p", "count": 1, "length": 7}, {"/length"}),
        ({"pool": "p", "count": 1, "length": 33}, {"/length"}),
        ({"pool": "p", "count": 1, "prefix": "x" * 33}, {"/prefix"}),
        ({"pool": "p", "count": 1, "prefix": "a\tb"}, {"/prefix"}),
        ({"pool": "p", "count": 1, "uses": 0}, {"/uses"}),
        ({"pool": "p", "count": 1, "uses": "1"}, {"/uses"}),
        ({"pool": "p", "count": 1, "uses": 10**9 + 1}, {"/uses"}),
        ({"pool": "p", "count": 1, "uses_per_customer": -1}, {"/uses_per_customer"}),
        ({"pool": "p", "count": 1, "from": "2026-01-01"}, {"/from"}),
        ({"pool": "p", "count": 1, "until": 5}, {"/until"}),
        ({"code": "A", "from": "2026-01-02T00:00:00Z", "until": "2026-01-02T03:00:00+03:00"}, {"/until"}),
        ({"code": "A", "pool": "p"}, {"/pool"}),
        ({"code": "A", "length": 10}, {"/length"}),
        ({"code": "A", "prefix": "B"}, {"/prefix"}),
        ({"code": "A", "customer": {"id": NOBODY}, "length": 9}, {"/length"}),
        ({"code": "A", "customer": {}}, {"/customer"}),
        ({"customer": {"phone": "12"}}, {"/customer/phone"}),
        ({"code": ""}, {"/code"}),
        ({"code": "  "}, {"/code"}),
        ({"code": "ß" * 33}, {"/code"}),  # 66 letters in upper case.
        ({"code": "x" * 65}, {"/code"}),
        ({"code": "a\u0000b"}, {"/code"}),
        ({"code": "a\u202eb"}, {"/code"}),
        ({"code": 5}, {"/code"}),
        ({"code": "A", "note": "x"}, {"/note"}),
    ],
)
async def test_what_is_wrong_is_refused_with_its_place(
    marketer: Desk, owner: asyncpg.Connection, body: dict[str, Any], where: set[str]
) -> None:
    response = await marketer.post("/v1/coupons", body)
    code = response.json()["code"]
    assert code in {"validation_error", "limit_exceeded"}
    assert pointers(refused(response, 422, code)) == where
    assert await owner.fetchval("select count(*) from coupons") == 0


async def test_only_marketers_make_codes_and_tills_see_them(marketer: Desk, till: Desk, stage: Stage) -> None:
    await made(marketer, code="SPRING")
    for role in ("support", "shop", "admin"):
        desk = Desk(till.http, await stage.key(role, shop="S1" if role == "shop" else None))
        assert (await seen(desk, "SPRING"))["code"] == "SPRING"
        if role != "admin":
            refused(await desk.post("/v1/coupons", {"code": "X"}), 403, "insufficient_scope")
            refused(await desk.post("/v1/coupons/SPRING/block"), 403, "insufficient_scope")
            refused(await desk.get("/v1/coupons"), 403, "insufficient_scope")
    analyst = Desk(till.http, await stage.key("analyst"))
    refused(await analyst.get("/v1/coupons/SPRING"), 403, "insufficient_scope")
