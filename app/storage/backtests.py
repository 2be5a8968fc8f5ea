"""Back-tests: the rows that say how far each is, and the past baskets that a worker reads.

A worker reads its part of the customers on a connection of its own, in the order of ids, which is the order in which
the purchases were posted. Nobody's purchases are divided by their own ids.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from app.domain.backtest.past import PastRow
from app.domain.coupons import Coupon, normal_code
from app.domain.identifiers import NOBODY
from app.flows.try_draft import Backtest
from app.storage.engine import Database

BATCH = 1_000  # Rows a fetch: some 4 MB with their answers.
CONNECT_SECONDS = 10.0
# A process that has not said anything for so long has ended.
SILENT_SECONDS = 30
_NO_LIMITS = {
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "jit": "off",
    # The planner can't know how many rows are one worker's part, guesses a handful, and would read the whole span only
    # to sort it. The index has the order, and rows lie on disk in nearly the same.
    "enable_sort": "off",
}

INSERT = """
insert into backtests (id, document, draft, asked, created_by) values ($1, $2, $3, $4::jsonb, $5)
"""
# Whoever began while another was under way would only make both slow.
IS_RUNNING = f"""
select exists (
    select from backtests where state = 'running' and beat_at > clock_timestamp() - interval '{SILENT_SECONDS} seconds')
"""  # noqa: S608 - a constant of this module
_IS_SILENT = f"state = 'running' and beat_at < clock_timestamp() - interval '{SILENT_SECONDS} seconds'"
_COLUMNS = f"""
select id, case when {_IS_SILENT} then 'failed' else state end as state, asked::text as asked, done, total,
    report::text as report, created_at, created_by, finished_at,
    case when {_IS_SILENT} then 'its process has ended without a word' else failure end as failure
from backtests
"""  # noqa: S608 - likewise
ONE = f"{_COLUMNS} where id = $1"
CANCEL = """
update backtests set state = 'cancelled', finished_at = clock_timestamp() where id = $1 and state = 'running'
"""
# One over no baskets says nothing, unless there are none.
IS_FRESH = """
select exists (
    select from backtests where draft = $1 and state = 'done' and finished_at > clock_timestamp() - $2::interval
        and ((report ->> 'baskets')::bigint > 0 or not exists (select from purchases)))
"""
START = "select document, asked::text as asked from backtests where id = $1 and state = 'running'"
BEAT = """
update backtests set done = $2, total = $3, beat_at = clock_timestamp() where id = $1 and state = 'running' returning id
"""
FINISH = """
update backtests set state = $2, report = $3::jsonb, failure = $4, finished_at = clock_timestamp()
where id = $1 and state = 'running'
"""

# Ids hold the time of posting: a span of time is a span of ids, and of partitions.
_SPAN = "p.id >= month_bound($1) and p.id < month_bound($2)"
COUNT = f"select count(*) from purchases p where {_SPAN}"  # noqa: S608 - a constant of this module
NTH_FROM_LAST = f"select p.id from purchases p where {_SPAN} order by p.id desc offset $3 limit 1"  # noqa: S608
PART = f"""
select p.id, p.customer_id, p.shop, p.program, p.at, p.basket, p.answer
from purchases p
where {_SPAN} and p.id >= coalesce($3::uuid, month_bound($1))
    and ('x' || right(case when p.customer_id = '{NOBODY}' then p.id else p.customer_id end::text, 7))::bit(28)::int
        % $4 = $5
order by p.id
"""  # noqa: S608 - likewise
CODES = "select code, pool from coupons where code = any($1::text[])"
NO_TRANSACTION_LIMIT = (
    "select set_config(name, '0', false) from pg_settings where name = 'transaction_timeout' and setting <> '0'"
)
DOCUMENTS = "select version, document from programs"


class BacktestsDatabase:
    """What the service asks of the rows; it never reads baskets."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def one(self, backtest_id: UUID) -> Backtest | None:
        async with self._database.connection() as connection:
            row = await connection.fetchrow(ONE, backtest_id)
        return None if row is None else _row(row)


