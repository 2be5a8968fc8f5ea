"""The service ends under load: asked to, or with no time to say goodbye."""

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import asyncpg
import pytest

from app.engines import ThrowawayEngines
from tests.kit import Stage, free_port, small_program
from tests.storm.stands import Ground, Till, address_of, children_of, fresh, ground, sale, tills
from tests.storm.wire import Lost, Reply

CLIENTS = 12
UNDER_LOAD_SECONDS = 0.6
REPLACED_SECONDS_MAX = 30.0
WAITS_SECONDS_MAX = 5.0  # Until the database has a request that waits for a locked customer.
LOCKED_SECONDS = 0.35  # After that: less than a round's patience with a locked customer.
# Locks, as they are now: what pg_stat_activity says stands still in a transaction.
WAITS = "select exists (select from pg_locks where not granted and pg_backend_pid() = any(pg_blocking_pids(pid)))"


@dataclass(slots=True)
class Tape:
    """What one till sent, and what it heard."""

    heard: dict[str, tuple[dict[str, Any], Reply]] = field(default_factory=dict)
    unheard: dict[str, dict[str, Any]] = field(default_factory=dict)


@pytest.mark.parametrize(("number", "workers"), [(signal.SIGTERM, 2), (signal.SIGINT, 1)], ids=["SIGTERM", "SIGINT"])
async def test_a_stop_under_load_loses_nothing_that_was_answered(
    stage: Stage, number: signal.Signals, workers: int
) -> None:
    async with ground(stage, workers=workers) as stand:
        process = stand.service.process
        tapes, in_progress = await _sell_until(stand, stop=lambda: process.send_signal(number))
        assert in_progress is not None
        assert in_progress.status == 201, "what was in progress is finished"
        assert await asyncio.to_thread(process.wait, 15) == 0
        with pytest.raises(OSError, match="Connect call failed"):
            await asyncio.open_connection(*address_of(stand.service.url))
        await _all_there(stand, tapes)


async def test_a_killed_service_answers_with_the_same_bytes_after_its_restart(stage: Stage) -> None:
    port = free_port()
    async with ground(stage, port=port) as stand:
        tapes, in_progress = await _sell_until(stand, stop=stand.service.kill)
        assert in_progress is None
    async with ground(stage, port=port) as again:
        bearers = [await again.key(f"E{place}") for place in range(CLIENTS)]
        with tills(again.service.url, bearers) as crowd:
            await asyncio.gather(*(_settle(till, tape) for till, tape in zip(crowd, tapes, strict=True)))
        await _all_there(again, tapes)


async def test_a_killed_worker_loses_nothing_and_is_replaced(arena: Ground) -> None:
    supervisor = arena.service.process.pid
    customers = [await arena.customer() for _ in range(4)]
    bearers = [await arena.key(f"E{place}") for place in range(CLIENTS)]
    tapes = [Tape() for _ in bearers]
    before = children_of(supervisor)
    with tills(arena.service.url, bearers) as crowd:
        selling = [asyncio.create_task(_sell(till, tape, customers)) for till, tape in zip(crowd, tapes, strict=True)]
        await asyncio.sleep(UNDER_LOAD_SECONDS)
        os.kill(before[-1], signal.SIGKILL)  # The tills of the other worker sell on, until they lose theirs.
        await asyncio.sleep(UNDER_LOAD_SECONDS)
        for task in selling:
            task.cancel()
        await asyncio.gather(*selling, return_exceptions=True)
        await asyncio.gather(*(_settle(till, tape) for till, tape in zip(crowd, tapes, strict=True)))
    await _all_there(arena, tapes)
    await _replaced(arena, before)


