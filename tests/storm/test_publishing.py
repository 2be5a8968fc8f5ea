"""Whatever starts after publish has answered is decided by the new version, in every worker and every instance."""

import asyncio
import time
from dataclasses import dataclass, field

from tests.kit import small_program
from tests.storm.stands import Cable, Ground, Till, sale, tills

QUOTERS, SELLERS = 4, 2
PUBLISHED = 3
PAUSE_SECONDS = 0.01


@dataclass(slots=True)
class Seen:
    """When requests began, and by which version they were decided."""

    quoted: list[tuple[float, int]] = field(default_factory=list)
    sold: list[tuple[float, int]] = field(default_factory=list)


async def test_after_publish_no_worker_decides_by_the_version_before(arena: Ground) -> None:
    await _hammer(arena, others=arena)


async def test_after_publish_no_other_instance_decides_by_the_version_before(cable: Cable) -> None:
    await _hammer(cable.ground, others=cable.beside)


async def _hammer(stand: Ground, *, others: Ground) -> None:
    """Quotes and purchases without a pause, there and elsewhere, around some versions published here."""
    bearers = [await stand.key(f"P{place}") for place in range(QUOTERS + SELLERS)]
    customer = await stand.customer()
    seen, published = Seen(), []
    stop = asyncio.Event()
    with tills(stand.service.url, bearers) as crowd, tills(others.service.url, bearers) as elsewhere:
        hammering = [asyncio.create_task(_quote(till, seen, stop)) for till in (*crowd[:QUOTERS], *elsewhere[:QUOTERS])]
        hammering += [
            asyncio.create_task(_sell(stand, till, customer, seen, stop))
            for till in (*crowd[QUOTERS:], *elsewhere[QUOTERS:])
        ]
        for turn in range(PUBLISHED):
            rule = {"id": "base", "kind": "bonus", "give": {"per": {"amount": 100 + turn, "units": 1}}}
            version = await stand.admin.publish(small_program(rules=[rule]))
            published.append((time.monotonic(), version))
            await asyncio.sleep(0.1)
        stop.set()
        await asyncio.gather(*hammering)
    await stand.admin.publish(small_program())
    for name, decided in (("quotes", seen.quoted), ("purchases", seen.sold)):
        assert len(decided) > PUBLISHED, name
        for told_at, version in published:
            late = [by for began, by in decided if began > told_at and by < version]
            assert not late, f"{name} by an earlier version than {version}: {late}"
    await stand.audit()


async def _quote(till: Till, seen: Seen, stop: asyncio.Event) -> None:
    while not stop.is_set():
        began = time.monotonic()
        answer = await till.good("POST", "/v1/quote", sale(None))
        seen.quoted.append((began, answer["program"]))
        await asyncio.sleep(PAUSE_SECONDS)


async def _sell(stand: Ground, till: Till, customer: str, seen: Seen, stop: asyncio.Event) -> None:
    while not stop.is_set():
        began = time.monotonic()
        reply = await till.post("/v1/accrue", sale(customer))
        assert reply.status == 201, reply
        seen.sold.append((began, reply.json()["program"]))
        stand.note([reply])
        await asyncio.sleep(PAUSE_SECONDS)
