"""What the service is asked, when what callers sent is sound: bodies become requests in domain values."""

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import httpx
import pytest

from app.domain.basket import Basket, ClosedTo, Line, Payment
from app.domain.identifiers import Identifier, IdentifierKind
from app.flows.requests import (
    AdjustRequest,
    Fiscal,
    PurchaseName,
    PurchaseRequest,
    Receipt,
    RedeemRequest,
    RegisterRequest,
    ReturnLine,
    ReturnRequest,
    UpdateRequest,
)
from tests.api import samples
from tests.api.doubles import CALLERS, MemoryService

KEY = {"Idempotency-Key": "k-1"}
BY_PHONE = Identifier(IdentifierKind.PHONE, samples.PHONE)
BY_ID = Identifier(IdentifierKind.ID, str(samples.CUSTOMER))
WEB = {"Authorization": "Bearer web"}
ADMIN = {"Authorization": "Bearer admin"}
SUPPORT = {"Authorization": "Bearer support"}


async def accrued(client: httpx.AsyncClient, service: MemoryService, **members: Any) -> PurchaseRequest:
    """The request that `accrue` made of the sample with other members."""
    answer = await client.post("/v1/accrue", json=samples.purchase() | members, headers=KEY)
    assert answer.status_code == 201, answer.text
    request = service.asked[-1]
    assert isinstance(request, PurchaseRequest)
    return request


async def test_a_purchase_arrives_whole(client: httpx.AsyncClient, service: MemoryService) -> None:
    request = await accrued(client, service)
    body = samples.purchase()
    assert request == PurchaseRequest(
        customer=BY_PHONE,
        receipt=Receipt(
            shop="S1",
            terminal="T1",
            number="000123",
            fiscal=Fiscal(fn="9999078900004792", document="123"),
            document=body["receipt"],
        ),
        at=datetime(2026, 11, 21, 12, 0, tzinfo=timezone(timedelta(hours=3))),
        basket=Basket(
            lines=(
                Line(
                    id="1",
                    qty_milli=2000,
                    price=12900,
                    sku="4601",
                    name="Coffee",
                    category="drinks/coffee",
                    brand="X",
                    tags=frozenset({"own"}),
                    list_price=12900,
                    min_price=9000,
                    closed_to=frozenset({ClosedTo.COUPON}),
                ),
                Line(id="2", qty_milli=345, price=89900),
            ),
            coupons=("SPRING",),
            payments=(Payment("card", 20800),),
        ),
        lines=tuple(body["basket"]["lines"]),
        redeem={"points": 50},
        quote=None,
        expect_paid=20800,
        explain=False,
        is_russian=False,
    )
    write = service.writes[0]
    assert (write.caller, write.key, len(write.fingerprint)) == (CALLERS["till"], "k-1", 16)


async def test_a_purchase_may_be_bare(client: httpx.AsyncClient, service: MemoryService) -> None:
    body = {"receipt": {"number": "1"}, "basket": {"lines": [{"id": "1", "qty": 1, "price": 0}]}}
    answer = await client.post("/v1/accrue", json=body, headers=KEY)
    assert answer.status_code == 201
    request = service.asked[0]
    assert isinstance(request, PurchaseRequest)
    assert (request.customer, request.at, request.redeem, request.expect_paid) == (None, None, {}, None)
    assert request.basket.lines == (Line(id="1", qty_milli=1000, price=0),)


async def test_rewards_that_cost_are_asked_for_beside_the_wallets(
    client: httpx.AsyncClient, service: MemoryService
) -> None:
    request = await accrued(client, service, redeem={"points": 5, "rewards": {"free-coffee": 2, "mug": 100}})
    assert request.redeem == {"points": 5}
    assert request.rewards == {"free-coffee": 2, "mug": 100}


async def test_no_rewards_are_no_rewards(client: httpx.AsyncClient, service: MemoryService) -> None:
    request = await accrued(client, service, redeem={"rewards": {}})
    assert (request.redeem, request.rewards) == ({}, {})


async def test_coupons_come_as_they_were_sent(client: httpx.AsyncClient, service: MemoryService) -> None:
    codes = [f" code {number}" for number in range(20)]
    request = await accrued(client, service, basket=samples.basket() | {"coupons": codes})
    assert request.basket.coupons == tuple(codes)


