"""32 clients redeem one customer's whole balance at once, on two workers, while Redis lies."""

import asyncio

from redis.asyncio import Redis

from tests.storm.poison import Poison
from tests.storm.stands import Ground, redemption, sale, tills

CLIENTS = 32
ROUNDS = 10
POINTS = 1_000


async def test_a_whole_balance_redeemed_by_32_clients_at_once_is_redeemed_once(arena: Ground) -> None:
    bearers = [await arena.key(f"O{place}") for place in range(CLIENTS)]
    customer = await arena.customer()
    rich = await arena.customer(points=9_000_000)
    async with Redis.from_url(arena.stage.redis_url) as redis:
        poison = Poison(redis)
        for _ in range(ROUNDS):
            await arena.give(customer, POINTS)
            with tills(arena.service.url, bearers) as crowd:
                for known in (customer, rich):
                    await crowd[0].balance(known)
                await poison.keep()
                async with poison.spread(customer):
                    replies = await asyncio.gather(
                        *(till.post("/v1/redeem", redemption(customer, POINTS)) for till in crowd)
                    )
            arena.note(replies)
            assert sorted(str(reply.code) for reply in replies) == ["None", *["insufficient_points"] * (CLIENTS - 1)]
            assert sum(reply.is_good for reply in replies) == 1
            assert {reply.json()["available"] for reply in replies if not reply.is_good} == {0}
    await arena.audit()


async def test_no_lie_in_redis_is_ever_shown_or_sold_on(arena: Ground) -> None:
    bearer = await arena.key("O-alone")
    customer = await arena.customer(points=POINTS)
    rich = await arena.customer(points=9_000_000)
    async with Redis.from_url(arena.stage.redis_url) as redis:
        poison = Poison(redis)
        with tills(arena.service.url, [bearer]) as (till,):
            for known in (customer, rich):
                await till.balance(known)
            await poison.keep()
            (name,) = poison.names_of(customer)
            for lie in [lie for lie in poison.lies if lie != poison.stale]:
                await lie(name)
                assert await till.balance(customer) == POINTS, lie.__name__
                await lie(name)
                quote = await till.good("POST", "/v1/quote", sale(customer, redeem={"points": "max"}))
                assert quote["redeem"]["wallets"]["points"]["terms"]["available"] == POINTS * 100, lie.__name__
                await lie(name)
                looked_up = await till.good("POST", "/v1/customers/lookup", {"customer": {"id": customer}})
                assert looked_up["balances"]["points"]["available"] == POINTS, lie.__name__
