"""Slices of the ledger for the running self-audit, what it has found, and the figures that tell of it.

A look is one REPEATABLE READ snapshot on one connection without a limit of time: a customer may have a million
postings. The auditors' lock is held by its transaction. What was found is written by a transaction of its own, while
the look is still open.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from app.domain.identifiers import LEAST_ID, NOBODY
from app.domain.ledger.audit import CounterRow, Finding, TxRow
from app.domain.ledger.audit.uses import UseRow
from app.flows.ports import fresh_ids
from app.flows.ports_audit import LAST_ID, Figures, Found, Noted, OpenFinding, Papers, Seen, Stage, StageState
from app.storage.audit import IN_ORDER, Snapshot
from app.storage.audit_strays import find_strays
from app.storage.engine import Connection, Database

CUSTOMERS_A_SLICE = 2_000
COUNTED_MAX = 100_000  # Of what is only counted for a metric.

_LOCK = "select pg_try_advisory_xact_lock(hashtext('kopilka self-audit')) as is_ours, clock_timestamp() as now"
_STAGES = "select name, cursor, began_at, ended_at, txs from audit_passes"
_PROGRAMS = """
select version, md5(document) as digest, case when md5(document) <> all($1::text[]) then document end as document
from programs
"""
NEXT_CUSTOMERS = "select id, version from customers where id > $1 order by id limit $2"
# What can't be read is found by the customers' stage.
_OF_PROGRAM = """
$.counts[*] ? (@.scope == "program" && @.amount.type() == "number" && @.given_back.type() == "number")
"""
# What was taken of the program's counters, less what was given back: by purchases, by acts, by holds (an open one's
# stand, a captured one's are its purchase's, of one that was let go only what is never given back).
_USES = """
select use ->> 'name', use ->> 'period', sum((use ->> 'amount')::numeric - (use ->> 'given_back')::numeric)::bigint
from (
    select u.use from purchases p, jsonb_path_query(p.uses, $1) u(use)
    union all
    select u.use from acts a, jsonb_path_query(a.uses, $1) u(use)
    union all
    select case when h.state <> 'held' and u.use ->> 'back' <> 'never'
        then jsonb_set(u.use, '{given_back}', u.use -> 'amount') else u.use end
    from holds h, jsonb_path_query(h.uses, $1) u(use)
    where h.state <> 'captured'
) taken
where (use ->> 'amount')::numeric <> 0
group by 1, 2
"""
# Time is an argument, with both its ends: an index, and the planner, look for values that stand still. It finds pages,
# so asking it for a tenth of a second costs what asking for ten does: 15 ms. Read by a cursor, a little at a time.
NEWEST = "select customer_id, tx_id from txs where created_at > $1 and created_at <= $2"
# `offset 0` goes from each posting to its entries, not through all there are.
UNBALANCED = """
select t.customer_id, t.tx_id, e.wallet, sum(e.amount)
from unnest($1::uuid[], $2::uuid[]) t(customer_id, tx_id)
cross join lateral (
    select n.wallet, n.amount from entries n where n.customer_id = t.customer_id and n.tx_id = t.tx_id offset 0
) e
group by 1, 2, 3 having sum(e.amount) <> 0 limit 100
"""
_FOUND = """
insert into audit_findings as f (id, stage, check_name, customer_id, tx_id, expected, found)
select * from unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[], $5::text[], $6::text[], $7::text[])
on conflict (stage, check_name, coalesce(customer_id, '00000000-0000-0000-0000-000000000000'), coalesce(tx_id, ''))
    where gone_at is null
do update set seen_at = clock_timestamp(), expected = excluded.expected, found = excluded.found
returning id
"""
# Nobody's findings are told apart by their posting.
_GONE = """
update audit_findings set gone_at = clock_timestamp()
where gone_at is null and stage = any($1::text[]) and not (id = any($2::uuid[])) and ($3::uuid is null or (
    (customer_id is null) = ('nobody' = any($1::text[]))
    and coalesce(customer_id, tx_id::uuid) > $3 and coalesce(customer_id, tx_id::uuid) <= $4))
