"""The database goes away under load, in every way it can: 503 in seconds, and well again by itself when it is back."""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import asyncpg
import pytest

from app.engines import ThrowawayEngines
from tests.storm.stands import Ground, Till, children_of, fresh, is_definite, sale, tills
from tests.storm.wire import Reply

CLIENTS = 8
BEFORE_SECONDS = 0.4
AWAY_SECONDS = 0.6
AFTER_SECONDS = 1.0
FROZEN_SECONDS = 4.0  # Longer than the service's patience.
REFUSED_SECONDS_MAX = 6.0
BACK_SECONDS_MAX = 2.0  # Contract, section 1.

Accident = Callable[[ThrowawayEngines], None]


@dataclass(frozen=True, slots=True)
class Heard:
    began: float
    ended: float
    reply: Reply


@dataclass(slots=True)
class Seller:
    """Sells until told to stop, and repeats what was put off under the same key."""

    till: Till
    customers: list[str]
    heard: list[Heard] = field(default_factory=list)
    sold: list[tuple[str, dict[str, Any], Reply]] = field(default_factory=list)
    is_done: bool = False

    async def work(self) -> None:
        for place in count():
            if self.is_done:
                return
            key, body = fresh("gone"), sale(self.customers[place % len(self.customers)])
            while True:
                began = time.monotonic()
                reply = await self.till.post("/v1/accrue", body, key=key)
                self.heard.append(Heard(began, time.monotonic(), reply))
                if is_definite(reply):
                    break
                await asyncio.sleep(0.05)
            assert reply.status == 201, reply
            self.sold.append((key, body, reply))


def killed(engines: ThrowawayEngines) -> None:
    engines.postgres.kill()
    time.sleep(AWAY_SECONDS)
    engines.postgres.start()


def stopped(engines: ThrowawayEngines) -> None:
    engines.postgres.stop()
    time.sleep(AWAY_SECONDS)
    engines.postgres.start()


def frozen(engines: ThrowawayEngines) -> None:
    pid = engines.postgres.pid
    assert pid is not None
    with _frozen([pid, *children_of(pid)]):
        time.sleep(FROZEN_SECONDS)


@pytest.mark.parametrize("accident", [killed, stopped, frozen])
async def test_the_service_is_well_again_when_the_database_is(
    arena: Ground, engines: ThrowawayEngines, accident: Accident
) -> None:
    async with asyncio.timeout(40):
        sellers, back_at = await _sell_through(arena, lambda: asyncio.to_thread(accident, engines))
    refused = [heard for seller in sellers for heard in seller.heard if heard.reply.status == 503]
    assert refused, "it was noticed"
    assert {heard.reply.headers.get("retry-after") for heard in refused} <= {"1", "2"}
    await _all_is_well(arena, sellers, back_at=back_at)


async def test_a_killed_backend_takes_nothing_with_it(arena: Ground) -> None:
    """PostgreSQL ends all its sessions then, and starts again by itself."""

    async def kill_one() -> None:
        owner = await asyncpg.connect(arena.stage.owner_url)
        victim = await owner.fetchval("""
            select pid from pg_stat_activity
            where application_name like 'kopilka/%' and datname = current_database() limit 1
        """)
        os.kill(victim, signal.SIGKILL)
        while True:
            try:
                await (await asyncpg.connect(arena.stage.owner_url, timeout=5)).close()
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
                await asyncio.sleep(0.02)
            else:
                break
        owner.terminate()

    sellers, back_at = await _sell_through(arena, kill_one)
    await _all_is_well(arena, sellers, back_at=back_at)


async def _sell_through(arena: Ground, accident: Callable[[], Any]) -> tuple[list[Seller], float]:
    """Tills sell while the accident happens, and for a while after it; also when it was over."""
    customers = [await arena.customer() for _ in range(3)]
    bearers = [await arena.key(f"D{place}") for place in range(CLIENTS)]
    with tills(arena.service.url, bearers) as crowd:
        sellers = [Seller(till, customers) for till in crowd]
        selling = [asyncio.create_task(seller.work()) for seller in sellers]
        await asyncio.sleep(BEFORE_SECONDS)
        await accident()
        back_at = time.monotonic()
        await asyncio.sleep(AFTER_SECONDS)
        for seller in sellers:
            seller.is_done = True
        await asyncio.gather(*selling)
        for seller in sellers:
            arena.note(reply for _, _, reply in seller.sold)
            key, body, reply = seller.sold[0]
            again = await seller.till.settle("/v1/accrue", body, key=key)
            assert (again.status, again.body) == (reply.status, reply.body)
    return sellers, back_at


async def _all_is_well(arena: Ground, sellers: list[Seller], *, back_at: float) -> None:
    everything = [heard for seller in sellers for heard in seller.heard]
    assert {heard.reply.status for heard in everything} <= {201, 409, 503}
    assert max(heard.ended - heard.began for heard in everything) < REFUSED_SECONDS_MAX
    good_after = [heard.ended for heard in everything if heard.reply.is_good and heard.ended > back_at]
    assert good_after
    assert min(good_after) - back_at < BACK_SECONDS_MAX
    assert arena.service.process.poll() is None
    await arena.audit()


@contextmanager
def _frozen(pids: list[int]) -> Iterator[None]:
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
