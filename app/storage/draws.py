"""What is stored of draws: the days' commitments, and for whoever checks them the purchases that drew, streamed.

The check reads in one snapshot on a connection of its own, without time limits: a range of a year may take minutes.
Purchases come in the order of their ids, which is nearly that in which they were posted.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from app.domain.draws.prize_draws import PrizeDraw
from app.domain.draws.records import DrawRecord
from app.storage.engine import Database
from app.storage.prize_draws import PRIZE_DRAW_COLUMNS, prize_draw_of
from app.storage.taken_back import draw_of

BATCH = 1_000  # Rows a fetch: some 4 MB with their answers.
CONNECT_SECONDS = 10.0
# Ids hold the moment at which a request came in, days are of the database's clock at the decision, and a program may
# have changed its zone: a day on either side holds all of a range, and what its first draws followed.
MARGIN = timedelta(days=1)
_NO_LIMITS = {"statement_timeout": "0", "lock_timeout": "0", "idle_in_transaction_session_timeout": "0"}
_NO_LIMIT_TOO = "select set_config(name, '0', false) from pg_settings where name = 'transaction_timeout'"

DAY = "select clock_timestamp() as now, (select commitment from draw_days where day = $1) as commitment"
COMMITMENTS = "select day, commitment from draw_days where day between $1 and $2"
DOCUMENTS = "select version, document from programs"
_DRAWN = "p.draws is not null and p.id >= month_bound($1) and p.id < month_bound($2)"
# A held basket drew when it was placed, whenever it was captured; one that never was has told nobody, and its draws
# stand all the same: a slip takes each of them over.
_HELD = "p.draws is not null and p.state <> 'captured' and p.id >= month_bound($1) and p.id < month_bound($2)"
_DAY = """coalesce((
        select min((each.value ->> 'day')::date) from jsonb_array_elements(p.draws) each
        where each.value ->> 'slip_of' is null
    ), {otherwise})"""
COUNT = f"""
select (select count(*) from purchases p where {_DRAWN}) + (select count(*) from holds p where {_HELD})
"""  # noqa: S608 - constants of this module
DRAWN = f"""
select d.*, t.receipt, t.version
from (
    select p.id, p.customer_id, p.shop, p.terminal, p.program,
        case when p.spent is null then p.day else {_DAY.format(otherwise="p.day")} end as day,
        p.draws::text as draws, p.answer, true as is_told
    from purchases p where {_DRAWN}
    union all
    select p.id, p.customer_id, p.shop, p.terminal, p.program, {_DAY.format(otherwise="p.at::date")},
        p.draws::text, p.answer, false
    from holds p where {_HELD}
) d left join txs t on t.customer_id = d.customer_id and t.tx_id = d.id
order by d.id
"""  # noqa: S608 - likewise
ORIGINALS = """
select id, is_all_back, draws::text as draws from purchases where id = any($1::uuid[])
union all
select id, state <> 'held', draws::text from holds
where id = any($1::uuid[]) and kind = 'purchase' and state <> 'captured'
"""
DRAWN_PRIZE_DRAWS = f"""
select {PRIZE_DRAW_COLUMNS} from prize_draws where state <> 'announced' and ends_at >= $1 and ends_at < $2 order by id
"""  # noqa: S608 - likewise
ENTRIES = """
select purchase_id::text as purchase, customer_id::text as customer from prize_draw_entries
where draw_id = $1 order by place
"""


class DrawsDatabase:
    """What the service asks about draws."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def day(self, day: date) -> tuple[datetime, str | None]:
        """The database's clock, and the commitment by which the day's first ticket was drawn."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(DAY, day)
        return row["now"], row["commitment"]


@dataclass(frozen=True, slots=True)
class DrawnPurchase:
    """A purchase with its draws. `told` is what the answer said of them: (rule, ticket, prize). Either is None where
    it can't be read. `receipt` None: there is no such transaction; `shift` is the one that the till sent. `version` is
    the customer's.
    """

    id: str
    customer: str
    shop: str
    terminal: str
    receipt: str | None
    shift: str | None
    version: int
    program: int
    day: date | None
    draws: Sequence[DrawRecord] | None
    told: Sequence[tuple[str, str, str | None]] | None


@dataclass(frozen=True, slots=True)
class Original:
    """A purchase whose slips were taken over."""

    is_all_back: bool
    draws: Sequence[DrawRecord] | None


@asynccontextmanager
async def open_draws(url: str) -> AsyncIterator["DrawsSnapshot"]:
    """Read-only, as it stands at one moment. Raises what the driver raises."""
    connection = await asyncpg.connect(
        url,
        timeout=CONNECT_SECONDS,
        server_settings={"application_name": "kopilka-draws", "timezone": "UTC", "jit": "off", **_NO_LIMITS},
    )
    try:
        await connection.execute(_NO_LIMIT_TOO)
        await connection.execute("begin isolation level repeatable read read only")
        yield DrawsSnapshot(connection)
    finally:
        connection.terminate()  # Nothing to commit.


class DrawsSnapshot:
    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def documents(self) -> Mapping[int, str]:
        """Programs by version."""
        return {row["version"]: row["document"] for row in await self._connection.fetch(DOCUMENTS)}

    async def commitments(self, first: date, last: date) -> Mapping[date, str]:
        rows = await self._connection.fetch(COMMITMENTS, first, last)
        return {row["day"]: row["commitment"] for row in rows}

    async def count(self, *, start: datetime, end: datetime) -> int:
        count: int = await self._connection.fetchval(COUNT, start - MARGIN, end + MARGIN)
        return count

    async def drawn(self, *, start: datetime, end: datetime) -> AsyncGenerator[list[DrawnPurchase], None]:
        """Purchases with draws of that time and a day on either side, in batches."""
        cursor = await self._connection.cursor(DRAWN, start - MARGIN, end + MARGIN)
        while rows := await cursor.fetch(BATCH):
            yield [_drawn(row) for row in rows]

    async def originals(self, ids: Iterable[str]) -> Mapping[str, Original]:
        wanted = [found for text in ids if (found := _uuid(text)) is not None]
        rows = await self._connection.fetch(ORIGINALS, wanted) if wanted else []
        return {str(row["id"]): Original(row["is_all_back"], _draws(row["draws"])) for row in rows}

    async def prize_draws(self, *, start: datetime, end: datetime) -> Sequence[PrizeDraw]:
        """Frozen and drawn ones whose time of entering ended in that time."""
        return [prize_draw_of(row) for row in await self._connection.fetch(DRAWN_PRIZE_DRAWS, start, end)]

    async def entries(self, draw_id: str) -> AsyncGenerator[tuple[str, str], None]:
        """(purchase, customer) by place."""
        cursor = await self._connection.cursor(ENTRIES, draw_id)
        while rows := await cursor.fetch(BATCH):
            for row in rows:
                yield row["purchase"], row["customer"]


def _drawn(row: Mapping[str, Any]) -> DrawnPurchase:
    return DrawnPurchase(
        id=str(row["id"]),
        customer=str(row["customer_id"]),
        shop=row["shop"],
        terminal=row["terminal"],
        receipt=row["receipt"],
        shift=_shift(row["answer"]),
        version=row["version"] or 0,
        program=row["program"],
        day=row["day"],
        draws=_draws(row["draws"]),
        told=_told(row["answer"]) if row["is_told"] else _of_records(row["draws"]),
    )


def _of_records(text: str | None) -> Sequence[tuple[str, str, str | None]]:
    """What a held basket's answer would tell of its draws."""
    return [(record.rule, record.ticket, record.prize) for record in _draws(text) or ()]


