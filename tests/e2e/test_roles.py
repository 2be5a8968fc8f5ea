"""Who may call what: every route by every role."""

from collections.abc import Mapping

import httpx

from app.api.edge import Edge
from tests.e2e.callers import Who, by_every_caller, desk_of
from tests.e2e.checks import refused
from tests.kit import Desk, Stage

NOBODY = "01890000-0000-7000-8000-000000000000"

TILLS = {"pos", "shop", "admin"}
SALES_AND_SUPPORT = {*TILLS, "support"}
SUPPORT = {"support", "admin"}
MARKETERS = {"marketer", "admin"}
READERS = {*MARKETERS, "analyst"}

# Method, path, and who may call it (CONTRACT, section 3). What is sent is wrong on purpose, so nothing is written.
ROUTES: Mapping[tuple[str, str], set[str]] = {
    ("POST", "/v1/customers"): SALES_AND_SUPPORT,
    ("POST", "/v1/customers/lookup"): SALES_AND_SUPPORT,
    ("GET", f"/v1/customers/{NOBODY}"): SALES_AND_SUPPORT,
    ("PATCH", f"/v1/customers/{NOBODY}"): SALES_AND_SUPPORT,
    ("GET", f"/v1/customers/{NOBODY}/balance"): SALES_AND_SUPPORT,
    ("GET", f"/v1/customers/{NOBODY}/history"): SALES_AND_SUPPORT,
    ("GET", f"/v1/customers/{NOBODY}/lots"): SALES_AND_SUPPORT,
    ("POST", f"/v1/customers/{NOBODY}/adjust"): SUPPORT,
    ("POST", f"/v1/customers/{NOBODY}/app-code"): {"admin"},
    ("GET", f"/v1/customers/{NOBODY}/consents"): SUPPORT,
    ("GET", f"/v1/customers/{NOBODY}/export"): SUPPORT,
    ("POST", f"/v1/customers/{NOBODY}/erase"): SUPPORT,
    ("GET", "/v1/erasures?cursor=x"): {"admin"},
    ("POST", f"/v1/customers/{NOBODY}/events"): SALES_AND_SUPPORT,
    ("POST", f"/v1/customers/{NOBODY}/cards"): SALES_AND_SUPPORT,
    ("POST", f"/v1/customers/{NOBODY}/cards/N/block"): SALES_AND_SUPPORT,
    ("POST", f"/v1/customers/{NOBODY}/cards/N/replace"): SALES_AND_SUPPORT,
    ("POST", "/v1/gift-cards"): MARKETERS,
    ("GET", "/v1/gift-cards/N"): {*SALES_AND_SUPPORT, "marketer"},
    ("POST", "/v1/gift-cards/N/activate"): SALES_AND_SUPPORT,
    ("POST", "/v1/gift-cards/N/block"): {*SUPPORT, "marketer"},
    ("POST", "/v1/coupons"): MARKETERS,
    ("GET", "/v1/coupons"): MARKETERS,
    ("GET", "/v1/coupons/X"): {*SALES_AND_SUPPORT, "marketer"},
    ("POST", "/v1/coupons/X/block"): MARKETERS,
    ("POST", "/v1/segments"): MARKETERS,
    ("GET", "/v1/segments"): MARKETERS,
    ("POST", f"/v1/segments/{NOBODY}/members"): MARKETERS,
    ("POST", "/v1/prize-draws"): MARKETERS,
    ("POST", f"/v1/prize-draws/{NOBODY}/freeze"): MARKETERS,
    ("POST", f"/v1/prize-draws/{NOBODY}/draw"): MARKETERS,
    ("GET", "/v1/adjustments?cursor=x"): SUPPORT,
    ("GET", f"/v1/adjustments/{NOBODY}"): SUPPORT,
    ("POST", f"/v1/adjustments/{NOBODY}/approve"): SUPPORT,
    ("POST", f"/v1/adjustments/{NOBODY}/decline"): SUPPORT,
    ("GET", "/v1/alerts?cursor=x"): SUPPORT,
    ("POST", f"/v1/alerts/{NOBODY}"): SUPPORT,
    ("GET", "/v1/audit-log?cursor=x"): {"admin"},
    ("GET", "/v1/session"): {"marketer", "analyst", "support", "admin"},
    ("DELETE", "/v1/session"): {"marketer", "analyst", "support", "admin"},
    ("GET", "/v1/people?cursor=x"): {"admin"},
    ("POST", f"/v1/people/{NOBODY}/disable"): {"admin"},
    ("GET", "/v1/keys?cursor=x"): {"admin"},
    ("POST", "/v1/keys"): {"admin"},
    ("POST", f"/v1/keys/{NOBODY}/rotate"): {"admin"},
    ("POST", f"/v1/keys/{NOBODY}/revoke"): {"admin"},
    ("GET", "/v1/events?after=x"): {"analyst", "ops", "admin"},
    ("GET", "/v1/ledger/findings?cursor=x"): {"analyst", "support", "admin"},
    ("GET", "/v1/ledger/roots/x"): {"analyst", "support", "admin"},
    ("GET", f"/v1/customers/{NOBODY}/proof/{NOBODY}"): {"analyst", "support", "admin"},
    ("POST", "/v1/quote"): TILLS,
    ("POST", "/v1/accrue"): TILLS,
    ("POST", "/v1/receipts/offline"): TILLS,
    ("POST", "/v1/redeem"): TILLS,
    ("POST", "/v1/holds"): TILLS,
    ("POST", f"/v1/holds/{NOBODY}/capture"): TILLS,
    ("POST", f"/v1/holds/{NOBODY}/release"): TILLS,
    ("GET", f"/v1/holds/{NOBODY}"): SALES_AND_SUPPORT,
    ("POST", f"/v1/purchases/{NOBODY}/returns"): TILLS,
    ("POST", "/v1/returns"): TILLS,
    ("GET", f"/v1/purchases/{NOBODY}"): SALES_AND_SUPPORT,
    ("GET", f"/v1/purchases/{NOBODY}/explain"): SALES_AND_SUPPORT,
    ("GET", "/v1/purchases?number=1&shop=S1&terminal=T1"): SALES_AND_SUPPORT,
    ("GET", "/v1/requests/x"): {*SALES_AND_SUPPORT, "marketer"},
    ("PUT", "/v1/program/draft"): MARKETERS,
    ("GET", "/v1/program/draft"): READERS,
    ("POST", "/v1/program/draft/check"): MARKETERS,
    ("POST", "/v1/program/draft/backtest"): MARKETERS,
    ("GET", f"/v1/program/backtests/{NOBODY}"): READERS,
    ("GET", f"/v1/program/backtests/{NOBODY}/report"): READERS,
    ("POST", f"/v1/program/backtests/{NOBODY}/cancel"): MARKETERS,
    ("GET", "/v1/program/schema"): READERS,
    ("POST", "/v1/program/publish"): MARKETERS,
    ("GET", "/v1/program"): READERS,
    ("GET", "/v1/program/versions"): READERS,
    ("POST", "/v1/program/versions/9/republish"): MARKETERS,
}
OPEN = (
    "/health/live", "/health/ready", "/metrics", "/openapi.json", "/docs", "/v1/draws/2026-11-21",
    "/.well-known/jwks.json",
)  # fmt: skip


