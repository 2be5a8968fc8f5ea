"""Tills: five times too many of them, and such as leave in the middle."""

import asyncio
import time

from tests.chaos.faults import Scene, fault
from tests.chaos.load import RUSH_TIMES

HANG_UP_SECONDS = 2.0
RUSH_SECONDS = 5.0


@fault("clients hang up")
async def hang_up(scene: Scene) -> None:
    knobs = scene.load.knobs
    before, knobs.hang_up_share = knobs.hang_up_share, 0.5
    await asyncio.sleep(HANG_UP_SECONDS)
    knobs.hang_up_share = before


@fault("overload")
async def overload(scene: Scene) -> None:
    scene.strike.hit = f"{RUSH_TIMES} times the tills"
    over = time.monotonic() + RUSH_SECONDS
    await scene.load.rush(seconds=RUSH_SECONDS)
    scene.strike.ended = over  # What the crowd had begun took its time; nobody of it asked for more.
