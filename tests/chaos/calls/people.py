"""What people do at a desk, and the acts of customers that are no purchases."""

import random

from tests.chaos.calls.parts import fresh
from tests.chaos.journal import Request
from tests.chaos.world import World


def register(world: World, luck: random.Random) -> list[Request]:
    return [Request("register", "POST", "/v1/customers", {"card": fresh("77")})]


def adjust(world: World, luck: random.Random) -> list[Request]:
    customer = world.someone(luck)
    body = {"wallet": "points", "points": luck.choice([-30, 50, 200]), "reason": "chaos"}
    return [Request("adjust", "POST", f"/v1/customers/{customer.id}/adjust", body, customer.id, role="support")]


def event(world: World, luck: random.Random) -> list[Request]:
    customer = world.someone(luck)
    return [Request("event", "POST", f"/v1/customers/{customer.id}/events", {"type": "review"}, customer.id)]
