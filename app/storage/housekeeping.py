"""What jobs ask of the database besides rounds."""

from collections.abc import Sequence
from uuid import UUID

from app.storage.engine import Database

# The clock in a query of its own is one value, which the index looks for; by itself it would be compared with each of
# the instants to come.
DUE = "select id from customers where due_at <= (select clock_timestamp()) order by due_at limit $1"
ENSURE_PARTITIONS = "select ensure_partitions(clock_timestamp() + interval '2 months')"


class Housekeeping:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def due_customers(self, *, limit: int) -> Sequence[UUID]:
        """Customers for whom a lot has become active or expired, the longest waiting first."""
        async with self._database.connection() as connection:
            return [row["id"] for row in await connection.fetch(DUE, limit)]

    async def ensure_partitions(self) -> None:
        """Make the coming months' partitions; nothing where they are there."""
        async with self._database.connection() as connection:
            await connection.execute(ENSURE_PARTITIONS)