def _row(row: Mapping[str, Any]) -> Backtest:
    return Backtest(
        id=row["id"],
        state=row["state"],
        asked=orjson.loads(row["asked"]),
        done=row["done"],
        total=row["total"],
        report=row["report"].encode() if row["report"] else None,
        failure=row["failure"],
        created_at=row["created_at"],
        created_by=row["created_by"],
        finished_at=row["finished_at"],
    )


@dataclass(frozen=True, slots=True)
class Span:
    """Which purchases: posted from `start` on and before `end`; from the id `first` on where the last are asked for."""

    start: datetime
    end: datetime
    first: UUID | None = None


@asynccontextmanager
async def open_past(url: str) -> AsyncIterator["PastDatabase"]:
    """A connection without time limits: reading a year may take minutes. Raises what the driver raises.

    `transaction_timeout` came with PostgreSQL 17, so it is set where it is known.
    """
    connection = await asyncpg.connect(
        url,
        timeout=CONNECT_SECONDS,
        server_settings={"application_name": "kopilka-backtest", "timezone": "UTC", **_NO_LIMITS},
    )
    try:
        await connection.execute(NO_TRANSACTION_LIMIT)
        yield PastDatabase(connection)
    finally:
        connection.terminate()  # Nothing to commit but what stands alone.


class PastDatabase:
    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def now(self) -> datetime:
        now: datetime = await self._connection.fetchval("select clock_timestamp()")
        return now

    async def documents(self) -> Mapping[int, str]:
        return {row["version"]: row["document"] for row in await self._connection.fetch(DOCUMENTS)}

    async def draft(self) -> str | None:
        draft: str | None = await self._connection.fetchval("select document from drafts")
        return draft

    async def span(self, *, start: datetime, end: datetime, last: int | None) -> tuple[Span, int]:
        """The span, cut to its last purchases where so many are asked for, and how many it holds."""
        total = int(await self._connection.fetchval(COUNT, start, end))
        if last is None or last >= total:
            return Span(start, end), total
        return Span(start, end, await self._connection.fetchval(NTH_FROM_LAST, start, end, last - 1)), last

    async def part(self, span: Span, *, part: int, parts: int) -> AsyncIterator[list[PastRow]]:
        """One worker's rows, in batches."""
        async with self._connection.transaction(readonly=True):
            cursor = await self._connection.cursor(PART, span.start, span.end, span.first, parts, part)
            while rows := await cursor.fetch(BATCH):
                yield [_past_row(row) for row in rows]

    async def coupons(self, codes: Sequence[str]) -> Mapping[str, Coupon]:
        """Stored codes among those that were sent, with their pools and without bounds: that day they were good."""
        rows = await self._connection.fetch(CODES, sorted({normal_code(code) for code in codes}))
        return {row["code"]: Coupon(row["code"], pool=row["pool"], uses_max=None) for row in rows}

    async def start(self, backtest_id: UUID) -> tuple[str, Mapping[str, Any]] | None:
        """The draft and what was asked; None where it was cancelled before it began."""
        row = await self._connection.fetchrow(START, backtest_id)
        return None if row is None else (row["document"], orjson.loads(row["asked"]))

    async def beat(self, backtest_id: UUID, *, done: int, total: int | None) -> bool:
        """Say how far it is; False where it was cancelled."""
        return await self._connection.fetchval(BEAT, backtest_id, done, total) is not None

    async def finish(self, backtest_id: UUID, *, report: bytes | None, failure: str | None) -> None:
        state = "done" if failure is None else "failed"
        text = None if report is None else report.decode()
        await self._connection.execute(FINISH, backtest_id, state, text, failure)


def _past_row(row: Mapping[str, Any]) -> PastRow:
    return PastRow(
        id=row["id"],
        customer_id=None if row["customer_id"] == NOBODY else row["customer_id"],
        shop=row["shop"],
        program=row["program"],
        at=row["at"],
        basket=row["basket"],
        answer=row["answer"],
    )
