"""What expires and activates next, as a round's snapshot knows it and as the lots say it: always the same."""

from random import Random
from typing import Any

import pytest
from redis.asyncio import Redis

from tests.e2e.checks import ago
from tests.kit import Desk, Stage, line, refund, small_program

STEPS = 12
BOTH = [
    {"id": "base", "kind": "bonus", "give": {"per": {"amount": 100, "units": 1}}},
    {"id": "back", "kind": "cashback", "give": {"percent": "10"}},
]
SCHEMES: dict[str, dict[str, Any]] = {
    "nothing is dated": {"points": {"value": 100}, "cashback": {"value": 1}},
    "everything expires": {
        "points": {"value": 100, "expire_after_days": 30},
        "cashback": {"value": 1, "expire_after_days": 60, "expire_round": "day"},
    },
    "one wallet waits": {"points": {"value": 100, "activate_after_days": 5}, "cashback": {"value": 1}},
    "all of it": {
        "points": {"value": 100, "activate_after_days": 5, "expire_after_days": 40},
        "cashback": {"value": 1, "expire_after_days": 20},
    },
}


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_a_balance_of_the_cache_is_that_of_the_lots(admin: Desk, till: Desk, stage: Stage, scheme: str) -> None:
    await admin.publish(small_program(wallets=SCHEMES[scheme], rules=BOTH, redemption={"wallets": ["points"]}))
    luck = Random(scheme)
    sources = {"cache": 0, "database": 0}
    async with Redis.from_url(stage.redis_url) as redis:
        for _ in range(2):
            customer = await till.register()
            bought: list[str] = []
            held: list[str] = []
            for _ in range(STEPS):
                await _something(till, admin, customer, bought, held, luck=luck)
                path = f"/v1/customers/{customer}/balance"
                first, second = await till.good("GET", path), await till.good("GET", path)
                await redis.flushall()
                lots = await till.good("GET", path)
                assert lots["source"] == "database"
                for answer in (first, second):
                    assert (answer["version"], answer["wallets"]) == (lots["version"], lots["wallets"]), scheme
                sources[first["source"]] += 1
    if scheme == "nothing is dated":
        assert sources["database"] <= STEPS, "only a hold has an end to wait for"
        assert sources["cache"] > 0


async def test_a_purchase_of_a_program_without_dates_is_shown_from_the_cache(till: Desk, admin: Desk) -> None:
    await admin.publish(small_program(wallets=SCHEMES["nothing is dated"], rules=BOTH))
    customer = await till.register()
    await till.good("GET", f"/v1/customers/{customer}/balance")  # Who is read is kept, and kept up to date.
    for version in range(1, 4):
        assert (await till.accrue(customer)).status_code == 201
        answer = await till.good("GET", f"/v1/customers/{customer}/balance?min_version={version}")
        assert (answer["source"], answer["version"]) == ("cache", version)
        assert answer["wallets"]["points"] == {
            "available": 100 * version,
            "pending": 0,
            "held": 0,
            "next_expiry": None,
            "next_activation": None,
        }


async def _something(
    till: Desk, admin: Desk, customer: str, bought: list[str], held: list[str], *, luck: Random
) -> None:
    """One posting, or a "no" that the business expects."""
    kind = luck.choice(["accrue"] * 4 + ["redeem", "return", "adjust", "hold", "release"])
    answer = None
    if kind == "accrue":
        at = ago(days=luck.randrange(50)).isoformat()
        answer = await till.accrue(customer, line(price=luck.randrange(1, 90) * 100), at=at)
        bought.append(answer.json()["id"])
    elif kind == "redeem":
        body = {"customer": {"id": customer}, "wallet": "points", "points": luck.randrange(1, 60), "reason": "gift"}
        answer = await till.post("/v1/redeem", {**body, "receipt": refund()["receipt"]})
    elif kind == "return" and bought:
        answer = await till.post(f"/v1/purchases/{bought.pop(luck.randrange(len(bought)))}/returns", refund())
    elif kind == "adjust":
        body = {"wallet": luck.choice(["points", "cashback"]), "points": luck.choice([40, -7]), "reason": "luck"}
        answer = await admin.post(f"/v1/customers/{customer}/adjust", body)
    elif kind == "hold":
        body = {"customer": {"id": customer}, "wallet": "points", "points": luck.randrange(1, 30), "reason": "gift"}
        answer = await till.post("/v1/holds", {**body, "ttl_seconds": 600, "receipt": refund()["receipt"]})
        if answer.status_code == 201:
            held.append(answer.json()["id"])
    elif kind == "release" and held:
        answer = await till.post(f"/v1/holds/{held.pop()}/release")
    assert answer is None or answer.status_code in {200, 201, 409}, answer.text
