"""Statements about alerts: the list, decisions, and what watching the tills reads and keeps."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson

from app.domain.abuse.tills import AlertKind, Habits, TillEvent, TillKind
from app.domain.identifiers import GREATEST_ID, NOBODY
from app.flows.ports import fresh_ids
from app.flows.ports_alerts import Alert, AlertQuery, AlertState, Raised
from app.storage.engine import Connection, Database
from app.storage.ledger import Round

_COLUMNS = """
    id, kind, shop, terminal, customer_id, day, facts, tx_id, times, raised_at, last_at, state, decided_by, decided_at
"""
LIST_IN_STATE = f"""
select {_COLUMNS} from alerts
where state = $1 and ($2::text is null or kind = $2) and ($3::text is null or shop = $3)
    and id < coalesce($4::uuid, '{GREATEST_ID}')
order by id desc limit $5
"""  # noqa: S608 - names of columns, here and below
LIST = LIST_IN_STATE.replace("where state = $1", "where $1::text is null")
ONE = f"select {_COLUMNS} from alerts where id = $1"  # noqa: S608
DECIDE = f"""
update alerts set state = $2, decided_by = $3, decided_at = clock_timestamp()
where id = $1 and state in ('new', 'seen') returning {_COLUMNS}
"""  # noqa: S608
# Somebody dismissed what was seen until then: what comes after it is new. What is confirmed goes on counting.
RAISE = """
insert into alerts (id, kind, shop, terminal, customer_id, day, tx_id, facts, times)
select * from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::uuid[], $6::date[], $7::uuid[], $8::jsonb[],
    $9::bigint[]) order by 2, 3, 4, 5, 6
on conflict (kind, shop, terminal, customer_id, day) do update set
    times = alerts.times + excluded.times,
    last_at = clock_timestamp(),
    state = case alerts.state when 'dismissed' then 'new' else alerts.state end,
    decided_by = case alerts.state when 'dismissed' then null else alerts.decided_by end,
    decided_at = case alerts.state when 'dismissed' then null else alerts.decided_at end
"""
TAKE_LOCK = "select pg_try_advisory_xact_lock(hashtextextended('kopilka watch', 0))"
POSITION = "select position, clock_timestamp() as now from watch"
# The sum of a purchase stands in its lines; a hold's capture and what time has brought are nobody's deed at a till.
READ = """
select e.position, e.tx_id, e.kind, e.customer_id, t.shop, t.terminal, t.created_at,
    coalesce(t.idempotency_key like 'offline №%', false) as is_late,
    (select sum((line ->> 'paid')::bigint) from purchases p, jsonb_array_elements(p.lines) line
        where e.kind = 'purchase' and p.customer_id = e.customer_id and p.id = e.tx_id)::bigint as paid
from (
    select position, tx_id, kind, customer_id, version from events where position > $1 order by position limit $2
) e
cross join lateral (
    select * from txs each where each.customer_id = e.customer_id and each.version = e.version and each.tx_id = e.tx_id
    offset 0
) t
order by e.position
"""
HABITS = """
select w.shop, w.terminal, w.habits from tills_watched w
join unnest($1::text[], $2::text[]) n(shop, terminal) on w.shop = n.shop and w.terminal = n.terminal
"""
KEEP_HABITS = """
insert into tills_watched (shop, terminal, habits)
select * from unnest($1::text[], $2::text[], $3::jsonb[])
on conflict (shop, terminal) do update set habits = excluded.habits
"""
KEEP_POSITION = "update watch set position = $1"

_KINDS = {
    "purchase": TillKind.SALE,
    "redeem": TillKind.TAKING,
    "hold": TillKind.TAKING,
    "return": TillKind.RETURN,
}


class AlertsDatabase:
    """The stores of `app.flows.keep_alerts` and `app.flows.watch_tills`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def round(self) -> AsyncIterator["AlertRound"]:
        async with self._database.transaction() as connection:
            yield AlertRound(connection)

    @asynccontextmanager
    async def watching(self) -> AsyncIterator["WatchRound"]:
        async with self._database.transaction() as connection:
            yield WatchRound(connection)

    async def alerts(self, query: AlertQuery, *, before: UUID | None, limit: int) -> Sequence[Alert]:
        async with self._database.connection() as connection:
            statement = LIST if query.state is None else LIST_IN_STATE
            rows = await connection.fetch(statement, query.state, query.kind, query.shop, before, limit)
        return [_alert_of(row) for row in rows]

    async def raise_alerts(self, raised: Sequence[Raised]) -> None:
        async with self._database.connection() as connection:
            await _raise(connection, raised)


