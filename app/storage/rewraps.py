"""Statements that wrap customers' keys anew. What a master key has wrapped begins with its name."""

from collections.abc import Sequence
from uuid import UUID

from app.domain.identifiers import LEAST_ID
from app.flows.rewrap import WrappedKey
from app.storage.engine import Database

_WAITS = """
    wrapped_key is not null
    and (octet_length(wrapped_key) <> $2 or substr(wrapped_key, 1, octet_length($1::bytea)) <> $1)
"""
COUNT = f"select count(*) from profiles where {_WAITS}"  # noqa: S608 - a condition of ours, here and below
BATCH = f"""
select customer_id, wrapped_key from profiles
where {_WAITS} and customer_id > coalesce($3::uuid, '{LEAST_ID}') order by customer_id limit $4
"""  # noqa: S608
REPLACE = """
update profiles p set wrapped_key = n.after
from unnest($1::uuid[], $2::bytea[], $3::bytea[]) n(customer_id, before, after)
where p.customer_id = n.customer_id and p.wrapped_key = n.before
"""


class RewrapsDatabase:
    """The port `WrappedKeys`."""

    def __init__(self, database: Database, *, first: bytes, length: int) -> None:
        """first: the name of the master key; length: in bytes, of what is wrapped under a name."""
        self._database = database
        self._first = first
        self._length = length

    async def count(self) -> int:
        async with self._database.unhurried() as connection:  # It looks at every row.
            return int(await connection.fetchval(COUNT, self._first, self._length))

    async def batch(self, *, after: UUID | None, limit: int) -> Sequence[WrappedKey]:
        async with self._database.unhurried() as connection:  # It may look at every row before it finds the first.
            rows = await connection.fetch(BATCH, self._first, self._length, after, limit)
        return [WrappedKey(row["customer_id"], row["wrapped_key"]) for row in rows]

    async def replace(self, pairs: Sequence[tuple[WrappedKey, bytes]]) -> None:
        async with self._database.connection() as connection:
            await connection.execute(
                REPLACE,
                [row.customer_id for row, _ in pairs],
                [row.wrapped for row, _ in pairs],
                [after for _, after in pairs],
            )
