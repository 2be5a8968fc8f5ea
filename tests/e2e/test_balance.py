"""Balances: the shape of the contract, versions, and any moment of the past and the future."""

from datetime import timedelta

import asyncpg
from redis.asyncio import Redis

from tests.e2e.checks import ago, instant, refused
from tests.kit import Desk, Stage, line, small_program

YEAR = timedelta(days=365)


def dated_program() -> dict[str, object]:
    """1 point for each 1.00 paid, active after 10 days, gone after 365."""
    return small_program(wallets={"points": {"value": 100, "activate_after_days": 10, "expire_after_days": 365}})


async def test_a_customer_without_postings_has_nothing_at_version_0(till: Desk) -> None:
    customer = await till.register()
    answer = await till.good("GET", f"/v1/customers/{customer}/balance")
    assert answer.keys() == {"version", "wallets", "source", "as_of"}
    assert answer["version"] == 0
    assert answer["wallets"] == {
        "points": {"available": 0, "pending": 0, "held": 0, "next_expiry": None, "next_activation": None}
    }
    assert answer["source"] in {"cache", "database"}
    assert abs(instant(answer["as_of"]) - ago()) < timedelta(seconds=10)


async def test_a_balance_tells_what_activates_and_expires_next(till: Desk, admin: Desk) -> None:
    await admin.publish(dated_program())
    customer = await till.register()
    bought = {days: ago(days=days) for days in (1, 2, 20, 30)}
    for price, (days, at) in zip((10000, 20000, 30000, 40000), bought.items(), strict=True):
        answer = await till.accrue(customer, line(price=price), at=at.isoformat())
        assert answer.status_code == 201, days
    answer = await till.good("GET", f"/v1/customers/{customer}/balance?min_version=4")
    assert answer["version"] == 4
    points = answer["wallets"]["points"]
    assert (points["available"], points["pending"], points["held"]) == (700, 300, 0)
    assert points["next_expiry"]["points"] == 400
    assert instant(points["next_expiry"]["at"]) == bought[30] + YEAR
    assert points["next_activation"]["points"] == 200
    assert instant(points["next_activation"]["at"]) == bought[2] + timedelta(days=10)


async def test_lots_that_change_at_one_instant_are_told_together(till: Desk, admin: Desk) -> None:
    await admin.publish(dated_program())
    customer = await till.register()
    at = ago(days=1)
    for price in (10000, 20000):
        await till.accrue(customer, line(price=price), at=at.isoformat())
    points = (await till.good("GET", f"/v1/customers/{customer}/balance?min_version=2"))["wallets"]["points"]
    assert (points["next_activation"]["points"], points["next_expiry"]["points"]) == (300, 300)
    assert instant(points["next_activation"]["at"]) == at + timedelta(days=10)


async def test_a_version_that_was_answered_is_there_whatever_the_cache_holds(till: Desk, stage: Stage) -> None:
    customer = await till.register()
    for number in range(1, 6):
        answer = (await till.accrue(customer)).json()
        assert answer["version"] == number
        read = await till.good("GET", f"/v1/customers/{customer}/balance?min_version={number}")
        assert (read["version"], read["wallets"]["points"]["available"]) == (number, number * 100)
    async with Redis.from_url(stage.redis_url) as redis:
        await redis.flushall()
    read = await till.good("GET", f"/v1/customers/{customer}/balance?min_version=5")
    assert (read["source"], read["version"], read["wallets"]["points"]["available"]) == ("database", 5, 500)
    read = await till.good("GET", f"/v1/customers/{customer}/balance")
    assert (read["source"], read["version"], read["wallets"]["points"]["available"]) == ("cache", 5, 500)


async def test_a_balance_of_the_past_is_what_was_posted_by_then(till: Desk, owner: asyncpg.Connection) -> None:
    customer = await till.register()
    before = ago()
    for price, redeem in ((10000, 0), (20000, 50), (30000, 0)):
        answer = await till.accrue(customer, line(price=price), redeem={"points": redeem} if redeem else {})
        assert answer.status_code == 201
    rows = await owner.fetch("select created_at from audit_tx where customer_id = $1 order by version", customer)
    expected = ((before, 0, 0), (rows[0][0], 1, 100), (rows[1][0], 2, 200), (rows[2][0], 3, 500))
    for moment, version, available in expected:
        read = await till.good(
            "GET", f"/v1/customers/{customer}/balance?as_of={moment.isoformat().replace('+', '%2B')}"
        )
        assert (read["version"], read["wallets"]["points"]["available"]) == (version, available)
        assert instant(read["as_of"]) == moment


async def test_a_balance_of_the_future_counts_what_time_will_bring(till: Desk, admin: Desk) -> None:
    await admin.publish(dated_program())
    customer = await till.register()
    first, second = ago(days=30), ago(days=1)
    await till.accrue(customer, line(price=10000), at=first.isoformat())
    await till.accrue(customer, line(price=20000), at=second.isoformat())
    activation, expiry = second + timedelta(days=10), first + YEAR
    instants = (
        (activation - timedelta(microseconds=1), 100, 200),
        (activation, 300, 0),  # Activation holds at its instant.
        (expiry - timedelta(microseconds=1), 300, 0),
        (expiry, 200, 0),  # And so does expiry.
        (second + YEAR, 0, 0),
    )
    for moment, available, pending in instants:
        read = await till.good("GET", f"/v1/customers/{customer}/balance?as_of={moment:%Y-%m-%dT%H:%M:%S.%fZ}")
        points = read["wallets"]["points"]
        assert (points["available"], points["pending"]) == (available, pending), moment
    read = await till.good("GET", f"/v1/customers/{customer}/balance?as_of={activation:%Y-%m-%dT%H:%M:%S.%fZ}")
    assert read["wallets"]["points"]["next_activation"] is None
    assert read["wallets"]["points"]["next_expiry"]["points"] == 100
    assert instant(read["wallets"]["points"]["next_expiry"]["at"]) == expiry


async def test_questions_that_cannot_be_read_are_refused(till: Desk) -> None:
    customer = await till.register()
    for query in ("as_of=yesterday", "as_of=2026-01-01T00:00:00", "min_version=x", "min_version=-1", "when=now"):
        refused(await till.get(f"/v1/customers/{customer}/balance?{query}"), 422, "validation_error")


async def test_every_wallet_of_the_program_has_a_balance(till: Desk, admin: Desk) -> None:
    wallets = {"points": {"value": 100}, "cashback": {"value": 1}}
    rules = [
        {"id": "base", "kind": "bonus", "give": {"percent": "1"}},
        {"id": "back", "kind": "cashback", "give": {"percent": "2.5"}},
    ]
    await admin.publish(small_program(wallets=wallets, rules=rules))
    customer = await till.register()
    assert (await till.accrue(customer, line(price=33333))).json()["totals"]["accrued"] == {
        "points": 3,
        "cashback": 833,
    }
    read = (await till.good("GET", f"/v1/customers/{customer}/balance?min_version=1"))["wallets"]
    assert {wallet: read[wallet]["available"] for wallet in read} == {"points": 3, "cashback": 833}
