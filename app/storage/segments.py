"""Statements of segments. The customers are locked in one order, as rounds do, before their profiles are changed."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from uuid import UUID

from app.flows.keep_segments import Segment
from app.storage.engine import Database
from app.storage.ledger import Round

INSERT_SEGMENT = "insert into segments (id, title) values ($1, $2) on conflict (id) do nothing returning created_at"
HAS_SEGMENT = "select exists (select from segments where id = $1)"
SEGMENTS = """
select id, title, created_at from segments where id > coalesce($1::text, '') order by id limit $2
"""
LOCK_CUSTOMERS = "select id from customers where id = any($1::uuid[]) order by id for no key update"
# A statement of its own: waiting for the locks doesn't refresh what the one that waits sees of other tables.
COUNT_SEGMENTS = """
select customer_id, cardinality(segments) as segments from profiles where customer_id = any($1::uuid[])
"""
ADD_MEMBERS = """
insert into profiles as p (customer_id, segments)
select n.id, array[$1::text] from unnest($2::uuid[]) n(id) order by 1
on conflict (customer_id) do update set segments = array_append(p.segments, $1) where not $1 = any(p.segments)
returning customer_id
"""
REMOVE_MEMBERS = """
update profiles set segments = array_remove(segments, $1)
where customer_id = any($2::uuid[]) and $1 = any(segments) returning customer_id
"""
RAISE_REVISIONS = "update customers set revision = revision + 1 where id = any($1::uuid[])"


class SegmentsDatabase:
    """Transactions for segments, and reads of them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def round(self) -> AsyncIterator["SegmentRound"]:
        async with self._database.transaction() as connection:
            yield SegmentRound(connection)

    async def segments(self, *, after: str | None, limit: int) -> Sequence[Segment]:
        async with self._database.connection() as connection:
            rows = await connection.fetch(SEGMENTS, after, limit)
        return [Segment(row["id"], row["title"], row["created_at"]) for row in rows]


class SegmentRound(Round):
    """A round's statements and those that make segments and change their members."""

    async def insert_segment(self, segment: str, *, title: str | None) -> datetime | None:
        created_at: datetime | None = await self._connection.fetchval(INSERT_SEGMENT, segment, title)
        return created_at

    async def has_segment(self, segment: str) -> bool:
        return bool(await self._connection.fetchval(HAS_SEGMENT, segment))

    async def lock_customers(self, ids: Sequence[UUID]) -> Mapping[UUID, int]:
        rows = await self._connection.fetch(LOCK_CUSTOMERS, ids)
        counts = dict.fromkeys((row["id"] for row in rows), 0)
        for row in await self._connection.fetch(COUNT_SEGMENTS, ids):
            counts[row["customer_id"]] = row["segments"]
        return counts

    async def add_members(self, segment: str, ids: Sequence[UUID]) -> Sequence[UUID]:
        return [row["customer_id"] for row in await self._connection.fetch(ADD_MEMBERS, segment, ids)]

    async def remove_members(self, segment: str, ids: Sequence[UUID]) -> Sequence[UUID]:
        return [row["customer_id"] for row in await self._connection.fetch(REMOVE_MEMBERS, segment, ids)]

    async def raise_revisions(self, ids: Sequence[UUID]) -> None:
        await self._connection.execute(RAISE_REVISIONS, ids)
