"""The mechanics that live across purchases: luck that can't be tried again, rewards that are bought, sets that convert,
customers' limits. Whole, through HTTP, with the ledger's own audit at the end.
"""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import asyncpg
import pytest

from tests.kit import Desk, line, purchase, refund, small_program
from tests.storm.audit import audit


@pytest.fixture(autouse=True)
async def audited(owner: asyncpg.Connection) -> AsyncIterator[None]:
    yield
    await audit(owner)


def _lucky(**draw: Any) -> dict[str, Any]:
    algorithm = {"algorithm": "independent", "chance": "0.5", **draw}
    prizes = [{"id": "p1", "weight": 70, "units": 10}, {"id": "p2", "weight": 30, "units": 20}]
    return {"id": "lucky", "kind": "random_reward", "give": {"draw": {"prizes": prizes, **algorithm}}}


async def _bought(till: Desk, customer: str, *lines: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    bought: dict[str, Any] = await till.good("POST", "/v1/accrue", purchase(customer, *lines, **more))
    return bought


async def _returned(till: Desk, bought: Mapping[str, Any], *lines: tuple[str, int]) -> dict[str, Any]:
    returned: dict[str, Any] = await till.good("POST", f"/v1/purchases/{bought['id']}/returns", refund(*lines))
    return returned


async def test_cancelling_and_repeating_draws_the_same_ticket(admin: Desk, till: Desk) -> None:
    await admin.publish(small_program(rules=[_lucky()]))
    anna, boris = await till.register(), await till.register()
    first = await _bought(till, anna)
    (drawn,) = first["draws"]
    for _ in range(3):
        returned = await _returned(till, first)
        assert [prize["ticket"] for prize in returned["draws"]] == ([drawn["ticket"]] if drawn["prize"] else [])
        again = await _bought(till, anna)
        (redrawn,) = again["draws"]
        assert {name: redrawn[name] for name in ("ticket", "prize", "units")} == {
            name: drawn[name] for name in ("ticket", "prize", "units")
        }
        assert redrawn["slip_of"] == first["id"]
        assert again["balances"]["points"]["available"] == drawn["units"]
        first = again
    ((others,), (next_one,)) = (await _bought(till, boris))["draws"], (await _bought(till, anna))["draws"]
    assert len({drawn["ticket"], others["ticket"], next_one["ticket"]}) == 3
    assert (others["slip_of"], next_one["slip_of"]) == (None, None)


async def test_misses_are_the_customers_own_and_a_win_is_certain_in_the_end(admin: Desk, till: Desk) -> None:
    await admin.publish(small_program(rules=[_lucky(algorithm="pity", chance="0.01", guarantee_every=4)]))
    anna, boris = await till.register(), await till.register()
    misses = 0
    for _ in range(12):
        (draw,) = (await _bought(till, anna))["draws"]
        assert draw["state"] == {"misses": misses}
        assert misses < 3 or draw["prize"] is not None
        misses = 0 if draw["prize"] is not None else misses + 1
    assert (await _bought(till, boris))["draws"][0]["state"] == {"misses": 0}


async def test_a_reward_that_is_bought_takes_its_cost_and_gives_it_back(admin: Desk, till: Desk) -> None:
    coffee = {
        "id": "coffee",
        "kind": "reward",
        "give": {"gift": "COFFEE"},
        "cost": {"points": 150},
        "limit": {"budget": 2},
    }
    await admin.publish(small_program(rules=[coffee]))
    anna = await till.register()
    points = {"wallet": "points", "points": 400, "reason": "gift"}
    await admin.good("POST", f"/v1/customers/{anna}/adjust", points)
    asked = {"redeem": {"rewards": {"coffee": 1}}}
    first = await _bought(till, anna, **asked)
    assert first["effects"][0]["gift"] == "COFFEE"
    assert first["effects"][0]["cost"] == {"points": 150}
    assert first["balances"]["points"]["available"] == 250
    assert (await _bought(till, anna))["effects"] == []
    await _bought(till, anna, **asked)
    exhausted = await till.accrue(anna, **asked)
    assert (exhausted.status_code, exhausted.json()["code"]) == (409, "budget_exhausted")
    returned = await _returned(till, first)
    assert returned["given_back"] == {"points": 150}
    assert returned["balances"]["points"]["available"] == 250
    assert (await _bought(till, anna, **asked))["balances"]["points"]["available"] == 100
    await _returned(till, await _bought(till, anna))
    poor = await till.accrue(anna, **asked)
    assert poor.status_code == 409


async def test_full_sets_convert_whoever_filled_them(admin: Desk, till: Desk) -> None:
    wallets = {"points": {"value": 100}, "stamps": {"value": 0, "convert": {"every": 3, "into": "points", "units": 50}}}
    stamp = {"id": "stamp", "kind": "bonus", "give": {"units_each": 1, "wallet": "stamps"}}
    await admin.publish(small_program(wallets=wallets, rules=[stamp]))
    anna = await till.register()
    assert (await _bought(till, anna, line(qty=2)))["balances"]["stamps"]["available"] == 2
    asked = {name: member for name, member in purchase(anna, line(qty=5)).items() if name != "receipt"}
    quoted = await till.good("POST", "/v1/quote", asked)
    bought = await _bought(till, anna, line(qty=5))
    assert quoted["balances"] == bought["balances"]
    assert {wallet: balance["available"] for wallet, balance in bought["balances"].items()} == {
        "points": 100,
        "stamps": 1,
    }
    adjusted = await admin.good(
        "POST", f"/v1/customers/{anna}/adjust", {"wallet": "stamps", "points": 2, "reason": "sorry"}
    )
    assert adjusted["balances"]["points"]["available"] == 150
    assert adjusted["balances"]["stamps"]["available"] == 0


async def test_a_customers_limit_holds_over_purchases_and_comes_back_by_share(admin: Desk, till: Desk) -> None:
    rule = {
        "id": "tenth",
        "kind": "discount",
        "give": {"percent": "10"},
        "limit": {"customer": {"max": 2500, "period": "month"}},
    }
    await admin.publish(small_program(rules=[rule]))
    anna, boris = await till.register(), await till.register()
    first = await _bought(till, anna, line(qty=2))
    second = await _bought(till, anna)
    assert [sale["totals"]["discount"] for sale in (first, second)] == [2000, 500]
    assert second["effects"][0]["limited_by"] == "customer"
    assert (await _bought(till, anna))["totals"]["discount"] == 0
    assert (await _bought(till, boris))["totals"]["discount"] == 1000
    await _returned(till, first, ("1", 1))
    assert (await _bought(till, anna))["totals"]["discount"] == 1000
    assert (await _bought(till, anna))["totals"]["discount"] == 0
