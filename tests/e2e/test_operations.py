"""What those who run the service see: health, metrics, the document of all calls; and two instances side by side."""

import asyncio
from collections.abc import Mapping

import asyncpg
import httpx
import structlog
from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.checks import refused
from tests.kit import Desk, Stage, client_of, line, purchase, served_here, small_program

# CONTRACT, section 3, as far as it is built.
CALLS = {
    "POST /v1/customers",
    "POST /v1/customers/lookup",
    "GET /v1/customers/{id}",
    "PATCH /v1/customers/{id}",
    "GET /v1/customers/{id}/balance",
    "GET /v1/customers/{id}/history",
    "GET /v1/customers/{id}/lots",
    "POST /v1/customers/{id}/adjust",
    "POST /v1/customers/{id}/erase",
    "POST /v1/customers/{id}/events",
    "POST /v1/coupons",
    "GET /v1/coupons",
    "GET /v1/coupons/{code}",
    "POST /v1/coupons/{code}/block",
    "POST /v1/segments",
    "GET /v1/segments",
    "POST /v1/segments/{id}/members",
    "POST /v1/quote",
    "POST /v1/accrue",
    "POST /v1/redeem",
    "POST /v1/holds",
    "POST /v1/holds/{id}/capture",
    "POST /v1/holds/{id}/release",
    "GET /v1/holds/{id}",
    "POST /v1/purchases/{id}/returns",
    "POST /v1/returns",
    "GET /v1/purchases/{id}",
    "GET /v1/purchases",
    "GET /v1/requests/{key}",
    "PUT /v1/program/draft",
    "POST /v1/program/draft/check",
    "POST /v1/program/publish",
    "GET /v1/program",
    "GET /v1/program/versions",
    "POST /v1/program/versions/{version}/republish",
    "GET /health/live",
    "GET /health/ready",
    "GET /metrics",
}


async def samples(http: httpx.AsyncClient) -> dict[str, float]:
    """Every sample by `name{label=value,…}`."""
    answer = await http.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    found = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}"] = sample.value
    return found


async def test_metrics_count_what_happened(till: Desk) -> None:
    customer = await till.register()
    before = await samples(till.http)
    await till.accrue(customer, line(price=30000))
    await till.accrue(customer, line(price=30000), redeem={"points": 120})
    refused(await till.accrue(customer, redeem={"points": 10**6}), 409, "insufficient_points")
    await till.good("POST", "/v1/customers/lookup", {"customer": {"id": customer}})
    await till.http.get("/no/such/place")
    after = await samples(till.http)

    def grown(name: str) -> float:
        return after.get(name, 0) - before.get(name, 0)

    sold = "kopilka_requests_total{method=POST,route=/v1/accrue,status=%s}"
    assert (grown(sold % 201), grown(sold % 409)) == (2, 1)
    assert grown("kopilka_request_seconds_count{method=POST,route=/v1/accrue}") == 3
    assert grown("kopilka_refusals_total{code=insufficient_points}") == 1
    assert grown("kopilka_points_issued_total{wallet=points}") == 300 + 180
    assert grown("kopilka_points_redeemed_total{wallet=points}") == 120
    assert (grown("kopilka_round_size_count{}"), grown("kopilka_round_size_sum{}")) == (3, 3)
    assert grown("kopilka_round_seconds_count{}") == 3
    assert grown("kopilka_requests_total{method=ANY,route=unmatched,status=404}") == 1
    assert not any("/no/such" in name for name in after)
    assert grown("kopilka_cache_reads_total{kind=customer,outcome=hit}") == 1


async def test_metrics_and_logs_hold_no_personal_data(till: Desk) -> None:
    with structlog.testing.capture_logs() as lines:
        await till.register(phone="+79001234567", name="Anastasia", email="anastasia@example.org")
        await till.accrue({"phone": "+79001234567"})
        await till.post("/v1/customers/lookup", {"customer": {"phone": "+79009999999"}})
    assert [each["route"] for each in lines if each["event"] == "request"] == [
        "/v1/customers",
        "/v1/accrue",
        "/v1/customers/lookup",
    ]
    for text in (str(lines), (await till.http.get("/metrics")).text):
        for secret in ("9001234567", "9009999999", "astasia"):
            assert secret not in text


async def test_health_needs_no_key(http: httpx.AsyncClient) -> None:
    live, ready = await http.get("/health/live"), await http.get("/health/ready")
    assert (live.status_code, live.json()) == (200, {"status": "ok"})
    assert (ready.status_code, ready.json()) == (
        200,
        {"status": "ok", "database": "ok", "migrations": "ok", "cache": "ok"},
    )


async def test_a_service_ahead_of_its_database_is_not_ready(http: httpx.AsyncClient, owner: asyncpg.Connection) -> None:
    await owner.execute("update alembic_version set version_num = '0000'")
    refused(await http.get("/health/ready"), 503, "unavailable")


async def test_the_document_lists_every_call_with_its_answers(http: httpx.AsyncClient) -> None:
    answer = await http.get("/openapi.json")
    document = answer.json()
    assert document["openapi"].startswith("3.1")
    listed: Mapping[str, dict[str, object]] = {
        f"{method.upper()} {path}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    assert listed.keys() >= CALLS
    for name, operation in listed.items():
        responses = operation["responses"]
        assert isinstance(responses, dict)
        assert any(status.startswith(("2", "303")) for status in responses), name
        if name.startswith(("POST", "PUT", "PATCH")):
            assert "422" in responses, name
    assert "Hash chain" in document["info"]["description"]
    docs = await http.get("/docs")
    assert (docs.status_code, docs.headers["Content-Type"].split(";")[0]) == (200, "text/html")


async def test_two_instances_agree_on_programs_keys_and_balances(stage: Stage, till: Desk, admin: Desk) -> None:
    """What one has published decides every request that starts after its answer at the other."""
    customer = await till.register()
    async with served_here(stage) as edge, client_of(edge) as http:
        there = Desk(http, till.key)
        assert (await there.good("POST", "/v1/quote", purchase(customer)))["program"] == 1
        version = await admin.publish(small_program(rules=[]))
        for path in ("/v1/quote", "/v1/accrue"):
            decided = await there.good("POST", path, purchase(customer))
            assert (decided["program"], decided["totals"]["accrued"]) == (version, {"points": 0})
        sold = await till.good("POST", "/v1/accrue", purchase(customer, receipt="A"), key="one")
        assert (await there.post("/v1/accrue", purchase(customer, receipt="A"), key="one")).json() == sold


async def test_two_instances_spend_a_balance_once(stage: Stage, till: Desk) -> None:
    customer = await till.register(phone="+79001234567")
    await till.accrue(customer, line(price=10000))
    async with served_here(stage) as edge, client_of(edge) as http:
        desks = [till, Desk(http, till.key)] * 8
        references = [{"id": customer}, {"phone": "+79001234567"}]

        async def spend(number: int, desk: Desk) -> httpx.Response:
            body = {"customer": references[number % 3 % 2], "wallet": "points", "points": 100, "reason": "x"}
            return await desk.post("/v1/redeem", body | {"receipt": {"number": f"G{number}"}})

        answers = await asyncio.gather(*(spend(number, desk) for number, desk in enumerate(desks)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 15
    for answer in answers:
        if answer.status_code == 409:
            assert refused(answer, 409, "insufficient_points")["available"] == 0
    assert await till.balance(customer, min_version=2) == 0
