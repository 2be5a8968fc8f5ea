"""What tills ask is planned once a connection, by indexes."""

from app.storage.engine import Database
from tests.kit import Stage


async def test_hot_statements_are_planned_once_and_the_others_for_what_they_ask(stage: Stage) -> None:
    database = Database(stage.database_url)
    await database.open()
    settings = "select current_setting('plan_cache_mode'), current_setting('enable_seqscan')"
    try:
        async with database.connection(is_hot=True) as connection:
            assert tuple(await connection.fetchrow(settings)) == ("force_generic_plan", "off")
            for size in (1, 2, 50):
                await connection.fetch("select id from customers where id = any($1::uuid[])", [None] * size)
            plans = "select generic_plans, custom_plans from pg_prepared_statements where statement like $1"
            assert tuple(await connection.fetchrow(plans, "select id from%")) == (3, 0)
        async with database.connection() as connection:
            assert tuple(await connection.fetchrow(settings)) == ("auto", "on")
    finally:
        await database.close()
