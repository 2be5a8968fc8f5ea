"""An instance whose clock is two hours wrong, from now until the next such accident."""

import asyncio

from tests.chaos.faults import Scene, fault

SKEW_SECONDS = 7_200.0
PLACE = 1


@fault("clock skewed")
async def skewed(scene: Scene) -> None:
    process = scene.site.services[PLACE]
    sign = -1 if process.skew > 0 or (process.skew == 0 and scene.luck.random() < 0.5) else 1
    process.skew = sign * SKEW_SECONDS
    process.kill()
    scene.strike.hit = f"{process.name}, {process.skew / 3600:+.0f} h"
    await asyncio.sleep(0.1)
    await scene.site.until_ready()
