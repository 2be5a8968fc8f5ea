"""Bad input of every kind gets its 4xx with a pointer, never a 500, and the service never hears of it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import orjson
import pytest

from tests.api import samples
from tests.api.doubles import MemoryService

RETURNS = f"/v1/purchases/{samples.PURCHASE}/returns"
CUSTOMER = f"/v1/customers/{samples.CUSTOMER}"
HUGE = 10**400
DEEP: Any = "bottom"
for _ in range(100):
    DEEP = [DEEP]

BODIES: dict[tuple[str, str], dict[str, Any]] = {
    ("POST", "/v1/quote"): samples.purchase(),
    ("POST", "/v1/accrue"): samples.purchase(),
    ("POST", "/v1/redeem"): samples.redemption(),
    ("POST", RETURNS): samples.returned_lines(),
    ("POST", "/v1/returns"): samples.returned_by_receipt(),
    ("POST", "/v1/customers"): samples.registration(),
    ("POST", "/v1/customers/lookup"): {"customer": {"phone": samples.PHONE}},
    ("PATCH", CUSTOMER): {"name": "Anna"},
    ("POST", f"{CUSTOMER}/adjust"): {"wallet": "points", "points": -5, "reason": "a mistake"},
    ("POST", f"{CUSTOMER}/events"): {"type": "review", "at": "2026-11-21T12:00:00+03:00", "data": {"stars": 5}},
    ("PUT", "/v1/program/draft"): samples.program(),
}
KEYS = {"PUT": "marketer", "PATCH": "support"}


@dataclass(frozen=True)
class Hostile:
    name: str
    method: str
    path: str
    body: bytes
    status: int
    code: str
    pointer: str | None = None
    content_type: str = "application/json"


def dumps(document: object) -> bytes:
    """JSON with whatever Python can write: numbers of any length, NaN, half surrogate pairs."""
    return json.dumps(document).encode()


def planted(document: dict[str, Any], pointer: str, value: object) -> dict[str, Any]:
    """A copy of the document with another value at the pointer."""
    copy: dict[str, Any] = orjson.loads(orjson.dumps(document))
    place: Any = copy
    *way, last = pointer[1:].split("/")
    for step in way:
        place = place[int(step) if isinstance(place, list) else step]
    place[int(last) if isinstance(place, list) else last] = value
    return copy


def raw_bodies() -> Iterator[Hostile]:
    """What can't be read, or isn't an object, on every route that takes a body."""
    for (method, path), good in BODIES.items():
        body = orjson.dumps(good)
        first = next(iter(good))
        twice = b'{"%b":null,' % first.encode() + body[1:]
        unreadable = {
            "broken": body[:-1],
            "empty": b"",
            "two values": body + b"{}",
            "twice the same member": twice,
            "bad UTF-8": body[:-1] + b',"x":"\xff\xfe"}',
            "NaN": b'{"x":NaN}',
            "single quotes": b"{'x':1}",
            "byte order mark": b"\xef\xbb\xbf" + body,
        }
        for name, raw in unreadable.items():
            yield Hostile(name, method, path, raw, 400, "malformed_request")
        for name, raw in {"a list": b"[]", "a string": b'"x"', "null": b"null", "a number": b"1"}.items():
            yield Hostile(name, method, path, raw, 422, "validation_error", "")
        yield Hostile("deeper than any parser", method, path, b"[" * 100_000, 422, "limit_exceeded", "")
        yield Hostile("form", method, path, b"x=1", 415, "unsupported_media_type", None, "text/plain")
        yield Hostile("no type", method, path, body, 415, "unsupported_media_type", None, "")
        yield Hostile(
            "other charset", method, path, body, 415, "unsupported_media_type", None, "application/json; charset=cp1251"
        )
        large = b" " * (5 * 1024 * 1024)
        yield Hostile("too large", method, path, large, 413, "payload_too_large")
        nul = dumps({**good, "x\x00": 1})
        yield Hostile("NUL in a name", method, path, nul, 422, "validation_error", "/x\ufffd")
        half = dumps({**good, "x": "\ud800"})
        yield Hostile("half a surrogate pair", method, path, half, 422, "validation_error", "/x")
        deep = dumps({**good, "x": DEEP})
        yield Hostile("deep", method, path, deep, 422, "limit_exceeded", "/x" + "/0" * 32)
        if method != "PUT":  # A program's members are for the domain to judge.
            yield Hostile("unknown", method, path, dumps({**good, "x/y~": 1}), 422, "validation_error", "/x~1y~0")
        huge = dumps({**good, "x": HUGE})
        yield Hostile("endless number", method, path, huge, 422, "validation_error", "/x")


LINE = "/basket/lines/0"
NOT_STRINGS: tuple[object, ...] = (5, True, [], {})
NOT_AMOUNTS: tuple[object, ...] = (1.0, 12.5, "5", True, [], -1, 10**12 + 1, HUGE, 1e300)
# Read as other addresses, as lists of them, or not at all, once they stand in a header.
NO_ADDRESSES = (
    "a@[", "a@b", "x:thief@evil.ru;", "a,b@c.ru", "<a@b.ru>", '"a b"@c.ru', "a(b)@c.ru", "a@b.ru,c@d.ru", "a@b..ru",
    "=?utf-8?q?x=2Cthief=40evil.ru?=@b.ru", "a..b@c.ru", ".a@c.ru", "a@-b.ru", "a@b.ru\r\nBcc: c@d.ru", "a@b.ru\x7f",
)  # fmt: skip
NOT_QUANTITIES: tuple[object, ...] = (
    0, -1, 1.5, True, None, [], "0", "-1", "1.2345", "1e3", "", " 1", "1,5", "٣", "0.000",
    10**6 + 1, "1000000.001", HUGE,
)  # fmt: skip
NOT_TIMES: tuple[object, ...] = (
    5, "", "now", "2026-11-21", "2026-11-21T12:00:00", "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z",
    "2026-11-21T25:00:00Z", "2026-11-21T12:00:00+3", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-12:00",
    "2026-11-21T12:00:00Z\n", "٢٠٢٦-11-21T12:00:00Z",
)  # fmt: skip


Wrong = tuple[str, str, str, tuple[object, ...]]
SALE = "/v1/accrue"
NO_OBJECTS = (5, "x", [1], True)
NO_LISTS = (5, "x", {"a": 1})
NO_NUMBERS: tuple[object, ...] = (1.0, "5", True, -1, 10**12 + 1, HUGE, [])

# Method, path, pointer, and values that mustn't be there.
WRONG: tuple[Wrong, ...] = (
    *(("POST", path, f"{LINE}/price", NOT_AMOUNTS) for path in ("/v1/quote", SALE)),
    *(("POST", path, f"{LINE}/qty", NOT_QUANTITIES) for path in ("/v1/quote", SALE)),
    *(
        ("POST", SALE, pointer, NO_NUMBERS)
        for pointer in ("/expect/paid", "/basket/payments/0/amount", f"{LINE}/list_price", "/redeem/points")
    ),
    ("POST", SALE, "/at", NOT_TIMES),
    *(("POST", SALE, f"{LINE}/{name}", NOT_STRINGS) for name in ("id", "sku", "name", "category")),
    *(("POST", SALE, pointer, NOT_STRINGS) for pointer in ("/receipt/number", "/customer/phone", "/quote")),
    *(
        ("POST", SALE, pointer, NO_OBJECTS)
        for pointer in ("/customer", "/receipt", "/basket", "/redeem", "/expect", LINE)
    ),
    *(
        ("POST", SALE, pointer, NO_LISTS)
        for pointer in ("/basket/lines", "/basket/coupons", "/basket/payments", f"{LINE}/tags", f"{LINE}/no")
    ),
    ("POST", SALE, f"{LINE}/no/0", ("everything",)),
    ("POST", SALE, f"{LINE}/category", ("drinks//coffee", "/drinks", "drinks/")),
    ("POST", SALE, "/customer", ({}, {"phone": samples.PHONE, "card": "1"})),
    ("POST", SALE, "/customer/phone", ("12", "call me", "+7", "900123456789012345")),
    ("POST", SALE, "/receipt/fiscal", ("fn=1", "i=1&fn=x", "i=1&i=2&fn=3", "hello", "fn=&i=", "fn=٣&i=1")),
    ("POST", SALE, "/receipt/number", ("",)),
    ("POST", SALE, "/redeem/points", ("all", None, {})),
    ("POST", SALE, "/redeem/rewards", (5, [], "RULE", None)),
    ("POST", SALE, "/basket/lines", ([],)),
    ("POST", "/v1/redeem", "/points", (1.0, "5", True, 0, -1, HUGE)),
    ("POST", f"{CUSTOMER}/adjust", "/points", (1.0, "5", True, 0, 10**12 + 1, -(10**12) - 1, HUGE)),
    ("POST", "/v1/redeem", "/reason", ("", 5, None)),
    ("POST", RETURNS, "/lines/0/qty", NOT_QUANTITIES),
    ("POST", RETURNS, "/lines", ([], 5)),
    ("POST", RETURNS, "/receipt", (None,)),
    ("POST", "/v1/returns", "/all", (False, 1, "yes")),
    ("POST", "/v1/customers", "/birthday", ("4.5.1990", "1990-02-30", "1700-01-01", "1990-05-04T00:00:00Z", 5)),
    ("POST", "/v1/customers", "/email", ("nobody", "a b@c", 5, *NO_ADDRESSES)),
    ("POST", "/v1/customers", "/phone", ("12",)),
    ("POST", "/v1/customers", "/card", ("№5", " - ")),
    ("POST", "/v1/customers", "/consents/0/given", ("yes", 1)),
    ("POST", "/v1/customers", "/consents/0/type", (None, 5)),
    ("POST", "/v1/customers", "/referrer", ({}, 5, [])),
    ("POST", "/v1/customers", "/tags/0", (5, "")),
    ("PATCH", CUSTOMER, "/name", (5, "")),
    ("PATCH", CUSTOMER, "/birthday", ("x",)),
    ("PATCH", CUSTOMER, "/phone", (None, "")),
    ("PATCH", CUSTOMER, "/tags", (None, "vip")),
)


def planted_values() -> Iterator[Hostile]:
    for method, path, pointer, values in WRONG:
        for value in values:
            body = dumps(planted(BODIES[method, path], pointer, value))
            yield Hostile(repr(value)[:20], method, path, body, 422, "validation_error", pointer)


def missing_members() -> Iterator[Hostile]:
    for path, pointer in (
        ("/v1/quote", "/basket"),
        ("/v1/accrue", "/receipt"),
        ("/v1/redeem", "/customer"),
        ("/v1/redeem", "/receipt"),
        ("/v1/returns", "/purchase"),
        ("/v1/customers/lookup", "/customer"),
    ):
        body = {name: value for name, value in BODIES["POST", path].items() if name != pointer[1:]}
        yield Hostile("missing", "POST", path, dumps(body), 422, "validation_error", pointer)
    nobody = dumps({"name": "Anna"})
    yield Hostile("no identifier", "POST", "/v1/customers", nobody, 422, "validation_error", "")
    for count in (0, -1, 101, 1.0, "1", True, "max", None):
        asked = dumps(planted(samples.purchase(), "/redeem/rewards", {"cup": 1, "mug": count}))
        yield Hostile("so many rewards", "POST", "/v1/accrue", asked, 422, "validation_error", "/redeem/rewards/mug")
    neither = dumps({"receipt": {"number": "1"}})
    yield Hostile("neither lines nor all", "POST", RETURNS, neither, 422, "validation_error", "")
    both = dumps(samples.returned_lines() | {"all": True})
    yield Hostile("lines and all", "POST", RETURNS, both, 422, "validation_error", "")
    code = dumps({"phone": "+79001234567", "referrer": {"code": "123456"}})
    yield Hostile("app code", "POST", "/v1/customers", code, 422, "validation_error", "/referrer/code")


def too_much() -> Iterator[Hostile]:
    """Beyond the bounds of lengths: `limit_exceeded`; beyond those of sums: `validation_error`."""
    lines = [{"id": str(number), "qty": 1, "price": 1} for number in range(501)]
    long = "x" * 65
    for path in ("/v1/quote", "/v1/accrue"):
        for pointer, value in (
            ("/basket/lines", lines),
            ("/basket/lines", [{}] * 10_000),
            ("/basket/coupons", ["x"] * 21),
            ("/basket/coupons", [long]),
            ("/basket/payments", [{"method": "card", "amount": 1}] * 21),
            (f"{LINE}/id", long),
            (f"{LINE}/name", "x" * 257),
            (f"{LINE}/tags", ["x"] * 33),
            ("/receipt/number", long),
            ("/receipt/fiscal", "x" * 513),
            ("/customer/card", long),
            ("/quote", "x" * 4097),
            ("/redeem/rewards", {f"rule-{number}": 1 for number in range(17)}),
            ("/redeem", {f"wallet-{number}": 1 for number in range(17)}),
        ):
            where = "/basket/coupons/0" if value == [long] else pointer
            body = dumps(planted(samples.purchase(), pointer, value))
            yield Hostile("too long", "POST", path, body, 422, "limit_exceeded", where)
        dear = planted(samples.purchase(), LINE, {"id": "1", "qty": 10**6, "price": 10**12})
        yield Hostile("dear line", "POST", path, dumps(dear), 422, "validation_error", LINE)
        dears = [{"id": str(number), "qty": 1, "price": 10**12} for number in range(3)]
        many = planted(samples.purchase(), "/basket/lines", dears)
        yield Hostile("dear basket", "POST", path, dumps(many), 422, "validation_error", "/basket/lines/1")
        same = planted(samples.purchase(), "/basket/lines/1/id", "1")
        yield Hostile("same id", "POST", path, dumps(same), 422, "validation_error", "/basket/lines/1/id")
    same_back = {"receipt": {"number": "1"}, "lines": [{"id": "1", "qty": 1}, {"id": "1", "qty": 1}]}
    yield Hostile("same id", "POST", RETURNS, dumps(same_back), 422, "validation_error", "/lines/1/id")
    tags = dumps({"phone": samples.PHONE, "tags": ["x"] * 33})
    yield Hostile("too many tags", "POST", "/v1/customers", tags, 422, "limit_exceeded", "/tags")


ALL = [*raw_bodies(), *planted_values(), *missing_members(), *too_much()]


def test_there_are_plenty_of_hostile_requests() -> None:
    assert len(ALL) > 400


@pytest.mark.parametrize("hostile", ALL, ids=lambda each: f"{each.method} {each.path[:25]} {each.pointer} {each.name}")
async def test_a_hostile_request_gets_its_refusal(
    hostile: Hostile, client: httpx.AsyncClient, service: MemoryService
) -> None:
    key = "support" if hostile.path.endswith("/adjust") else KEYS.get(hostile.method, "till")
    headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": "hostile"}
    if hostile.content_type:
        headers["Content-Type"] = hostile.content_type
    answer = await client.request(hostile.method, hostile.path, content=hostile.body, headers=headers)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (hostile.status, hostile.code), problem
    assert answer.headers["content-type"] == "application/problem+json"
    assert len(answer.content) < 64 * 1024
    if hostile.pointer is not None:
        assert hostile.pointer in [fault["pointer"] for fault in problem["errors"]], problem
    assert service.asked == []


QUERIES = [
    ("/v1/purchases", "", 422, "/query/number"),
    ("/v1/purchases", "number=1&number=2", 422, "/query/number"),
    ("/v1/purchases", "number=1&colour=red", 422, "/query/colour"),
    ("/v1/purchases", "number=%00", 422, "/query"),
    ("/v1/purchases", "number=" + "x" * 65, 422, "/query/number"),
    ("/v1/purchases", "number=1&explain=yes", 422, "/query/explain"),
    ("/v1/purchases", "number=%FF%FE", 400, None),
    ("/v1/purchases", "&".join(f"a{number}=1" for number in range(50)), 400, None),
    (f"{CUSTOMER}/history", "limit=0", 422, "/query/limit"),
    (f"{CUSTOMER}/history", "limit=101", 422, "/query/limit"),
    (f"{CUSTOMER}/history", "limit=ten", 422, "/query/limit"),
    (f"{CUSTOMER}/history", "limit=5.0", 422, "/query/limit"),
    (f"{CUSTOMER}/history", "limit=1_0", 422, "/query/limit"),
    (f"{CUSTOMER}/history", "limit=" + "9" * 400, 422, "/query/limit"),
    (f"{CUSTOMER}/lots", "cursor=", 422, "/query/cursor"),
    (f"{CUSTOMER}/lots", "cursor=" + "x" * 600, 422, "/query/cursor"),
    (f"{CUSTOMER}/balance", "min_version=-1", 422, "/query/min_version"),
    (f"{CUSTOMER}/balance", "as_of=yesterday", 422, "/query/as_of"),
    (f"{CUSTOMER}/balance", "as_of=2026-11-21T12:00:00", 422, "/query/as_of"),
    (CUSTOMER, "x=1", 422, "/query/x"),
    ("/health/live", "x=1", 422, "/query/x"),
]


@pytest.mark.parametrize(("path", "query", "status", "pointer"), QUERIES)
async def test_a_hostile_query_gets_its_refusal(
    path: str, query: str, status: int, pointer: str | None, client: httpx.AsyncClient, service: MemoryService
) -> None:
    answer = await client.get(f"{path}?{query}")
    problem = answer.json()
    assert answer.status_code == status, problem
    if pointer is not None:
        assert [fault["pointer"] for fault in problem["errors"]] == [pointer]
    assert service.asked == []


async def test_every_mistake_is_listed_at_once(client: httpx.AsyncClient) -> None:
    body = samples.purchase()
    body["basket"]["lines"][0] |= {"price": 1.5, "qty": -1, "colour": "red"}
    body["basket"]["lines"][1]["price"] = None
    body["x"] = 1
    answer = await client.post("/v1/quote", content=orjson.dumps(body), headers={"Content-Type": "application/json"})
    faults = {fault["pointer"]: fault["code"] for fault in answer.json()["errors"]}
    assert faults == {
        "/basket/lines/0/price": "type",
        "/basket/lines/0/qty": "range",
        "/basket/lines/0/colour": "unknown_field",
        "/basket/lines/1/price": "type",
        "/x": "unknown_field",
    }


async def test_of_endless_mistakes_the_first_hundred_are_listed(client: httpx.AsyncClient) -> None:
    body = b'{"basket":{"lines":[]},' + b",".join(b'"%05x":1' % number for number in range(25_000)) + b"}"
    answer = await client.post("/v1/quote", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert len(answer.json()["errors"]) == 100
    assert "25000 mistakes" in answer.json()["detail"]


async def test_a_refusal_never_repeats_what_was_sent(client: httpx.AsyncClient) -> None:
    body = samples.purchase()
    body["customer"] = {"phone": "+7900123456789012345"}
    body["basket"]["lines"][0]["price"] = "secret-value"
    answer = await client.post("/v1/quote", content=orjson.dumps(body), headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert "900123456" not in answer.text
    assert "secret-value" not in answer.text
