"""A customer who is locked by an instance that was cut off in the middle: free again on the other one, and how soon."""

import asyncio
import random
import time

from tests.chaos.calls.sales import purchase_body
from tests.chaos.faults import Scene, fault
from tests.chaos.journal import Request
from tests.chaos.world import Customer
from tests.storm.commits import commit
from tests.storm.proxy import Fate, Pass, Side, Swallow, nothing_wrong

FREE_SECONDS_MAX = 12.0  # Looked at for so long; the promise is shorter.
FREE = "free after"


@fault("half-open with a lock")
async def half_open(scene: Scene) -> None:
    """Its commit is swallowed on the way out, then everything is."""
    cut, other = 0, 1
    client, line = scene.load.client(0), scene.site.database[cut]
    customer = await _newcomer(scene)
    swallowed = asyncio.Event()
    is_commit = commit()

    def swallow(side: Side, data: bytes) -> Fate:
        if is_commit(side, data):
            swallowed.set()
            return Swallow()
        return Pass()

    op = client.open(_sale(customer, scene.luck))
    line.fault = swallow
    asked = asyncio.create_task(client.attempt(op, instance=cut))
    await asyncio.wait([asyncio.create_task(swallowed.wait()), asked], return_when=asyncio.FIRST_COMPLETED)
    await asyncio.sleep(0.3)  # A neighbour's commit may have been the first to go.
    began = time.monotonic()
    line.is_black_hole = True
    probe = client.open(_sale(customer, scene.luck))
    while not probe.is_good and time.monotonic() - began < FREE_SECONDS_MAX:
        await client.attempt(probe, instance=other)
        await asyncio.sleep(0.1)
    scene.strike.seconds[FREE] = time.monotonic() - began
    scene.strike.hit = scene.site.services[cut].name
    line.is_black_hole, line.fault = False, nothing_wrong
    line.cut_all()
    await asked
    client.close()


async def _newcomer(scene: Scene) -> Customer:
    """Whom nobody else asks about."""
    client = scene.load.client(0)
    card = f"79{scene.luck.randrange(10**8):08}"
    op = client.open(Request("register", "POST", "/v1/customers", {"card": card}))
    op.rival = -1  # The other tills don't hear of the customer.
    await client.settle(op)
    client.close()
    return Customer(op.said["id"], card)


def _sale(customer: Customer, luck: random.Random) -> Request:
    body = purchase_body(None, luck) | {"customer": {"id": customer.id}}
    return Request("accrue", "POST", "/v1/accrue", body, customer.id)
