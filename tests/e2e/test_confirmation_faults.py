"""Confirmations while something is down or dies (the channel, the process); and where no code is found."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import asyncpg
import httpx
import pytest
from redis.asyncio import Redis

from app.channels import smtp
from app.flows import courier
from tests.canary import cache, files, tables
from tests.e2e.checks import refused
from tests.e2e.codes import challenged, code_in, confirmed, paying, ready, rich, sent, wrong
from tests.kit import Desk, Stage, client_of, live, purchase, served_here

SECONDS = 4.0  # A busy machine has time enough.


@asynccontextmanager
async def silent_server() -> AsyncIterator[tuple[str, asyncio.Semaphore]]:
    """A mail server that takes connections and says nothing; its address, and one more for each that came."""
    hanging: list[asyncio.StreamWriter] = []
    came = asyncio.Semaphore(0)

    async def hang(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hanging.append(writer)
        came.release()

    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    try:
        yield f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}", came
    finally:
        server.close()
        for writer in hanging:
            writer.close()


async def test_a_mail_server_that_hangs_holds_few_tills_and_not_for_long(
    stage: Stage, owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(courier, "SECONDS_MAX", SECONDS)
    monkeypatch.setattr(smtp, "SECONDS_MAX", 10 * SECONDS)  # The channel's own limit isn't what ends the wait.
    async with (
        silent_server() as (url, came),
        served_here(stage, smtp_url=url, smtp_from="a@shop.example") as edge,
        client_of(edge) as http,
    ):
        admin, till = Desk(http, await stage.key("admin")), Desk(http, await stage.key("pos", shop="S1", terminal="T"))
        await ready(admin, till, email="anna@example.com")
        many = [{"phone": f"+7900200000{each}"} for each in range(courier.AT_ONCE_MAX)]
        for number, who in enumerate(many):
            await rich(admin, till, email=f"c{number}@example.com", phone=who["phone"])
        tills = [Desk(http, await stage.key("pos", shop="S1", terminal=f"T{each}")) for each in range(len(many))]
        began = time.monotonic()
        waiting = [
            asyncio.create_task(desk.post("/v1/accrue", paying(who=who))) for desk, who in zip(tills, many, strict=True)
        ]
        for _ in many:
            await came.acquire()
        problem = refused(await till.post("/v1/accrue", paying()), 503, "unavailable")
        assert (problem["retryable"], "challenge_id" in problem) == (True, False)
        # Whoever has nothing to confirm is served, and asking in vain costs nobody a challenge.
        await till.good("POST", "/v1/accrue", purchase(many[0]))
        assert time.monotonic() - began < SECONDS
        assert await owner.fetchval("select count(*) from challenges") == len(many)
        answers = await asyncio.gather(*waiting)
        assert {(each.status_code, each.json()["code"]) for each in answers} == {(503, "unavailable")}
        assert time.monotonic() - began < 2 * SECONDS
        # Nobody waits any more: the next one is asked again.
        refused(await till.post("/v1/accrue", paying()), 503, "unavailable")
        assert await owner.fetchval("select count(*) from challenges") == len(many) + 1


async def test_a_process_killed_between_the_code_and_its_return_loses_nothing(stage: Stage) -> None:
    keys = await stage.key("admin"), await stage.key("pos", shop="S1", terminal="T1")
    body = paying(50, receipt="R-1")
    async with live(stage) as service, httpx.AsyncClient(base_url=service.url) as http:
        customer = await ready(Desk(http, keys[0]), till := Desk(http, keys[1]))
        challenge = await challenged(till, "/v1/accrue", body, key="k")
        code = code_in(sent(stage)[0])
        tried = await till.post("/v1/accrue", confirmed(body, challenge, wrong(code)), key="k")
        assert refused(tried, 403, "confirmation_failed")["attempts_left"] == 4
        service.kill()
    async with Redis.from_url(stage.redis_url) as redis:
        await redis.flushall()
    async with live(stage) as service, httpx.AsyncClient(base_url=service.url) as http:
        till = Desk(http, keys[1])
        tried = await till.post("/v1/accrue", confirmed(body, challenge, wrong(code)), key="k")
        assert refused(tried, 403, "confirmation_failed")["attempts_left"] == 3
        sale = await till.good("POST", "/v1/accrue", confirmed(body, challenge, code), key="k")
        assert sale["totals"]["redeemed_units"] == {"points": 50}
        assert await till.balance(customer) == sale["balances"]["points"]["available"]


def standing_in(hay: Iterable[tuple[str, bytes]], codes: Iterable[str]) -> set[str]:
    """Places where all the codes stand; a single one may stand in a microsecond or an id by chance."""
    digits = [re.compile(rb"(?<![0-9a-zA-Z])" + code.encode() + rb"(?![0-9a-zA-Z])") for code in codes]
    seen: dict[str, set[int]] = {}
    for place, text in hay:
        seen.setdefault(place, set()).update(at for at, each in enumerate(digits) if each.search(text))
    return {place for place, found in seen.items() if len(found) == len(digits)}


async def test_a_code_stands_in_the_message_and_nowhere_else(stage: Stage, owner: asyncpg.Connection) -> None:
    async with live(stage, LOG_LEVEL="debug") as service, httpx.AsyncClient(base_url=service.url) as http:
        admin, till = Desk(http, await stage.key("admin")), Desk(http, await stage.key("pos", shop="S1", terminal="T1"))
        customer = await ready(admin, till)
        told = []
        for number in range(3):
            body = paying()
            challenge = await challenged(till, "/v1/accrue", body)
            right = code_in(sent(stage)[number])
            for code in (wrong(right), right):
                answer = await till.post(
                    "/v1/accrue", confirmed(body, challenge, code), key=f"k{number}{code != right}"
                )
                told.append(("answers", answer.content))
            told.append(("state", (await till.get(f"/v1/requests/k{number}False")).content))
        assert [b'"committed"' in each for _, each in told].count(True) == 6
        codes = [code_in(message) for message in sent(stage)]
        pages = ("/metrics", "/v1/events", "/v1/audit-log?limit=100", f"/v1/customers/{customer}/export")
        told += [(path, (await admin.get(path)).content) for path in pages]
        service.stop()
    places = [*told, *await tables(owner), *await cache(stage.redis_url), *files(stage.data_dir)]
    assert standing_in(places, codes) == {"messages.jsonl"}
    assert standing_in(places, [wrong(code) for code in codes]) == set()
