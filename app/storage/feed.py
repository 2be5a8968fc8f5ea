"""The feed of events: giving positions, and reading on from one.

The statements go from each event or version to its row by an index: `offset 0` keeps the planner from joining a batch
with a whole table, and a `coalesce` from reading all that waits, either of which looks cheap to it where statistics are
old.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import orjson

from app.domain.identifiers import NOBODY
from app.flows.failures import Conflict
from app.flows.read_events import FeedEntry, FeedEvent
from app.flows.relay import WaitingEvent
from app.storage.engine import Connection, Database

TAKE_LOCK = "select pg_try_advisory_xact_lock(hashtextextended('kopilka relay', 0))"
# By position too, though all are null: so only the index that begins with it gives the order, whatever the statistics
# say.
OLDEST = """
select tx_id, seq, customer_id, version from events where position is null order by position, tx_id limit $1
"""
AT_VERSIONS = """
select e.tx_id, e.seq, e.customer_id, e.version
from unnest($1::uuid[], $2::bigint[]) n(customer_id, version)
cross join lateral (
    select t.tx_id from txs t where t.customer_id = n.customer_id and t.version = n.version offset 0
) t
cross join lateral (
    select each.* from events each where each.tx_id = t.tx_id and each.position is null offset 0
) e
"""
TAKE_POSITIONS = "update feed set last = last + $1 returning last"
PLACE = """
update events e set position = n.position, published_at = clock_timestamp()
from unnest($1::uuid[], $2::smallint[], $3::bigint[]) n(tx_id, seq, position)
where e.tx_id = n.tx_id and e.seq = n.seq and coalesce(e.position, 0) = 0
"""
# A held basket's purchase has the hold's id, also once it is captured, and also where it never was.
READ = """
select e.position, e.tx_id, e.seq, e.kind, e.customer_id, e.version,
    t.at, t.created_at, t.shop, t.terminal, t.receipt, t.program,
    case e.kind
        when 'purchase' then e.tx_id
        when 'return' then t.parent_tx
        when 'hold' then (select h.id from holds h where h.id = e.tx_id and h.kind = 'purchase')
        when 'capture' then (select h.id from holds h where h.id = t.parent_tx and h.kind = 'purchase')
        when 'release' then (select h.id from holds h where h.id = t.parent_tx and h.kind = 'purchase')
    end as purchase,
    coalesce((
        select json_agg(json_build_array(n.account, n.wallet, n.amount) order by n.seq)
        from entries n where n.customer_id = e.customer_id and n.tx_id = e.tx_id
    ), '[]') as entries
from (
    select position, tx_id, seq, kind, customer_id, version from events where position > $1 order by position limit $2
) e
cross join lateral (
    select * from txs each where each.customer_id = e.customer_id and each.version = e.version and each.tx_id = e.tx_id
    offset 0
) t
order by e.position
"""


class FeedDatabase:
    """The stores of `app.flows.relay` and `app.flows.read_events`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def relaying(self) -> AsyncIterator["RelayDatabaseTx"]:
        async with self._database.transaction() as connection:
            yield RelayDatabaseTx(connection)

    async def read(self, *, after: int, limit: int) -> Sequence[FeedEvent]:
        async with self._database.connection() as connection:
            return [_event_of(row) for row in await connection.fetch(READ, after, limit)]


class RelayDatabaseTx:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def take_lock(self) -> bool:
        return bool(await self._connection.fetchval(TAKE_LOCK))

    async def oldest(self, *, limit: int) -> Sequence[WaitingEvent]:
        return [WaitingEvent(*row) for row in await self._connection.fetch(OLDEST, limit)]

    async def at_versions(self, versions: Sequence[tuple[UUID, int]]) -> Sequence[WaitingEvent]:
        customers = [customer for customer, _ in versions]
        rows = await self._connection.fetch(AT_VERSIONS, customers, [version for _, version in versions])
        return [WaitingEvent(*row) for row in rows]

    async def place(self, events: Sequence[WaitingEvent]) -> None:
        last = await self._connection.fetchval(TAKE_POSITIONS, len(events))
        first = last - len(events) + 1
        done = await self._connection.execute(
            PLACE,
            [event.tx_id for event in events],
            [event.seq for event in events],
            [first + place for place in range(len(events))],
        )
        if done != f"UPDATE {len(events)}":
            raise Conflict(f"{len(events)} events to place, but {done}")


def _event_of(row: Any) -> FeedEvent:
    return FeedEvent(
        position=row["position"],
        id=f"{row['tx_id']}-{row['seq']}",
        type=row["kind"],
        tx_id=row["tx_id"],
        customer=None if row["customer_id"] == NOBODY else row["customer_id"],
        version=row["version"],
        at=row["at"],
        created_at=row["created_at"],
        shop=row["shop"],
        terminal=row["terminal"],
        receipt=row["receipt"],
        program=row["program"],
        purchase=row["purchase"],
        entries=tuple(FeedEntry(*entry) for entry in orjson.loads(row["entries"])),
    )
