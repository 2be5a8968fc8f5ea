"""The jobs' process: every duty gets its turn, here or there, whatever happens to processes and the database."""

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest
from structlog.testing import capture_logs

import app.jobs as jobs_module
from app.background import Background, open_background
from app.engines.places import SOCKETS_PARENT
from app.flows.failures import DatabaseGone
from app.jobs import Duty, Performing, Told, duties
from app.storage.engine import Database
from app.storage.timetable import TAKE_OVER_SECONDS, Timed, Timetable
from tests.jobs_at_work import jobs_of, until
from tests.kit import Desk, Stage
from tests.storm.proxy import Cut, Pass, proxied
from tests.storm.stands import SOCKET_NAME, socket_of

OFTEN = {"relay", "sweep"}  # Duties that every look of a second or two finds due.


END_SESSIONS = """
select pg_terminate_backend(pid) from pg_stat_activity
where datname = current_database() and usename = 'loyalty_app' and pid <> pg_backend_pid()
"""


@pytest.fixture
async def background(stage: Stage) -> AsyncIterator[Background]:
    async with open_background(
        stage.settings(), stage.keyring(), database_url=stage.database_url, redis_url=stage.redis_url
    ) as background:
        yield background


async def test_every_duty_has_a_name_of_its_own_and_a_time(background: Background) -> None:
    table = duties(background)
    assert len({duty.name for duty in table}) == len(table)
    assert {duty.name for duty in table} >= {*OFTEN, "partitions", "queue"}
    Timetable(background.database, [Timed(duty.name, duty.when, _nothing) for duty in table])


async def test_duties_are_done_and_noted_until_asked_to_end(
    till: Desk, owner: asyncpg.Connection, stage: Stage
) -> None:
    customer = await till.register()
    # The queue's library would read names as common as these from the environment.
    with jobs_of(stage, DURABILITY="odd", CHANNEL="a b", TRIGGER="a b", PGQUEUER_PREFIX="other_") as jobs:
        await until(lambda: _noted(stage, OFTEN), what="all are noted")
        await till.accrue(customer)
        await until(lambda: _nothing_waits(owner), what="the purchase is in the feed", seconds=10)
        if sys.platform == "linux":
            assert "/uvloop/" in _mapped(jobs.process.pid), "on the loop of the service"
        assert jobs.stop() == 0
        assert jobs.lines("duty_failed") == []
    rows = await owner.fetch("select entrypoint, status::text from pgqueuer_schedules")
    assert {row["status"] for row in rows} == {"queued"}, "what was under way is given back"
    assert await owner.fetchval("select count(*) from pgqueuer_log") == 0, "no run leaves a row"


async def test_a_killed_process_is_taken_over(till: Desk, owner: asyncpg.Connection, stage: Stage) -> None:
    """Its schedules look picked for as long as a heartbeat may be late."""
    customer = await till.register()
    with jobs_of(stage, name="killed") as killed:
        await until(lambda: _noted(stage, OFTEN), what="all are noted")
        killed.kill()
    late = timedelta(seconds=TAKE_OVER_SECONDS - 4)
    await owner.execute(
        "update pgqueuer_schedules set status = 'picked', heartbeat = clock_timestamp() - $1::interval", late
    )
    await till.accrue(customer)
    with jobs_of(stage, name="next") as jobs:
        await until(lambda: _nothing_waits(owner), what="the relay is taken over", seconds=TAKE_OVER_SECONDS)
        assert jobs.stop() == 0


async def test_a_database_that_is_away_is_waited_for_and_said_once(
    till: Desk, owner: asyncpg.Connection, stage: Stage
) -> None:
    customer = await till.register()
    with tempfile.TemporaryDirectory(prefix="kopilka-jobs-", dir=SOCKETS_PARENT) as directory:
        cabled = replace(stage, database_url=f"{stage.database_url.partition('?')[0]}?host={directory}")
        async with proxied(socket_of(stage.database_url), at=Path(directory) / SOCKET_NAME) as cable:
            with jobs_of(cabled) as jobs:
                await until(lambda: _noted(stage, OFTEN), what="all are noted")
                cable.fault = lambda _side, _data: Cut()
                cable.cut_all()
                await till.accrue(customer)
                await asyncio.sleep(4)
                assert jobs.process.poll() is None
                said = [(line["duty"], line["error"]) for line in jobs.lines("duty_failed")]
                assert len(said) == len(set(said)), "each failure is said once"
                assert 0 < len(said) <= 2 * (len(OFTEN) + 4)
                cable.fault = lambda _side, _data: Pass()
                await until(lambda: _nothing_waits(owner), what="it works again", seconds=15)
                await owner.execute(END_SESSIONS)
                await till.accrue(customer)
                await until(lambda: _nothing_waits(owner), what="lost connections are replaced", seconds=15)
                assert jobs.stop() == 0
                assert jobs.lines("process_failed") == []
                assert "Traceback" not in jobs.log.read_text()


