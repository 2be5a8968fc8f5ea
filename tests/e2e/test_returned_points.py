"""What a return does to the customer's books: lots, debts, tiers, counters."""

from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from tests.e2e.checks import ago, entries, instant
from tests.e2e.hold_desk import capture, check
from tests.kit import Desk, line, purchase, refund, small_program


def wallet(**terms: Any) -> dict[str, Any]:
    return small_program(wallets={"points": {"value": 100, **terms}})


async def sell(till: Desk, customer: str, price: int, **more: Any) -> dict[str, Any]:
    answer = await till.accrue(customer, line(price=price), **more)
    assert answer.status_code == 201, answer.text
    sold: dict[str, Any] = answer.json()
    return sold


async def bring_back(till: Desk, sold: dict[str, Any], *lines: tuple[str, int | str]) -> dict[str, Any]:
    back: dict[str, Any] = await till.good("POST", f"/v1/purchases/{sold['id']}/returns", refund(*lines))
    return back


async def spend(till: Desk, customer: str, points: int) -> None:
    body = {"customer": {"id": customer}, "wallet": "points", "points": points, "reason": "a mug"}
    await till.good("POST", "/v1/redeem", {**body, "receipt": {"number": f"G{points}"}})


async def lots(till: Desk, customer: str) -> dict[str, int]:
    """What is left by the transaction that made each lot."""
    items = (await till.good("GET", f"/v1/customers/{customer}/lots"))["items"]
    return {item["tx_id"]: item["remaining"] for item in items}


async def test_points_are_taken_from_the_purchases_own_lots_first(till: Desk) -> None:
    customer = await till.register()
    first, second = await sell(till, customer, 10000), await sell(till, customer, 20000)
    await bring_back(till, second, ("1", "0.5"))
    assert await lots(till, customer) == {first["tx_id"]: 100, second["tx_id"]: 100}