"""
_FREEZE = """
with wrong as (
    select id from customers where id = any($1::uuid[]) and frozen_at is null order by id for no key update
)
update customers c set frozen_at = clock_timestamp(), revision = revision + 1 from wrong where c.id = wrong.id
returning c.id
"""
_THAW = """
with right_again as (
    select id from customers
    where frozen_at is not null
        and not exists (
            select from audit_findings f
            where f.customer_id = customers.id and f.gone_at is null and f.check_name <> 'tx_program')
    order by id for no key update
)
update customers c set frozen_at = null, revision = revision + 1 from right_again r where c.id = r.id
returning c.id
"""
_COME_TO = """
insert into audit_passes as p (name, cursor, began_at, ended_at, txs, customers_ever, txs_ever)
values ($1, $2, clock_timestamp(), case when $2::uuid is null then clock_timestamp() end, $4, $3, $4)
on conflict (name) do update set
    cursor = excluded.cursor,
    began_at = case when p.cursor is null then excluded.began_at else p.began_at end,
    ended_at = coalesce(excluded.ended_at, p.ended_at),
    txs = case when p.cursor is null then 0 else p.txs end + excluded.txs,
    customers_ever = p.customers_ever + excluded.customers_ever,
    txs_ever = p.txs_ever + excluded.txs_ever
"""
FIGURES = f"""
select
    (select coalesce(json_object_agg(check_name, n), '{{}}') from (
        select check_name, count(*) as n from audit_findings where gone_at is null group by 1) f)::text as findings,
    (select extract(epoch from clock_timestamp() - min(ended_at)) from audit_passes
        where name in ('customers', 'nobody', 'counters') having count(ended_at) = 3)::float8 as pass_age,
    (select coalesce(sum(customers_ever), 0) from audit_passes)::bigint as customers_checked,
    (select count(*) from (
        select from customers where frozen_at is not null limit {COUNTED_MAX}) f) as frozen,
    (select count(*) from (select from holds where state = 'held' limit {COUNTED_MAX}) h) as holds_open,
    (select count(*) from (
        select from holds where state = 'held' and expires_at <= (select clock_timestamp()) limit {COUNTED_MAX}) h
    ) as holds_overdue,
    (select count(*) from (
        select from events where position is null limit {COUNTED_MAX}) e) as events_waiting,
    (select coalesce(json_object_agg(name, extract(epoch from clock_timestamp() - ended_well_at)), '{{}}')
        from duties)::text as duty_ages,
    (select coalesce(json_object_agg(kind, n), '{{}}') from (
        select kind, count(*) as n from (select kind from alerts where state = 'new' limit {COUNTED_MAX}) a group by 1
    ) a)::text as alerts
