"""Erasing a customer whom other processes know, or are just serving: what they do is before the erasure, or refused."""

import asyncio
from typing import Any

import asyncpg
import httpx
import pytest

from app.verification import findings
from tests.e2e.checks import refused
from tests.kit import Desk, Stage, client_of, line, purchase, served_here

PHONE = "+79005551234"
PERSON = {"phone": PHONE, "name": "Zinaida Quartz", "email": "zinaida@quartz.example"}
GONE = {(409, "customer_blocked"), (404, "customer_not_found")}


@pytest.fixture
async def support(http: httpx.AsyncClient, stage: Stage) -> Desk:
    return Desk(http, await stage.key("support"))


async def revision(owner: asyncpg.Connection, customer: str) -> int:
    return int(await owner.fetchval("select revision from customers where id = $1", customer))


async def test_another_process_forgets_at_once_whom_it_had_in_its_cache(
    till: Desk, support: Desk, stage: Stage, owner: asyncpg.Connection
) -> None:
    customer = await till.register(**PERSON)
    assert (await till.accrue(customer, line(price=50000))).status_code == 201
    async with served_here(stage) as edge, client_of(edge) as http:
        other = Desk(http, till.key)
        name = {"customer": {"phone": PHONE}}
        for _ in range(2):  # The second time from the cache.
            assert (await other.good("POST", "/v1/customers/lookup", name))["id"] == customer
            await other.good("POST", "/v1/quote", {**name, "basket": {"lines": [line()]}})
        before = await revision(owner, customer)
        await support.good("POST", f"/v1/customers/{customer}/erase")
        assert await revision(owner, customer) == before + 1
        refused(await other.post("/v1/customers/lookup", name), 404, "customer_not_found")
        refused(await other.post("/v1/quote", {**name, "basket": {"lines": [line()]}}), 404, "customer_not_found")
        refused(await other.accrue({"phone": PHONE}), 404, "customer_not_found")
        refused(await other.accrue(customer), 409, "customer_blocked")
        seen = await Desk(http, support.key).good("GET", f"/v1/customers/{customer}")
        assert [seen[each] for each in ("phone", "name", "email")] == [None] * 3
        # Erasing once more changes nothing, and tells nobody that something had changed.
        await support.good("POST", f"/v1/customers/{customer}/erase")
        assert await revision(owner, customer) == before + 1


def spending(customer: str, serial: int) -> dict[str, Any]:
    receipt = {"number": f"S{serial}"}
    return {"customer": {"id": customer}, "wallet": "points", "points": 1, "reason": "mug", "receipt": receipt}


async def test_what_is_under_way_is_posted_before_or_refused(
    till: Desk, support: Desk, stage: Stage, owner: asyncpg.Connection
) -> None:
    """Usual rounds read without a lock: one that has read the customer must not write once the customer is erased."""
    customer = await till.register(**PERSON)
    assert (await till.accrue(customer, line(price=50000))).status_code == 201
    async with served_here(stage) as edge, client_of(edge) as http:
        tills = [till, Desk(http, till.key)]
        erased = asyncio.Event()

        async def keep_on(desk: Desk, place: int) -> list[httpx.Response]:
            told = []
            for serial in range(60):
                told.append(await desk.post("/v1/redeem", spending(customer, 1000 * place + 2 * serial)))
                told.append(await desk.post("/v1/accrue", purchase(customer, receipt=f"A{1000 * place + serial}")))
                if erased.is_set() and serial > 5:
                    break
            return told

        async def erase() -> None:
            await asyncio.sleep(0.2)
            answer = await support.post(f"/v1/customers/{customer}/erase")
            while answer.status_code == 503:
                answer = await support.post(f"/v1/customers/{customer}/erase")
            assert answer.status_code == 200
            erased.set()

        selling = [asyncio.create_task(keep_on(desk, place)) for place, desk in enumerate(tills * 2)]
        await erase()
        told = await asyncio.gather(*selling)
    answers = [answer for each in told for answer in each if answer.status_code != 503]
    refusals = {(each.status_code, each.json()["code"]) for each in answers if each.status_code != 201}
    assert refusals <= GONE
    assert refusals
    posted = {each.json()["tx_id"] for each in answers if each.status_code == 201}
    rows = await owner.fetch("select tx_id::text, created_at from txs where customer_id = $1", customer)
    assert posted <= {row["tx_id"] for row in rows}
    record = await owner.fetchval("select erased_at from erasures where customer_id = $1", customer)
    assert max(row["created_at"] for row in rows) < record
    assert await findings(stage.owner_url) == []


async def test_one_that_waits_for_the_customer_finds_nobody(
    till: Desk, support: Desk, stage: Stage, owner: asyncpg.Connection
) -> None:
    """Erasure and redemption wait for the same lock, whichever comes first: no half of either is seen."""
    customer = await till.register(**PERSON)
    assert (await till.accrue(customer, line(price=50000))).status_code == 201
    async with owner.transaction():
        await owner.execute("select from customers where id = $1 for update", customer)
        redeeming = asyncio.create_task(till.post("/v1/redeem", spending(customer, 1)))
        await asyncio.sleep(0.1)
        erasing = asyncio.create_task(support.post(f"/v1/customers/{customer}/erase", key="erase"))
        await asyncio.sleep(0.3)
    redeemed, answer = await asyncio.gather(redeeming, erasing)
    if answer.status_code == 503:
        answer = await support.post(f"/v1/customers/{customer}/erase", key="erase")
    assert answer.status_code == 200
    kinds = [row["kind"] for row in await owner.fetch("select kind from txs where customer_id = $1", customer)]
    assert kinds.count("redeem") == (1 if redeemed.status_code == 201 else 0)
    assert redeemed.status_code in {201, 409, 503}
    refused(await till.post("/v1/redeem", spending(customer, 2)), 409, "customer_blocked")
    assert await findings(stage.owner_url) == []
