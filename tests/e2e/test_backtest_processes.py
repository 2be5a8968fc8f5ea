"""Back-tests over many purchases and the processes that make them: they give way to tills, stop when told to, and leave
nothing behind, whoever of them is killed.
"""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

import asyncpg
import httpx
import pytest

from app.backtest import workers_here
from app.backtest_worker import NICENESS
from tests.e2e.process_table import Process, alive, processes
from tests.kit import Desk, Stage, line, live, small_program

PURCHASES = 60_000  # Ten seconds of one worker at the least: time enough to be stopped in.
WAIT_SECONDS = 60
# A second until the next look at the row, and as much again for a machine that does other things too.
STOP_SECONDS = 4
# The one purchase that was really made, again and again: posted a millisecond apart, by 997 customers.
FILL = """
insert into purchases (id, customer_id, shop, terminal, program, at, answer, basket, verdicts, lines)
select
    (lpad(to_hex((extract(epoch from p.at) * 1000)::bigint - g), 12, '0')
        || lpad(to_hex(g), 20, '70008000000000000000'))::uuid,
    md5((g % 997)::text)::uuid, p.shop, p.terminal, p.program, p.at, p.answer, p.basket, p.verdicts, p.lines
from purchases p, generate_series(1, $1) g
"""


def crew_of(backtest: str) -> tuple[list[Process], list[Process]]:
    """The process of a back-test, and its workers."""
    everything = processes()
    mains = [each for each in everything if backtest in each.command and "backtest" in each.command]
    pids = {each.pid for each in mains}
    return mains, [each for each in everything if each.parent in pids and "spawn_main" in each.command]


async def until(holds: Callable[[], bool], *, seconds: float = WAIT_SECONDS) -> float:
    """How long it took. Fails when it takes longer than that."""
    began = time.monotonic()
    while not await asyncio.to_thread(holds):
        assert time.monotonic() - began < seconds, "it takes too long"
        await asyncio.sleep(0.05)
    return time.monotonic() - began


async def found(desk: Desk, backtest: str, *, running: bool = False) -> dict[str, Any]:
    """The back-test once it has ended, or once it has decided something."""
    for _ in range(WAIT_SECONDS * 10):
        row: dict[str, Any] = await desk.good("GET", f"/v1/program/backtests/{backtest}")
        if row["state"] != "running" or (running and row["done"]):
            return row
        await asyncio.sleep(0.1)
    raise AssertionError("the back-test neither ends nor begins")


@pytest.fixture
async def many(admin: Desk, till: Desk, owner: asyncpg.Connection) -> None:
    await fill(admin, till, owner)


async def fill(admin: Desk, till: Desk, owner: asyncpg.Connection) -> None:
    bought = await till.accrue(await admin.register(), *(line(place) for place in range(1, 6)))
    assert bought.status_code == 201
    await owner.execute(FILL, PURCHASES)
    await owner.execute("analyze purchases")
    await admin.good("PUT", "/v1/program/draft", small_program())


async def begun(admin: Desk) -> tuple[str, list[int], list[int]]:
    """A back-test that is at work: its id, its process, its workers."""
    backtest: str = (await admin.good("POST", "/v1/program/draft/backtest", {}))["id"]
    row = await found(admin, backtest, running=True)
    assert row["state"] == "running", row
    mains, workers = await asyncio.to_thread(crew_of, backtest)
    assert (len(mains), len(workers)) == (1, workers_here())
    return backtest, [each.pid for each in mains], [each.pid for each in workers]


async def test_it_stops_at_once_when_it_is_told_to(many: None, admin: Desk) -> None:
    backtest, mains, workers = await begun(admin)
    us = os.nice(0)
    assert all(each.nice == min(19, us + NICENESS) for each in processes() if each.pid in workers)
    await admin.good("POST", f"/v1/program/backtests/{backtest}/cancel")
    await until(lambda: not alive(*mains, *workers), seconds=STOP_SECONDS)
    row = await found(admin, backtest)
    assert (row["state"], row["report"]) == ("cancelled", None)
    assert 0 < row["done"] < row["total"] == PURCHASES + 1
    # Nobody waits for it in vain: the service has taken the process out of the table.
    await until(lambda: not any(each.pid in {*mains, *workers} for each in processes()), seconds=STOP_SECONDS)