async def test_a_worker_that_cannot_start_does_not_end_the_others(arena: Ground, engines: ThrowawayEngines) -> None:
    """It is killed while the database is away, so its replacement can't start."""
    supervisor = arena.service.process.pid
    before = children_of(supervisor)
    customer = await arena.customer()
    engines.postgres.kill()
    try:
        os.kill(before[-1], signal.SIGKILL)
        for _ in range(int(REPLACED_SECONDS_MAX / 0.1)):
            if "failed to start" in arena.service.log.read_text():
                break
            await asyncio.sleep(0.1)
    finally:
        engines.postgres.start()
    with tills(arena.service.url, [await arena.key("E-alone")]) as (till,):
        arena.note([await till.settle("/v1/accrue", sale(customer), key=fresh("alone"))])
    await _replaced(arena, before)
    await arena.audit()


async def _replaced(arena: Ground, before: list[int]) -> None:
    """All workers answer again, the last of them anew."""
    now = before
    for _ in range(int(REPLACED_SECONDS_MAX / 0.1)):
        now = children_of(arena.service.process.pid)
        if len(now) == len(before) and before[-1] not in now:
            return
        assert arena.service.process.poll() is None
        await asyncio.sleep(0.1)
    raise AssertionError(f"the worker was not replaced: {before}, {now}")


async def _sell_until(stand: Ground, *, stop: Callable[[], None]) -> tuple[list[Tape], Reply | None]:
    """Tills sell to a few customers until the service is gone; `stop` is called in the middle of it, and in the middle
    of one more purchase, whose answer, if it came, is the second value.
    """
    await stand.admin.publish(small_program())
    customers = [await stand.customer() for _ in range(4)]
    locked = await stand.customer()
    bearers = [await stand.key(f"E{place}") for place in range(CLIENTS)]
    tapes = [Tape() for _ in bearers]
    owner = await asyncpg.connect(stand.stage.owner_url)
    with tills(stand.service.url, [*bearers, await stand.key("last")]) as (*crowd, last):
        selling = [asyncio.create_task(_sell(till, tape, customers)) for till, tape in zip(crowd, tapes, strict=True)]
        await asyncio.sleep(UNDER_LOAD_SECONDS)
        async with owner.transaction():
            await owner.execute("select from customers where id = $1::uuid for update", locked)
            asked = asyncio.create_task(last.post("/v1/accrue", sale(locked)))
            await _waits_for(owner)
            stop()
            await asyncio.sleep(LOCKED_SECONDS)
        in_progress = None
        with suppress(Lost):
            in_progress = await asked
        await asyncio.gather(*selling)
    await owner.close()
    assert sum(len(tape.heard) for tape in tapes) > CLIENTS
    return tapes, in_progress


async def _waits_for(owner: asyncpg.Connection) -> None:
    """Until some session waits for a lock that this one holds."""
    for _ in range(int(WAITS_SECONDS_MAX / 0.01)):
        if await owner.fetchval(WAITS):
            return
        await asyncio.sleep(0.01)
    raise AssertionError("nobody waits for the locked customer")


async def _sell(till: Till, tape: Tape, customers: list[str]) -> None:
    """One purchase after another, until one isn't answered, or is told that the service stops."""
    for place in count():
        key, body = fresh("sold"), sale(customers[place % len(customers)])
        try:
            reply = await till.post("/v1/accrue", body, key=key)
        except Lost:
            tape.unheard[key] = body
            return
        if reply.status == 503:
            tape.unheard[key] = body
            return
        assert reply.status == 201, reply
        tape.heard[key] = (body, reply)


async def _settle(till: Till, tape: Tape) -> None:
    """Repeat what was heard, which is the same, and what was not, which ends well."""
    for key, (body, reply) in tape.heard.items():
        again = await till.settle("/v1/accrue", body, key=key)
        assert (again.status, again.body) == (reply.status, reply.body)
    for key, body in list(tape.unheard.items()):
        tape.heard[key] = (tape.unheard.pop(key), await till.settle("/v1/accrue", body, key=key))


async def _all_there(stand: Ground, tapes: list[Tape]) -> None:
    for tape in tapes:
        stand.note(reply for _, reply in tape.heard.values())
    await stand.audit()
