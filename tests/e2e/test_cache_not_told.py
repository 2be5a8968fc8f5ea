"""Writes by hand whose process did not live to tell the cache, or has not told it yet: who comes next tells it."""

from collections.abc import Mapping

import pytest
from redis.asyncio import Redis

from tests.kit import Desk, Stage, line, purchase, small_program

PHONE, OTHER_PHONE = "+79001234567", "+79002222222"


async def _kept(redis: Redis) -> Mapping[bytes, bytes]:
    return {
        key if isinstance(key, bytes) else key.encode(): await redis.dump(key) or b"" for key in await redis.keys("*")
    }


async def _as_before(redis: Redis, before: Mapping[bytes, bytes]) -> None:
    for key, value in before.items():
        await redis.restore(key, 30_000, value, replace=True)


async def _found(desk: Desk, phone: str) -> str:
    return str((await desk.good("POST", "/v1/customers/lookup", {"customer": {"phone": phone}}))["id"])


@pytest.mark.parametrize("is_registered", [True, False])
async def test_who_gets_an_identifier_is_found_by_it_at_once(
    till: Desk, admin: Desk, stage: Stage, is_registered: bool
) -> None:
    """Another process has taken it from its owner, and is still about to say so."""
    before = await till.register(phone=PHONE)
    after = None if is_registered else await till.register(phone="+79003333333")
    assert [await _found(till, PHONE) for _ in range(2)] == [before, before]
    async with Redis.from_url(stage.redis_url) as redis:
        cached = await _kept(redis)
        assert any(b":i:" in key for key in cached)
        await admin.good("PATCH", f"/v1/customers/{before}", {"phone": OTHER_PHONE})
        await _as_before(redis, cached)
    assert await _found(till, PHONE) == before, "nobody knows better yet"
    if after is None:
        after = await till.register(phone=PHONE)
    else:
        await admin.good("PATCH", f"/v1/customers/{after}", {"phone": PHONE})
    assert await _found(till, PHONE) == after


async def test_a_repeated_change_of_a_gift_card_is_seen_at_once(admin: Desk, till: Desk, stage: Stage) -> None:
    program = small_program(
        wallets={"points": {"value": 100}, "gift": {"value": 1}}, redemption={"wallets": ["points", "gift"]}
    )
    await admin.publish(program)
    made = await admin.good("POST", "/v1/gift-cards", {"wallet": "gift", "units": 5000, "count": 1})
    number = made["numbers"][0]
    sale = purchase({"card": number}, line(price=40000), redeem={"gift": 5000})

    async def is_quoted() -> bool:
        return (await till.post("/v1/quote", sale)).is_success

    async with Redis.from_url(stage.redis_url) as redis:
        for path, body, is_good in (
            ("activate", {"receipt": {"number": "G-1"}}, True),
            ("block", {}, False),
        ):
            assert [await is_quoted() for _ in range(2)] == [not is_good] * 2, path
            cached = await _kept(redis)
            desk = till if path == "activate" else admin
            await desk.good("POST", f"/v1/gift-cards/{number}/{path}", body, key=path)
            await _as_before(redis, cached)
            assert await is_quoted() is not is_good, "nobody knows better yet"
            await desk.good("POST", f"/v1/gift-cards/{number}/{path}", body, key=path)
            assert await is_quoted() is is_good, path
