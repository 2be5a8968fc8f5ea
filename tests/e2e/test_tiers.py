"""Tiers: what lifts a customer, and which tier decides a purchase."""

from typing import Any

import pytest

from tests.kit import Desk, line, small_program

BY_TIER = [
    {"id": "plain", "kind": "bonus", "lane": "base", "give": {"percent": "1"}},
    {"id": "silver", "kind": "bonus", "lane": "base", "when": {"tier": ["silver", "gold"]}, "give": {"percent": "5"}},
]


def tiered(*, measure: str | None = None, silver: int = 100000, gold: int = 1000000) -> dict[str, Any]:
    policy = {} if measure is None else {"tier_policy": {"measure": measure}}
    return small_program(
        tiers=[{"id": "bronze", "from": 0}, {"id": "silver", "from": silver}, {"id": "gold", "from": gold}],
        lanes=[{"id": "base", "combine": "best"}],
        rules=BY_TIER,
        **policy,
    )


async def way(till: Desk, customer: str) -> tuple[str, dict[str, Any] | None]:
    profile = await till.good("GET", f"/v1/customers/{customer}")
    return profile["tier"], profile["next_tier"]


async def test_the_purchase_that_lifts_is_decided_by_the_old_tier(till: Desk, admin: Desk) -> None:
    await admin.publish(tiered())
    customer = await till.register(phone="+79001234567")
    assert await way(till, customer) == ("bronze", {"id": "silver", "from": 100000, "measure": 0, "left": 100000})
    lifting = (await till.accrue(customer, line(price=100000))).json()
    assert (lifting["customer"]["tier"], lifting["totals"]["accrued"]) == ("bronze", {"points": 10})
    next_one = (await till.accrue(customer, line(price=10000))).json()
    assert (next_one["customer"]["tier"], next_one["totals"]["accrued"]) == ("silver", {"points": 5})
    assert await way(till, customer) == ("silver", {"id": "gold", "from": 1000000, "measure": 110000, "left": 890000})
    found = await till.good("POST", "/v1/customers/lookup", {"customer": {"phone": "+79001234567"}})
    assert found["tier"] == "silver"


async def test_a_tier_begins_at_its_bound_and_the_top_has_no_next(till: Desk, admin: Desk) -> None:
    await admin.publish(tiered())
    customer = await till.register()
    await till.accrue(customer, line(price=99999))
    assert (await way(till, customer))[0] == "bronze"
    await till.accrue(customer, line(price=1))
    assert (await way(till, customer))[0] == "silver"
    await till.accrue(customer, line(price=900000))
    assert await way(till, customer) == ("gold", None)


async def test_only_money_that_was_paid_counts(till: Desk, admin: Desk) -> None:
    await admin.publish(tiered())
    customer = await till.register()
    grant = {"wallet": "points", "points": 500, "reason": "a present"}
    await admin.good("POST", f"/v1/customers/{customer}/adjust", grant)
    await till.accrue(customer, line(price=120000), redeem={"points": 500})
    assert await way(till, customer) == ("bronze", {"id": "silver", "from": 100000, "measure": 70000, "left": 30000})


@pytest.mark.parametrize(("measure", "bound", "reached"), [("purchases", 2, [1, 2]), ("units", 20, [10, 20])])
async def test_tiers_are_measured_as_the_policy_says(
    till: Desk, admin: Desk, measure: str, bound: int, reached: list[int]
) -> None:
    await admin.publish(tiered(measure=measure, silver=bound, gold=10**6))
    customer = await till.register()
    tiers = []
    for progress in reached:
        await till.accrue(customer, line(price=100000))
        tier, above = await way(till, customer)
        assert above is not None
        assert above["measure"] == progress
        tiers.append(tier)
    assert tiers == ["bronze", "silver"]


async def test_units_that_come_from_elsewhere_count_for_no_tier(till: Desk, admin: Desk) -> None:
    await admin.publish(tiered(measure="units", silver=20))
    customer = await till.register()
    body = {"wallet": "points", "points": 1000, "reason": "a present"}
    await admin.good("POST", f"/v1/customers/{customer}/adjust", body)
    assert (await way(till, customer))[0] == "bronze"


async def test_a_new_program_measures_by_its_own_bounds_and_takes_no_tier_away(till: Desk, admin: Desk) -> None:
    await admin.publish(tiered(silver=100))
    customer = await till.register()
    await till.accrue(customer, line(price=100))
    assert (await way(till, customer))[0] == "silver"
    await admin.publish(tiered(silver=100000))
    assert (await way(till, customer))[0] == "silver"
    await admin.publish(tiered(silver=50, gold=99))
    assert (await way(till, customer))[0] == "gold"
    assert (await till.accrue(customer, line(price=10000))).json()["customer"]["tier"] == "gold"


async def test_nobody_has_a_tier(till: Desk, admin: Desk) -> None:
    await admin.publish(tiered())
    sold = (await till.accrue(None)).json()
    assert (sold["customer"], sold["totals"]["accrued"]) == (None, {"points": 0})