class AlertRound(Round):
    """A round's statements and those that decide alerts."""

    async def decide_alert(self, alert_id: UUID, state: AlertState, *, by: str) -> Alert | None:
        row = await self._connection.fetchrow(DECIDE, alert_id, state, by)
        return None if row is None else _alert_of(row)

    async def alert(self, alert_id: UUID) -> Alert | None:
        row = await self._connection.fetchrow(ONE, alert_id)
        return None if row is None else _alert_of(row)


class WatchRound:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def take_lock(self) -> tuple[int, datetime] | None:
        if not await self._connection.fetchval(TAKE_LOCK):
            return None
        row = await self._connection.fetchrow(POSITION)
        return row["position"], row["now"]

    async def read(self, *, after: int, limit: int, zone: str) -> tuple[int, Sequence[TillEvent]]:
        rows = await self._connection.fetch(READ, after, limit)
        local = ZoneInfo(zone)
        events = [_event_of(row, local) for row in rows if row["kind"] in _KINDS and row["shop"] is not None]
        return (rows[-1]["position"] if rows else after), events

    async def habits(self, tills: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], Habits]:
        shops, terminals = [shop for shop, _ in tills], [terminal for _, terminal in tills]
        return {
            (row["shop"], row["terminal"]): Habits.from_document(orjson.loads(row["habits"]))
            for row in await self._connection.fetch(HABITS, shops, terminals)
        }

    async def keep(self, position: int, habits: Mapping[tuple[str, str], Habits]) -> None:
        await self._connection.execute(KEEP_POSITION, position)
        if habits:
            await self._connection.execute(
                KEEP_HABITS,
                [shop for shop, _ in habits],
                [terminal for _, terminal in habits],
                [orjson.dumps(each.to_document()).decode() for each in habits.values()],
            )

    async def raise_alerts(self, raised: Sequence[Raised]) -> None:
        if raised:
            await _raise(self._connection, raised)


async def _raise(connection: Connection, raised: Sequence[Raised]) -> None:
    ids = fresh_ids()
    await connection.execute(
        RAISE,
        [next(ids) for _ in raised],
        [each.kind for each in raised],
        [each.shop for each in raised],
        [each.terminal for each in raised],
        [each.customer for each in raised],
        [each.day for each in raised],
        [each.tx_id for each in raised],
        [orjson.dumps(dict(each.facts)).decode() for each in raised],
        [each.times for each in raised],
    )


def _event_of(row: Mapping[str, Any], zone: ZoneInfo) -> TillEvent:
    created_at: datetime = row["created_at"]
    return TillEvent(
        kind=_KINDS[row["kind"]],
        shop=row["shop"],
        terminal=row["terminal"] or "",
        customer=None if row["customer_id"] == NOBODY else row["customer_id"],
        tx_id=row["tx_id"],
        at=created_at.astimezone(zone),
        paid=row["paid"],
        is_late=row["is_late"],
    )


def _alert_of(row: Mapping[str, Any]) -> Alert:
    return Alert(
        id=row["id"],
        raised=Raised(
            kind=AlertKind(row["kind"]),
            shop=row["shop"],
            terminal=row["terminal"],
            customer=row["customer_id"],
            day=row["day"],
            facts=orjson.loads(row["facts"]),
            tx_id=row["tx_id"],
            times=row["times"],
        ),
        raised_at=row["raised_at"],
        last_at=row["last_at"],
        state=AlertState(row["state"]),
        decided_by=row["decided_by"],
        decided_at=row["decided_at"],
    )
