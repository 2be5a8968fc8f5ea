"""Every "no" of the HTTP surface, as the whole service says it: members, headers, and nothing written."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import asyncpg
import pytest
from redis.asyncio import Redis

from app.storage.keys import revoke_key
from tests.e2e.checks import kinds, pointers, refused
from tests.kit import Desk, Stage, client_of, line, purchase, served_here


async def raw(desk: Desk, content: bytes, *, path: str = "/v1/accrue", **headers: str) -> Any:
    sent = {"Authorization": f"Bearer {desk.key}", "Content-Type": "application/json", "Idempotency-Key": "raw"}
    return await desk.http.post(path, content=content, headers={**sent, **headers})


async def test_a_problem_says_what_where_and_whether_to_try_again(till: Desk) -> None:
    response = await till.post("/v1/accrue", {"basket": {"lines": []}}, headers={"X-Request-Id": "till-7:42"})
    problem = refused(response, 422, "validation_error")
    assert problem["request_id"] == response.headers["X-Request-Id"] == "till-7:42"
    assert (problem["retryable"], problem["title"] != "", problem["detail"] != "") == (False, True, True)
    assert problem["type"].endswith("validation_error")
    assert pointers(problem) == {"/receipt", "/basket/lines"}
    for fault in problem["errors"]:
        assert fault.keys() == {"pointer", "code", "message"}


async def test_a_request_id_is_made_where_none_can_be_taken(till: Desk) -> None:
    made = (await till.get("/health/live")).headers["X-Request-Id"]
    assert made
    strange = await till.call("GET", "/health/live", headers={"X-Request-Id": "a b\tc"})
    assert strange.headers["X-Request-Id"] not in {"a b\tc", made}


async def test_missing_unknown_and_revoked_keys_look_the_same(till: Desk, stage: Stage) -> None:
    revoked = await stage.key("pos", shop="S1", terminal="T9")
    assert await revoke_key(stage.owner_url, revoked.split("_")[2])
    shown = set()
    for authorization in (None, "Bearer", "Bearer nonsense", "Basic abc", f"Bearer {revoked}", f"Bearer {till.key}x"):
        headers = {} if authorization is None else {"Authorization": authorization}
        response = await till.http.get("/v1/customers/1", headers={**headers, "X-Request-Id": "same"})
        refused(response, 401, "unauthenticated")
        assert response.headers["WWW-Authenticate"].startswith("Bearer")
        shown.add(response.content)
    assert len(shown) == 1


async def test_a_revoked_key_is_refused_within_seconds(till: Desk, stage: Stage) -> None:
    key = await stage.key("pos", shop="S1", terminal="T9")
    desk = Desk(till.http, key)
    assert (await desk.post("/v1/quote", {"basket": {"lines": []}})).status_code == 200
    assert await revoke_key(stage.owner_url, key.split("_")[2])
    for _ in range(50):
        response = await desk.post("/v1/quote", {"basket": {"lines": []}})
        if response.status_code == 401:
            return
        await asyncio.sleep(0.1)
    pytest.fail("the key still works after 5 seconds")


async def test_what_is_not_there_is_not_found_and_other_methods_are_named(till: Desk) -> None:
    for path in ("/", "/v1", "/v1/customer", "/v1/hold", "/v1/accrue/", "/v2/accrue", "/v1/draws/tomorrow"):
        refused(await till.get(path), 404, "not_found")
    for method, path, allow in (
        ("GET", "/v1/accrue", {"POST"}),
        ("DELETE", "/v1/customers/1", {"GET", "HEAD", "PATCH"}),
        ("POST", "/v1/program/draft", {"GET", "HEAD", "PUT"}),
        ("PUT", "/health/live", {"GET", "HEAD"}),
    ):
        response = await till.call(method, path)
        refused(response, 405, "method_not_allowed")
        assert set(response.headers["Allow"].split(", ")) == allow


async def test_answers_are_json_and_so_are_bodies(till: Desk) -> None:
    body = b'{"basket": {"lines": []}}'
    refused(await raw(till, body, path="/v1/quote", Accept="text/html"), 406, "not_acceptable")
    assert (await raw(till, body, path="/v1/quote", Accept="text/html, */*;q=0.1")).status_code == 200
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "application/json; charset=cp1251", ""):
        response = await raw(till, body, path="/v1/quote", **{"Content-Type": content_type})
        refused(response, 415, "unsupported_media_type")
    accepted = await raw(till, body, path="/v1/quote", **{"Content-Type": "application/json; charset=UTF-8"})
    assert accepted.status_code == 200
    refused(await raw(till, body, **{"Content-Encoding": "gzip"}), 415, "unsupported_media_type")


async def test_bodies_have_a_size(till: Desk, admin: Desk) -> None:
    blank = b" " * (256 * 1024)
    refused(await raw(till, blank + b"{}"), 413, "payload_too_large")
    fits = b'{"basket": {"lines": []}}'.ljust(256 * 1024)
    assert (await raw(till, fits, path="/v1/quote")).status_code == 200
    refused(await admin.call("PUT", "/v1/program/draft", blank * 17), 413, "payload_too_large")
    assert (await admin.call("PUT", "/v1/program/draft", blank + b"{}")).json()["code"] == "program_invalid"


async def test_what_is_no_json_is_malformed(till: Desk) -> None:
    twice, bad_text = b'{"a": 1, "a": 2}', b'{"a": "\xff"}'
    for content in (b"", b"{", b"[1,]", twice, b"NaN", bad_text, b"{'a': 1}", b"{} {}", b"\xef\xbb\xbf{}"):
        refused(await raw(till, content), 400, "malformed_request")


async def test_a_line_with_a_mistake_is_refused_with_its_place_and_nothing_is_written(
    till: Desk, owner: asyncpg.Connection
) -> None:
    customer = await till.register()
    mistakes: tuple[tuple[dict[str, Any], str], ...] = (
        ({"price": 129.0}, "price"),
        ({"price": "12900"}, "price"),
        ({"price": -1}, "price"),
        ({"price": 10**12 + 1}, "price"),
        ({"price": 10**400}, "price"),
        ({"price": True}, "price"),
        ({"qty": 0}, "qty"),
        ({"qty": 1.5}, "qty"),
        ({"qty": "1.2345"}, "qty"),
        ({"qty": "1e3"}, "qty"),
        ({"qty": 1000001}, "qty"),
        ({"sku": "A\x00"}, "sku"),
        ({"no": ["everything"]}, "no/0"),
        ({"colour": "red"}, "colour"),
        ({"category": "drinks//tea"}, "category"),
        ({"min_price": -5}, "min_price"),
        ({"id": ""}, "id"),
    )
    for mistake, pointer in mistakes:
        content = json.dumps(purchase(customer, line() | mistake)).encode()  # Integers of any length.
        for path in ("/v1/accrue", "/v1/quote"):
            problem = refused(await till.post(path, content), 422, "validation_error")
            assert pointers(problem) == {f"/basket/lines/0/{pointer}"}, mistake
    assert await kinds(owner, customer) == []


async def test_baskets_have_limits(till: Desk) -> None:
    lines = [line(number, price=1) for number in range(501)]
    assert pointers(refused(await till.accrue(None, *lines), 422, "limit_exceeded")) == {"/basket/lines"}
    assert (await till.accrue(None, *lines[:500])).status_code == 201
    refused(await till.accrue(None, line(sku="s" * 65)), 422, "limit_exceeded")
    twice = await till.accrue(None, line(1), line(1))
    assert pointers(refused(twice, 422, "validation_error")) == {"/basket/lines/1/id"}
    whole = [line(1, price=10**12), line(2, price=1)]
    assert (await till.accrue(None, whole[0])).status_code == 201
    refused(await till.accrue(None, *whole), 422, "validation_error")
    for depth in (33, 500, 100_000):
        deep = b'{"basket": ' + b"[" * depth + b"]" * depth + b"}"
        refused(await till.post("/v1/accrue", deep), 422, "limit_exceeded")


async def test_a_till_that_has_no_patience_is_told_so(till: Desk, owner: asyncpg.Connection) -> None:
    customer = await till.register()
    late = await till.post("/v1/accrue", purchase(customer, receipt="L"), headers={"X-Deadline-Ms": "0"}, key="late")
    problem = refused(late, 503, "deadline_exceeded")
    assert (problem["retryable"], int(late.headers["Retry-After"]) >= 1) == (True, True)
    assert await kinds(owner, customer) == []
    body = purchase(customer, receipt="L")
    assert (await till.post("/v1/accrue", body, headers={"X-Deadline-Ms": "9000"}, key="late")).status_code == 201
    refused(await till.post("/v1/accrue", body, headers={"X-Deadline-Ms": "soon"}), 422, "validation_error")


async def test_the_service_works_without_its_cache(stage: Stage, till: Desk) -> None:
    customer = await till.register(phone="+79001234567")
    async with served_here(replace(stage, redis_url="redis://127.0.0.1:9")) as edge, client_of(edge) as http:
        desk = Desk(http, till.key)
        sold = (await desk.accrue({"phone": "+79001234567"})).json()
        assert sold["balances"]["points"]["available"] == 100
        assert await desk.balance(customer, min_version=1) == 100
        ready = await desk.get("/health/ready")
        assert (ready.status_code, ready.json()["status"], ready.json()["cache"]) == (200, "degraded", "degraded")


async def test_a_poisoned_cache_is_never_believed_for_a_redemption(stage: Stage, till: Desk) -> None:
    customer = await till.register()
    await till.accrue(customer)
    await till.balance(customer)
    async with Redis.from_url(stage.redis_url) as redis:
        stale = {key: await redis.dump(key) or b"" for key in await redis.keys("*")}
        assert stale
        spent = {"customer": {"id": customer}, "wallet": "points", "points": 100, "reason": "x"}
        await till.good("POST", "/v1/redeem", spent | {"receipt": {"number": "G1"}})
        for key, value in stale.items():
            await redis.restore(key, 0, value, replace=True)
        refused(await till.post("/v1/redeem", spent | {"receipt": {"number": "G2"}}), 409, "insufficient_points")
        refused(await till.accrue(customer, redeem={"points": 1}), 409, "insufficient_points")
        for key in stale:
            await redis.set(key, b"nonsense")
    assert await till.balance(customer) == 0