async def test_it_ends_in_time_while_the_database_says_nothing(stage: Stage) -> None:
    with tempfile.TemporaryDirectory(prefix="kopilka-jobs-", dir=SOCKETS_PARENT) as directory:
        cabled = replace(stage, database_url=f"{stage.database_url.partition('?')[0]}?host={directory}")
        async with proxied(socket_of(stage.database_url), at=Path(directory) / SOCKET_NAME) as cable:
            with jobs_of(cabled) as jobs:
                await until(lambda: _noted(stage, OFTEN), what="all are noted")
                cable.is_black_hole = True
                await asyncio.sleep(1.5)
                assert await asyncio.to_thread(jobs.stop) == 0


async def test_a_duty_that_fails_says_so_once_and_is_tried_again(
    background: Background, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs_module, "PAUSES", (0.01, 0.02))
    tries = 0

    async def fails_three_times() -> int:
        nonlocal tries
        tries += 1
        if tries <= 3:
            raise DatabaseGone("away") if tries < 3 else KeyError("a mistake of ours")
        return 1

    told = Told()
    performing = Performing(Duty("odd", "* * * * * *", fails_three_times), background, told)
    with capture_logs() as lines:
        for _ in range(4):
            await performing()
    of_duties = [line for line in lines if "duty" in line and line["log_level"] != "debug"]
    said = [(line["event"], line["duty"], line.get("error")) for line in of_duties]
    assert said == [
        ("duty_failed", "odd", "DatabaseGone"),
        ("duty_failed", "odd", "KeyError"),
        ("duty_works_again", "odd", None),
    ]
    assert "odd" in {name for name, _ in await background.queue.duties()}


async def test_two_timetables_share_the_turns(stage: Stage) -> None:
    """A turn that lasts is nobody else's meanwhile."""
    databases = [Database(stage.database_url) for _ in range(2)]
    at_work, most, turns = 0, 0, 0

    async def work() -> None:
        nonlocal at_work, most, turns
        at_work, turns = at_work + 1, turns + 1
        most = max(most, at_work)
        await asyncio.sleep(1.2)
        at_work -= 1

    for database in databases:
        await database.open()
    timetables = [Timetable(database, [Timed("shared", "* * * * * *", work)]) for database in databases]
    running = [asyncio.create_task(timetable.run()) for timetable in timetables]
    await asyncio.sleep(6)
    # The library looks at whole seconds: by how it starts within one, there may have been two turns so far. A turn
    # that is given back only by being taken over, after TAKE_OVER_SECONDS, would have no third one within 15.
    with suppress(TimeoutError):
        async with asyncio.timeout(9):
            while turns < 3:  # noqa: ASYNC110 - it has no event
                await asyncio.sleep(0.1)
    for timetable in timetables:
        timetable.stop()
    await asyncio.wait_for(asyncio.gather(*running), 5)
    for database in databases:
        await database.close()
    assert (most, at_work) == (1, 0)
    assert turns >= 3


async def test_what_nobody_does_any_more_is_forgotten(background: Background, owner: asyncpg.Connection) -> None:
    await owner.execute(
        """
        insert into pgqueuer_schedules (expression, entrypoint, updated) values
            ('* * * * *', 'gone', clock_timestamp() - interval '3 days'), ('* * * * *', 'here', clock_timestamp());
        insert into duties values ('gone', clock_timestamp() - interval '3 days'), ('relay', '2020-01-01');
        insert into pgqueuer_log (created, job_id, status, priority, entrypoint) values
            (clock_timestamp() - interval '8 days', 1, 'successful', 0, 'old'),
            (clock_timestamp(), 2, 'queued', 0, 'new');
        insert into pgqueuer_statistics (created, count, priority, status, entrypoint) values
            (clock_timestamp() - interval '8 days', 1, 0, 'successful', 'old')
        """
    )
    await background.queue.tidy(known=["relay"])
    assert await owner.fetchval("select array_agg(entrypoint) from pgqueuer_schedules") == ["here"]
    assert await owner.fetchval("select array_agg(name) from duties") == ["relay"]
    assert await owner.fetchval("select array_agg(entrypoint) from pgqueuer_log") == ["new"]
    assert await owner.fetchval("select count(*) from pgqueuer_statistics") == 0


def _mapped(pid: int) -> str:
    """The files that a process has in its memory."""
    return Path(f"/proc/{pid}/maps").read_text()


async def _nothing() -> None:
    """What a timetable is made with where nothing is to be done."""


async def _noted(stage: Stage, names: set[str]) -> bool:
    """Whether all of them have ended well in the last seconds."""
    connection = await asyncpg.connect(stage.owner_url)
    try:
        rows = await connection.fetch(
            "select name from duties where ended_well_at > clock_timestamp() - interval '20 seconds'"
        )
    finally:
        await connection.close()
    return names <= {row["name"] for row in rows}


async def _nothing_waits(owner: asyncpg.Connection) -> bool:
    return not await owner.fetchval("select exists (select from events where position is null)")
