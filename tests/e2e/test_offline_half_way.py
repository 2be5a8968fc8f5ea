"""A call of many receipts that doesn't come to its end: what was posted stays, and repeating it posts the rest."""

import asyncio
from contextlib import suppress
from time import perf_counter
from typing import Any

import asyncpg
import httpx
import pytest

from app.flows import post_offline
from app.verification import findings
from tests.e2e.checks import refused
from tests.e2e.offline import PATH, ago, receipt, upload
from tests.kit import Desk, Stage, line, live, small_program
from tests.storm.audit import audit

RECEIPTS = 500


def made(customers: list[str]) -> list[dict[str, Any]]:
    """Five hundred receipts of a few customers."""
    return [
        receipt(
            customers[number % len(customers)],
            line(price=10_000),
            number=f"N{number}",
            executed_at=ago(minutes=1 + number),
        )
        for number in range(RECEIPTS)
    ]


async def sold(owner: asyncpg.Connection) -> int:
    count: int = await owner.fetchval("select count(*) from audit_tx where kind = 'purchase'")
    return count


async def until_some(owner: asyncpg.Connection, least: int) -> int:
    for _ in range(1_000):
        if (count := await sold(owner)) >= least:
            return count
        await asyncio.sleep(0.005)
    raise AssertionError("nothing was posted")


async def test_killed_half_way_it_is_finished_by_repeating_it(stage: Stage, owner: asyncpg.Connection) -> None:
    key, admin_key = await stage.key("pos", shop="S1", terminal="T1"), await stage.key("admin")
    async with live(stage) as service, httpx.AsyncClient(base_url=service.url, timeout=30) as http:
        await Desk(http, admin_key).publish(small_program())
        till = Desk(http, key)
        customers = [await till.register() for _ in range(20)]
        body = made(customers)
        under_way = asyncio.create_task(till.post(PATH, body, key="upload"))
        posted = await until_some(owner, 50)
        service.kill()
        with suppress(httpx.TransportError):
            await under_way
        assert posted < RECEIPTS
        assert await findings(stage.owner_url) == []  # A call may be under way: its key has no answer.
    async with live(stage) as service, httpx.AsyncClient(base_url=service.url, timeout=30) as http:
        till = Desk(http, key)
        assert (await till.good("GET", "/v1/requests/upload"))["state"] == "unknown"
        refused(await till.post(PATH, body[:1], key="upload"), 422, "idempotency_key_reused")
        began = perf_counter()
        first = await till.post(PATH, body, key="upload")
        assert (first.status_code, "Idempotent-Replayed" in first.headers) == (200, False)
        assert perf_counter() - began < 9
        results = first.json()["results"]
        assert {result["status"] for result in results} == {201}
        assert sum(result["replayed"] for result in results) >= posted
        assert (await till.post(PATH, body, key="upload")).content == first.content
        assert await sold(owner) == RECEIPTS
        assert sum([await till.balance(customer, min_version=1) for customer in customers]) == RECEIPTS * 100
    await audit(owner, acknowledged=[result["purchase"]["tx_id"] for result in results])
    assert await findings(stage.owner_url) == []


async def test_who_hangs_up_loses_nothing(till: Desk, owner: asyncpg.Connection) -> None:
    customers = [await till.register() for _ in range(20)]
    body = made(customers)
    under_way = asyncio.create_task(till.post(PATH, body, key="upload"))
    await until_some(owner, 10)
    under_way.cancel()
    with suppress(asyncio.CancelledError):
        await under_way
    for _ in range(1_000):
        if (await till.good("GET", "/v1/requests/upload"))["state"] == "done":
            break
        await asyncio.sleep(0.01)
    answer = await till.post(PATH, body, key="upload")
    assert answer.headers["Idempotent-Replayed"] == "true"
    assert {(result["status"], result["replayed"]) for result in answer.json()["results"]} == {(201, False)}
    assert await sold(owner) == RECEIPTS


async def test_the_same_call_twice_at_once_is_one(till: Desk, owner: asyncpg.Connection) -> None:
    body = made([await till.register()])[:100]
    first, second = await asyncio.gather(*(till.post(PATH, body, key="upload") for _ in range(2)))
    problem = refused(second if first.status_code == 200 else first, 409, "request_in_progress")
    assert problem["retryable"] is True
    assert await sold(owner) == 100


async def test_too_many_at_once_are_told_when_to_come_again(
    till: Desk, owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(post_offline, "UNDER_WAY_MAX", 100)
    body = made([await till.register()])
    first = asyncio.create_task(till.post(PATH, body[:80], key="first"))
    await until_some(owner, 1)
    late = await till.post(PATH, body[80:160], key="late")
    assert refused(late, 503, "overloaded")["retryable"] is True
    assert late.headers["retry-after"] == "1"
    assert (await first).status_code == 200
    again = await till.post(PATH, body[80:160], key="late")
    assert (again.status_code, "Idempotent-Replayed" in again.headers) == (200, False)
    assert await sold(owner) == 160
    # However large it is, one that is alone finds room.
    assert (await till.post(PATH, body[:120])).status_code == 200


async def test_the_same_receipts_in_two_calls_at_once_are_posted_once(
    till: Desk, stage: Stage, owner: asyncpg.Connection
) -> None:
    body = made([await till.register() for _ in range(3)])[:90]
    first, second = await asyncio.gather(upload(till, *body[:60]), upload(till, *reversed(body[30:])))
    by_number = {result["receipt"]["number"]: result["purchase"] for result in first}
    for result in second:
        assert by_number.get(result["receipt"]["number"], result["purchase"]) == result["purchase"]
    assert await sold(owner) == 90
    await audit(owner)
    assert await findings(stage.owner_url) == []


async def test_two_instances_finish_the_same_call_with_the_same_bytes(stage: Stage, owner: asyncpg.Connection) -> None:
    key, admin_key = await stage.key("pos", shop="S1", terminal="T1"), await stage.key("admin")
    async with (
        live(stage) as one,
        live(stage) as other,
        httpx.AsyncClient(base_url=one.url, timeout=30) as first_http,
        httpx.AsyncClient(base_url=other.url, timeout=30) as second_http,
    ):
        await Desk(first_http, admin_key).publish(small_program())
        here, there = Desk(first_http, key), Desk(second_http, key)
        body = made([await here.register() for _ in range(5)])[:200]
        answers = await asyncio.gather(*(desk.post(PATH, body, key="upload") for desk in (here, there)))
        good = [answer.content for answer in answers if answer.status_code == 200]
        for answer in answers:
            if answer.status_code != 200:
                refused(answer, 409, "request_in_progress")
        again = await there.post(PATH, body, key="upload")
        assert {*good, again.content} == {again.content}
        assert {result["status"] for result in again.json()["results"]} == {201}
    assert await sold(owner) == 200
    await audit(owner)