def _told(answer: bytes) -> Sequence[tuple[str, str, str | None]] | None:
    try:
        return [(each["rule"], each["ticket"], each["prize"]) for each in orjson.loads(answer)["draws"]]
    except (ValueError, TypeError, KeyError):
        return None


def _shift(answer: bytes) -> str | None:
    """Of the receipt as it was sent, which the answer repeats."""
    try:
        shift: str | None = orjson.loads(answer)["receipt"].get("shift")
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    return shift


def _draws(text: str | None) -> tuple[DrawRecord, ...] | None:
    """Whoever checks records can't trust their form."""
    try:
        draws = () if text is None else tuple(draw_of(draw) for draw in orjson.loads(text))
    except (ValueError, TypeError, KeyError):
        return None
    return draws if all(map(_is_sound, draws)) else None


def _is_sound(record: DrawRecord) -> bool:
    texts = (record.drew, record.prize, record.because, record.wallet, record.gift, record.pool, record.code)
    numbers = (record.numerator, record.denominator, record.units, record.cost)
    return (
        all(isinstance(each, str) for each in (record.rule, record.ticket, record.choice))
        and all(each is None or isinstance(each, str) for each in (*texts, record.slip_of))
        and isinstance(record.state, dict)
        and all(isinstance(each, int) for each in (*numbers, *record.state.values()))
    )


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
