"""A till's budget of guesses through HTTP: whichever call they come from, in several processes, over restarts, with the
cache dead.
"""

import asyncio
from collections import Counter
from typing import Any

import asyncpg
import httpx
import pytest

from tests.e2e.checks import refused
from tests.kit import Desk, Stage, client_of, line, live, purchase, served_here, small_program

LIMITS = {"lookup_misses_5min": 3, "lookup_misses_day": 5, "lookup_misses_shop_day": 0}
NOBODY = "+7900555{:04}"
KNOWN = "+79001234567"


def look(phone: str) -> dict[str, Any]:
    return {"customer": {"phone": phone}}


async def opened(http: httpx.AsyncClient, stage: Stage, *, terminal: str = "T1", shop: str = "S1") -> Desk:
    return Desk(http, await stage.key("pos", shop=shop, terminal=terminal))


async def stand(http: httpx.AsyncClient, stage: Stage) -> Desk:
    """A till of a shop with a program, and one customer who is known."""
    await Desk(http, await stage.key("admin")).publish(small_program())
    till = await opened(http, stage)
    await till.register(phone=KNOWN)
    return till


async def test_after_so_many_misses_known_and_unknown_have_one_answer(stage: Stage) -> None:
    async with served_here(stage, **LIMITS) as edge, client_of(edge) as http:
        till = await stand(http, stage)
        for number in range(3):
            refused(await till.post("/v1/customers/lookup", look(NOBODY.format(number))), 404, "customer_not_found")
        said = []
        for phone in (KNOWN, NOBODY.format(9)):
            answer = await till.post("/v1/customers/lookup", look(phone), headers={"X-Request-Id": "same"})
            document = refused(answer, 429, "lookup_budget_exhausted")
            assert document["retryable"]
            assert 200 <= int(answer.headers["Retry-After"]) <= 300
            said.append({name: value for name, value in document.items() if name != "retry_after_ms"})
        assert said[0] == said[1]
        other = await opened(http, stage, terminal="T2")
        assert (await other.post("/v1/customers/lookup", look(KNOWN))).status_code == 200


async def test_hits_and_ids_cost_nothing(stage: Stage, owner: asyncpg.Connection) -> None:
    async with served_here(stage, **LIMITS) as edge, client_of(edge) as http:
        till = await stand(http, stage)
        for _ in range(10):
            await till.good("POST", "/v1/customers/lookup", look(KNOWN))
        known = await till.good("POST", "/v1/customers/lookup", look(KNOWN))
        assert await owner.fetchval("select count(*) from lookup_misses") == 0
        for number in range(3):
            await till.post("/v1/customers/lookup", look(NOBODY.format(number)))
        # Who was looked up before is served on.
        assert (await till.accrue(known["id"])).status_code == 201
        await till.good("GET", f"/v1/customers/{known['id']}/balance")
        assert (await till.accrue(None)).status_code == 201


GUESSES = {
    "look-up": ("POST", "/v1/customers/lookup", look(NOBODY.format(1))),
    "quote": ("POST", "/v1/quote", {**look(NOBODY.format(1)), "basket": {"lines": [line()]}}),
    "accrue": ("POST", "/v1/accrue", purchase({"card": "NOSUCHCARD"})),
    "hold": ("POST", "/v1/holds", {**purchase({"phone": NOBODY.format(1)}), "ttl_seconds": 60}),
    "redeem": (
        "POST",
        "/v1/redeem",
        {"customer": {"external_id": "x"}, "points": 1, "wallet": "points", "receipt": {"number": "9"}, "reason": "x"},
    ),
    "referrer": ("POST", "/v1/customers", {"card": "MINE1", "referrer": {"phone": NOBODY.format(1)}}),
    "coupon": ("GET", "/v1/coupons/GUESSED", None),
    "gift card": ("GET", "/v1/gift-cards/9990001112223334", None),
    "another till's receipt": ("GET", "/v1/purchases?terminal=T7&number=1", None),
    "return of another till's": (
        "POST",
        "/v1/returns",
        {"receipt": {"number": "10"}, "all": True, "purchase": {"terminal": "T7", "number": "1"}},
    ),
    "offline": (
        "POST",
        "/v1/receipts/offline",
        [{"executed_at": "2026-11-21T12:00:00+03:00", **purchase({"phone": NOBODY.format(1)})}],
    ),
}


@pytest.mark.parametrize("call", GUESSES.values(), ids=list(GUESSES))
async def test_every_miss_counts_whichever_call_it_came_from(
    stage: Stage, owner: asyncpg.Connection, call: tuple[str, str, Any]
) -> None:
    async with served_here(stage, **LIMITS) as edge, client_of(edge) as http:
        till = await stand(http, stage)
        method, path, body = call
        first = await till.call(method, path, body)
        assert first.status_code in {200, 404}, first.text
        assert await owner.fetchval("select cardinality(times) from lookup_misses where whose like 'till%'") == 1
        for number in range(2):
            await till.post("/v1/customers/lookup", look(NOBODY.format(number)))
        refused(await till.call(method, path, body), 429, "lookup_budget_exhausted")