@by_every_caller
async def test_a_role_may_do_its_own_and_nothing_else(
    till: Desk, stage: Stage, edge: Edge, http: httpx.AsyncClient, who: Who
) -> None:
    async with desk_of(who, stage, edge, http) as desk:
        for (method, path), roles in ROUTES.items():
            response = await desk.call(method, path, {"unknown": 1})
            if who.role in roles:
                assert response.status_code in {200, 404, 422}, f"{method} {path}: {response.text}"
                assert response.is_success or response.json()["code"] != "insufficient_scope"
            else:
                refused(response, 403, "insufficient_scope")


async def test_without_a_key_only_the_open_places_answer(till: Desk) -> None:
    for path in OPEN:
        assert (await till.http.get(path)).status_code == 200, path
    for method, path in ROUTES:
        refused(await till.http.request(method, path), 401, "unauthenticated")


async def test_the_matrix_has_every_route_of_the_document(till: Desk) -> None:
    document = (await till.http.get("/openapi.json")).json()
    documented = {
        (method.upper(), path.format(id=NOBODY, key="x", version=9, code="X", number="N", date="x", tx_id=NOBODY))
        for path, methods in document["paths"].items()
        for method, told in methods.items()
        if told.get("security") != []  # What needs no key.
    }
    assert documented == {(method, path.partition("?")[0]) for method, path in ROUTES}


async def test_identifiers_are_changed_by_support_alone(till: Desk, stage: Stage) -> None:
    customer = await till.register(phone="+79001234567")
    path = f"/v1/customers/{customer}"
    for change in ({"phone": "+79002222222"}, {"card": "5"}, {"external_id": "x"}, {"email": "a@b.ru"}):
        refused(await till.call("PATCH", path, change), 403, "insufficient_scope")
    support = Desk(till.http, await stage.key("support"))
    assert (await support.call("PATCH", path, {"card": "5"})).status_code == 200
    assert (await till.call("PATCH", path, {"name": "Anna"})).status_code == 200


async def test_a_person_who_sells_names_the_shop(admin: Desk, till: Desk) -> None:
    body = {"receipt": {"number": "1"}, "basket": {"lines": [{"id": "1", "price": 5, "qty": 1}]}}
    refused(await admin.post("/v1/accrue", body), 422, "validation_error")
    body["receipt"]["shop"] = "S1"  # type: ignore[index]
    sold = await admin.post("/v1/accrue", body)
    assert sold.status_code == 201
    assert (await till.get(f"/v1/purchases/{sold.json()['id']}")).status_code == 200
