"""Whatever starts after publish has answered is decided by the new version, in every worker and every instance."""

import asyncio
import time
from dataclasses import dataclass, field

from tests.kit import small_program
from tests.storm.stands import Ground, Till, sale, tills

QUOTERS, SELLERS = 6, 4
PUBLISHED = 7
PAUSE_SECONDS = 0.01


@dataclass(slots=True)
class Seen:
    """When requests began, and by which version they were decided."""

    quoted: list[tuple[float, int]] = field(default_factory=list)
    sold: list[tuple[float, int]] = field(default_factory=list)


async def test_after_publish_nothing_is_decided_by_the_version_before(arena: Ground) -> None:
    bearers = [await arena.key(f"P{place}") for place in range(QUOTERS + SELLERS)]
    customer = await arena.customer()
    seen, published = Seen(), []
    stop = asyncio.Event()
    with tills(arena.service.url, bearers) as crowd:
        hammering = [asyncio.create_task(_quote(till, seen, stop)) for till in crowd[:QUOTERS]]
        hammering += [asyncio.create_task(_sell(arena, till, customer, seen, stop)) for till in crowd[QUOTERS:]]
        for turn in range(PUBLISHED):
            rule = {"id": "base", "kind": "bonus", "give": {"per": {"amount": 100 + turn, "units": 1}}}
            version = await arena.admin.publish(small_program(rules=[rule]))
            published.append((time.monotonic(), version))
            await asyncio.sleep(0.1)
        stop.set()
        await asyncio.gather(*hammering)
    await arena.admin.publish(small_program())
    for name, decided in (("quotes", seen.quoted), ("purchases", seen.sold)):
        assert len(decided) > PUBLISHED, name
        for told_at, version in published:
            late = [by for began, by in decided if began > told_at and by < version]
            assert not late, f"{name} by an earlier version than {version}: {late}"
    await arena.audit()


async def _quote(till: Till, seen: Seen, stop: asyncio.Event) -> None:
    while not stop.is_set():
        began = time.monotonic()
        answer = await till.good("POST", "/v1/quote", sale(None))
        seen.quoted.append((began, answer["program"]))
        await asyncio.sleep(PAUSE_SECONDS)


async def _sell(arena: Ground, till: Till, customer: str, seen: Seen, stop: asyncio.Event) -> None:
    while not stop.is_set():
        began = time.monotonic()
        reply = await till.post("/v1/accrue", sale(customer))
        assert reply.status == 201, reply
        seen.sold.append((began, reply.json()["program"]))
        arena.note([reply])
        await asyncio.sleep(PAUSE_SECONDS)
