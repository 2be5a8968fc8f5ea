"""A write repeated after every kind of lost answer is posted once and answered with the same bytes."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import pytest

from tests.storm.commits import commit, committed
from tests.storm.proxy import Cut, Fate, Mark, Pass, Side, Swallow, holds, nothing_wrong, once, proxied
from tests.storm.stands import Cable, Ground, Till, address_of, fresh, in_shop, redemption, sale, tills
from tests.storm.wire import Lost, Reply

PATIENCE_SECONDS = 0.25  # Of a till that hears nothing.
REFUSED_SECONDS_MAX = 6.0  # A database that says nothing is a 503 by then.
STRIKE_SECONDS_MAX = 10.0  # Until the request has come so far.
EARLY_SECONDS = 0.5  # An answer that didn't wait for its commit would be there by then.

# What happens between till and service to a request or to its answer.
ON_THE_WAY: Mapping[str, tuple[Mark, Fate]] = {
    "the request never arrives": (holds(Side.OUT, b"POST"), Cut()),
    "half the request arrives": (holds(Side.OUT, b"POST"), Cut(300)),
    "the line breaks after the request": (holds(Side.OUT, b"POST"), Cut(None)),
    "the line breaks at the first byte of the answer": (holds(Side.BACK, b"HTTP/1.1 201"), Cut(1)),
    "the line breaks inside the answer": (holds(Side.BACK, b"HTTP/1.1 201"), Cut(-1)),
    "the answer never arrives": (holds(Side.BACK, b"HTTP/1.1 201"), Swallow()),
    "the answer is late": (holds(Side.BACK, b"HTTP/1.1 201"), Pass(2 * PATIENCE_SECONDS)),
}

# What happens between service and database to the word that makes a purchase stand, or to its answer.
AT_THE_COMMIT: Mapping[str, tuple[Mark, Fate]] = {
    "the commit never arrives": (commit(), Cut()),
    "the line breaks after the commit": (commit(), Cut(None)),
    "the answer to the commit is cut off": (committed(), Cut()),
}


@pytest.mark.parametrize("accident", ON_THE_WAY)
async def test_a_write_whose_answer_is_lost_is_posted_once(arena: Ground, accident: str) -> None:
    bearer = arena.admin.key
    async with proxied(address_of(arena.service.url)) as line:
        with tills(line.url, [bearer]) as (unlucky,), tills(arena.service.url, [bearer]) as (patient,):
            customer = await arena.customer(points=1_000)
            for target, body in await _writes(arena, patient, customer):
                before = await patient.version(customer)
                key = fresh("lost")
                line.fault = once(*ON_THE_WAY[accident])
                with pytest.raises(Lost):
                    await unlucky.post(target, body, key=key, seconds=PATIENCE_SECONDS)
                first = await patient.settle(target, body, key=key)
                await _stands(arena, patient, target, body, key=key, first=first)
                assert first.json()["version"] == await patient.version(customer) == before + 1
    await arena.audit()


@pytest.mark.parametrize("times", [1, 2], ids=["once", "twice"])
@pytest.mark.parametrize("accident", AT_THE_COMMIT)
async def test_a_commit_of_unknown_fate_is_found_out(cable: Cable, accident: str, times: int) -> None:
    """Once: the service finds out by itself, and the till sees nothing of it. Twice: it says 503, and the repeated
    request finds out; unless the first try had committed, and the second has nothing to commit and finds that.
    """
    stand = cable.ground
    with tills(stand.service.url, [stand.admin.key]) as (till,):
        customer = await stand.customer(points=1_000)
        for target, body in await _writes(stand, till, customer):
            before = await till.version(customer)
            key = fresh("fate")
            cable.database.fault = once(*AT_THE_COMMIT[accident], times=times)
            told = await till.post(target, body, key=key)
            cable.database.fault = nothing_wrong
            if times == 1:
                assert told.status in {201, 409}, told  # 409: the first try is still under way in the database.
            elif told.status != 201 or accident == "the commit never arrives":
                assert (told.status, told.headers.get("retry-after")) == (503, "1"), told
            first = await till.settle(target, body, key=key)
            await _stands(stand, till, target, body, key=key, first=first)
            assert not told.is_good or told.body == first.body
            assert first.json()["version"] == await till.version(customer) == before + 1
    await stand.audit()


async def test_a_database_that_falls_silent_at_the_commit_is_a_503_in_time(cable: Cable) -> None:
    """It has committed; where it has not, see `test_two_instances`."""
    stand = cable.ground
    with tills(stand.service.url, [stand.admin.key] * 2) as (till, neighbour):
        customer, other = await stand.customer(points=1_000), await stand.customer()
        body, key = in_shop(sale(customer)), fresh("silence")
        struck = asyncio.Event()
        cable.database.fault = once(committed(), Swallow(), struck=struck)
        began = time.monotonic()
        asked = asyncio.create_task(till.post("/v1/accrue", body, key=key))
        await asyncio.wait_for(struck.wait(), STRIKE_SECONDS_MAX)
        beside = await neighbour.post("/v1/accrue", in_shop(sale(other)))
        assert beside.status == 201, "another customer's purchase waits for nothing"
        told = await asked
        took = time.monotonic() - began
        assert told.status == 503, told
        assert took < REFUSED_SECONDS_MAX
        first = await till.settle("/v1/accrue", body, key=key)
        assert time.monotonic() - began < 2 * REFUSED_SECONDS_MAX
        stand.note([beside])
        await _stands(stand, till, "/v1/accrue", body, key=key, first=first)
    await stand.audit()


async def test_nothing_is_answered_before_its_commit_has_passed(cable: Cable) -> None:
    stand = cable.ground
    with tills(stand.service.url, [stand.admin.key]) as (till,):
        customer = await stand.customer(points=1_000)
        card = {"card": fresh("slow")}
        for target, body in [("/v1/accrue", in_shop(sale(customer))), ("/v1/customers", card)]:
            before = await till.version(customer)
            struck, let_go = asyncio.Event(), asyncio.Event()
            cable.database.fault = once(commit(), Pass(let_go=let_go), struck=struck)
            asked = asyncio.create_task(till.post(target, body))
            await asyncio.wait_for(struck.wait(), STRIKE_SECONDS_MAX)
            await asyncio.sleep(EARLY_SECONDS)
            assert not asked.done()
            with tills(stand.service.url, [stand.admin.key]) as (reader,):
                assert await reader.version(customer) == before, "what isn't committed is never shown"
                looked_up = await reader.call("POST", "/v1/customers/lookup", {"customer": card})
                assert looked_up.code == "customer_not_found"
            assert not asked.done(), "the reads were made before the commit passed"
            let_go.set()
            reply = await asked
            assert reply.status == 201
    await stand.audit()


async def _writes(stand: Ground, till: Till, customer: str) -> list[tuple[str, dict[str, Any]]]:
    """One of each kind of write on the books, for a customer who has points."""
    bought = await till.settle("/v1/accrue", in_shop(sale(customer, qty=3)), key=fresh("bought"))
    stand.note([bought])
    back = {"receipt": {"number": fresh("back")}, "lines": [{"id": "1", "qty": 1}]}
    return [
        ("/v1/accrue", in_shop(sale(customer))),
        ("/v1/accrue", in_shop(sale(customer, redeem={"points": "max"}))),
        (f"/v1/purchases/{bought.json()['id']}/returns", in_shop(back)),
        ("/v1/redeem", in_shop(redemption(customer, 10))),
        (f"/v1/customers/{customer}/adjust", {"wallet": "points", "points": 7, "reason": "storm"}),
    ]


async def _stands(stand: Ground, till: Till, target: str, body: dict[str, Any], *, key: str, first: Reply) -> None:
    """The answer is good, and will be the same for ever."""
    assert first.status == 201, first
    stand.note([first])
    again = await till.settle(target, body, key=key)
    assert (again.status, again.body, again.headers["idempotent-replayed"]) == (201, first.body, "true")
    state = await till.good("GET", f"/v1/requests/{key}")
    assert (state["state"], state["status"], state["body"]) == ("done", 201, first.json())
