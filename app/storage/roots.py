"""Days' roots and their heads; the postings that they are made of.

Postings of a day are found by their time alone, through an index of block ranges on every partition: a posting's id has
the time of the process that made it, whose clock may be wrong by days, and a day that missed a posting would be a day
that says the ledger was changed. A month that the day isn't in costs a look at its ranges, some milliseconds.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import date, datetime
from typing import Any
from uuid import UUID

from app.domain.ledger.audit import EntryRow, TxRow
from app.domain.ledger.roots import FIRST, DayRoot, Head, Window, Zones
from app.flows.ledger_roots import Standing
from app.storage.engine import Connection, Database

BATCH = 2_000  # Heads a fetch, some 200 KB; some 6 ms of folding, which other requests wait for.

TAKE_LOCK = "select pg_try_advisory_xact_lock(hashtextextended('kopilka closing of days', 0))"
_ROOT = "select day, zone, begins_at, ends_at, heads, tree, previous, root, closed_at from ledger_roots"
ROOT = f"{_ROOT} where day = $1"
ROOT_AT = f"{_ROOT} where begins_at <= $1 and ends_at > $1"
LAST_ROOT = f"{_ROOT} order by day desc limit 1"
NOW = "select clock_timestamp()"
ZONES = "select published_at, document::json ->> 'timezone' as zone from programs order by version"
# The first event's posting is among the first; nothing was posted long before it.
FIRST_POSTED = """
select min(t.created_at) from txs t where t.created_at <= (
    select f.created_at from (select customer_id, version, tx_id from events order by tx_id, seq limit 1) e
    join txs f on f.customer_id = e.customer_id and f.version = e.version and f.tx_id = e.tx_id)
"""
# One a customer, the last of the day; each of nobody's, whose versions are all 0.
HEADS = """
select distinct on (customer_id, of_nobody) customer_id, tx_id, version, hash from (
    select customer_id, tx_id, version, hash, case version when 0 then tx_id end as of_nobody
    from txs where created_at >= $1 and created_at < $2
) posted
order by customer_id, of_nobody, version desc
"""
CLOSED_HEADS = "select customer_id, tx_id, version, hash from ledger_heads where day = $1 order by place"
KEEP = """
insert into ledger_heads (day, place, customer_id, tx_id, version, hash)
select $1, $2 + place - 1, customer_id, tx_id, version, hash
from unnest($3::uuid[], $4::uuid[], $5::bigint[], $6::bytea[])
    with ordinality n(customer_id, tx_id, version, hash, place)
"""
CLOSE = """
insert into ledger_roots (day, zone, begins_at, ends_at, heads, tree, previous, root, closed_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, clock_timestamp())
"""
_POSTINGS = """
select t.version, t.tx_id::text, t.kind, t.idempotency_key, t.shop, t.terminal, t.receipt, t.parent_tx::text, t.program,
    t.at, t.created_at, t.hash, e.seqs, e.accounts, e.wallets, e.amounts, e.lots, e.rules
from txs t
left join lateral (
    select array_agg(seq order by seq) as seqs, array_agg(account order by seq) as accounts,
        array_agg(wallet order by seq) as wallets, array_agg(amount order by seq) as amounts,
        array_agg(lot_id::text order by seq) as lots, array_agg(rule order by seq) as rules
    from entries where customer_id = t.customer_id and tx_id = t.tx_id
) e on true
where t.customer_id = $1
"""
POSTING = f"{_POSTINGS} and t.tx_id = $2"
LINKS = f"{_POSTINGS} and t.version > $2 and t.version <= $3 order by t.version limit $4"
HASH_AT = "select hash from txs where customer_id = $1 and version = $2"


class RootsDatabase:
    """The store of `app.flows.ledger_roots`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def closed(self, day: date) -> DayRoot | None:
        async with self._database.connection() as connection:
            return _root_of(await connection.fetchrow(ROOT, day))

    @asynccontextmanager
    async def look(self) -> AsyncIterator["RootsTx"]:
        async with self._database.unhurried() as connection:
            await connection.execute("set transaction isolation level repeatable read read only")
            yield RootsTx(connection)

    @asynccontextmanager
    async def closing(self) -> AsyncIterator["RootsTx"]:
        async with self._database.unhurried() as connection:
            yield RootsTx(connection)


class RootsTx:
    """Statements on one transaction's connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def take_lock(self) -> bool:
        return bool(await self._connection.fetchval(TAKE_LOCK))

    async def standing(self) -> Standing:
        last = _root_of(await self._connection.fetchrow(LAST_ROOT))
        first = None if last is not None else await self._connection.fetchval(FIRST_POSTED)
        zones = [(row["published_at"], row["zone"] or "") for row in await self._connection.fetch(ZONES)]
        now: datetime = await self._connection.fetchval(NOW)
        return Standing(now=now, last=last, first_posted_at=first, zones=Zones(zones))

    async def closed_at(self, moment: datetime) -> DayRoot | None:
        return _root_of(await self._connection.fetchrow(ROOT_AT, moment))

    async def heads(self, window: Window) -> AsyncIterator[Sequence[Head]]:
        async for batch in self._batches(HEADS, window.begins_at, window.ends_at):
            yield batch

    async def closed_heads(self, day: date) -> AsyncIterator[Sequence[Head]]:
        async for batch in self._batches(CLOSED_HEADS, day):
            yield batch

    async def keep(self, day: date, heads: Sequence[Head], *, first: int) -> None:
        await self._connection.execute(
            KEEP,
            day,
            first,
            [head.customer_id for head in heads],
            [head.tx_id for head in heads],
            [head.version for head in heads],
            [head.hash for head in heads],
        )

    async def close(self, root: DayRoot) -> None:
        day, begins_at, ends_at, zone = root.window
        hashes = (root.tree, root.previous, root.root)
        await self._connection.execute(CLOSE, day, zone, begins_at, ends_at, root.heads, *hashes)

    async def posting(self, customer_id: UUID, tx_id: UUID) -> TxRow | None:
        row = await self._connection.fetchrow(POSTING, customer_id, tx_id)
        return None if row is None else _posting_of(row)

    async def hash_at(self, customer_id: UUID, version: int) -> bytes:
        found: bytes | None = await self._connection.fetchval(HASH_AT, customer_id, version)
        return FIRST if found is None else found

    async def links(self, customer_id: UUID, *, after: int, upto: int, limit: int) -> Sequence[TxRow]:
        rows = await self._connection.fetch(LINKS, customer_id, after, upto, limit)
        return [_posting_of(row) for row in rows]

    async def _batches(self, statement: str, *arguments: object) -> AsyncIterator[Sequence[Head]]:
        cursor = await self._connection.cursor(statement, *arguments)
        while rows := await cursor.fetch(BATCH):
            yield [Head(*row) for row in rows]


def _root_of(row: Any) -> DayRoot | None:
    if row is None:
        return None
    return DayRoot(
        Window(row["day"], row["begins_at"], row["ends_at"], row["zone"]),
        heads=row["heads"],
        tree=row["tree"],
        previous=row["previous"],
        root=row["root"],
        closed_at=row["closed_at"],
    )


def _posting_of(row: Any) -> TxRow:
    """A row of `_POSTINGS`; what belongs to a purchase, act or hold isn't in its canonical form."""
    entries = [] if row[12] is None else [EntryRow(*each) for each in zip(*row[12:18], strict=True)]
    return TxRow._make((*row[:12], entries, None, None, None, None))
