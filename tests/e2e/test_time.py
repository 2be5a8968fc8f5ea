"""What time brings: activation and expiry at their instants, posted before whatever meets them. No job runs here."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import pytest

from tests.e2e.checks import ago, entries, instant, kinds, refused
from tests.kit import Desk, line, refund, small_program

SOON = timedelta(seconds=1.5)  # Long enough to say on a busy machine what was before it.


def wallet(**terms: Any) -> dict[str, Any]:
    return small_program(wallets={"points": {"value": 100, **terms}})


async def sell(till: Desk, customer: str, price: int = 10000, **more: Any) -> dict[str, Any]:
    answer = await till.accrue(customer, line(price=price), **more)
    assert answer.status_code == 201, answer.text
    sold: dict[str, Any] = answer.json()
    return sold


async def until(moment: datetime) -> None:
    """Sleep until just after an instant."""
    await asyncio.sleep(max((moment - ago()).total_seconds(), 0) + 0.05)


async def points(till: Desk, customer: str) -> tuple[int, int]:
    """(available, pending) of a balance."""
    answer = await till.good("GET", f"/v1/customers/{customer}/balance")
    found = answer["wallets"]["points"]
    return found["available"], found["pending"]


@pytest.mark.parametrize(
    ("terms", "days", "available", "pending"),
    [
        ({}, 1000, 100, 0),
        ({"activate_after_days": 14}, 13.9, 0, 100),
        ({"activate_after_days": 14}, 14.1, 100, 0),
        ({"activate_after_days": 14}, -0.003, 0, 100),
        ({"expire_after_days": 30}, 29.9, 100, 0),
        ({"expire_after_days": 30}, 30.1, 0, 0),
        ({"activate_after_days": 14, "expire_after_days": 30}, 40, 0, 0),
    ],
    ids=str,
)
async def test_days_run_from_the_time_of_the_deal(
    till: Desk,
    admin: Desk,
    owner: asyncpg.Connection,
    terms: dict[str, int],
    days: float,
    available: int,
    pending: int,
) -> None:
    await admin.publish(wallet(**terms))
    customer = await till.register()
    at = ago(days=days)
    sold = await sell(till, customer, at=at.isoformat())
    assert sold["balances"]["points"] == {"available": available, "pending": pending, "held": 0}
    assert sold["version"] == 1
    assert await points(till, customer) == (available, pending)
    row = await owner.fetchrow("select at, created_at from audit_tx where tx_id = $1", sold["tx_id"])
    assert row["at"] == at
    assert abs(row["created_at"] - ago()) < timedelta(seconds=10)


async def test_activation_holds_at_its_instant_and_is_posted_before_what_meets_it(
    till: Desk, admin: Desk, owner: asyncpg.Connection
) -> None:
    await admin.publish(wallet(activate_after_days=14))
    customer = await till.register()
    active_at = ago() + SOON
    await sell(till, customer, at=(active_at - timedelta(days=14)).isoformat())
    assert await points(till, customer) == (0, 100)
    problem = refused(await till.accrue(customer, redeem={"points": 1}), 409, "insufficient_points")
    assert problem["available"] == 0
    await until(active_at)
    answer = await till.good("GET", f"/v1/customers/{customer}/balance")
    assert (answer["wallets"]["points"]["available"], answer["wallets"]["points"]["pending"]) == (100, 0)
    assert answer["wallets"]["points"]["next_activation"] is None
    assert answer["version"] == 1  # Nothing has been posted so far.
    assert await kinds(owner, customer) == [("purchase", 1)]
    sold = await sell(till, customer, redeem={"points": 60})  # By the very purchase that meets what time has brought.
    assert (sold["version"], sold["balances"]["points"]["available"]) == (3, 40)
    assert await kinds(owner, customer) == [("purchase", 1), ("activate", 2), ("purchase", 3)]
    row = await owner.fetchrow(
        "select tx_id, idempotency_key, shop, receipt, at, created_at from audit_tx"
        " where customer_id = $1 and kind = 'activate'",
        customer,
    )
    assert (row["idempotency_key"], row["shop"], row["receipt"]) == (None, None, None)
    assert row["at"] == row["created_at"] >= active_at
    assert await entries(owner, row["tx_id"]) == [
        ("customer:pending", "points", -100),
        ("customer:available", "points", 100),
    ]


async def test_expiry_holds_at_its_instant_and_is_posted_before_what_meets_it(
    till: Desk, admin: Desk, owner: asyncpg.Connection
) -> None:
    await admin.publish(wallet(expire_after_days=30))
    customer = await till.register(phone="+79001234567")
    expires_at = ago() + SOON
    await sell(till, customer, at=(expires_at - timedelta(days=30)).isoformat())
    later = await sell(till, customer, 5000)
    quote = {"customer": {"id": customer}, "basket": {"lines": [line()]}, "redeem": {"points": "max"}}
    quoted = await till.good("POST", "/v1/quote", quote)
    assert quoted["totals"]["redeemed_units"] == {"points": 100}
    await until(expires_at)
    assert await points(till, customer) == (50, 0)
    found = await till.good("POST", "/v1/customers/lookup", {"customer": {"phone": "+79001234567"}})
    assert found["balances"]["points"]["available"] == 50
    quoted = await till.good("POST", "/v1/quote", quote)
    assert quoted["totals"]["redeemed_units"] == {"points": 50}
    listed = (await till.good("GET", f"/v1/customers/{customer}/lots"))["items"]
    assert [(lot["tx_id"], lot["remaining"]) for lot in listed] == [(later["tx_id"], 50)]
    problem = refused(await till.accrue(customer, redeem={"points": 51}), 409, "insufficient_points")
    assert problem["available"] == 50
    assert await kinds(owner, customer) == [("purchase", 1), ("purchase", 2), ("expire", 3)]  # A refusal posts it too.
    spent = {"customer": {"id": customer}, "wallet": "points", "points": 50, "receipt": {"number": "G"}, "reason": "x"}
    assert (await till.good("POST", "/v1/redeem", spent))["version"] == 4
    row = await owner.fetchval("select tx_id from audit_tx where customer_id = $1 and kind = 'expire'", customer)
    assert await entries(owner, row) == [("customer:available", "points", -100), ("program:expired", "points", 100)]


async def test_activation_and_expiry_that_came_together_have_a_version_each(
    till: Desk, admin: Desk, owner: asyncpg.Connection
) -> None:
    customer = await till.register()
    moment = ago() + SOON
    await admin.publish(wallet(activate_after_days=5))
    await sell(till, customer, 10000, at=(moment - timedelta(days=5)).isoformat())
    await admin.publish(wallet(expire_after_days=5))
    await sell(till, customer, 20000, at=(moment - timedelta(days=5)).isoformat())
    assert await points(till, customer) == (200, 100)
    await until(moment)
    adjusted = await admin.good(
        "POST", f"/v1/customers/{customer}/adjust", {"wallet": "points", "points": 1, "reason": "x"}
    )
    assert (adjusted["version"], adjusted["balances"]["points"]) == (5, {"available": 101, "pending": 0, "held": 0})
    assert [kind for kind, _ in await kinds(owner, customer)][2:] == ["activate", "expire", "adjust"]


async def test_a_debt_is_covered_by_points_as_they_become_active(
    till: Desk, admin: Desk, owner: asyncpg.Connection
) -> None:
    customer = await till.register()
    sold = await sell(till, customer, 30000)
    spent = {"customer": {"id": customer}, "wallet": "points", "points": 250, "receipt": {"number": "G"}, "reason": "x"}
    await till.good("POST", "/v1/redeem", spent)
    await till.good("POST", f"/v1/purchases/{sold['id']}/returns", refund())
    assert await points(till, customer) == (-250, 0)
    await admin.publish(wallet(activate_after_days=7))
    active_at = ago() + SOON
    pending = await sell(till, customer, 40000, at=(active_at - timedelta(days=7)).isoformat())
    assert pending["balances"]["points"] == {"available": -250, "pending": 400, "held": 0}
    await until(active_at)
    assert await points(till, customer) == (150, 0)
    after = await sell(till, customer, 100)
    assert after["balances"]["points"] == {"available": 150, "pending": 1, "held": 0}
    row = await owner.fetchval("select tx_id from audit_tx where customer_id = $1 and kind = 'activate'", customer)
    moved = await owner.fetch(
        "select account, amount, lot_id is null as is_debt from audit_entry where tx_id = $1 order by entry_id", row
    )
    assert [tuple(each) for each in moved] == [
        ("customer:pending", -400, False),
        ("customer:available", 400, False),
        ("customer:available", -250, False),
        ("customer:available", 250, True),
    ]
    listed = (await till.good("GET", f"/v1/customers/{customer}/lots"))["items"]
    assert [(lot["tx_id"], lot["remaining"]) for lot in listed] == [(pending["tx_id"], 150), (after["tx_id"], 1)]


async def test_a_return_meets_what_time_has_brought_like_any_other_call(
    till: Desk, admin: Desk, owner: asyncpg.Connection
) -> None:
    await admin.publish(wallet(activate_after_days=14))
    customer = await till.register()
    active_at = ago() + SOON
    sold = await sell(till, customer, at=(active_at - timedelta(days=14)).isoformat())
    await until(active_at)
    preview = await till.good("POST", f"/v1/purchases/{sold['id']}/returns?preview=true", refund(receipt="V"))
    back = await till.good("POST", f"/v1/purchases/{sold['id']}/returns", refund(receipt="V"))
    assert back["version"] == preview["version"] == 3
    assert back["balances"]["points"] == {"available": 0, "pending": 0, "held": 0}
    assert await kinds(owner, customer) == [("purchase", 1), ("activate", 2), ("return", 3)]


async def test_points_that_were_over_when_they_came_are_issued_and_expired(
    till: Desk, admin: Desk, owner: asyncpg.Connection
) -> None:
    await admin.publish(wallet(expire_after_days=30))
    customer = await till.register()
    sold = await sell(till, customer, at=ago(days=31).isoformat())
    assert sold["totals"]["accrued"] == {"points": 100}
    assert sold["balances"]["points"]["available"] == 0
    assert await entries(owner, sold["tx_id"]) == [
        ("customer:available", "points", 100),
        ("customer:available", "points", -100),
        ("program:issued", "points", -100),
        ("program:expired", "points", 100),
    ]
    assert (await till.good("GET", f"/v1/customers/{customer}/lots"))["items"] == []


async def test_the_time_of_a_deal_may_be_written_in_any_offset(till: Desk, owner: asyncpg.Connection) -> None:
    customer = await till.register()
    for text, utc in (
        ("2026-01-02T03:04:05+03:00", "2026-01-02T00:04:05+00:00"),
        ("2026-01-02T03:04:05.123456Z", "2026-01-02T03:04:05.123456+00:00"),
    ):
        sold = await sell(till, customer, at=text)
        assert instant(sold["at"]) == instant(utc)
        assert await owner.fetchval("select at from audit_tx where tx_id = $1", sold["tx_id"]) == instant(utc)
    for wrong in ("2026-01-02", "2026-01-02T03:04:05", "2026-13-01T00:00:00Z", "now", 1767323045):
        refused(await till.accrue(customer, at=wrong), 422, "validation_error")


async def test_hours_and_days_of_rules_are_the_programs_local_ones(till: Desk, admin: Desk) -> None:
    first_of_march = {"from": "2026-03-01", "until": "2026-03-01"}
    rules = [
        {"id": "night", "kind": "bonus", "when": {"hours": ["22:00", "06:00"]}, "give": {"units": 1}},
        {"id": "sunday", "kind": "bonus", "when": {"weekday": [7]}, "give": {"units": 10}},
        {"id": "march", "kind": "bonus", "when": {"date": first_of_march}, "give": {"units": 100}},
    ]
    await admin.publish(small_program(rules=rules, timezone="Asia/Vladivostok"))  # UTC+10.
    customer = await till.register()
    for text, given in (
        ("2026-02-28T13:59:59Z", 1),  # Saturday, 23:59:59.
        ("2026-02-28T14:00:00Z", 111),  # Sunday, the first of March.
        ("2026-02-28T19:59:59Z", 111),
        ("2026-02-28T20:00:00Z", 110),  # 06:00 is no longer night.
        ("2026-03-01T12:00:00Z", 111),  # 22:00.
        ("2026-03-01T14:00:00Z", 1),  # Monday.
    ):
        assert (await sell(till, customer, at=text))["totals"]["accrued"] == {"points": given}, text
