"""Sales, and what comes back."""

import random
from typing import Any

from tests.chaos.calls.parts import ago, basket, fresh
from tests.chaos.journal import Request
from tests.chaos.program import CODES, LIFE_DAYS, WAIT_DAYS
from tests.chaos.world import Bought, Customer, World

ANONYMOUS_SHARE = 0.03
REDEEM_SHARE = 0.33
COUPON_SHARE = 0.12
PATIENT_SHARE = 0.5  # Of purchases with a limit to the till's patience.
RACE_SHARE = 0.2  # Of returns: two at once for the same goods.
RACERS = 4


def purchase_body(customer: Customer | None, luck: random.Random) -> dict[str, Any]:
    body: dict[str, Any] = {"receipt": {"number": fresh("R")}, "basket": basket(luck)}
    if customer is None:
        return body
    body["customer"] = {"card": customer.card} if luck.random() < 0.7 else {"id": customer.id}
    if luck.random() < REDEEM_SHARE:
        body["redeem"] = {"points": "max" if luck.random() < 0.7 else luck.randint(1, 40)}
    if luck.random() < COUPON_SHARE:
        body["basket"]["coupons"] = [luck.choice(CODES)]
    return body


def accrue(world: World, luck: random.Random) -> list[Request]:
    """A purchase; of a brief customer one whose points soon end or begin."""
    customer = None if luck.random() < ANONYMOUS_SHARE else world.someone(luck)
    body = purchase_body(customer, luck)
    if customer is not None and customer.is_brief:
        days = luck.choice([LIFE_DAYS, WAIT_DAYS])
        body["at"] = ago(days=days, less_seconds=luck.uniform(1, 6))
    return [Request("accrue", "POST", "/v1/accrue", body, customer.id if customer else None)]


def redeem(world: World, luck: random.Random) -> list[Request]:
    """Points for a gift."""
    customer = world.someone(luck)
    return [_gift(customer, luck.randint(1, 60))]


def redeem_race(world: World, luck: random.Random) -> list[Request]:
    """Several tills at once spend what one of them alone could."""
    customer = luck.choice(world.hot)
    points = luck.randint(60, 400)
    return [_gift(customer, points) for _ in range(RACERS)]


def _gift(customer: Customer, points: int) -> Request:
    body = {
        "customer": {"id": customer.id},
        "wallet": "points",
        "points": points,
        "receipt": {"number": fresh("G")},
        "reason": "gift",
    }
    return Request("redeem", "POST", "/v1/redeem", body, customer.id)


def give_back(world: World, luck: random.Random) -> list[Request]:
    """Some of a purchase, or all that is left, by its id or by its receipt; now and then twice at once."""
    if not world.bought:
        return []
    bought = luck.choice(world.bought)
    racers = 2 if luck.random() < RACE_SHARE else 1
    return [_return(bought, luck) for _ in range(racers)]


def _return(bought: Bought, luck: random.Random) -> Request:
    body: dict[str, Any] = {"receipt": {"number": fresh("V")}}
    if luck.random() < 0.35:
        body["all"] = True
    else:
        body["lines"] = [{"id": luck.choice(sorted(bought.left)), "qty": luck.randint(1, 2)}]
    target = f"/v1/purchases/{bought.id}/returns"
    if bought.number and luck.random() < 0.4:
        body["purchase"] = {"shop": "S1", "terminal": bought.terminal, "number": bought.number}
        target = "/v1/returns"
    return Request("return", "POST", target, body, bought.customer, purchase=bought.id)
