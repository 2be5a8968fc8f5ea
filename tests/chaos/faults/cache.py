"""What Valkey tells: nothing, nonsense, lies; and that it has no room."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from uuid import UUID

from redis.asyncio import Redis

from app.cache.codec import from_body
from tests.chaos.faults import Scene, fault
from tests.storm.poison import SIGNATURE_BYTES, Poison

SECONDS = 1.5
FULL_SECONDS = 2.5
PAUSE_SECONDS = 0.05


@fault("valkey emptied")
async def emptied(scene: Scene) -> None:
    """Again and again."""
    over = time.monotonic() + SECONDS
    async with _redis(scene) as redis:
        while time.monotonic() < over:
            await redis.flushall()
            scene.strike.seconds["times"] = scene.strike.seconds.get("times", 0) + 1
            await asyncio.sleep(PAUSE_SECONDS)


@fault("valkey poisoned")
async def poisoned(scene: Scene) -> None:
    """Wrong types, garbage, other people's points and ten times the points, wherever the service looks."""
    over = time.monotonic() + SECONDS
    planted = 0
    async with _redis(scene) as redis:
        poison = Poison(redis)
        await poison.keep()
        # Lies of an earlier time, about customers nobody has asked for since, are no material for new ones.
        poison._values = {name: value for name, value in poison._values.items() if _is_genuine(name, value)}
        names = sorted(poison._values)
        while time.monotonic() < over and len(names) > 1:
            for name in names:
                await scene.luck.choice(poison.lies)(name)
                planted += 1
            async for key in redis.scan_iter("kopilka:*:i:*", count=200):
                await poison.wrong_type(key.decode())
                planted += 1
            await asyncio.sleep(PAUSE_SECONDS)
    if planted:
        scene.strike.hit = f"{planted} lies"
    else:
        scene.not_measured("there was nothing to be poisoned")


@fault("valkey out of memory")
async def out_of_memory(scene: Scene) -> None:
    """It answers, and has room for nothing new."""
    async with _redis(scene) as redis:
        before = await redis.config_get("maxmemory", "maxmemory-policy")
        await redis.config_set("maxmemory-policy", "noeviction", "maxmemory", "1mb")
        await asyncio.sleep(FULL_SECONDS)
        for name, value in before.items():
            await redis.config_set(str(name), str(value))


def _is_genuine(name: str, value: Mapping[bytes, bytes]) -> bool:
    try:
        from_body(value.get(b"b", b"")[SIGNATURE_BYTES:], UUID(hex=name.rpartition(":")[2]))
    except (KeyError, TypeError, ValueError):
        return False
    return True


@asynccontextmanager
async def _redis(scene: Scene) -> AsyncIterator[Redis]:
    async with Redis.from_url(scene.site.stage.redis_url) as redis:
        yield redis
