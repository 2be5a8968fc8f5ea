"""What goes wrong inside, and clients and servers that leave: no 500 but one, no lost write, no loose talk."""

import asyncio
from typing import Any

import httpx
import pytest
import structlog
from structlog.testing import capture_logs

from app.api.edge import Edge
from app.domain.rejections import Rejected, Rejection
from tests.api import samples
from tests.api.doubles import MemoryService

KEY = {"Idempotency-Key": "k-1"}
SECRETS = (samples.PHONE, "9001234567", samples.EMAIL, "Anna", "Coffee", "2200", "Bearer", "number=")


async def hang(
    edge: Edge, body: bytes, *, disconnects: bool, path: str = "/v1/accrue"
) -> asyncio.Task[list[dict[str, Any]]]:
    """A raw request whose body is sent, and which nobody waits for."""
    messages: list[dict[str, Any]] = [{"type": "http.request", "body": body, "more_body": disconnects}]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [
            (b"authorization", b"Bearer till"),
            (b"content-type", b"application/json"),
            (b"idempotency-key", b"k-1"),
        ],
    }

    async def run() -> list[dict[str, Any]]:
        await edge(scope, receive, send)
        return sent

    task = asyncio.create_task(run())
    await asyncio.sleep(0.01)
    return task


def body() -> bytes:
    return httpx.Request("POST", "http://x", json=samples.purchase()).content


async def hang_registering(edge: Edge) -> asyncio.Task[list[dict[str, Any]]]:
    """A write that no round looks after."""
    sent = httpx.Request("POST", "http://x", json=samples.registration()).content
    return await hang(edge, sent, disconnects=False, path="/v1/customers")


async def test_whoever_hangs_up_before_the_request_is_whole_is_not_answered(edge: Edge, service: MemoryService) -> None:
    with capture_logs() as logs:
        sent = await (await hang(edge, body()[:50], disconnects=True))
    assert sent == []
    assert service.asked == []
    assert [(line["status"], line["code"]) for line in logs] == [(499, "client_gone")]


async def test_a_cancelled_client_does_not_cancel_a_write(edge: Edge, service: MemoryService) -> None:
    service.is_open.clear()
    task = await hang_registering(edge)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert service.finished == 0
    service.is_open.set()
    await edge.close()
    assert service.finished == 1


async def test_a_write_that_fails_when_nobody_waits_any_more_makes_no_noise(edge: Edge, service: MemoryService) -> None:
    service.is_open.clear()
    task = await hang_registering(edge)
    task.cancel()
    service.trouble = RuntimeError("too late")
    service.is_open.set()
    await edge.close()  # An exception that nobody looks at would be a warning, and warnings are errors.
    assert service.finished == 0


async def test_a_stopping_service_takes_no_new_writes_and_ends_those_under_way(
    edge: Edge, client: httpx.AsyncClient, service: MemoryService
) -> None:
    service.is_open.clear()
    task = await hang(edge, body(), disconnects=False)
    edge.stop_writes()
    refused = await client.post("/v1/redeem", json=samples.redemption(), headers={"Idempotency-Key": "k-2"})
    assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
    assert refused.headers["retry-after"] == "1"
    read = await client.get(f"/v1/customers/{samples.CUSTOMER}")
    assert read.status_code == 200
    closing = asyncio.create_task(edge.close())
    await asyncio.sleep(0.01)
    assert not closing.done()
    service.is_open.set()
    await closing
    assert (await task)[0]["status"] == 201


async def test_before_the_service_is_open_only_the_process_answers(service: MemoryService, edge: Edge) -> None:
    await edge.close()
    transport = httpx.ASGITransport(app=edge)
    async with httpx.AsyncClient(transport=transport, base_url="http://kopilka") as client:
        assert (await client.get("/health/live")).json() == {"status": "ok"}
        assert (await client.get("/metrics")).status_code == 200
        for path in ("/health/ready", f"/v1/customers/{samples.CUSTOMER}"):
            answer = await client.get(path, headers={"Authorization": "Bearer till"})
            assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")


