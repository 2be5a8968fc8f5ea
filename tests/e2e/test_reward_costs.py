"""Rewards bought with points: no return brings their cost back while they stay. The ledger's own audit at the end."""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from tests.kit import Desk, line, purchase, refund, small_program
from tests.storm.audit import audit

RULES = [
    {"id": "gc", "kind": "reward", "on": {"sku": ["G"]}, "give": {"coupon": "winter"}, "cost": {"points": 150}},
    {"id": "gg", "kind": "reward", "on": {"sku": ["G"]}, "give": {"gift": "MUG"}, "cost": {"points": 70}},
    {"id": "tenth", "kind": "discount", "when": {"coupon": ["winter"]}, "give": {"percent": "10"}},
]


@pytest.fixture(autouse=True)
async def audited(owner: asyncpg.Connection) -> AsyncIterator[None]:
    yield
    await audit(owner)


@pytest.fixture
async def customer(till: Desk, admin: Desk) -> str:
    """With 1,000 points, where a code of the pool can be had."""
    await admin.publish(small_program(rules=RULES))
    await admin.good("POST", "/v1/coupons", {"pool": "winter", "count": 1})
    anna = await till.register()
    points = {"wallet": "points", "points": 1000, "reason": "gift"}
    await admin.good("POST", f"/v1/customers/{anna}/adjust", points)
    return anna


async def _bought(till: Desk, customer: str) -> tuple[str, str]:
    """The purchase and the code: a line of one kopeck, on which the costs stand, beside a dear one."""
    lines = (line(1, price=1, sku="G"), line(2, price=50000, sku="Z"))
    sold = await till.good("POST", "/v1/accrue", purchase(customer, *lines, redeem={"rewards": {"gc": 1, "gg": 1}}))
    assert sold["totals"]["redeemed_units"] == {"points": 220}
    assert sold["balances"]["points"]["available"] == 780
    (code,) = (code for effect in sold["effects"] for code in effect.get("codes") or ())
    return sold["id"], code


async def _returned(till: Desk, sold: str, *lines: tuple[str, int], preview: bool = False) -> dict[str, Any]:
    path = f"/v1/purchases/{sold}/returns" + ("?preview=true" if preview else "")
    returned: dict[str, Any] = await till.good("POST", path, refund(*lines))
    return returned


async def test_returning_a_kopeck_brings_no_points_back(till: Desk, customer: str, owner: asyncpg.Connection) -> None:
    sold, code = await _bought(till, customer)
    back = await _returned(till, sold, ("1", 1))
    assert (back["refund"], back["voided"], back["costs_kept"]) == (1, [], {})
    assert not any(back["given_back"].values())
    assert back["balances"]["points"]["available"] == 780
    rest = await _returned(till, sold)
    assert (rest["given_back"], rest["costs_kept"], rest["voided"]) == ({"points": 220}, {}, [code])
    assert rest["balances"]["points"]["available"] == 1000
    seen = await owner.fetch(
        "select line_id, redeemed, given_back from audit_purchase_line where purchase_id = $1 and wallet = 'points'",
        sold,
    )
    assert [tuple(row) for row in seen] == [("1", 220, 220)]


async def test_a_code_that_was_used_keeps_what_it_cost(till: Desk, customer: str, owner: asyncpg.Connection) -> None:
    sold, code = await _bought(till, customer)
    body = purchase(customer, line(price=10000))
    body["basket"]["coupons"] = [code]
    assert (await till.good("POST", "/v1/accrue", body))["totals"]["paid"] == 9000
    shown = await _returned(till, sold, preview=True)
    back = await _returned(till, sold)
    for answer in (shown, back):
        assert (answer["given_back"], answer["costs_kept"], answer["voided"]) == ({"points": 70}, {"points": 150}, [])
        assert answer["balances"]["points"]["available"] == 850
    seen = await owner.fetch(
        "select redeemed, given_back from audit_purchase_line where purchase_id = $1 and wallet = 'points'", sold
    )
    assert [tuple(row) for row in seen] == [(220, 70)]
