"""The whole ledger in one snapshot, streamed: what the self-audit reads.

One REPEATABLE READ transaction, shared by three connections of its own: one streams transactions, one customers and
lots, one looks for rows that stand alone (audit_strays.py). Or a slice of it, on one connection for all
(self_audit.py). All streams come by customer, then by version, from the primary keys; PostgreSQL makes the next batch
while the one before is checked, so memory holds a few batches and one customer's lots, whatever the ledger's size. No
time limit applies: a ledger may take hours, and all that long keeps dead rows from being vacuumed (run it on a replica
where that hurts).
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from app.domain.identifiers import NOBODY
from app.domain.ledger.audit import ActRow, CounterRow, CustomerRow, EntryRow, HoldRow, LotRow, PurchaseRow, TxRow

BATCH = 2_000  # Rows a fetch: some 110 ms of checking, some 10 MB with the answers of purchases.
CONNECT_SECONDS = 10.0
_NOBODY = str(NOBODY)

_SNAPSHOT = "select pg_export_snapshot() as name, clock_timestamp() as now"
# Whoever set limits for the database or the role meant the tills' requests. The last is known to newer servers only.
_NO_LIMITS = {"statement_timeout": "0", "lock_timeout": "0", "idle_in_transaction_session_timeout": "0"}
_NO_LIMIT_TOO = "select set_config(name, '0', false) from pg_settings where name = 'transaction_timeout'"
_COUNT_TXS = "select count(*) from txs"
_PROGRAMS = "select version, document from programs"
_COUNTERS = "select name, period, used from counters"
# Rows come out of the primary keys' order one by one. Sorting or hashing them would write the ledger to temporary files
# first, answers and all.
IN_ORDER = "set local enable_sort = off; set local enable_hashjoin = off; set local enable_mergejoin = off"
# The orders name the tables' own columns: a bare `id` would be the text of the select list, in some language's order.
_CUSTOMERS = """
select c.id::text, c.version, c.head, c.balances::text, c.paid, c.purchases, c.units, c.last_purchase_at, c.due_at,
    c.updated_at, c.memory::text, g.expire_after_days, c.holds
from customers c left join gift_cards g on c.is_gift_card and g.customer_id = c.id
order by c.id
"""
_LOTS = """
select l.customer_id::text, l.lot_id::text, l.wallet, l.tx_id::text, l.remaining, l.active_at, l.expires_at,
    l.is_pending, l.held
from lots l order by l.customer_id, l.lot_id
"""
# A transaction's entries come as arrays: one index look-up each (some 6 µs), and one row to carry.
_TXS = """
select t.customer_id::text, t.version, t.tx_id::text, t.kind, t.idempotency_key, t.shop, t.terminal, t.receipt,
    t.parent_tx::text, t.program, t.at, t.created_at, t.hash,
    e.seqs, e.accounts, e.wallets, e.amounts, e.lots, e.rules,
    p.shop, p.terminal, p.program, p.at, p.lines::text, p.is_all_back, p.answer, p.uses::text, p.draws::text, p.day,
    p.spent::text, a.tx_id is not null, a.uses::text, t.reason,
    h.kind, h.shop, h.terminal, h.program, h.at, h.expires_at, h.state, h.resolved_tx::text, h.units::text,
    h.lines::text, h.uses::text, h.draws::text
from txs t
left join purchases p on p.id = case t.kind when 'capture' then t.parent_tx when 'hold' then null else t.tx_id end
    and p.customer_id = t.customer_id
left join lateral (
    select array_agg(seq order by seq) as seqs, array_agg(account order by seq) as accounts,
        array_agg(wallet order by seq) as wallets, array_agg(amount order by seq) as amounts,
        array_agg(lot_id::text order by seq) as lots, array_agg(rule order by seq) as rules
    from entries where customer_id = t.customer_id and tx_id = t.tx_id
) e on true
left join lateral (select tx_id, uses from acts where tx_id = t.tx_id and t.kind = 'event') a on true
left join lateral (
    select * from holds
    where t.kind in ('hold', 'capture', 'release') and customer_id = t.customer_id
        and id = case t.kind when 'hold' then t.tx_id else t.parent_tx end
) h on true
order by t.customer_id, t.version, t.tx_id
"""


def between(statement: str, owner: str) -> str:
    """The same stream of the customers whose ids are above $1, up to $2."""
    rows, order, by = statement.rpartition("order by")
    return f"{rows}where {owner} > $1 and {owner} <= $2\n{order}{by}"


_SLICES = between(_CUSTOMERS, "c.id"), between(_LOTS, "l.customer_id"), between(_TXS, "t.customer_id")
_ORDER = "order by t.customer_id, t.version, t.tx_id"
_NOBODYS = _TXS.replace(
    _ORDER, f"where t.customer_id = '{_NOBODY}' and t.version = 0 and t.tx_id > $1 {_ORDER} limit $2"
)


@dataclass(frozen=True, slots=True)
class Folder:
    """One customer's papers, or nobody's (`customer_id` None).

    `txs` comes by version, in batches, and is read to its end before the next folder is asked for.
    """

    customer_id: str | None
    row: CustomerRow | None
    lots: list[LotRow]
    txs: AsyncIterator[list[TxRow]]


class Snapshot:
    """The ledger as it stood at one moment. `strays` is a connection for statements that each stand alone."""

    def __init__(
        self, *, now: datetime, txs: asyncpg.Connection, papers: asyncpg.Connection, strays: asyncpg.Connection
    ) -> None:
        self.now = now
        self.strays = strays
        self._txs = txs
        self._papers = papers
        self._tx_stream: _Stream | None = None

    async def count_txs(self) -> int:
        count: int = await self._papers.fetchval(_COUNT_TXS)
        return count

    async def programs(self) -> Mapping[int, str]:
        """Documents by version."""
        return {row["version"]: row["document"] for row in await self._papers.fetch(_PROGRAMS)}

    async def counters(self) -> list[CounterRow]:
        """The program's counters: as many as its rules, caps and prizes have."""
        return [CounterRow(*row) for row in await self._papers.fetch(_COUNTERS)]

    async def folders(self, *, among: tuple[UUID, UUID] | None = None) -> AsyncIterator[Folder]:
        """Every customer who has a row, a lot or a posting, in the order of ids; nobody's postings come first.

        Args:
            among: only customers whose ids are above the first, up to the second.
        """
        bounds = among or ()
        papers = (_CUSTOMERS, _LOTS, _TXS) if among is None else _SLICES
        customers = _Stream(await self._papers.cursor(papers[0], *bounds))
        lots = _Stream(await self._papers.cursor(papers[1], *bounds))
        alone = self._txs is not self._papers  # Only then has the stream a connection for itself.
        txs = self._tx_stream = _Stream(await self._txs.cursor(papers[2], *bounds), ahead=alone)
        streams = (customers, lots, txs)
        while True:
            owners = [owner for stream in streams if (owner := await stream.owner()) is not None]
            if not owners:
                return
            owner = min(owners)
            rows = [CustomerRow(*row[1:]) async for batch in customers.of(owner) for row in batch]
            yield Folder(
                customer_id=None if owner == _NOBODY else owner,
                row=rows[0] if rows else None,
                lots=[LotRow(*row[1:]) async for batch in lots.of(owner) for row in batch],
                txs=_tx_batches(txs.of(owner)),
            )

    async def nobodys(self, *, after: UUID, limit: int) -> list[TxRow]:
        """The next of nobody's postings, by id."""
        return [_tx_of(row) for row in await self._txs.fetch(_NOBODYS, after, limit)]

    async def settle(self) -> None:
        """To be called when the connections are closed: nobody reads the batch that was under way."""
        if self._tx_stream is not None:
            await self._tx_stream.settle()


