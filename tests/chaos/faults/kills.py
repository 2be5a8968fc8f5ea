"""Processes that end without a word: kill -9."""

import asyncio
import os
import signal
import time
from contextlib import suppress

import asyncpg

from tests.chaos.faults import Scene, fault
from tests.chaos.site import Site

BACK_SECONDS_MAX = 30.0
_VICTIMS = """
select pid, state from pg_stat_activity
where application_name like 'kopilka/%' and datname = current_database() order by (state = 'active') desc, random()
"""
_ABSENT = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, TimeoutError)


@fault("service killed")
async def service(scene: Scene) -> None:
    process = scene.site.services[scene.one()]
    process.kill()
    scene.strike.hit = process.name
    await asyncio.sleep(0.1)
    await scene.site.until_ready()


@fault("jobs killed")
async def jobs(scene: Scene) -> None:
    process = scene.luck.choice(scene.site.jobs)
    process.kill()
    scene.strike.hit = process.name
    await asyncio.sleep(1.0)


@fault("postgres killed")
async def postgres(scene: Scene) -> None:
    """Its first process and all sessions at once, as a power cut would."""
    pids = scene.site.engines.postgres_pids()
    scene.site.engines.kill(pids)
    scene.strike.hit = f"{len(pids)} processes"
    await until_database(scene.site)


@fault("backend killed")
async def backend(scene: Scene) -> None:
    """One session; PostgreSQL ends all others then, and recovers."""
    owner = await scene.site.owner()
    victim = await owner.fetchrow(_VICTIMS)
    owner.terminate()
    if victim is None:
        scene.not_measured("there was no session to kill")
        return
    with suppress(ProcessLookupError):
        os.kill(victim["pid"], signal.SIGKILL)
    scene.strike.hit = f"a session that was {victim['state']}"
    await asyncio.sleep(0.1)
    await until_database(scene.site)


@fault("valkey killed")
async def valkey(scene: Scene) -> None:
    scene.site.engines.kill(scene.site.engines.valkey_pids())
    await asyncio.sleep(1.0)


async def until_database(site: Site) -> None:
    """Returns when it takes connections and writes.

    Raises:
        RuntimeError: it doesn't come back.
    """
    give_up = time.monotonic() + BACK_SECONDS_MAX
    while time.monotonic() < give_up:
        try:
            owner = await site.owner()
            try:
                await owner.fetchval("select 1 from customers limit 1")
            finally:
                owner.terminate()
        except _ABSENT:
            await asyncio.sleep(0.02)
        else:
            return
    raise RuntimeError("PostgreSQL does not come back")
