"""What a small round asks is planned once a connection, by indexes, whatever PostgreSQL would choose by itself."""

from uuid import UUID, uuid4

from app.storage.engine import Database
from app.storage.ledger import GLANCE, LedgerDatabase
from tests.kit import Desk, Stage

_PLANS = "select generic_plans, custom_plans from pg_prepared_statements where statement = $1"
_SETTINGS = "select current_setting('plan_cache_mode'), current_setting('enable_seqscan')"


async def test_a_glance_is_planned_once_and_all_else_for_what_it_asks(stage: Stage) -> None:
    database = Database(stage.database_url)
    await database.open()
    try:
        async with database.connection(is_glance=True) as connection:
            assert tuple(await connection.fetchrow(_SETTINGS)) == ("force_generic_plan", "off")
            for size in (1, 2, 50):
                await connection.fetch(GLANCE, [uuid4() for _ in range(size)], [], [uuid4() for _ in range(size)], [])
            assert tuple(await connection.fetchrow(_PLANS, GLANCE)) == (3, 0)
        async with database.connection() as connection:
            assert tuple(await connection.fetchrow(_SETTINGS)) == ("auto", "on")
    finally:
        await database.close()


async def test_small_rounds_glance_there(stage: Stage, till: Desk) -> None:
    customer = UUID((await till.register()).removeprefix("cus_"))
    database = Database(stage.database_url)
    await database.open()
    try:
        async with LedgerDatabase(database).unlocked() as tx:
            seen = await tx.glance(claims=[], identifiers=[], customers=[customer], coupons=[])
            assert list(seen.patrons) == [customer]
            assert tuple(await tx._connection.fetchrow(_PLANS, GLANCE)) == (1, 0)
    finally:
        await database.close()
