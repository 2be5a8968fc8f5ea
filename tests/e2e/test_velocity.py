"""Limits of a customer's day and of a key's second, through HTTP."""

import asyncio
from collections import Counter
from typing import Any

import asyncpg
import httpx
import pytest

from app import wiring_abuse
from app.flows import place_hold
from app.verification import findings
from tests.e2e.checks import refused
from tests.kit import Desk, Stage, client_of, line, live, purchase, refund, served_here, small_program


async def stand(http: httpx.AsyncClient, stage: Stage) -> tuple[Desk, str]:
    await Desk(http, await stage.key("admin")).publish(small_program())
    till = Desk(http, await stage.key("pos", shop="S1", terminal="T1"))
    return till, await till.register(card="2200 7777")


async def test_a_further_purchase_of_the_day_is_refused_and_writes_nothing(
    stage: Stage, owner: asyncpg.Connection
) -> None:
    async with served_here(stage, velocity_accruals_day=2) as edge, client_of(edge) as http:
        till, customer = await stand(http, stage)
        for _ in range(2):
            assert (await till.accrue(customer)).status_code == 201
        body = purchase(customer)
        answer = await till.post("/v1/accrue", body, key="same")
        document = refused(answer, 429, "velocity_limit")
        assert (document["limit"], document["allowed"], document["retryable"]) == ("accruals", 2, True)
        assert 0 < int(answer.headers["Retry-After"]) <= 86_400
        assert await owner.fetchval("select count(*) from txs") == 2
        assert await till.balance(customer) == 200
        assert (await till.accrue(None)).status_code == 201  # Nobody's day.
        assert (await till.accrue(await till.register())).status_code == 201
        # The next local day it goes through, under the same key: nothing of the refusal was kept.
        yesterday = """update customers set memory = replace(memory::text, (memory -> 'pace' -> 'accruals' ->> 0),
            '2000-01-01')::jsonb where id = $1"""
        await owner.execute(yesterday, customer)
        async with served_here(stage, velocity_accruals_day=2) as anew, client_of(anew) as other:
            assert (await Desk(other, till.key).post("/v1/accrue", body, key="same")).status_code == 201


async def test_redemptions_and_sums_have_limits_in_every_form(stage: Stage) -> None:
    limits = {"velocity_redemptions_day": 3, "velocity_redeemed_day": 10_000, "velocity_accrued_day": 60_000}
    async with served_here(stage, **limits) as edge, client_of(edge) as http:
        till, customer = await stand(http, stage)
        assert (await till.accrue(customer, line(price=50_000))).status_code == 201  # 500 points, worth 500.00.
        document = refused(await till.accrue(customer, line(price=20_000)), 429, "velocity_limit")
        assert (document["limit"], document["allowed"], document["requested"]) == ("accrued", 60_000, 20_000)

        def taking(points: int, number: str) -> dict[str, object]:
            return {
                "customer": {"id": customer},
                "wallet": "points",
                "points": points,
                "receipt": {"number": number},
                "reason": "a mug",
            }

        refused(await till.post("/v1/redeem", taking(101, "a")), 429, "velocity_limit")
        assert (await till.post("/v1/redeem", taking(10, "b"))).status_code == 201
        held = await till.good("POST", "/v1/holds", {**taking(20, "c"), "ttl_seconds": 60})
        basket = {**purchase(customer, line(price=5_000)), "redeem": {"points": 30}}
        assert (await till.post("/v1/accrue", basket)).status_code == 201
        refused(await till.post("/v1/redeem", taking(1, "d")), 429, "velocity_limit")
        # Letting go gives no try back.
        await till.good("POST", f"/v1/holds/{held['id']}/release")
        assert refused(await till.post("/v1/redeem", taking(1, "e")), 429, "velocity_limit")["limit"] == "redemptions"
        # A refusal for want of points counts nothing.
        poor = await till.register()
        for number in ("f", "g", "h", "i"):
            refused(
                await till.post("/v1/redeem", {**taking(1, number), "customer": {"id": poor}}),
                409,
                "insufficient_points",
            )


