"""Receipts made without connection, uploaded in batches."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.chaos.calls.parts import basket, fresh
from tests.chaos.journal import Request
from tests.chaos.world import World

BATCH_MAX = 8
REDEEM_SHARE = 0.5  # Of receipts of customers whom somebody has looked up: points are spent by the allowance.


def upload(world: World, luck: random.Random) -> list[Request]:
    """A till's receipts of the last hour; now and then one of them is bad, or there twice."""
    receipts = [_receipt(world, luck) for _ in range(luck.randint(1, BATCH_MAX))]
    if luck.random() < 0.2:
        receipts.append({**receipts[0]})
    if luck.random() < 0.1:
        receipts.append({**_receipt(world, luck), "customer": {"card": "nobody-has-this"}})
    return [Request("offline", "POST", "/v1/receipts/offline", receipts)]


def _receipt(world: World, luck: random.Random) -> dict[str, Any]:
    executed_at = datetime.now(UTC) - timedelta(seconds=luck.uniform(1, 3_600))
    goods = basket(luck)
    for line in goods["lines"]:
        line["discount"] = luck.choice([0, 0, 5])
    customer = world.someone(luck).id
    receipt: dict[str, Any] = {
        "executed_at": executed_at.isoformat(),
        "customer": {"id": customer},
        "receipt": {"number": fresh("O")},
        "basket": goods,
    }
    if customer in world.allowances and luck.random() < REDEEM_SHARE:
        spent = {"redeem": {"points": luck.randint(1, 60)}, "allowance": world.allowances[customer]}
        receipt |= spent | {"executed_at": datetime.now(UTC).isoformat()}
    return receipt