"""  # noqa: S608 - a constant of this module
OPEN = f"""
select id, check_name, customer_id, tx_id, expected, found, found_at, seen_at from audit_findings
where gone_at is null and id > coalesce($1::uuid, '{LEAST_ID}') order by id limit $2
"""  # noqa: S608 - likewise
_FROZEN_SINCE = "select frozen_at from customers where id = $1"


class Look:
    """One snapshot, on one connection."""

    def __init__(self, connection: Connection, *, now: datetime) -> None:
        self.now = now
        self._connection = connection
        self._snapshot = Snapshot(now=now, txs=connection, papers=connection, strays=connection)

    async def stages(self) -> Mapping[Stage, StageState]:
        states = {stage: StageState() for stage in Stage}
        for name, *state in await self._connection.fetch(_STAGES):
            if name in states:
                states[Stage(name)] = StageState(*state)
        return states

    async def programs(self, known: Mapping[int, str]) -> Mapping[int, tuple[str, str | None]]:
        rows = await self._connection.fetch(_PROGRAMS, list(known.values()))
        if any(row["document"] is None and known.get(row["version"]) != row["digest"] for row in rows):
            # A document that another version has too.
            rows = await self._connection.fetch(_PROGRAMS, [])
        return {row["version"]: (row["digest"], row["document"]) for row in rows}

    async def upto(self, after: UUID, *, txs: int) -> UUID:
        rows = await self._connection.fetch(NEXT_CUSTOMERS, after, CUSTOMERS_A_SLICE)
        sum_of_txs, last = 0, after
        for customer_id, version in rows:
            sum_of_txs += version + 1
            if sum_of_txs > txs and last != after:
                return last
            last = customer_id
        return last if len(rows) == CUSTOMERS_A_SLICE else LAST_ID

    async def papers(self, *, after: UUID, upto: UUID) -> AsyncIterator[Papers]:
        await self._connection.execute(IN_ORDER)
        async for folder in self._snapshot.folders(among=(after, upto)):
            yield folder

    async def nobodys(self, *, after: UUID, limit: int) -> Sequence[TxRow]:
        await self._connection.execute(IN_ORDER)
        return await self._snapshot.nobodys(after=after, limit=limit)

    async def counters(self) -> Sequence[CounterRow]:
        return await self._snapshot.counters()

    async def uses(self) -> Sequence[UseRow]:
        rows = await self._connection.fetch(_USES, _OF_PROGRAM)
        return [UseRow("program", name, period, taken, "never", {}, 0) for name, period, taken in rows]

    async def strays(self) -> AsyncIterator[Finding]:
        async for finding in find_strays(self._snapshot):
            yield finding

    async def newest(self, *, since: datetime, at_once: int) -> AsyncIterator[Sequence[tuple[UUID, UUID]]]:
        cursor = await self._connection.cursor(NEWEST, since, self.now)
        while rows := await cursor.fetch(at_once):
            yield [(row[0], row[1]) for row in rows]

    async def unbalanced(self, postings: Sequence[tuple[UUID, UUID]]) -> Sequence[Found]:
        owners, ids = [owner for owner, _ in postings], [tx_id for _, tx_id in postings]
        rows = await self._connection.fetch(UNBALANCED, owners, ids)
        return [
            Found("entry_sum", None if owner == NOBODY else str(owner), str(tx_id), f"{wallet}: 0", str(total))
            for owner, tx_id, wallet, total in rows
        ]


class SelfAuditDatabase:
    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def look(self) -> AsyncIterator[Look | None]:
        async with self._database.unhurried() as connection:
            await connection.execute("set transaction isolation level repeatable read read only")
            row = await connection.fetchrow(_LOCK)
            yield Look(connection, now=row["now"]) if row["is_ours"] else None

    async def note(self, seen: Seen) -> Noted:
        once = {(found.check, found.customer, found.tx): found for found in seen.found}
        found = list(once.values())
        async with self._database.transaction() as connection:
            ids = list(_take(len(found)))
            rows = await connection.fetch(
                _FOUND,
                ids,
                [seen.stage] * len(found),
                [each.check for each in found],
                [each.customer and UUID(each.customer) for each in found],
                [each.tx for each in found],
                [each.expected for each in found],
                [each.found for each in found],
            )
            kept = [row["id"] for row in rows]
            await connection.execute(_GONE, _seen_again_by(seen.stage), kept, seen.after, seen.upto)
            wrong = sorted({UUID(each.customer) for each in found if each.customer and each.freezes})
            frozen = [row["id"] for row in await connection.fetch(_FREEZE, wrong)] if wrong else []
            thawed = [row["id"] for row in await connection.fetch(_THAW)]
            cursor = None if seen.is_over else seen.upto
            await connection.execute(_COME_TO, seen.stage, cursor, seen.customers, seen.txs)
        fresh = set(kept) & set(ids)
        new = [each for each, finding_id in zip(found, ids, strict=True) if finding_id in fresh]
        return Noted(new=new, frozen=frozen, thawed=thawed)

    async def figures(self) -> Figures:
        async with self._database.connection() as connection:
            row: Mapping[str, Any] = await connection.fetchrow(FIGURES)
        counted = {name: orjson.loads(row[name]) for name in ("findings", "duty_ages", "alerts")}
        return Figures(**{**row, **counted})

    async def open_findings(self, *, after: UUID | None, limit: int) -> Sequence[OpenFinding]:
        async with self._database.connection() as connection:
            return [OpenFinding(*row) for row in await connection.fetch(OPEN, after, limit)]

    async def frozen_since(self, customer_id: UUID) -> datetime | None:
        async with self._database.connection() as connection:
            since: datetime | None = await connection.fetchval(_FROZEN_SINCE, customer_id)
            return since


def _seen_again_by(stage: Stage) -> list[str]:
    """Whose findings this stage has looked at again. The newest postings are looked at once; then they are as all."""
    if stage is Stage.NEWEST:
        return []
    return [stage, Stage.NEWEST] if stage in (Stage.CUSTOMERS, Stage.NOBODY) else [stage]


def _take(count: int) -> Sequence[UUID]:
    ids = fresh_ids()
    return [next(ids) for _ in range(count)]