async def test_what_nobody_foresaw_is_500_and_says_nothing(client: httpx.AsyncClient, service: MemoryService) -> None:
    service.trouble = ValueError(f"duplicate key value (phone)=({samples.PHONE})")
    with capture_logs() as logs:
        answer = await client.post("/v1/accrue", json=samples.purchase(), headers=KEY)
    problem = answer.json()
    assert (answer.status_code, problem["code"], problem["retryable"]) == (500, "internal_error", True)
    assert answer.headers["content-type"] == "application/problem+json"
    assert samples.PHONE not in answer.text
    assert "ValueError" not in answer.text
    assert [line["event"] for line in logs] == ["request_failed", "request"]


async def test_a_refusal_that_can_be_repeated_says_when(client: httpx.AsyncClient, service: MemoryService) -> None:
    service.trouble = Rejected(Rejection.BUSY, "The customer is busy.", facts={"retry_after_ms": 1_500})
    answer = await client.post("/v1/accrue", json=samples.purchase(), headers=KEY)
    assert (answer.status_code, answer.json()["retry_after_ms"], answer.headers["retry-after"]) == (503, 1500, "2")
    service.trouble = Rejected(Rejection.REQUEST_IN_PROGRESS, "It is running.")
    answer = await client.post("/v1/accrue", json=samples.purchase(), headers={"Idempotency-Key": "k-2"})
    assert (answer.status_code, answer.headers["retry-after"]) == (409, "1")
    service.trouble = Rejected(Rejection.INSUFFICIENT_POINTS, "Not enough.", facts={"requested": 5, "available": 3})
    answer = await client.post("/v1/accrue", json=samples.purchase(), headers={"Idempotency-Key": "k-3"})
    assert "retry-after" not in answer.headers
    assert (answer.json()["requested"], answer.json()["available"]) == (5, 3)


async def test_a_request_is_one_line_of_the_log_without_anything_that_was_sent(
    client: httpx.AsyncClient, service: MemoryService
) -> None:
    with capture_logs() as logs:
        await client.post("/v1/accrue?explain=true", json=samples.purchase(), headers=KEY)
        await client.post("/v1/customers", json=samples.registration(), headers=KEY)
        await client.post("/v1/customers/lookup", json={"customer": {"phone": samples.PHONE * 2}})
        await client.get("/v1/purchases?number=000123&shop=S1")
        await client.get(f"/v1/customers/{samples.PHONE}")
        await client.get(f"/{samples.PHONE}")
    assert len(logs) == 6
    lines = [(line["route"], line["method"], line["status"], line["code"], line["key_id"]) for line in logs]
    assert lines[0] == ("/v1/accrue", "POST", 201, None, "k-till")
    assert lines[2] == ("/v1/customers/lookup", "POST", 422, "validation_error", "k-till")
    assert lines[4] == ("/v1/customers/{id}", "GET", 404, "customer_not_found", "k-till")
    assert lines[5] == ("unmatched", "ANY", 404, "not_found", "")
    for secret in SECRETS:
        assert secret not in str(logs), secret
    assert structlog.get_config() is not None


async def test_metrics_count_requests_and_refusals(client: httpx.AsyncClient) -> None:
    def count(text: str, start: str) -> float:
        return sum(float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(start))

    posted = 'kopilka_requests_total{method="POST",route="/v1/redeem",status="422"}'
    refused = 'kopilka_refusals_total{code="validation_error"}'
    before = (await client.get("/metrics")).text
    await client.post("/v1/redeem", json={}, headers=KEY)
    answer = await client.get("/metrics", headers={"Accept": "text/plain"})
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert count(answer.text, posted) == count(before, posted) + 1
    assert count(answer.text, refused) == count(before, refused) + 1
