"""Tills that get in each other's way on purpose."""

import random

from tests.chaos.calls.parts import fresh
from tests.chaos.journal import Request
from tests.chaos.world import World

RACERS = 4
LATEST = 20  # Purchases that the race may be about: of older ones little is left.


def give_back_race(world: World, luck: random.Random) -> list[Request]:
    """Several tills at once take back all that is left of a purchase."""
    if not world.bought:
        return []
    bought = world.bought[-1 - luck.randrange(min(LATEST, len(world.bought)))]
    target = f"/v1/purchases/{bought.id}/returns"
    return [
        Request(
            "return", "POST", target, {"receipt": {"number": fresh("V")}, "all": True}, bought.customer,
            purchase=bought.id,
        )
        for _ in range(RACERS)
    ]  # fmt: skip