async def test_what_is_refused_after_it_was_decided_has_not_been(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A basket is refused for the holds that are open, in one round with what is posted for the same customer."""
    monkeypatch.setattr(place_hold, "OPEN_HOLDS_MAX", 1)
    async with served_here(stage, velocity_accruals_day=3) as edge, client_of(edge) as http:
        till, customer = await stand(http, stage)
        await till.good("POST", "/v1/holds", {**purchase(customer), "ttl_seconds": 60})
        admin = Desk(http, await stage.key("admin"))
        gift = {"wallet": "points", "points": 5, "reason": "sorry"}
        holds = (till.post("/v1/holds", {**purchase(customer), "ttl_seconds": 60}) for _ in range(8))
        gifts = (admin.post(f"/v1/customers/{customer}/adjust", gift) for _ in range(8))
        pairs = zip(holds, gifts, strict=True)
        answers = await asyncio.gather(*(each for pair in pairs for each in pair))
        assert [answer.status_code for answer in answers] == [422, 201] * 8
        said = [(await till.accrue(customer)).status_code for _ in range(3)]
        assert said == [201, 201, 429]


async def test_a_repeated_call_counts_once_and_what_goes_back_gives_no_try_back(stage: Stage) -> None:
    async with served_here(stage, velocity_accruals_day=3) as edge, client_of(edge) as http:
        till, customer = await stand(http, stage)
        body = purchase(customer)
        for _ in range(5):
            assert (await till.post("/v1/accrue", body, key="same")).status_code == 201
        sold = (await till.accrue(customer)).json()
        for path in ("?preview=true", ""):
            await till.good("POST", f"/v1/purchases/{sold['id']}/returns{path}", refund())
        held = await till.good("POST", "/v1/holds", {**purchase(customer), "ttl_seconds": 60})
        refused(await till.accrue(customer), 429, "velocity_limit")
        await till.good("POST", f"/v1/holds/{held['id']}/release")
        refused(await till.accrue(customer), 429, "velocity_limit")
        refused(await till.post("/v1/holds", {**purchase(customer), "ttl_seconds": 60}), 429, "velocity_limit")
        # What was made without connection is a fact; a quote and a capture take nothing of the day.
        late = {"executed_at": "2026-11-21T12:00:00+03:00", **purchase(customer)}
        (result,) = (await till.good("POST", "/v1/receipts/offline", [late]))["results"]
        assert result["status"] == 201
        await till.good("POST", "/v1/quote", {"customer": {"id": customer}, "basket": {"lines": [line()]}})


async def test_a_customer_is_an_alert_once_a_second_however_many_are_refused(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wiring_abuse, "PACE_SECONDS", 1_000.0)
    monkeypatch.setattr(wiring_abuse, "TOLD_MAX", 1)
    async with served_here(stage, velocity_accruals_day=1) as edge, client_of(edge) as http:
        till, first = await stand(http, stage)
        support, second = Desk(http, await stage.key("support")), await till.register()
        for customer in (first, second):
            assert (await till.accrue(customer)).status_code == 201
        for customer in (first, first, first, second, second):
            refused(await till.accrue(customer), 429, "velocity_limit")
        found = (await support.good("GET", "/v1/alerts?kind=velocity"))["items"]
        assert [(alert["customer"], alert["times"]) for alert in found] == [(second, 1), (first, 1)]
        # No more customers are remembered than there is room for.
        refused(await till.accrue(first), 429, "velocity_limit")
        found = (await support.good("GET", "/v1/alerts?kind=velocity"))["items"]
        assert [alert["times"] for alert in found] == [1, 2]


async def test_whoever_reaches_a_limit_of_a_day_is_an_alert(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wiring_abuse, "PACE_SECONDS", 0.0)
    async with served_here(stage, velocity_accruals_day=1) as edge, client_of(edge) as http:
        till, customer = await stand(http, stage)
        support = Desk(http, await stage.key("support"))
        assert (await till.accrue(customer)).status_code == 201
        assert (await support.good("GET", "/v1/alerts"))["items"] == []
        alert: dict[str, Any] = {}
        for refusals in (1, 2):
            refused(await till.accrue(customer), 429, "velocity_limit")
            refused(await till.post("/v1/holds", {**purchase(customer), "ttl_seconds": 60}), 429, "velocity_limit")
            (alert,) = (await support.good("GET", "/v1/alerts?kind=velocity"))["items"]
            assert (alert["shop"], alert["terminal"], alert["customer"]) == ("S1", "T1", customer)
            assert (alert["times"], alert["facts"]) == (2 * refusals, {"allowed": 1, "requested": 1})
        assert (await support.good("POST", f"/v1/alerts/{alert['id']}", {"state": "seen"}))["state"] == "seen"
        metrics = (await http.get("/metrics")).text
        assert 'kopilka_refusals_total{code="velocity_limit"}' in metrics


async def test_limits_of_a_day_are_exact_however_many_come_at_once(stage: Stage) -> None:
    """Sixty purchases of one customer at two services at once."""
    async with (
        live(stage, VELOCITY_ACCRUALS_DAY="7") as one,
        live(stage, VELOCITY_ACCRUALS_DAY="7") as two,
        httpx.AsyncClient(base_url=one.url, timeout=20) as here,
        httpx.AsyncClient(base_url=two.url, timeout=20) as there,
    ):
        till, customer = await stand(here, stage)
        desks = [till, Desk(there, till.key)]
        answers = await asyncio.gather(*(desks[number % 2].accrue(customer) for number in range(60)))
        said = Counter((answer.status_code, answer.json().get("code")) for answer in answers)
        assert said[201, None] == 7
        assert said.keys() <= {(201, None), (429, "velocity_limit"), (503, "busy")}
        assert await till.balance(customer, min_version=7) == 700
    assert await findings(stage.owner_url) == []


async def test_a_key_has_so_many_requests_a_second(stage: Stage) -> None:
    async with served_here(stage, rate_pos=4, rate_others=0) as edge, client_of(edge) as http:
        admin = Desk(http, await stage.key("admin"))
        till = Desk(http, await stage.key("pos", shop="S1", terminal="T1"))
        other = Desk(http, await stage.key("pos", shop="S1", terminal="T2"))
        answers = await asyncio.gather(*(till.get("/v1/requests/x") for _ in range(60)))
        said = Counter(answer.status_code for answer in answers)
        assert 20 <= said[200] <= 30
        assert said[200] + said[429] == 60
        refusal = next(answer for answer in answers if answer.status_code == 429)
        refused(refusal, 429, "rate_limited")
        assert int(refusal.headers["Retry-After"]) == 1
        assert (await other.get("/v1/requests/x")).status_code == 200
        for _ in range(60):
            assert (await admin.get("/v1/requests/x")).status_code == 200
