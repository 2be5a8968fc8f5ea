"""The benchmark against a live service: every scenario's requests are right, and the books agree with what was told."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, replace
from urllib.parse import urlsplit

import asyncpg

from loadtest.furnishing import OPENING_POINTS, furnish
from loadtest.generator import Job, generate, perform
from loadtest.scenarios import Chain
from loadtest.stand import set_flush
from tests.kit import Stage, live

CUSTOMERS = 40
SCENARIOS = ("accrue", "hot", "redeem", "pay", "replay", "return", "quote", "balance", "lookup", "day")


@asynccontextmanager
async def furnished(stage: Stage, *, workers: int = 1) -> AsyncIterator[Job]:
    """A service with a program, tills and customers; the job that loads it with purchases for a moment."""
    async with live(stage, workers=workers) as service:
        port = urlsplit(service.url).port or 0
        chain = await furnish(stage.owner_url, port=port, customers=CUSTOMERS, tell=lambda _: None)
        path = stage.data_dir / "chain.json"
        chain.write(path)
        assert Chain.read(path) == chain
        yield Job(
            port=port,
            chain=str(path),
            scenario="accrue",
            connections=4,
            seconds=0.3,
            seed=1,
            root=os.getpid(),
        )


async def test_every_scenario_asks_what_the_service_understands(stage: Stage) -> None:
    async with furnished(stage, workers=2) as job:
        for scenario in SCENARIOS:
            outcome = await perform(replace(job, scenario=scenario))
            assert outcome.errors == (), scenario
            assert (outcome.wrong, outcome.unsent) == (0, 0), scenario
            assert outcome.right == sum(outcome.statuses.values()) > 0, scenario
            assert set(outcome.statuses) <= {"200", "201"}, scenario
            assert outcome.p50_ms is not None
            assert outcome.p99_ms is not None
            assert 0 < outcome.p50_ms <= outcome.p99_ms, scenario
    connection = await asyncpg.connect(stage.owner_url)
    redeemed = await connection.fetchval("select count(*) from audit_purchase_line where redeemed > 0")
    returned = await connection.fetchval("select count(*) from audit_tx where kind = 'return'")
    cashback = await connection.fetchval("select count(*) from audit_entry where wallet = 'cashback'")
    given = await connection.fetchval("select count(distinct rule) from audit_entry where rule is not null")
    await connection.close()
    assert min(redeemed, returned, cashback) > 0
    assert given >= 5
    assert OPENING_POINTS > 0


async def test_the_generator_is_a_process_that_tells_what_the_books_hold(stage: Stage) -> None:
    async with furnished(stage) as job:
        closed = await asyncio.to_thread(generate, replace(job, seconds=1.0))
        opened = await asyncio.to_thread(generate, replace(job, seconds=1.0, rate=40.0))
        connection = await asyncpg.connect(stage.owner_url)
        posted = await connection.fetchval("select count(*) from audit_tx where kind = 'purchase'")
        await connection.close()
    assert (closed.wrong, opened.wrong) == (0, 0)
    assert posted == closed.right + opened.right
    assert 15 < opened.right < 80
    assert 0 < closed.processor_us["generator"] < 5000
    json.dumps(asdict(closed))


async def test_the_slower_disk_is_a_setting_of_the_whole_server_and_taken_back(stage: Stage) -> None:
    connection = await asyncpg.connect(stage.owner_url)

    async def now() -> tuple[str, str]:
        return (await connection.fetchval("show commit_delay"), await connection.fetchval("show commit_siblings"))

    async def comes_to(wanted: tuple[str, str]) -> bool:
        for _ in range(100):  # Each session reads the settings in its own time.
            if await now() == wanted:
                return True
            await asyncio.sleep(0.05)
        return False

    before = await now()
    await asyncio.to_thread(set_flush, stage.owner_url, 1.5)
    assert await comes_to(("1500", "0"))
    await asyncio.to_thread(set_flush, stage.owner_url, None)
    assert await comes_to(before)
    await connection.close()