async def test_null_is_nothing(client: httpx.AsyncClient, service: MemoryService) -> None:
    request = await accrued(client, service, customer=None, at=None, quote=None, expect=None)
    assert (request.customer, request.at, request.quote, request.expect_paid) == (None, None, None, None)


async def test_an_empty_basket_without_receipt_may_be_quoted(client: httpx.AsyncClient, service: MemoryService) -> None:
    answer = await client.post("/v1/quote", json={"basket": {"lines": []}})
    assert (answer.status_code, answer.json()["state"]) == (200, "quoted")
    [request] = service.quoted
    assert service.asked == [(CALLERS["till"], request)]
    assert (request.receipt, request.basket.lines) == (None, ())


@pytest.mark.parametrize(
    ("qty", "milli"),
    [(1, 1000), (10**6, 10**9), ("1", 1000), ("0.001", 1), ("0.345", 345), ("2.5", 2500), ("1000000.000", 10**9)],
)
async def test_quantities_are_thousandths(
    qty: object, milli: int, client: httpx.AsyncClient, service: MemoryService
) -> None:
    request = await accrued(client, service, basket={"lines": [{"id": "1", "qty": qty, "price": 1}]})
    assert request.basket.lines[0].qty_milli == milli


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-11-21T12:00:00Z", datetime(2026, 11, 21, 12, tzinfo=UTC)),
        ("2026-11-21t12:00:00z", datetime(2026, 11, 21, 12, tzinfo=UTC)),
        ("2026-11-21 12:00:00.25-05:30", datetime(2026, 11, 21, 17, 30, 0, 250_000, tzinfo=UTC)),
        ("2024-02-29T23:59:59.123456789+14:00", datetime(2024, 2, 29, 9, 59, 59, 123_456, tzinfo=UTC)),
    ],
)
async def test_times_are_instants(
    text: str, instant: datetime, client: httpx.AsyncClient, service: MemoryService
) -> None:
    assert (await accrued(client, service, at=text)).at == instant


@pytest.mark.parametrize(
    ("ref", "identifier"),
    [
        ({"phone": "+7 (900) 123-45-67"}, BY_PHONE),
        ({"phone": "8 900 123 45 67"}, BY_PHONE),
        ({"phone": "+44 20 7946 0018"}, Identifier(IdentifierKind.PHONE, "+442079460018")),
        ({"card": "ab 12-34"}, Identifier(IdentifierKind.CARD, "AB1234")),
        ({"id": str(samples.CUSTOMER).upper()}, BY_ID),
        ({"external_id": "CRM 7"}, Identifier(IdentifierKind.EXTERNAL_ID, "CRM 7")),
        ({"phone": None, "card": "1"}, Identifier(IdentifierKind.CARD, "1")),
    ],
)
async def test_a_customer_is_named_in_any_usual_way(
    ref: object, identifier: Identifier, client: httpx.AsyncClient, service: MemoryService
) -> None:
    answer = await client.post("/v1/customers/lookup", json={"customer": ref})
    assert answer.status_code == 200
    assert service.asked == [(identifier,)]


