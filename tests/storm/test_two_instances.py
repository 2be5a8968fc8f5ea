"""Two instances share a database and a DATA_DIR: what one has promised or done, the other knows; what one has locked
when it is cut off, the other has back in seconds.
"""

import asyncio
from typing import Any

from tests.storm.commits import commit
from tests.storm.proxy import Fault, Side, Swallow, holds, once
from tests.storm.stands import Cable, Stopwatch, fresh, in_shop, redemption, sale, tills

STRIKE_SECONDS_MAX = 10.0  # Until the request has come so far.
FREE_SECONDS_MAX = 6.0  # Contract, section 1.


async def test_a_customer_locked_by_an_instance_that_was_cut_off_is_free_again(cable: Cable) -> None:
    """The line to the database goes silent, and the database never learns that nobody is there: between two statements,
    where `idle_in_transaction_session_timeout` ends the session, and inside of one, which only `transaction_timeout`
    ends. Who takes points is locked before that; who only gets some isn't.
    """
    receipts = [fresh("cut-off"), fresh("cut-off")]
    struck = [asyncio.Event(), asyncio.Event()]
    faults = [
        once(commit(), Swallow(), struck=struck[0]),
        once(holds(Side.OUT, receipts[1].encode()), Swallow(-1), struck=struck[1]),
    ]
    # The second begins while the first one's customer is still locked.
    async with asyncio.TaskGroup() as cut_off:
        for receipt, fault, has_struck in zip(receipts, faults, struck, strict=True):
            cut_off.create_task(_is_free_again(cable, receipt, fault, has_struck))
            await has_struck.wait()
    await cable.beside.audit()


async def _is_free_again(cable: Cable, receipt: str, fault: Fault, struck: asyncio.Event) -> None:
    first, second = cable.ground, cable.beside
    customer = await second.customer(points=100)
    body, key = in_shop(sale(customer, receipt=receipt) | {"redeem": {"points": 10}}), fresh("cut-off")
    with (
        tills(first.service.url, [first.admin.key]) as (cut,),
        tills(second.service.url, [second.admin.key]) as (free,),
    ):
        cable.database.fault = fault
        asked = asyncio.create_task(cut.post("/v1/accrue", body, key=key))
        await asyncio.wait_for(struck.wait(), STRIKE_SECONDS_MAX)  # It holds the lock by now.
        watch = Stopwatch()
        beside = await free.settle("/v1/accrue", in_shop(sale(customer)), key=fresh("beside"))
        took = watch.seconds
        assert beside.status == 201
        assert 1 < took < FREE_SECONDS_MAX, "it was locked, and is free in time"
        told = await asked
        assert told.status == 503, told
        settled = await cut.settle("/v1/accrue", body, key=key)
        assert (settled.status, settled.json()["version"]) == (201, 3)
        second.note([beside, settled])


async def test_a_key_belongs_to_one_request_in_all_instances(cable: Cable) -> None:
    urls = [cable.ground.service.url, cable.beside.service.url]
    bearer = await cable.ground.key("I1")
    customer = await cable.beside.customer(points=1_000)
    with tills(urls[0], [bearer]) as (here,), tills(urls[1], [bearer]) as (there,):
        for target, body in [("/v1/accrue", sale(customer)), ("/v1/redeem", redemption(customer, 10))]:
            key = fresh("shared")
            pair = await asyncio.gather(here.settle(target, body, key=key), there.settle(target, body, key=key))
            assert {reply.status for reply in pair} == {201}
            assert pair[0].body == pair[1].body
            other: dict[str, Any] = {**body, "receipt": {"number": fresh("other")}}
            for till in (here, there):
                reused = await till.post(target, other, key=key)
                assert reused.code == "idempotency_key_reused"
                state = await till.good("GET", f"/v1/requests/{key}")
                assert (state["state"], state["body"]) == ("done", pair[0].json())
            again = await there.post(target, body, key=fresh("twice"))
            assert (again.code, again.json()["original_tx_id"]) == ("duplicate_receipt", pair[0].json()["tx_id"])
            cable.beside.note(pair)
    await cable.beside.audit()


async def test_a_quote_of_one_instance_is_kept_by_the_other(cable: Cable) -> None:
    urls = [cable.ground.service.url, cable.beside.service.url]
    bearer = await cable.ground.key("I2")
    customer = await cable.beside.customer(points=1_000)
    with tills(urls[0], [bearer]) as (here,), tills(urls[1], [bearer]) as (there,):
        for asked, bought in [(here, there), (there, here)] * 3:
            body = sale(customer, price=30_000, redeem={"points": 20})
            quote = await asked.good("POST", "/v1/quote", body)
            reply = await bought.post("/v1/accrue", {**body, "quote": quote["quote"]})
            assert reply.status == 201, reply
            done = reply.json()
            assert (done["totals"], done["lines"], done["balances"]) == (
                quote["totals"],
                quote["lines"],
                quote["balances"],
            )
            seen = await asked.good("POST", "/v1/quote", body)
            assert seen["version"] == done["version"], "a quote sees what was answered, by whichever instance"
            cable.beside.note([reply])
    await cable.beside.audit()
