"""What time does while every job is dead: tried on customers of their own, when all else is calm."""

import asyncio
from typing import Any

from tests.chaos.calls.parts import ago, fresh
from tests.chaos.client import Client
from tests.chaos.journal import Op, Request
from tests.chaos.load import Load
from tests.chaos.program import LIFE_DAYS, WAIT_DAYS

POINTS = 100
TTL_SECONDS = 3  # Time enough for a request that comes before it.
LOT_SECONDS = 1.5
LATE_SECONDS = 0.3  # After the instant.


async def probe(load: Load) -> dict[str, str]:
    """What failed, by what was tried; the jobs are dead meanwhile."""
    jobs = load.site.jobs
    for process in jobs:
        process.is_wanted = False
        process.kill()
    client = load.client(0)
    client.patience = 10.0
    try:
        failed = await asyncio.gather(_lot_expires(client), _lot_activates(client), _hold_expires(client))
    finally:
        client.close()
        for process in jobs:
            process.is_wanted = True
    names = ("a lot expires at its instant", "a lot becomes active at its instant", "a hold ends at its instant")
    return {name: what for name, what in zip(names, failed, strict=True) if what}


async def _lot_expires(client: Client) -> str:
    customer = await _newcomer(client)
    await _sell(client, customer, at=ago(days=LIFE_DAYS, less_seconds=LOT_SECONDS))
    await asyncio.sleep(LOT_SECONDS + LATE_SECONDS)
    left = await _balance(client, customer, "points")
    spent = await _redeem(client, customer, 1)
    return "" if not left["available"] and not spent.is_good else f"{left}, a redemption: {spent.outcome()}"


async def _lot_activates(client: Client) -> str:
    customer = await _newcomer(client)
    await _sell(client, customer, at=ago(days=WAIT_DAYS, less_seconds=LOT_SECONDS))
    await asyncio.sleep(LOT_SECONDS + LATE_SECONDS)
    there = await _balance(client, customer, "cashback")
    return "" if there["available"] and not there["pending"] else f"{there}"


async def _hold_expires(client: Client) -> str:
    """All that was set aside is spendable on either instance; the hold is over, and says so."""
    if "hold" in client.world.missing:
        return ""
    customer = await _newcomer(client)
    await _do(client, f"/v1/customers/{customer}/adjust", _points(POINTS), customer, role="support")
    body = {"customer": {"id": customer}, "receipt": {"number": fresh("P")}, "wallet": "points", "points": POINTS}
    held = await _do(client, "/v1/holds", {**body, "reason": "probe", "ttl_seconds": TTL_SECONDS}, customer)
    if not held.is_good:
        return f"it could not be placed: {held.outcome()}"
    early = await _redeem(client, customer, POINTS)
    await asyncio.sleep(TTL_SECONDS + LATE_SECONDS)
    late = await _do(client, f"/v1/holds/{held.said['id']}/capture", {}, customer)
    spent = await _redeem(client, customer, POINTS)
    code = late.answer.code if late.answer else None
    if early.is_good or code != "hold_expired" or not spent.is_good:
        return f"before it {early.outcome()}, capture after it {late.outcome()}, redemption after it {spent.outcome()}"
    return ""


async def _newcomer(client: Client) -> str:
    op = client.open(Request("register", "POST", "/v1/customers", {"card": fresh("76")}))
    op.rival = -1  # The other tills don't hear of the customer.
    await client.settle(op)
    return str(op.said["id"])


async def _sell(client: Client, customer: str, *, at: str) -> None:
    lines = [{"id": "1", "price": 100_000, "qty": 1}]
    body = {"customer": {"id": customer}, "receipt": {"number": fresh("P")}, "basket": {"lines": lines}, "at": at}
    op = client.open(Request("accrue", "POST", "/v1/accrue", body, customer))
    op.rival = -1
    await client.settle(op)


async def _redeem(client: Client, customer: str, points: int) -> Op:
    body = {"customer": {"id": customer}, "receipt": {"number": fresh("P")}, "wallet": "points", "points": points}
    return await _do(client, "/v1/redeem", {**body, "reason": "probe"}, customer)


async def _balance(client: Client, customer: str, wallet: str) -> dict[str, int]:
    op = client.open(Request("probe", "GET", f"/v1/customers/{customer}/balance", None, customer))
    await client.settle(op)
    return dict(op.said["wallets"][wallet])


async def _do(client: Client, target: str, body: dict[str, Any], customer: str, *, role: str = "pos") -> Op:
    op = client.open(Request("probe", "POST", target, body, customer, role=role))
    op.rival = -1
    await client.settle(op)
    return op


def _points(points: int) -> dict[str, Any]:
    return {"wallet": "points", "points": points, "reason": "probe"}