async def test_an_id_that_nobody_gave_is_nobodys(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/customers/lookup", json={"customer": {"id": "17"}})
    assert (answer.status_code, answer.json()["code"]) == (404, "customer_not_found")


async def test_the_shop_of_a_receipt_is_the_keys(client: httpx.AsyncClient, service: MemoryService) -> None:
    async def send(shop: str | None, headers: dict[str, str], key: str) -> httpx.Response:
        receipt = {"number": "1"} if shop is None else {"number": "1", "shop": shop}
        body = samples.purchase() | {"receipt": receipt}
        return await client.post("/v1/accrue", json=body, headers=headers | {"Idempotency-Key": key})

    def last() -> tuple[str, str]:
        request = service.asked[-1]
        assert isinstance(request, PurchaseRequest)
        assert request.receipt is not None
        return request.receipt.shop, request.receipt.terminal

    assert (await send("S1", {}, "1")).status_code == 201
    assert last() == ("S1", "T1")
    assert (await send("S2", {}, "2")).json()["code"] == "insufficient_scope"
    assert (await send(None, WEB, "3")).status_code == 201
    assert last() == ("W1", "web")
    assert (await send("W2", WEB, "4")).status_code == 201
    assert last() == ("W2", "web")
    assert (await send("S1", WEB, "5")).json()["code"] == "insufficient_scope"
    assert (await send("S1", ADMIN, "6")).status_code == 201
    assert last() == ("S1", "")
    nowhere = await send(None, ADMIN, "7")
    assert (nowhere.status_code, nowhere.json()["errors"][0]["pointer"]) == (422, "/receipt/shop")


async def test_explanations_are_asked_for_in_a_language(client: httpx.AsyncClient, service: MemoryService) -> None:
    for language, is_russian in (
        ("ru-RU,ru;q=0.9,en;q=0.8", True),
        ("en,ru;q=0.9", False),
        ("de,ru;q=0.3", True),
        ("*", False),
        ("", False),
        ("ru;q=0", False),
    ):
        headers = {"Accept-Language": language}
        await client.post("/v1/quote?explain=true", json=samples.purchase(), headers=headers)
        request = service.quoted[-1]
        assert (request.explain, request.is_russian) == (True, is_russian), language


async def test_a_redemption_arrives_whole(client: httpx.AsyncClient, service: MemoryService) -> None:
    await client.post("/v1/redeem", json=samples.redemption(), headers=KEY)
    assert service.asked == [
        RedeemRequest(
            customer=Identifier(IdentifierKind.CARD, "22001234"),
            wallet="points",
            points=300,
            receipt=Receipt(shop="S1", terminal="T1", number="000124", document={"number": "000124"}),
            reason="a mug",
        )
    ]


async def test_returns_name_their_purchase_by_id_or_receipt(client: httpx.AsyncClient, service: MemoryService) -> None:
    path = f"/v1/purchases/{samples.PURCHASE}/returns"
    await client.post(path, json=samples.returned_lines(), headers={"Idempotency-Key": "1"})
    assert service.asked[-1] == ReturnRequest(
        purchase=samples.PURCHASE,
        receipt=Receipt(shop="S1", terminal="T1", number="000130", document={"number": "000130"}),
        lines=(ReturnLine("1", 1000),),
    )
    await client.post("/v1/returns", json=samples.returned_by_receipt(), headers={"Idempotency-Key": "2"})
    own = service.asked[-1]
    assert isinstance(own, ReturnRequest)
    assert (own.purchase, own.lines) == (PurchaseName("S1", "T1", "000123"), None)
    named = {"shop": "S9", "terminal": "T9", "number": "1", "shift": "5"}
    body = samples.returned_by_receipt() | {"purchase": named}
    await client.post("/v1/returns", json=body, headers={"Idempotency-Key": "3"})
    other = service.asked[-1]
    assert isinstance(other, ReturnRequest)
    assert other.purchase == PurchaseName("S9", "T9", "1", "5")


async def test_a_registration_arrives_whole(client: httpx.AsyncClient, service: MemoryService) -> None:
    answer = await client.post("/v1/customers", json=samples.registration(), headers=KEY)
    assert answer.status_code == 201
    assert service.asked == [
        RegisterRequest(
            identifiers=(
                BY_PHONE,
                Identifier(IdentifierKind.CARD, "22001234"),
                Identifier(IdentifierKind.EXTERNAL_ID, "crm-7"),
            ),
            name="Anna",
            birthday=date(1990, 5, 4),
            email=samples.EMAIL,
            tags=("vip",),
            consents=({"type": "marketing", "given": True, "at": "2026-11-21T12:00:00+00:00"},),
            referrer=BY_ID,
        )
    ]


@pytest.mark.parametrize(
    "address",
    ["anna@example.com", "o'neil+shop@mail.example.co.uk", "a_b-c.d%e&f@x-1.example", "юзер@почта.рф", "a@xn--80a.com"],
)
async def test_an_address_is_taken_as_it_is_written(
    client: httpx.AsyncClient, service: MemoryService, address: str
) -> None:
    answer = await client.post("/v1/customers", json={"phone": samples.PHONE, "email": address}, headers=KEY)
    assert answer.status_code == 201, answer.text
    request = service.asked[-1]
    assert isinstance(request, RegisterRequest)
    assert request.email == address


async def test_a_referrer_may_be_a_bare_id(client: httpx.AsyncClient, service: MemoryService) -> None:
    body = {"phone": samples.PHONE, "referrer": str(samples.CUSTOMER)}
    await client.post("/v1/customers", json=body, headers=KEY)
    request = service.asked[0]
    assert isinstance(request, RegisterRequest)
    assert request.referrer == BY_ID


async def test_an_update_changes_what_is_sent(client: httpx.AsyncClient, service: MemoryService) -> None:
    path = f"/v1/customers/{samples.CUSTOMER}"
    body = {"phone": "8 900 123-45-67", "email": None, "tags": ["a"], "consents": [{"type": "sms", "given": False}]}
    answer = await client.patch(path, json=body, headers=KEY | SUPPORT)
    assert answer.status_code == 200
    assert service.asked == [
        UpdateRequest(
            customer=samples.CUSTOMER,
            identifiers=(BY_PHONE,),
            changes={"email": None, "tags": ("a",), "consents": ({"type": "sms", "given": False},)},
        )
    ]


async def test_a_till_may_not_change_who_is_reached_by_which_phone(
    client: httpx.AsyncClient, service: MemoryService
) -> None:
    path = f"/v1/customers/{samples.CUSTOMER}"
    for member in ("phone", "card", "external_id"):
        answer = await client.patch(path, json={member: "+79001234567"}, headers=KEY)
        assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope")
    assert service.asked == []
    assert (await client.patch(path, json={"name": "Anne"}, headers=KEY)).status_code == 200


async def test_an_identifier_is_replaced_and_never_taken_away(
    client: httpx.AsyncClient, service: MemoryService
) -> None:
    for member in ("phone", "card", "external_id"):
        answer = await client.patch(f"/v1/customers/{samples.CUSTOMER}", json={member: None}, headers=ADMIN | KEY)
        (fault,) = answer.json()["errors"]
        assert (answer.status_code, fault["pointer"], fault["code"]) == (422, f"/{member}", "type")
        assert "not be taken away" in fault["message"]
    assert not service.asked


async def test_an_adjustment_is_signed(client: httpx.AsyncClient, service: MemoryService) -> None:
    path = f"/v1/customers/{samples.CUSTOMER}/adjust"
    body = {"wallet": "points", "points": -5, "reason": "a mistake"}
    answer = await client.post(path, json=body, headers=KEY | SUPPORT)
    assert answer.status_code == 201
    assert service.asked == [AdjustRequest(customer=BY_ID, wallet="points", points=-5, reason="a mistake")]


async def test_reads_are_asked_for_as_they_were_meant(client: httpx.AsyncClient, service: MemoryService) -> None:
    customer = f"/v1/customers/{samples.CUSTOMER}"
    await client.get(f"{customer}/balance?min_version=42&as_of=2026-11-21T12:00:00%2B03:00")
    await client.get(f"{customer}/balance")
    await client.get(f"{customer}/history?limit=100&cursor=abc")
    await client.get(f"{customer}/lots")
    assert service.asked == [
        (samples.CUSTOMER, 42, samples.NOON),
        (samples.CUSTOMER, 0, None),
        (samples.CUSTOMER, 100, "abc"),
        (samples.CUSTOMER, 50, None),
    ]


async def test_a_purchase_is_found_by_its_receipt(client: httpx.AsyncClient, service: MemoryService) -> None:
    own = await client.get("/v1/purchases?number=7&shift=3")
    assert own.status_code == 200
    assert service.asked[-1] == (CALLERS["till"], PurchaseName("S1", "T1", "7", "3"))
    await client.get("/v1/purchases?shop=S1&terminal=T2&number=7")
    assert service.asked[-1] == (CALLERS["till"], PurchaseName("S1", "T2", "7"))
    support = await client.get("/v1/purchases?shop=S1&terminal=T2&number=7", headers=SUPPORT)
    assert support.status_code == 200
    nowhere = await client.get("/v1/purchases?number=7", headers=SUPPORT)
    assert (nowhere.status_code, nowhere.json()["errors"][0]["pointer"]) == (422, "/query/shop")


async def test_a_program_arrives_as_it_was_sent(client: httpx.AsyncClient, service: MemoryService) -> None:
    client.headers["Authorization"] = "Bearer marketer"
    headers = KEY | {"Content-Type": "application/json"}
    raw = b' {"currency": "RUB",\n "x": 1.5} '
    answer = await client.put("/v1/program/draft", content=raw, headers=headers)
    assert answer.status_code == 200
    assert service.asked == [({"currency": "RUB", "x": 1.5}, raw)]
    await client.post("/v1/program/versions/12/republish", headers={"Idempotency-Key": "k-2"})
    assert service.asked[-1] == 12
