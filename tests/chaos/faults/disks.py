"""Disks without room: the data's, and the log's, on which PostgreSQL ends."""

import asyncio
import time

import asyncpg

from tests.chaos.faults import Scene, fault
from tests.chaos.faults.kills import until_database

SECONDS = 3.0
_ENDED = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, TimeoutError)


@fault("data disk full")
async def data(scene: Scene) -> None:
    disk = scene.site.engines.data
    if not disk.is_small:
        scene.not_measured("mounting isn't permitted here")
        return
    scene.strike.hit = f"{disk.fill() >> 20} MB of ballast"
    await asyncio.sleep(SECONDS)
    disk.free()
    await until_database(scene.site)


@fault("log disk full")
async def log(scene: Scene) -> None:
    """Segments are switched until PostgreSQL needs a new one, and ends for want of it."""
    disk = scene.site.engines.log
    if not disk.is_small:
        scene.not_measured("mounting isn't permitted here")
        return
    crashes = scene.site.engines.crashes
    ballast = disk.fill() >> 20
    over = time.monotonic() + SECONDS
    try:
        owner = await scene.site.owner()
        while time.monotonic() < over:
            await owner.execute("select pg_switch_wal()", timeout=1)
            await asyncio.sleep(0.05)
        owner.terminate()
    except _ENDED:
        await asyncio.sleep(max(0.5, over - time.monotonic()))
    disk.free()
    await until_database(scene.site)
    ended = scene.site.engines.crashes > crashes
    scene.strike.hit = f"{ballast} MB of ballast; PostgreSQL {'ended' if ended else 'stayed'}"
