"""Chooses what a till does next."""

import random
from collections.abc import Callable, Mapping

from tests.chaos.calls import holds, offline, people, reads, sales
from tests.chaos.journal import Request
from tests.chaos.world import World

Make = Callable[[World, random.Random], list[Request]]

# Weights of a day at a till. A list of several requests is sent all at once, each under a key of its own.
USUAL: Mapping[Make, int] = {
    sales.accrue: 24,
    sales.redeem: 7,
    sales.redeem_race: 2,
    sales.give_back: 9,
    holds.place: 10,
    holds.end: 9,
    offline.upload: 2,
    people.register: 1,
    people.adjust: 3,
    people.event: 3,
    reads.quote: 8,
    reads.lookup: 4,
    reads.balance: 8,
    reads.sure_balance: 5,
    reads.history: 2,
    reads.purchase: 2,
}
RUSH: Mapping[Make, int] = {sales.accrue: 60, reads.quote: 20, reads.balance: 20}


class Maker:
    def __init__(self, world: World, luck: random.Random, *, weights: Mapping[Make, int] = USUAL) -> None:
        self._world = world
        self._luck = luck
        self._makes = list(weights)
        self._weights = list(weights.values())

    def make(self) -> list[Request]:
        """One request, or several that are to be sent at once; of kinds that the service has."""
        while True:
            (make,) = self._luck.choices(self._makes, self._weights)
            requests = make(self._world, self._luck)
            if requests and not any(request.kind in self._world.missing for request in requests):
                return requests
