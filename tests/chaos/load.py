"""All tills at work, and the people who open the shop: keys, customers, the program, coupons."""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx

from tests.chaos.calls import Maker
from tests.chaos.calls.maker import RUSH
from tests.chaos.client import Client, Knobs
from tests.chaos.emphasis import emphasis_of
from tests.chaos.journal import Journal
from tests.chaos.plan import Plan
from tests.chaos.program import CODE_USES, CODES, PROGRAM
from tests.chaos.site import Site
from tests.chaos.world import Customer, World
from tests.kit import Desk

HOT, COLD, BRIEF = 4, 60, 6
START_POINTS = 300
RUSH_TIMES = 5
# What a service that hasn't the call answers to a request of nobody and nothing.
OPTIONAL = {"hold": "/v1/holds", "offline": "/v1/receipts/offline"}


@dataclass(slots=True)
class Load:
    """`clients` work until `stop`; `calm` is one more, for whoever looks after things."""

    site: Site
    plan: Plan
    journal: Journal
    world: World
    bearers: dict[str, str]
    knobs: Knobs = field(default_factory=Knobs)
    clients: list[Client] = field(default_factory=list)
    _tasks: list["asyncio.Task[None]"] = field(default_factory=list)

    def start(self) -> None:
        for client in self.clients:
            self._tasks.append(asyncio.create_task(client.work()))

    async def stop(self) -> None:
        """Every till finishes what it has begun."""
        self.knobs.is_over = True
        await asyncio.gather(*self._tasks)

    def check(self) -> None:
        """Raises what a till has died of, if one has."""
        for task in self._tasks:
            if task.done() and not self.knobs.is_over:
                task.result()

    async def rush(self, *, seconds: float) -> None:
        """Five times as many tills for a while."""
        knobs = Knobs(hang_up_share=0.0)
        extra = [
            self.client(1_000 + place, knobs=knobs, is_rush=True)
            for place in range((RUSH_TIMES - 1) * len(self.clients))
        ]
        tasks = [asyncio.create_task(client.work()) for client in extra]
        await asyncio.sleep(seconds)
        knobs.is_over = True
        await asyncio.gather(*tasks)
        for client in extra:
            client.close()

    def client(self, number: int, *, knobs: Knobs | None = None, is_rush: bool = False) -> Client:
        """A till; whoever has no terminal of its own works at the last one."""
        luck = random.Random(f"{self.plan.seed} {number} {time.monotonic() if is_rush else ''}")
        pos = self.bearers.get(f"T{number}", self.bearers["T0"])
        weights = RUSH if is_rush else emphasis_of(self.plan.emphasis).weights
        return Client(
            number if f"T{number}" in self.bearers else 0,
            [proxy.url for proxy in self.site.front],
            {"pos": pos, "support": self.bearers["support"], "admin": self.bearers["admin"]},
            self.journal,
            self.world,
            Maker(self.world, luck, weights=weights),
            luck,
            knobs or self.knobs,
        )


@asynccontextmanager
async def opened_shop(site: Site, plan: Plan) -> AsyncIterator[Load]:
    """The tills of a shop with customers; nobody works yet."""
    bearers = {name: await site.stage.noted_key("pos", shop="S1", terminal=name) for name in _terminals(plan)}
    bearers |= {role: await site.stage.noted_key(role) for role in ("support", "admin")}
    world = World()
    async with httpx.AsyncClient(base_url=site.front[0].url, timeout=10) as http:
        admin = Desk(http, bearers["admin"])
        await admin.publish(PROGRAM)
        for code in CODES:
            await admin.good("POST", "/v1/coupons", {"code": code, "uses": CODE_USES})
        for place in range(HOT + COLD + BRIEF):
            await _welcome(admin, world, place)
        for kind, target in OPTIONAL.items():
            if (await admin.post(target, {})).status_code in {404, 405}:
                world.missing.add(kind)
    knobs = Knobs(twice_share=emphasis_of(plan.emphasis).twice_share)
    load = Load(site, plan, Journal(), world, bearers, knobs)
    load.clients = [load.client(place) for place in range(1, plan.clients + 1)]
    try:
        yield load
    finally:
        load.knobs.is_over = True
        for task in load._tasks:
            task.cancel()
        await asyncio.gather(*load._tasks, return_exceptions=True)
        for client in load.clients:
            client.close()


def _terminals(plan: Plan) -> list[str]:
    return [f"T{place}" for place in range(plan.clients + 1)]


async def _welcome(admin: Desk, world: World, place: int) -> None:
    card = f"7000{place:04}"
    customer = Customer(await admin.register(card=card), card, is_brief=place >= HOT + COLD)
    await admin.good(
        "POST",
        f"/v1/customers/{customer.id}/adjust",
        {"wallet": "points", "points": START_POINTS, "reason": "welcome"},
    )
    where = world.hot if place < HOT else world.cold if place < HOT + COLD else world.brief
    where.append(customer)
