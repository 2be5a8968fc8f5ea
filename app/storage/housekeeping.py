"""What jobs ask of the database besides rounds."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from app.flows.sign_in import TRIES_WITHIN
from app.storage.engine import Database

TRIES_KEPT = 4 * TRIES_WITHIN  # Those of longer ago than one count for nothing.
CHALLENGES_KEPT = timedelta(days=1)  # The longest that a limit counts them for.
FORGOTTEN_MAX = 1_000  # Rows of a table in one transaction: some milliseconds.

# The clock in a query of its own is one value, which the index looks for; by itself it would be compared with each of
# the instants to come.
DUE = "select id from customers where due_at <= (select clock_timestamp()) order by due_at limit $1"
ENSURE_PARTITIONS = "select ensure_partitions(clock_timestamp() + interval '2 months')"
FORGET_TRIES = """
delete from sign_in_tries where subject in (
    select subject from sign_in_tries where began_at < (select clock_timestamp()) - $1::interval
    order by began_at limit $2 for update skip locked
)
"""
FORGET_CHALLENGES = """
delete from challenges where id in (
    select id from challenges where made_at < (select clock_timestamp()) - $1::interval
    order by made_at limit $2 for update skip locked
)
"""


class Housekeeping:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def due_customers(self, *, limit: int) -> Sequence[UUID]:
        """Customers for whom a lot has become active or expired, the longest waiting first."""
        async with self._database.connection() as connection:
            return [row["id"] for row in await connection.fetch(DUE, limit)]

    async def forget_old(self) -> int:
        """A batch of tries to sign in and of sent codes that nothing asks for any more; how many there were."""
        tags = []
        for statement, kept in ((FORGET_TRIES, TRIES_KEPT), (FORGET_CHALLENGES, CHALLENGES_KEPT)):
            async with self._database.connection() as connection:
                tags.append(await connection.execute(statement, kept, FORGOTTEN_MAX))
        return sum(int(tag.rpartition(" ")[2]) for tag in tags)

    async def ensure_partitions(self) -> None:
        """Make the coming months' partitions, a table's in each transaction; nothing where they are there."""
        made = 1
        while made:
            async with self._database.connection() as connection:
                made = await connection.fetchval(ENSURE_PARTITIONS)