@asynccontextmanager
async def open_snapshot(url: str) -> AsyncIterator[Snapshot]:
    """Read-only, without time limits."""
    snapshot: Snapshot | None = None
    try:
        async with AsyncExitStack() as stack:
            txs = await _connect(stack, url)
            await txs.execute("begin isolation level repeatable read read only")
            shared = await txs.fetchrow(_SNAPSHOT)
            papers, strays = await _connect(stack, url), await _connect(stack, url)
            for connection in (papers, strays):
                await connection.execute("begin isolation level repeatable read read only")
                await connection.execute(f"set transaction snapshot '{shared['name']}'")
            for connection in (txs, papers):
                await connection.execute(IN_ORDER)
            snapshot = Snapshot(now=shared["now"], txs=txs, papers=papers, strays=strays)
            yield snapshot
    finally:
        if snapshot is not None:
            await snapshot.settle()


async def _connect(stack: AsyncExitStack, url: str) -> asyncpg.Connection:
    connection = await asyncpg.connect(
        url,
        timeout=CONNECT_SECONDS,
        server_settings={"application_name": "kopilka-verify", "timezone": "UTC", "jit": "off", **_NO_LIMITS},
    )
    stack.callback(connection.terminate)  # Nothing to commit, and a broken connection would not close politely.
    await connection.execute(_NO_LIMIT_TOO)
    return connection


class _Stream:
    """Rows of a cursor that come by owner (their first column), a batch at a time.

    `ahead` asks for the next batch before this one is used; the stream then needs its connection for itself.
    """

    def __init__(self, cursor: Any, *, ahead: bool = False) -> None:
        self._cursor = cursor
        self._is_ahead = ahead
        self._coming: asyncio.Task[list[Any]] | None = None
        self._rows: list[Any] = []
        self._place = 0
        self._is_over = False

    async def owner(self) -> str | None:
        """Of the next row; None at the end."""
        if self._place == len(self._rows):
            await self._turn()
        return None if self._is_over else str(self._rows[self._place][0])

    async def of(self, owner: str) -> AsyncIterator[list[Any]]:
        """The rows of this owner, in runs."""
        while await self.owner() == owner:
            start, end, rows = self._place, self._place, self._rows
            while end < len(rows) and rows[end][0] == owner:
                end += 1
            self._place = end
            yield rows[start:end]

    async def settle(self) -> None:
        """Wait for the batch asked for ahead, whatever becomes of it."""
        if self._coming is not None:
            await asyncio.gather(self._coming, return_exceptions=True)

    async def _turn(self) -> None:
        if self._is_over:
            return
        self._rows = await (self._coming or self._cursor.fetch(BATCH))
        self._place = 0
        self._is_over = not self._rows
        if self._is_ahead and not self._is_over:
            self._coming = asyncio.create_task(self._cursor.fetch(BATCH))
            await asyncio.sleep(0)  # The request goes out now, not after the batch at hand.


async def _tx_batches(runs: AsyncIterator[list[Any]]) -> AsyncIterator[list[TxRow]]:
    async for run in runs:
        yield [_tx_of(row) for row in run]


def _tx_of(row: Any) -> TxRow:
    """A row of `_TXS`: the owner, the transaction, its entries as arrays (null where there are none), its purchase, its
    act, its reason, its hold.
    """
    seqs = row[13]
    entries = [] if seqs is None else [EntryRow(*each) for each in zip(*row[13:19], strict=True)]
    purchase = None if row[25] is None else PurchaseRow(*row[19:30])
    act = ActRow(row[31]) if row[30] else None
    hold = None if row[33] is None else HoldRow(*row[33:45])
    return TxRow._make((*row[1:13], entries, purchase, act, hold, row[32]))
