"""Holds: placed, captured in whole or in part, released, left to their time; often by several tills at once."""

import random
import time
from typing import Any

from tests.chaos.calls.parts import fresh
from tests.chaos.calls.sales import purchase_body
from tests.chaos.journal import Request
from tests.chaos.world import Held, World

PLAIN_SHARE = 0.4  # Of holds: points alone.
RACE_SHARE = 0.3  # Of endings: capture and release at once.
LEFT_SHARE = 0.25  # Of endings: looked at only, so that time ends it.


def place(world: World, luck: random.Random) -> list[Request]:
    customer = world.someone(luck)
    body: dict[str, Any]
    if luck.random() < PLAIN_SHARE:
        body = {
            "customer": {"id": customer.id},
            "wallet": "points",
            "points": luck.randint(1, 40),
            "receipt": {"number": fresh("H")},
            "reason": "gift",
        }
    else:
        body = purchase_body(customer, luck)
    body["ttl_seconds"] = luck.choice([1, 2, 3, 5, 30, 600])
    return [Request("hold", "POST", "/v1/holds", body, customer.id)]


def end(world: World, luck: random.Random) -> list[Request]:
    """One of the last holds, ended once or raced for; also such as have ended before."""
    if not world.held:
        return []
    held = world.held[-1 - min(int(luck.expovariate(0.15)), len(world.held) - 1)]
    if luck.random() < LEFT_SHARE and held.expires_at < time.time() + 5:
        return [Request("hold seen", "GET", f"/v1/holds/{held.id}", None, held.customer, hold=held.id)]
    if luck.random() < RACE_SHARE:
        return [_capture(held, luck), _release(held), _capture(held, luck)]
    return [_capture(held, luck) if luck.random() < 0.6 else _release(held)]


def _capture(held: Held, luck: random.Random) -> Request:
    body: dict[str, Any] = {}
    if held.lines and luck.random() < 0.4:
        line = luck.choice(sorted(held.lines))
        body = {"lines": [{"id": line, "qty": luck.randint(1, held.lines[line])}]}
    return Request("capture", "POST", f"/v1/holds/{held.id}/capture", body, held.customer, hold=held.id)


def _release(held: Held) -> Request:
    return Request("release", "POST", f"/v1/holds/{held.id}/release", {}, held.customer, hold=held.id)
