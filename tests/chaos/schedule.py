"""When which accident happens: one after another, spaced over the run, in the order that the seed gives."""

import asyncio
import random
import time
from collections.abc import Callable

from tests.chaos.faults import Strike, strike
from tests.chaos.load import Load
from tests.chaos.plan import Plan
from tests.chaos.site import Site

FIRST_SECONDS = 2.0  # Nothing happens before.
PAUSE_SECONDS_MIN = 0.7
# The goodput before and after them is measured: nothing else happens for so long.
QUIET_KINDS = frozenset({"overload", "postgres frozen"})
QUIET_SECONDS = 5.0


async def strike_all(site: Site, load: Load, plan: Plan, *, say: Callable[[str], None]) -> list[Strike]:
    """All accidents of the plan; the load goes on. Raises what a till has died of."""
    luck = random.Random(f"strikes {plan.seed}")
    strikes: list[Strike] = []
    began = time.monotonic()
    await asyncio.sleep(FIRST_SECONDS)
    for place, kind in enumerate(plan.faults):
        load.check()
        if kind in QUIET_KINDS:
            await asyncio.sleep(QUIET_SECONDS)
        each = await strike(kind, site, load, luck)
        strikes.append(each)
        say(_line(each, load))
        if kind in QUIET_KINDS:
            await asyncio.sleep(QUIET_SECONDS)
        due = began + FIRST_SECONDS + plan.seconds * (place + 1) / max(1, len(plan.faults))
        await asyncio.sleep(max(PAUSE_SECONDS_MIN, due - time.monotonic() - luck.uniform(0, 1)))
        if time.monotonic() - began > plan.seconds_max:
            break
    await _until_enough(load, plan, give_up=began + plan.seconds_max)
    return strikes


async def _until_enough(load: Load, plan: Plan, *, give_up: float) -> None:
    while len(load.journal.ops) < plan.ops and time.monotonic() < give_up:
        load.check()
        await asyncio.sleep(0.2)


def _line(each: Strike, load: Load) -> str:
    at, took = each.began - load.journal.began, each.ended - each.began
    measured = "".join(f", {name} {value:.1f}" for name, value in each.seconds.items())
    return f"{at:6.1f} s  {each.kind:24} {took:4.1f} s  {each.hit}{measured}"
