"""Guessing one-time codes: many at once, through two processes, with the cache emptied or dead."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import asyncpg
import httpx
from redis.asyncio import Redis

from tests.e2e.checks import refused
from tests.e2e.codes import app_of, challenged, code_in, confirmed, is_dead, paying, ready, sent, wrong
from tests.kit import Desk, Stage, client_of, live, purchase, served_here

GUESSES = 200
Processes = tuple[tuple[httpx.AsyncClient, httpx.AsyncClient], tuple[Path, Path]]


@asynccontextmanager
async def two_processes(stage: Stage) -> AsyncIterator[Processes]:
    async with (
        live(stage) as one,
        live(stage) as other,
        httpx.AsyncClient(base_url=one.url, timeout=60) as a,
        httpx.AsyncClient(base_url=other.url, timeout=60) as b,
    ):
        yield (a, b), (one.log, other.log)


async def test_200_guesses_at_once_in_two_processes_are_5_tries(stage: Stage, owner: asyncpg.Connection) -> None:
    async with two_processes(stage) as (clients, logs):
        admin = Desk(clients[0], await stage.key("admin"))
        key = await stage.key("pos", shop="S1", terminal="T1")
        tills = [Desk(client, key) for client in clients]
        customer = await ready(admin, tills[0])
        body = paying()
        challenge = await challenged(tills[0], "/v1/accrue", body)
        code = code_in(sent(stage)[0])

        async def guess(number: int) -> httpx.Response:
            if number == GUESSES // 2:
                async with Redis.from_url(stage.redis_url) as redis:
                    await redis.flushall()
            # The last one is right, but comes too late.
            said = wrong(code, GUESSES - 1 - number)
            return await tills[number % 2].post("/v1/accrue", confirmed(body, challenge, said))

        answers = [*await asyncio.gather(*map(guess, range(GUESSES // 2)))]
        answers += await asyncio.gather(*map(guess, range(GUESSES // 2, GUESSES)))
        failed = [each.json()["attempts_left"] for each in answers if each.status_code == 403]
        assert sorted(failed) == [0, 1, 2, 3, 4]
        assert sum(map(is_dead, answers)) == GUESSES - 5
        assert await tills[0].balance(customer) == 1000
        assert await owner.fetchval("select tries_left from challenges") == 0
    told = "".join(log.read_text() for log in logs)
    assert code not in re.findall(r"(?<![0-9])[0-9]{6}(?![0-9])", told)
    assert "79001234567" not in told


async def test_a_right_code_sent_many_times_at_once_pays_once(stage: Stage) -> None:
    async with two_processes(stage) as (clients, _):
        key = await stage.key("pos", shop="S1", terminal="T1")
        tills = [Desk(client, key) for client in clients]
        customer = await ready(Desk(clients[0], await stage.key("admin")), tills[0])
        body = paying()
        challenge = await challenged(tills[0], "/v1/accrue", body)
        body = confirmed(body, challenge, code_in(sent(stage)[0]))
        answers = await asyncio.gather(*(till.post("/v1/accrue", body) for till in tills * 10))
        statuses = [each.status_code for each in answers]
        assert statuses.count(201) == 1
        assert set(statuses) <= {201, 409, 503}  # Who met the others in the middle may be told to come again.
        assert await tills[0].balance(customer) == 1000 - 50 + 50


async def test_challenges_asked_for_at_once_are_limited_as_one_after_another(stage: Stage) -> None:
    async with two_processes(stage) as (clients, _):
        keys = [await stage.key("pos", shop="S1", terminal=f"T{each}") for each in range(8)]
        tills = [Desk(clients[place % 2], key) for place, key in enumerate(keys)]
        await ready(Desk(clients[0], await stage.key("admin")), tills[0])
        answers = await asyncio.gather(*(till.post("/v1/accrue", paying()) for till in tills * 3))
        assert sorted(each.status_code for each in answers) == [403] * 5 + [429] * 19
        assert len(sent(stage)) == 5


async def test_guesses_of_an_apps_code_at_once_are_10_tries(
    till: Desk, admin: Desk, stage: Stage, owner: asyncpg.Connection
) -> None:
    customer = await ready(admin, till)
    app = await app_of(admin, customer)
    # So many tills, for the budget of look-ups isn't what is tried here.
    tills = [Desk(till.http, await stage.key("pos", shop=f"S{each}", terminal="T")) for each in range(40)]
    guesses = [app.number + wrong(app.code()[-6:], 1000 + each) for each in range(40)]
    asked = zip(tills, guesses, strict=True)
    answers = await asyncio.gather(
        *(desk.post("/v1/customers/lookup", {"customer": {"code": guess}}) for desk, guess in asked)
    )
    assert {each.status_code for each in answers} == {404}
    assert await owner.fetchval("select tries from app_codes") == 10
    refused(await till.post("/v1/customers/lookup", {"customer": {"code": app.code()}}), 404, "customer_not_found")
    await owner.execute("update app_codes set tries_since = tries_since - interval '601 seconds'")
    assert (await till.good("POST", "/v1/customers/lookup", {"customer": {"code": app.code()}}))["id"] == customer


async def test_codes_that_name_nobody_are_misses_whichever_call_they_come_from(
    stage: Stage, owner: asyncpg.Connection
) -> None:
    async with served_here(stage, lookup_misses_5min=5) as edge, client_of(edge) as http:
        admin = Desk(http, await stage.key("admin"))
        till = Desk(http, await stage.key("pos", shop="S1", terminal="T1"))
        app = await app_of(admin, await ready(admin, till))
        who = {"code": wrong(app.number) + "123456"}
        units = {"wallet": "points", "points": 1, "reason": "a mug", "receipt": {"number": "A"}}
        calls = {
            "/v1/customers/lookup": {},
            "/v1/quote": purchase(who),
            "/v1/accrue": purchase(who),
            "/v1/redeem": units,
            "/v1/holds": units,
        }
        for path, body in calls.items():
            refused(await till.post(path, body | {"customer": who}), 404, "customer_not_found")
        # From now on a right code isn't even tried.
        for path, body in calls.items():
            response = await till.post(path, body | {"customer": {"code": app.code()}})
            refused(response, 429, "lookup_budget_exhausted")
        assert await owner.fetchval("select (used_step, tries) = (0, 0) from app_codes")


async def test_confirmations_work_without_a_cache(stage: Stage) -> None:
    without = replace(stage, redis_url="redis://127.0.0.1:1")
    async with served_here(without) as edge, client_of(edge) as http:
        admin = Desk(http, await stage.key("admin"))
        till = Desk(http, await stage.key("pos", shop="S1", terminal="T1"))
        customer = await ready(admin, till)
        body = paying()
        challenge = await challenged(till, "/v1/accrue", body)
        sale = await till.good("POST", "/v1/accrue", confirmed(body, challenge, code_in(sent(stage)[0])))
        assert sale["totals"]["redeemed_units"] == {"points": 50}
        app = await app_of(admin, customer)
        await till.good("POST", "/v1/accrue", purchase({"code": app.code()}))
