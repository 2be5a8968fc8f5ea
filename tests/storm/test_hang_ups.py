"""Clients that hang up in the middle of a request leave nothing behind: no lock, no open transaction, no answer that
somebody else gets.
"""

import asyncio
import random
from contextlib import suppress
from typing import Any

import asyncpg

from tests.storm.audit import idle_in_transaction
from tests.storm.stands import Ground, Till, fresh, sale, tills

CLIENTS = 16
REQUESTS = 20
HUNG_UP_SHARE = 0.3
SEED = 4_711


async def test_hanging_up_leaves_nothing_behind(arena: Ground) -> None:
    luck = random.Random(SEED)
    bearers = [await arena.key(f"H{place}") for place in range(CLIENTS)]
    customers = [await arena.customer(points=500) for _ in range(6)]
    with tills(arena.service.url, bearers) as crowd:
        unknown = await asyncio.gather(*(_shop(arena, till, customers, random.Random(luck.random())) for till in crowd))
        await _nothing_is_open(arena)
        for till, left in zip(crowd, unknown, strict=True):
            for key, body in left:
                reply = await till.settle("/v1/accrue", body, key=key)
                assert reply.status == 201, reply
                assert reply.json()["customer"]["id"] == body["customer"]["id"]
                arena.note([reply])
        together = await asyncio.gather(*(till.post("/v1/accrue", sale(customers[0])) for till in crowd))
        assert {reply.status for reply in together} == {201}
        arena.note(together)
    assert sum(map(len, unknown)) > CLIENTS * REQUESTS * HUNG_UP_SHARE / 4, "some hung up"
    await arena.audit()


async def _shop(
    arena: Ground, till: Till, customers: list[str], luck: random.Random
) -> list[tuple[str, dict[str, Any]]]:
    """The purchases whose answers the till did not wait for."""
    left = []
    for _ in range(REQUESTS):
        customer = luck.choice(customers)
        key, body = fresh("hang"), sale(customer, redeem={"points": 1})
        is_read = luck.random() < 0.3
        if luck.random() < HUNG_UP_SHARE:
            await _hang_up(till, "/v1/quote" if is_read else "/v1/accrue", body, key=key, luck=luck)
            if not is_read:
                left.append((key, body))
        elif is_read:
            quote = await till.good("POST", "/v1/quote", body)
            assert quote["customer"]["id"] == customer
        else:
            reply = await till.settle("/v1/accrue", body, key=key)
            assert (reply.status, reply.json()["customer"]["id"]) == (201, customer)
            arena.note([reply])
    return left


async def _hang_up(till: Till, target: str, body: dict[str, Any], *, key: str, luck: random.Random) -> None:
    headers, content = till.headed(body, key=None if target == "/v1/quote" else key)
    is_cut = luck.random() < 0.2  # Before all of it was sent.
    with suppress(OSError):
        await till.wire.send("POST", target, headers=headers, body=content, sent=len(content) // 2 if is_cut else None)
        await asyncio.sleep(luck.uniform(0.001, 0.03))
    till.wire.hang_up()


async def _nothing_is_open(arena: Ground) -> None:
    owner = await asyncpg.connect(arena.stage.owner_url)
    try:
        await asyncio.sleep(1.5)  # What was asked before the last client hung up is over, or idle for over a second.
        assert await idle_in_transaction(owner) == []
    finally:
        await owner.close()
