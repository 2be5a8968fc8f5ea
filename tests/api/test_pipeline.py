"""What every call passes: routes, keys, roles, headers, idempotency keys, in order of precedence."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from app.api.calls import Operation
from app.api.crowd import CROWD_MIN
from app.api.edge import Edge
from app.api.operations import OPERATIONS
from app.flows.requests import Answer, Role
from tests.api import samples
from tests.api.doubles import CALLERS, MemoryService

KEY = {"Idempotency-Key": "k-1"}
PATHS = {
    operation.name: operation.path.replace("{id}", str(samples.CUSTOMER))
    .replace("{key}", "k")
    .replace("{code}", "SPRING")
    .replace("{version}", "3")
    for operation in OPERATIONS
}


async def test_an_unknown_path_is_a_problem_document(client: httpx.AsyncClient) -> None:
    for path in ("/", "/v1", "/v1/hold", "/v1/accrue/", "//v1/accrue", "/v1/customers//balance", "/v1%2Faccrue"):
        answer = await client.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), path


async def test_another_method_is_refused_with_those_that_are_answered(client: httpx.AsyncClient) -> None:
    answer = await client.delete(f"/v1/customers/{samples.CUSTOMER}")
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert answer.headers["allow"] == "GET, HEAD, PATCH"
    assert answer.json()["allow"] == ["GET", "HEAD", "PATCH"]
    answer = await client.get("/v1/customers/lookup")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


async def test_head_is_get_without_a_body(client: httpx.AsyncClient) -> None:
    answer = await client.head("/health/live")
    assert (answer.status_code, answer.content) == (200, b"")
    assert int(answer.headers["content-length"]) > 0


@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer", "Bearer nobody", "Basic till", "Bearer till till", "till"]
)
async def test_without_a_valid_key_every_operation_answers_the_same(
    authorization: str | None, client: httpx.AsyncClient, service: MemoryService
) -> None:
    client.headers.pop("Authorization")
    headers = {} if authorization is None else {"Authorization": authorization}
    bodies = set()
    for operation in OPERATIONS:
        if operation.roles is None:
            continue
        answer = await client.request(
            operation.method, PATHS[operation.name], headers=headers | {"X-Request-Id": "same"}, content=b"{"
        )
        assert answer.status_code == 401, operation.name
        assert answer.headers["www-authenticate"] == 'Bearer realm="kopilka"'
        bodies.add(answer.content)
    assert len(bodies) == 1
    assert service.asked == []


@pytest.mark.parametrize(
    "operation", [each for each in OPERATIONS if each.roles is not None], ids=lambda each: each.name
)
async def test_a_role_may_do_what_the_table_says_and_nothing_else(
    operation: Operation, client: httpx.AsyncClient
) -> None:
    assert operation.roles is not None
    assert Role.ADMIN in operation.roles
    for name, caller in CALLERS.items():
        answer = await client.request(
            operation.method, PATHS[operation.name], headers={"Authorization": f"Bearer {name}"}, content=b"{"
        )
        if caller.role in operation.roles:
            assert answer.status_code not in {401, 403}, (operation.name, name)
        else:
            assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope"), (operation.name, name)


async def test_roles_are_those_of_the_contract() -> None:
    may = {role: {each.name for each in OPERATIONS if each.roles is None or role in each.roles} for role in Role}
    open_to_all = {"live", "ready", "metrics", "draw_day", "prize_draw", "entrants", "allowance_keys"}
    open_to_all |= {"sign_in", "set_up_person", "begin_sign_in", "finish_sign_in"}
    people = {"session", "sign_out"}
    cards = {"issue_card", "block_card", "replace_card", "activate_gift_card", "gift_card"}
    till = cards | {
        "quote", "accrue", "redeem", "return_lines", "return_by_receipt", "purchase", "purchase_by_receipt",
        "explain_purchase", "request_state", "register", "lookup", "customer", "update", "balance", "history", "lots",
        "coupon", "post_event", "post_offline", "place_hold", "capture_hold", "release_hold", "hold",
    }  # fmt: skip
    assert may[Role.POS] == may[Role.SHOP] == till | open_to_all
    assert may[Role.SUPPORT] == open_to_all | people | cards | {
        "block_gift_card", "ledger_findings", "ledger_root", "proof",
        "adjustments", "adjustment", "approve_adjustment", "decline_adjustment",
        "alerts", "decide_alert",
        "purchase", "purchase_by_receipt", "explain_purchase", "request_state", "register", "lookup", "customer",
        "update", "balance", "history", "lots", "adjust", "coupon", "post_event", "hold",
        "consents", "export_customer", "erase",
    }  # fmt: skip
    reads = {"draft", "program", "program_versions", "program_schema", "backtest", "backtest_report"}
    assert may[Role.ANALYST] == reads | open_to_all | people | {"feed", "ledger_findings", "ledger_root", "proof"}
    assert may[Role.MARKETER] == reads | open_to_all | people | {
        "put_draft", "check_draft", "publish", "republish", "request_state",
        "make_gift_cards", "block_gift_card", "gift_card", "ask_backtest", "cancel_backtest",
        "announce_prize_draw", "freeze_prize_draw", "draw_prizes",
        "make_coupons", "block_coupon", "coupon", "coupons", "make_segment", "segments", "change_members",
    }  # fmt: skip
    assert may[Role.OPS] == open_to_all | {"feed"}
    assert may[Role.ADMIN] == {each.name for each in OPERATIONS}


async def test_a_sane_request_id_is_taken_and_any_other_replaced(client: httpx.AsyncClient) -> None:
    answer = await client.get("/health/live", headers={"X-Request-Id": "till-7:42.a_b"})
    assert answer.headers["x-request-id"] == "till-7:42.a_b"
    for insane in ("", "two words", "x" * 129, 'a"b', "a\tb"):
        answer = await client.get("/v1/nothing", headers={"X-Request-Id": insane})
        made = answer.headers["x-request-id"]
        assert made != insane
        assert len(made) == 32
        assert answer.json()["request_id"] == made


async def test_every_answer_says_that_nobody_may_keep_it(client: httpx.AsyncClient) -> None:
    for path in ("/health/live", "/v1/nothing", f"/v1/customers/{samples.CUSTOMER}", "/openapi.json", "/docs"):
        answer = await client.get(path)
        assert answer.headers["cache-control"] == "no-store", path
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-request-id"]


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("*/*", 200),
        ("application/json", 200),
        ("application/*;q=0.1", 200),
        ("text/html, application/xhtml+xml, */*;q=0.8", 200),
        ("APPLICATION/JSON; charset=utf-8", 200),
        ("text/html", 406),
        ("application/json;q=0", 406),
        ("", 406),
    ],
)
async def test_answers_are_json_or_nothing(accept: str, status: int, client: httpx.AsyncClient) -> None:
    answer = await client.get(f"/v1/customers/{samples.CUSTOMER}", headers={"Accept": accept})
    assert answer.status_code == status
    if status == 406:
        assert answer.json()["code"] == "not_acceptable"


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/json; charset=utf-8", 'Application/JSON;charset="UTF-8"']
)
async def test_json_in_utf8_may_be_said_in_any_spelling(content_type: str, client: httpx.AsyncClient) -> None:
    headers = {"Content-Type": content_type}
    answer = await client.post("/v1/customers/lookup", content=b'{"customer":{"card":"2200"}}', headers=headers)
    assert answer.status_code == 200


async def test_a_compressed_body_is_refused(client: httpx.AsyncClient) -> None:
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    answer = await client.post("/v1/customers/lookup", content=b"{}", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


async def test_a_body_that_says_it_is_too_large_is_not_read(client: httpx.AsyncClient) -> None:
    headers = {"Content-Type": "application/json", "Content-Length": "9" * 30}
    answer = await client.post("/v1/quote", content=b"{}", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (413, "payload_too_large")


async def test_a_program_may_be_large(client: httpx.AsyncClient, service: MemoryService) -> None:
    large = samples.program() | {"x": ["y" * 1000] * 1000}
    answer = await client.put("/v1/program/draft", json=large, headers=KEY | {"Authorization": "Bearer marketer"})
    assert answer.status_code == 200
    assert len(service.asked) == 1


WRITES = [each for each in OPERATIONS if each.is_write]


@pytest.mark.parametrize("operation", WRITES, ids=lambda each: each.name)
async def test_every_write_needs_a_sane_key(
    operation: Operation, client: httpx.AsyncClient, service: MemoryService
) -> None:
    headers = {"Authorization": "Bearer admin", "Content-Type": "application/json"}
    path = PATHS[operation.name]
    answer = await client.request(operation.method, path, content=b"{}", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_missing")
    for insane in ("", "x" * 256, "a\tb", "ключ"):
        sent = [*headers.items(), ("Idempotency-Key", insane.encode())]
        answer = await client.request(operation.method, path, content=b"{}", headers=sent)  # type: ignore[arg-type]
        assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_invalid"), insane
    assert service.asked == []


async def test_two_idempotency_keys_are_no_key(client: httpx.AsyncClient) -> None:
    headers = [("Idempotency-Key", "a"), ("Idempotency-Key", "b"), ("Authorization", "Bearer till")]
    client.headers.pop("Authorization")
    answer = await client.post("/v1/accrue", json=samples.purchase(), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_request")


async def test_checks_come_in_their_order(client: httpx.AsyncClient) -> None:
    """Path, key, role, media types, JSON, idempotency key, members: each hides what comes after it."""
    headers = {"Authorization": "Bearer nobody", "Content-Type": "text/plain", "Accept": "text/html"}
    sent = b"{"
    expected = [
        ("unauthenticated", {"Authorization": "Bearer ops"}),
        ("insufficient_scope", {"Authorization": "Bearer till"}),
        ("not_acceptable", {"Accept": "*/*"}),
        ("unsupported_media_type", {"Content-Type": "application/json"}),
        ("malformed_request", {}),
        ("idempotency_key_missing", {"Idempotency-Key": ""}),
        ("idempotency_key_invalid", KEY),
        ("validation_error", {}),
    ]
    for code, cure in expected:
        answer = await client.post("/v1/accrue?explain=maybe", content=sent, headers=headers)
        assert answer.json()["code"] == code
        headers |= cure
        if code == "malformed_request":
            sent = b"{}"


async def test_the_same_request_is_answered_with_the_same_bytes(
    client: httpx.AsyncClient, service: MemoryService
) -> None:
    first = await client.post("/v1/accrue", json=samples.purchase(), headers=KEY)
    body = dict(reversed(samples.purchase().items()))  # Another order of members is the same JSON value.
    second = await client.post("/v1/accrue", json=body, headers=KEY)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.content == second.content
    assert "idempotent-replayed" not in first.headers
    assert second.headers["idempotent-replayed"] == "true"
    assert len(service.asked) == 1


async def test_another_request_under_the_same_key_is_told_so(client: httpx.AsyncClient) -> None:
    assert (await client.post("/v1/accrue", json=samples.purchase(), headers=KEY)).status_code == 201
    other = samples.purchase() | {"redeem": {"points": 51}}
    for path, body in (
        ("/v1/accrue", other),
        ("/v1/accrue?explain=true", samples.purchase()),
        ("/v1/redeem", samples.redemption()),
    ):
        answer = await client.post(path, json=body, headers=KEY)
        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused"), path
    elsewhere = await client.post("/v1/accrue", json=other, headers=KEY | {"Authorization": "Bearer other-till"})
    assert elsewhere.status_code == 201


async def test_patience_becomes_a_deadline(client: httpx.AsyncClient, service: MemoryService) -> None:
    await client.post("/v1/accrue", json=samples.purchase(), headers=KEY)
    await client.post("/v1/accrue", json=samples.purchase(), headers={"Idempotency-Key": "2", "X-Deadline-Ms": "250"})
    assert service.writes[0].deadline is None
    deadline = service.writes[1].deadline
    assert deadline is not None
    assert service.writes[1].key == "2"


@pytest.mark.parametrize("deadline", ["", "-1", "1.5", "soon", "600001", "9" * 400])
async def test_patience_that_cannot_be_read_is_refused(
    deadline: str, client: httpx.AsyncClient, service: MemoryService
) -> None:
    answer = await client.post("/v1/accrue", json=samples.purchase(), headers=KEY | {"X-Deadline-Ms": deadline})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/header/X-Deadline-Ms"
    assert service.asked == []


async def test_a_preview_needs_no_key_and_writes_nothing(client: httpx.AsyncClient, service: MemoryService) -> None:
    for path, body in (
        (f"/v1/purchases/{samples.PURCHASE}/returns", samples.returned_lines()),
        ("/v1/returns", samples.returned_by_receipt()),
    ):
        answer = await client.post(f"{path}?preview=true", json=body)
        assert (answer.status_code, answer.json()["id"]) == (200, None)
        assert (await client.post(f"{path}?preview=false", json=body)).json()["code"] == "idempotency_key_missing"
    assert service.writes == []


async def test_a_call_without_a_body_takes_none_or_an_empty_object(
    client: httpx.AsyncClient, service: MemoryService
) -> None:
    client.headers["Authorization"] = "Bearer marketer"
    assert (await client.post("/v1/program/publish", headers=KEY)).status_code == 200
    replayed = await client.post("/v1/program/publish", json={}, headers=KEY)
    assert replayed.headers["idempotent-replayed"] == "true"
    answer = await client.post("/v1/program/publish", json={"version": 3}, headers={"Idempotency-Key": "k-2"})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/version")
    for name in ("three", "0x3", "³", "1" * 10, "-1"):
        answer = await client.post(f"/v1/program/versions/{name}/republish", headers={"Idempotency-Key": "k-3"})
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert service.asked == ["publish"]


@pytest.mark.parametrize("name", ["x", "%00", "%FF", "1" * 400, str(samples.CUSTOMER).replace("-", ""), "lookup%2F"])
async def test_an_id_that_nobody_gave_is_not_found(name: str, client: httpx.AsyncClient) -> None:
    for path, code in (
        (f"/v1/customers/{name}", "customer_not_found"),
        (f"/v1/customers/{name}/lots", "customer_not_found"),
        (f"/v1/purchases/{name}", "not_found"),
    ):
        answer = await client.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, code)


async def test_a_key_may_hold_whatever_a_path_can_say(client: httpx.AsyncClient) -> None:
    key = "S1/T1 000123?#%"
    await client.post("/v1/accrue", json=samples.purchase(), headers={"Idempotency-Key": key})
    answer = await client.get("/v1/requests/S1%2FT1%20000123%3F%23%25")
    assert answer.json()["state"] == "done"
    assert answer.json()["status"] == 201
    unknown = await client.get("/v1/requests/another")
    assert unknown.json() == {"state": "unknown", "status": None, "body": None}
    insane = await client.get("/v1/requests/%00")
    assert insane.json()["code"] == "idempotency_key_invalid"


async def test_a_till_whose_patience_is_shorter_than_the_crowd_is_told_at_once(
    client: httpx.AsyncClient, edge: Edge, service: MemoryService
) -> None:
    now = asyncio.get_running_loop().time()
    for place in range(CROWD_MIN):
        edge._crowd.enter(place, now=now - 0.5)
    late = await client.post("/v1/accrue", json=samples.purchase(), headers=KEY | {"X-Deadline-Ms": "400"})
    assert (late.status_code, late.json()["code"]) == (503, "deadline_exceeded")
    assert late.headers["retry-after"] == "1"
    assert not service.writes
    assert (await client.post("/v1/accrue", json=samples.purchase(), headers=KEY)).status_code == 201


async def test_a_crowd_turns_new_calls_away_but_not_those_who_watch(client: httpx.AsyncClient, edge: Edge) -> None:
    now = asyncio.get_running_loop().time()
    for place in range(CROWD_MIN):
        edge._crowd.enter(place, now=now)
    edge._crowd._arrived = dict.fromkeys(edge._crowd._arrived, now - 2.5)
    refused = await client.post("/v1/quote", json={"basket": {"lines": []}})
    assert (refused.status_code, refused.json()["code"], refused.headers["retry-after"]) == (503, "overloaded", "3")
    assert (await client.get("/health/live")).status_code == 200
    assert len(edge._crowd._arrived) == CROWD_MIN


async def test_who_has_not_sent_its_body_yet_is_no_crowd(client: httpx.AsyncClient, edge: Edge) -> None:
    whole = asyncio.Event()
    sending = asyncio.Semaphore(0)

    async def body() -> AsyncIterator[bytes]:
        yield b'{"basket":'
        sending.release()
        await whole.wait()
        yield b'{"lines":[]}}'

    headers = {"Content-Type": "application/json"}
    slow = [asyncio.create_task(client.post("/v1/quote", content=body(), headers=headers)) for _ in range(CROWD_MIN)]
    for _ in slow:
        await sending.acquire()
    await asyncio.sleep(0)
    assert not edge._crowd._arrived
    whole.set()
    assert {answer.status_code for answer in await asyncio.gather(*slow)} == {200}
    assert not edge._crowd._arrived


async def test_calls_that_take_long_by_their_nature_are_no_crowd(
    client: httpx.AsyncClient, edge: Edge, service: MemoryService, monkeypatch: pytest.MonkeyPatch
) -> None:
    done, under_way = asyncio.Event(), asyncio.Semaphore(0)

    async def post_offline(*_: object) -> Answer:
        under_way.release()
        await done.wait()
        return Answer(200, b'{"results":[]}')

    monkeypatch.setattr(service, "post_offline", post_offline)
    receipt = {**samples.purchase(), "executed_at": "2026-11-21T12:00:00Z"}
    slow = [
        asyncio.create_task(
            client.post("/v1/receipts/offline", json=[receipt], headers={"Idempotency-Key": f"k-{place}"})
        )
        for place in range(CROWD_MIN)
    ]
    async with asyncio.timeout(10):
        for _ in slow:
            await under_way.acquire()
    assert not edge._crowd._arrived
    done.set()
    assert {answer.status_code for answer in await asyncio.gather(*slow)} == {200}