async def test_so_are_those_of_a_purchase_that_was_held(till: Desk, owner: asyncpg.Connection) -> None:
    customer = await till.register()
    first = await sell(till, customer, 100000)
    basket = purchase(customer, line(price=20000, qty=2), redeem={"points": 30})
    held = await till.good("POST", "/v1/holds", {**basket, "ttl_seconds": 600})
    second = await capture(till, held["id"])
    made = await lots(till, customer)
    own = second["totals"]["accrued"]["points"]
    assert made == {first["tx_id"]: 970, second["tx_id"]: own}
    path = f"/v1/purchases/{held['id']}/returns"
    shown = await till.good("POST", f"{path}?preview=true", refund(("1", 1)))
    back = await till.good("POST", path, refund(("1", 1)))
    assert back["given_back"] == shown["given_back"] == {"points": 15}
    assert back["taken_back"] == shown["taken_back"] == {"points": own // 2}
    assert await lots(till, customer) == {first["tx_id"]: 985, second["tx_id"]: own - own // 2}
    await check(owner)


async def test_pending_points_are_taken_before_active_ones(till: Desk, admin: Desk) -> None:
    await admin.publish(wallet(activate_after_days=10))
    customer = await till.register()
    active = await sell(till, customer, 30000, at=ago(days=20).isoformat())
    pending = await sell(till, customer, 20000)
    back = await bring_back(till, pending, ("1", "0.5"))
    assert back["balances"]["points"] == {"available": 300, "pending": 100, "held": 0}
    assert await lots(till, customer) == {active["tx_id"]: 300, pending["tx_id"]: 100}


async def test_spent_points_are_taken_from_other_lots_and_then_owed(
    till: Desk, admin: Desk, owner: asyncpg.Connection
) -> None:
    customer = await till.register()
    sold = await sell(till, customer, 50000)
    await spend(till, customer, 500)
    other = await sell(till, customer, 12000)
    back = await bring_back(till, sold)
    assert (back["taken_back"], back["given_back"]) == ({"points": 500}, {})
    assert back["balances"]["points"] == {"available": 120 - 500, "pending": 0, "held": 0}
    assert await lots(till, customer) == {}
    row = await owner.fetchrow("select available, version from audit_balance where customer_id = $1", customer)
    assert tuple(row) == (-380, 4)
    assert other["version"] == 3
    covering = await sell(till, customer, 40000)  # 400 points: 380 cover the debt.
    assert covering["balances"]["points"]["available"] == 20
    assert await lots(till, customer) == {covering["tx_id"]: 20}


async def test_a_wallet_without_debt_stops_at_nothing(till: Desk, admin: Desk) -> None:
    await admin.publish(wallet(debt="clamp"))
    customer = await till.register()
    sold = await sell(till, customer, 50000)
    await spend(till, customer, 450)
    back = await bring_back(till, sold)
    assert (back["refund"], back["taken_back"]) == (50000, {"points": 50})
    assert back["balances"]["points"]["available"] == 0


async def test_what_a_wallet_without_debt_keeps_counts_for_no_tier(till: Desk, admin: Desk) -> None:
    tiers = [{"id": "base", "from": 0}, {"id": "gold", "from": 10**9}]
    policy = {"measure": "units"}
    await admin.publish(wallet(debt="clamp") | {"tiers": tiers, "tier_policy": policy})
    customer = await till.register()
    sold = await sell(till, customer, 50000)
    await spend(till, customer, 450)
    await bring_back(till, sold)
    profile = await till.good("GET", f"/v1/customers/{customer}")
    assert (profile["next_tier"]["measure"], profile["balances"]["points"]["available"]) == (0, 0)


async def test_points_go_back_to_the_lots_they_came_from_with_their_dates(till: Desk, admin: Desk) -> None:
    customer = await till.register()
    dates = {}
    for days, price in ((100, 10000), (200, 20000)):
        await admin.publish(wallet(expire_after_days=days))
        at = ago(days=1)
        sold = await sell(till, customer, price, at=at.isoformat())
        dates[sold["tx_id"]] = at + timedelta(days=days)
    first, second = dates
    await admin.publish(wallet())
    spent = await sell(till, customer, 25000, redeem={"points": 250})
    assert await lots(till, customer) == {second: 50}
    back = await bring_back(till, spent, ("1", "0.6"))  # 150 of 250: in the order they were spent, 100 and then 50.
    assert back["given_back"] == {"points": 150}
    assert await lots(till, customer) == {first: 100, second: 100}
    await bring_back(till, spent)
    items = (await till.good("GET", f"/v1/customers/{customer}/lots"))["items"]
    assert [(item["tx_id"], item["remaining"]) for item in items] == [(first, 100), (second, 200)]
    assert {item["tx_id"]: instant(item["expires_at"]) for item in items} == dates


async def test_points_given_back_to_an_expired_lot_expire_again(
    till: Desk, admin: Desk, owner: asyncpg.Connection
) -> None:
    await admin.publish(wallet(expire_after_days=10))
    customer = await till.register()
    soon = timedelta(seconds=2)
    at = ago(days=10) + soon  # Its points have two seconds to live.
    await sell(till, customer, 10000, at=at.isoformat())
    spent = await sell(till, customer, 20000, redeem={"points": 60})
    while ago() < at + timedelta(days=10, milliseconds=50):
        await owner.execute("select pg_sleep(0.1)")
    back = await bring_back(till, spent, ("1", "0.5"))
    assert (back["given_back"], back["expired_again"]) == ({"points": 30}, {"points": 30})
    assert back["balances"]["points"]["available"] == 140 - 70
    assert back["version"] == 4  # What was left of the lot had expired before, at version 3.
    accounts = [(account, amount) for account, _, amount in await entries(owner, back["tx_id"])]
    assert accounts == [
        ("customer:available", 30),
        ("customer:available", -30),
        ("customer:available", -70),
        ("program:returned", 40),
        ("program:expired", 30),
    ]


async def test_a_round_of_buying_and_returning_leaves_nothing_behind(till: Desk) -> None:
    customer = await till.register()
    await sell(till, customer, 20000)
    for _ in range(3):
        sold = await sell(till, customer, 15000, redeem={"points": "max"})
        await bring_back(till, sold)
        assert await till.balance(customer, min_version=sold["version"] + 1) == 200


@pytest.mark.parametrize("measure", ["paid", "purchases", "units"])
async def test_tier_progress_moves_back_by_share_and_the_tier_stays(till: Desk, admin: Desk, measure: str) -> None:
    starts = {"paid": 20000, "purchases": 2, "units": 200}
    tiers = [{"id": "base", "from": 0}, {"id": "silver", "from": starts[measure]}, {"id": "gold", "from": 10**9}]
    await admin.publish(small_program(tiers=tiers, tier_policy={"measure": measure}))
    customer = await till.register()

    async def way() -> tuple[str, int]:
        """The tier, and how far the customer has come."""
        profile = await till.good("GET", f"/v1/customers/{customer}")
        return profile["tier"], profile["next_tier"]["measure"]

    first = await sell(till, customer, 10000)
    assert await way() == ("base", {"paid": 10000, "purchases": 1, "units": 100}[measure])
    second = await sell(till, customer, 20000)
    assert await way() == ("silver", {"paid": 30000, "purchases": 2, "units": 300}[measure])
    await bring_back(till, second, ("1", "0.25"))
    assert await way() == ("silver", {"paid": 25000, "purchases": 2, "units": 250}[measure])
    await bring_back(till, second)
    await bring_back(till, first)
    assert await way() == ("silver", 0)


async def test_a_wholly_returned_purchase_no_longer_counts(till: Desk, admin: Desk) -> None:
    rules = [
        {"id": "second", "kind": "bonus", "when": {"purchase_number": {"min": 2, "max": 2}}, "give": {"units": 50}},
        {"id": "soon", "kind": "bonus", "when": {"days_since_last": {"max": 30}}, "give": {"units": 7}},
    ]
    await admin.publish(small_program(rules=rules))
    customer = await till.register()
    old = await till.good(
        "POST",
        "/v1/accrue",
        {
            "customer": {"id": customer},
            "receipt": {"number": "old"},
            "at": ago(days=60).isoformat(),
            "basket": {"lines": [line(qty=2)]},
        },
    )
    assert old["totals"]["accrued"] == {"points": 0}
    second = await sell(till, customer, 10000)
    assert second["totals"]["accrued"] == {"points": 50}
    await bring_back(till, second)
    profile = await till.good("GET", f"/v1/customers/{customer}")
    assert profile["purchases"] == 1
    again = await sell(till, customer, 10000)
    assert again["totals"]["accrued"] == {"points": 50}  # The second once more, and the last one 60 days ago.
    await bring_back(till, old, ("1", 1))
    third = await sell(till, customer, 10000)  # In part returned: still a purchase.
    assert third["totals"]["accrued"] == {"points": 7}
