"""Who waits for a customer's row reads all of that customer as it is once the wait is over."""

import asyncio
from uuid import uuid4

import asyncpg
import pytest

from app.storage.engine import Database
from app.storage.ledger import Round
from tests.kit import Stage


@pytest.mark.parametrize("commits", [True, False])
async def test_the_profile_is_as_new_as_the_books_beside_it(stage: Stage, commits: bool) -> None:
    """The lock alone brings the newest row of the customer beside the profile that the statement began with."""
    owner, changer = await asyncpg.connect(stage.owner_url), await asyncpg.connect(stage.owner_url)
    database = Database(stage.database_url)
    await database.open()
    try:
        customer, neighbour = uuid4(), uuid4()
        for each in (customer, neighbour):
            await owner.execute("insert into customers (id) values ($1)", each)
            await owner.execute(
                "insert into profiles (customer_id, wrapped_key, sealed, tags) values ($1, 'k', 's', '{old}')", each
            )
        change = changer.transaction()
        await change.start()
        await changer.execute("update profiles set tags = '{new}' where customer_id = $1", customer)
        await changer.execute("update customers set revision = revision + 1 where id = $1", customer)
        async with database.transaction() as connection:
            locking = asyncio.ensure_future(Round(connection).lock_patrons(sorted((customer, neighbour)), wait=True))
            while not await owner.fetchval(  # noqa: ASYNC110 - the database has no event
                "select exists (select from pg_locks where not granted and locktype = 'transactionid')"
            ):
                await asyncio.sleep(0.01)
            await (change.commit() if commits else change.rollback())
            patrons = await locking
        assert patrons[customer].tags == (("new",) if commits else ("old",))
        assert patrons[customer].book.revision == patrons[neighbour].book.revision + commits
        assert patrons[neighbour].tags == ("old",)
    finally:
        await database.close()
        await changer.close()
        await owner.close()