async def test_a_killed_worker_is_a_failure_with_a_reason(many: None, admin: Desk) -> None:
    backtest, mains, workers = await begun(admin)
    os.kill(workers[0], signal.SIGKILL)
    row = await found(admin, backtest)
    assert (row["state"], row["failure"]) == ("failed", "a worker of the back-test has ended (-9)")
    await until(lambda: not alive(*mains, *workers), seconds=STOP_SECONDS)
    # The next one may begin.
    again = await admin.good("POST", "/v1/program/draft/backtest", {"last": 10})
    assert (await found(admin, again["id"]))["report"]["baskets"] == 10


async def test_workers_end_when_their_parent_was_killed(many: None, admin: Desk, owner: asyncpg.Connection) -> None:
    backtest, mains, workers = await begun(admin)
    os.kill(mains[0], signal.SIGKILL)
    await until(lambda: not alive(*mains, *workers), seconds=STOP_SECONDS)
    await owner.execute("update backtests set beat_at = clock_timestamp() - interval '1 minute'")
    row = await found(admin, backtest)
    assert (row["state"], row["failure"]) == ("failed", "its process has ended without a word")


async def test_a_lost_database_is_a_failure_with_a_reason(many: None, admin: Desk, owner: asyncpg.Connection) -> None:
    backtest, mains, workers = await begun(admin)
    await owner.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where application_name = 'kopilka-backtest' and datname = current_database()"
    )
    row = await found(admin, backtest)
    assert row["state"] == "failed"
    assert "terminating connection" in row["failure"] or "connection" in row["failure"].lower()
    await until(lambda: not alive(*mains, *workers), seconds=STOP_SECONDS)


async def test_limits_of_time_that_the_role_has_do_not_cut_it(
    many: None, admin: Desk, owner: asyncpg.Connection, stage: Stage
) -> None:
    database = await owner.fetchval("select current_database()")
    known = [row["name"] for row in await owner.fetch("select name from pg_settings where name like '%timeout'")]
    for name in {"statement_timeout", "transaction_timeout", "idle_in_transaction_session_timeout"} & set(known):
        await owner.execute(f"alter role loyalty_app in database {database} set {name} = '20ms'")
    probe = await asyncpg.connect(stage.database_url)
    try:
        assert await probe.fetchval("show statement_timeout") == "20ms"
    finally:
        await probe.close()
    asked = await admin.good("POST", "/v1/program/draft/backtest", {"last": 20_000})
    row = await found(admin, asked["id"])
    assert (row["state"], row["failure"], row["done"]) == ("done", None, 20_000)


@pytest.mark.skipif(sys.platform != "linux", reason="nowhere else a worker stays on one processor")
async def test_it_calculates_anywhere_whatever_worker_has_started_it(stage: Stage, owner: asyncpg.Connection) -> None:
    ours = os.sched_getaffinity(0)
    two = set(sorted(ours)[:2])
    os.sched_setaffinity(0, two)  # As many as there are workers: each of them stays on one.
    try:
        async with live(stage, workers=2) as service, httpx.AsyncClient(base_url=service.url) as http:
            admin = Desk(http, await stage.key("admin"))
            await admin.publish(small_program())
            await fill(admin, Desk(http, await stage.key("pos", shop="S1", terminal="T1")), owner)
            backtest, mains, workers = await begun(admin)
            assert [os.sched_getaffinity(pid) for pid in (*mains, *workers)] == [two] * (1 + len(workers))
            await admin.good("POST", f"/v1/program/backtests/{backtest}/cancel")
            await until(lambda: not alive(*mains, *workers), seconds=STOP_SECONDS)
    finally:
        os.sched_setaffinity(0, ours)


async def test_it_goes_on_while_the_service_is_started_anew(stage: Stage, owner: asyncpg.Connection) -> None:
    async with live(stage) as service, httpx.AsyncClient(base_url=service.url) as http:
        admin = Desk(http, await stage.key("admin"))
        await admin.publish(small_program())
        till = Desk(http, await stage.key("pos", shop="S1", terminal="T1"))
        await fill(admin, till, owner)
        backtest, mains, workers = await begun(admin)
        assert service.stop() == 0
    assert alive(*mains)
    async with live(stage) as service, httpx.AsyncClient(base_url=service.url) as http:
        row = await found(Desk(http, admin.key), backtest)
        assert (row["state"], row["done"]) == ("done", PURCHASES + 1)
        await until(lambda: not alive(*mains, *workers), seconds=STOP_SECONDS)
        assert not [each for each in processes() if each.is_zombie and each.parent == service.process.pid]
