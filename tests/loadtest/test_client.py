"""One request is repeated under its own key until it has an answer."""

from __future__ import annotations

import asyncio
import ssl

import httpx
import pytest

from loadtest.till import client
from loadtest.till.client import Answer, NoAnswerError, Till, open_http
from loadtest.till.halt import Halt
from tests.loadtest.fake_service import FakeService
from tests.loadtest.faulty_transport import Accident, FaultyTransport, answer, lose_answer, refuse_connection

TRUST = ssl.create_default_context()
BODY = {"card": "OR-1"}


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "BACKOFF_FIRST_SECONDS", 0.001)


def post(transport: httpx.AsyncBaseTransport, *, patience: float = 5.0, halt: Halt | None = None) -> Answer:
    """Registers one customer."""

    async def send() -> Answer:
        async with open_http("http://till.test", key="till-key", trust=TRUST, transport=transport) as http:
            till = Till(http, patience_seconds=patience, halt=halt or Halt())
            return await till.post("/v1/customers", key="k", body=BODY)

    return asyncio.run(send())


def test_an_acceptance_is_an_answer() -> None:
    accepted = post(FaultyTransport(FakeService()))
    assert (accepted.status, accepted.code, accepted.is_accepted) == (201, "", True)
    assert (accepted.is_replayed, accepted.attempts) == (False, 1)
    assert accepted.latency_us > 0


@pytest.mark.parametrize(
    "accident",
    [
        refuse_connection,
        answer(503, "unavailable"),
        answer(429, "rate_limited"),
        answer(409, "request_in_progress"),
        answer(500, "internal"),
        answer(502, "", retry_after="soon"),
    ],
)
def test_what_is_no_answer_is_repeated_with_the_same_key_and_bytes(accident: Accident) -> None:
    transport = FaultyTransport(FakeService(), accidents={1: accident, 2: accident})
    accepted = post(transport)
    assert (accepted.status, accepted.attempts, accepted.is_replayed) == (201, 3, False)
    assert set(transport.keys) == {"k"}
    assert len(set(transport.bodies)) == 1


def test_a_lost_answer_is_found_again() -> None:
    service = FakeService()
    found = post(FaultyTransport(service, accidents={1: lose_answer}))
    assert (found.status, found.is_replayed, found.attempts) == (201, True, 2)
    assert len(service.customers) == 1


@pytest.mark.parametrize(("status", "code"), [(422, "validation_error"), (404, "not_found"), (409, "customer_blocked")])
def test_a_refusal_is_an_answer(status: int, code: str) -> None:
    refused = post(FaultyTransport(FakeService(), accidents={1: answer(status, code)}))
    assert (refused.status, refused.code, refused.attempts) == (status, code, 1)


def test_a_refusal_that_is_no_json_has_its_status_for_a_code() -> None:
    transport = FaultyTransport(FakeService(), accidents={1: lambda: httpx.Response(403, text="<html>")})
    assert post(transport).code == "http_403"


def test_retry_after_is_waited_for_when_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    async def sleep(_halt: Halt, seconds: float) -> bool:
        waits.append(seconds)
        return True

    monkeypatch.setattr(Halt, "sleep", sleep)
    busy = answer(503, "overloaded", retry_after="3")
    post(FaultyTransport(FakeService(), accidents={1: busy, 2: answer(503, "overloaded"), 3: refuse_connection}))
    assert waits == [3.0, 0.002, 0.004]


def test_patience_ends() -> None:
    with pytest.raises(NoAnswerError) as raised:
        post(FaultyTransport(FakeService(), down_from=1), patience=0.05)
    assert (raised.value.reason, raised.value.is_unreachable) == ("ConnectError", True)
    assert raised.value.attempts > 1


def test_a_server_error_is_repeated_only_a_few_times() -> None:
    transport = FaultyTransport(FakeService(), accidents=dict.fromkeys(range(1, 99), answer(500, "internal")))
    with pytest.raises(NoAnswerError) as raised:
        post(transport)
    assert (raised.value.reason, raised.value.is_unreachable, transport.writes) == ("internal", False, 5)


def test_a_stopped_run_does_not_wait_for_the_next_attempt() -> None:
    async def stopped() -> None:
        halt = Halt()
        halt.ask("interrupted")
        transport = FaultyTransport(FakeService(), accidents={1: answer(503, "busy", retry_after="50")})
        async with open_http("http://till.test", key="till-key", trust=TRUST, transport=transport) as http:
            await Till(http, patience_seconds=100, halt=halt).post("/v1/customers", key="k", body=BODY)

    with pytest.raises(NoAnswerError, match="busy"):
        asyncio.run(stopped())