async def test_many_offline_receipts_of_nobody_are_refused_before_anything_is_posted(
    stage: Stage, owner: asyncpg.Connection
) -> None:
    async with served_here(stage, **LIMITS) as edge, client_of(edge) as http:
        till = await stand(http, stage)
        receipts = [
            {"executed_at": "2026-11-21T12:00:00+03:00", **purchase({"phone": phone})}
            for phone in (KNOWN, *(NOBODY.format(number) for number in range(4)))
        ]
        refused(await till.post("/v1/receipts/offline", receipts), 429, "lookup_budget_exhausted")
        assert await owner.fetchval("select count(*) from txs") == 0
        refused(await till.post("/v1/receipts/offline", receipts[:1]), 429, "lookup_budget_exhausted")


async def test_a_shop_has_a_budget_and_a_person_one_of_its_own(stage: Stage) -> None:
    limits = {"lookup_misses_5min": 3, "lookup_misses_day": 3, "lookup_misses_shop_day": 4}
    async with served_here(stage, **limits) as edge, client_of(edge) as http:
        first = await stand(http, stage)
        second, elsewhere = await opened(http, stage, terminal="T2"), await opened(http, stage, shop="S2")
        support = Desk(http, await stage.key("support"))
        said: list[int] = []
        for desk in (first, first, first, second, second, elsewhere, support, support, support, support):
            answer = await desk.post("/v1/customers/lookup", look(NOBODY.format(len(said))))
            said.append(answer.status_code)
        assert said == [404, 404, 404, 404, 429, 404, 404, 404, 404, 429]


async def test_guesses_sent_together_learn_no_more(stage: Stage, owner: asyncpg.Connection) -> None:
    """Half of them right: who is answered as known was asked for while there was room."""
    async with served_here(stage, lookup_misses_5min=10, lookup_misses_day=60) as edge, client_of(edge) as http:
        till = await stand(http, stage)
        phones = [KNOWN if number % 20 == 19 else NOBODY.format(number) for number in range(200)]
        answers = await asyncio.gather(*(till.post("/v1/customers/lookup", look(phone)) for phone in phones))
        said = Counter(answer.status_code for answer in answers)
        assert said[404] == 10
        assert said[200] <= 1
        assert said[404] + said[200] + said[429] == 200
        assert await owner.fetchval("select cardinality(times) from lookup_misses where whose like 'till%'") == 10


async def test_a_stolen_key_learns_no_more_in_several_processes_over_a_restart_with_the_cache_dead(
    stage: Stage, owner: asyncpg.Connection
) -> None:
    """Guesses in parallel at two services of two workers each, both restarted half-way; the day's limit counts."""
    limits = {"LOOKUP_MISSES_DAY": "60", "LOOKUP_MISSES_SHOP_DAY": "300"}  # As by default; in 5 minutes any number.
    env: dict[str, Any] = {**limits, "REDIS_URL": "redis://127.0.0.1:1"}
    key = await stage.key("pos", shop="S1", terminal="T1")
    said: Counter[int] = Counter()
    for part in range(2):
        async with (
            live(stage, workers=2, **env) as one,
            live(stage, workers=1, **env) as two,
            httpx.AsyncClient(timeout=20) as http,
        ):
            phones = [NOBODY.format(part * 1_000 + number) for number in range(60)]
            urls = [f"{service.url}/v1/customers/lookup" for service in (one, two)]
            answers = await asyncio.gather(
                *(
                    http.post(url, json=look(phone), headers={"Authorization": f"Bearer {key}"})
                    for phone in phones[: 20 if part == 0 else 60]
                    for url in urls
                )
            )
            said.update(answer.status_code for answer in answers)
    assert said == {404: 60, 429: 100}
    # Refused and counted all the same: what the two others had under way, each no more than it thought was left.
    assert await owner.fetchval("select cardinality(times) from lookup_misses where whose like 'till%'") <= 60 + 2 * 20


async def test_a_used_up_budget_is_an_alert_and_a_metric(stage: Stage) -> None:
    async with served_here(stage, **LIMITS) as edge, client_of(edge) as http:
        till = await stand(http, stage)
        for number in range(4):
            await till.post("/v1/customers/lookup", look(NOBODY.format(number)))
        support = Desk(http, await stage.key("support"))
        (alert,) = (await support.good("GET", "/v1/alerts?kind=lookup_budget"))["items"]
        assert (alert["shop"], alert["terminal"], alert["state"]) == ("S1", "T1", "new")
        metrics = (await http.get("/metrics")).text
        assert "kopilka_lookup_misses_total" in metrics
        assert 'kopilka_refusals_total{code="lookup_budget_exhausted"}' in metrics


async def test_all_limits_at_0_count_nothing(stage: Stage, owner: asyncpg.Connection) -> None:
    async with served_here(stage) as edge, client_of(edge) as http:
        till = await stand(http, stage)
        for number in range(12):
            refused(await till.post("/v1/customers/lookup", look(NOBODY.format(number))), 404, "customer_not_found")
        assert await owner.fetchval("select count(*) from lookup_misses") == 0
