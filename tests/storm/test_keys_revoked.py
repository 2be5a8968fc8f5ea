"""A revoked key is refused everywhere within five seconds, with Redis dead: no process trusts a signal."""

import asyncio
import time
from dataclasses import dataclass, field

from app.engines import ThrowawayEngines
from tests.kit import Stage, small_program
from tests.storm.stands import Till, ground, tills

PROMISED_SECONDS = 5.0
CONNECTIONS = 6  # An instance: each of its workers has some.
PAUSE_SECONDS = 0.02
WARM_SECONDS_MAX = 10.0  # Until every connection has had its first answer, with Redis dead and nothing warm.


@dataclass(slots=True)
class Seen:
    """When requests that were answered by 200 began; how often there was a 401."""

    taken: list[float] = field(default_factory=list)
    refused: int = 0


async def test_a_revoked_key_is_refused_by_every_process_with_redis_dead(
    engines: ThrowawayEngines, stage: Stage
) -> None:
    async with ground(stage, workers=2) as first, ground(stage) as second:
        await first.admin.publish(small_program())
        made = await first.admin.good("POST", "/v1/keys", {"role": "pos", "shops": ["S1"], "terminal": "gone"})
        engines.valkey.kill()
        try:
            seen, stop = [Seen() for _ in range(2 * CONNECTIONS)], asyncio.Event()
            bearers = [made["key"]] * CONNECTIONS
            with tills(first.service.url, bearers) as crowd, tills(second.service.url, bearers) as elsewhere:
                asking = [
                    asyncio.create_task(_ask(till, one, stop))
                    for till, one in zip((*crowd, *elsewhere), seen, strict=True)
                ]
                await asyncio.sleep(1.0)  # Long enough for each process to have missed Redis.
                for _ in range(int(WARM_SECONDS_MAX / PAUSE_SECONDS)):
                    if all(one.taken for one in seen):
                        break
                    await asyncio.sleep(PAUSE_SECONDS)
                assert all(one.taken for one in seen)
                await first.admin.good("POST", f"/v1/keys/{made['id']}/revoke")
                revoked = time.monotonic()
                await asyncio.sleep(PROMISED_SECONDS + 2.0)
                stop.set()
                await asyncio.gather(*asking)
        finally:
            engines.valkey.start()
        assert max(one.taken[-1] for one in seen) - revoked < PROMISED_SECONDS
        assert all(one.refused for one in seen)


async def _ask(till: Till, seen: Seen, stop: asyncio.Event) -> None:
    while not stop.is_set():
        began = time.monotonic()
        reply = await till.call("GET", "/v1/requests/x")
        if reply.status == 200:
            seen.taken.append(began)
        else:
            assert reply.status == 401, reply
            seen.refused += 1
        await asyncio.sleep(PAUSE_SECONDS)
