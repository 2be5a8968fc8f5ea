"""Processes that stand still for a while: SIGSTOP."""

import asyncio
import signal

from tests.chaos.engines import frozen
from tests.chaos.faults import Scene, fault

POSTGRES_SECONDS = 4.0  # Longer than the service's patience.
SERVICE_SECONDS = 3.0
VALKEY_SECONDS = 3.0


@fault("postgres frozen")
async def postgres(scene: Scene) -> None:
    pids = scene.site.engines.postgres_pids()
    scene.strike.hit = f"{len(pids)} processes"
    with frozen(pids):
        await asyncio.sleep(POSTGRES_SECONDS)


@fault("service frozen")
async def service(scene: Scene) -> None:
    process = scene.site.services[scene.one()]
    scene.strike.hit = process.name
    process.signal(signal.SIGSTOP)
    await asyncio.sleep(SERVICE_SECONDS)
    process.signal(signal.SIGCONT)


@fault("valkey frozen")
async def valkey(scene: Scene) -> None:
    with frozen(scene.site.engines.valkey_pids()):
        await asyncio.sleep(VALKEY_SECONDS)
