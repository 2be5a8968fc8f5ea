"""Two pools: what a small round asks is planned once a connection, by indexes, whatever PostgreSQL would choose by
itself; when connections of either are made anew; and where the server's processes behind them run.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from uuid import UUID, uuid4

import asyncpg
import pytest
import uvloop

from app import processors
from app.flows.failures import DatabaseGone, DatabaseSilent
from app.storage import engine
from app.storage.engine import APP_ROLE, POOL_MAX, Database
from app.storage.ledger import GLANCE, LedgerDatabase
from tests.kit import Desk, Stage

_PLANS = "select generic_plans, custom_plans from pg_prepared_statements where statement = $1"
_SETTINGS = "select current_setting('plan_cache_mode'), current_setting('enable_seqscan')"


@pytest.fixture
async def database(stage: Stage) -> AsyncIterator[Database]:
    database = Database(stage.database_url)
    await database.open()
    yield database
    await database.close()


async def test_a_glance_is_planned_once_and_all_else_for_what_it_asks(database: Database) -> None:
    async with database.connection(is_glance=True) as connection:
        assert tuple(await connection.fetchrow(_SETTINGS)) == ("force_generic_plan", "off")
        for size in (1, 2, 50):
            await connection.fetch(GLANCE, [uuid4() for _ in range(size)], [], [uuid4() for _ in range(size)], [])
        assert tuple(await connection.fetchrow(_PLANS, GLANCE)) == (3, 0)
    async with database.connection() as connection:
        assert tuple(await connection.fetchrow(_SETTINGS)) == ("auto", "on")


async def test_small_rounds_glance_there(database: Database, till: Desk) -> None:
    customer = UUID((await till.register()).removeprefix("cus_"))
    async with LedgerDatabase(database).unlocked() as tx:
        seen = await tx.glance(claims=[], identifiers=[], customers=[customer], coupons=[])
        assert list(seen.patrons) == [customer]
        assert tuple(await tx._connection.fetchrow(_PLANS, GLANCE)) == (1, 0)


async def test_where_the_server_has_no_room_for_another_one_of_the_others_serves(
    database: Database, owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = await owner.fetchval("select count(*) from pg_stat_activity where usename = $1", APP_ROLE)
    await owner.execute(f"alter role {APP_ROLE} connection limit {there}")
    try:
        for _ in range(2):
            async with database.connection(is_glance=True) as connection:
                assert tuple(await connection.fetchrow(_SETTINGS)) == ("auto", "on")
    finally:
        await owner.execute(f"alter role {APP_ROLE} connection limit -1")
    async with database.connection(is_glance=True) as connection:
        assert tuple(await connection.fetchrow(_SETTINGS)) == ("auto", "on"), "it isn't asked again at once"
    monkeypatch.setattr(database, "_is_full_until", 0.0)  # As a second later.
    async with database.connection(is_glance=True) as connection:
        assert tuple(await connection.fetchrow(_SETTINGS)) == ("force_generic_plan", "off")


async def test_a_lost_connection_has_all_of_both_pools_made_anew(database: Database, owner: asyncpg.Connection) -> None:
    before = await _backends(database)
    with pytest.raises(DatabaseGone):
        await _be_cut_off(database, owner)
    assert not before & await _backends(database)


async def test_who_waits_in_vain_for_a_connection_ends_none(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with AsyncExitStack() as all_of_them:
        lent = [await all_of_them.enter_async_context(database.connection()) for _ in range(POOL_MAX)]
        before = {await _backend(connection) for connection in lent}
        monkeypatch.setattr(engine, "PATIENCE_SECONDS", 0.1)
        with pytest.raises(DatabaseSilent):
            async with database.connection():
                raise AssertionError("there are more of them than the pool has")
    async with database.connection() as connection:
        assert await _backend(connection) in before


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere workers stay nowhere")
@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
async def test_the_server_glances_beside_a_worker_that_stays_on_one_processor(
    stage: Stage, owner: asyncpg.Connection, loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    ours = os.sched_getaffinity(owner.get_server_pid())
    try:
        os.sched_setaffinity(owner.get_server_pid(), ours)
    except PermissionError:
        pytest.skip("root's engines are another account's, and this root may not move them")
    here = max(os.sched_getaffinity(0))
    assert _places_behind(stage, loop=loop, kept_on=here) == (ours, ours)  # Of a service whose workers stay nowhere.
    processors.tell_children(sorted(os.sched_getaffinity(0)))
    try:
        assert _places_behind(stage, loop=loop, kept_on=here) == (ours, {here})
        if len(ours) > 1:
            assert _places_behind(stage, loop=loop, kept_on=None) == (ours, ours)
    finally:
        processors.tell_children([])


def _places_behind(
    stage: Stage, *, loop: Callable[[], asyncio.AbstractEventLoop], kept_on: int | None
) -> tuple[set[int], set[int]]:
    """Where the server's processes behind one connection of each pool may run, the one for small rounds last; they are
    opened by a thread that stays on a processor, or on none.
    """

    def look() -> tuple[set[int], set[int]]:
        if kept_on is not None:
            os.sched_setaffinity(0, {kept_on})
        with asyncio.Runner(loop_factory=loop) as runner:
            return runner.run(_places(stage))

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(look).result()


async def _places(stage: Stage) -> tuple[set[int], set[int]]:
    database = Database(stage.database_url)
    await database.open()
    try:
        async with database.connection() as one, database.connection(is_glance=True) as other:
            return os.sched_getaffinity(await _backend(one)), os.sched_getaffinity(await _backend(other))
    finally:
        await database.close()


async def _be_cut_off(database: Database, owner: asyncpg.Connection) -> None:
    async with database.connection() as connection:
        await owner.execute("select pg_terminate_backend($1, 5000)", await _backend(connection))
        await connection.fetchval("select 1")


async def _backends(database: Database) -> set[int]:
    """Of one connection of each pool."""
    async with database.connection() as one, database.connection(is_glance=True) as other:
        return {await _backend(one), await _backend(other)}


async def _backend(connection: engine.Connection) -> int:
    number: int = await connection.fetchval("select pg_backend_pid()")
    return number
