"""The audit log's rows: appended in chains, read by whoever may, the newest first.

Rows are read in the order of their ids, which is that of time. What is asked for is part of the statement, not of its
arguments: a plan that must suit any question suits none. So is the outcome, one word of three: a plan for any of them
would look for the few deeds that failed among all. There are as many texts as ways to ask, 128.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from app.domain.log_chain import first_id_at
from app.flows.audit_log import Head
from app.flows.ports_audit_log import ActorKind, Deed, LogQuery, LogRow, Outcome, columns_of
from app.storage.engine import Database

HEAD = "select instance, seq, id, hash from audit_log where instance = $1 order by seq desc limit 1"
# From one chain to the next by the primary key: as many look-ups as chains, however long they are. Of 20,000 chains,
# the processes and commands of a year, some 0.2 s, once an hour a process.
HEADS = """
with recursive chain (instance) as (
    (select instance from audit_log order by instance limit 1)
    union all
    select (select a.instance from audit_log a where a.instance > c.instance order by a.instance limit 1)
    from chain c where c.instance is not null
)
select l.instance, l.seq, l.id, l.hash from chain c cross join lateral (
    select a.instance, a.seq, a.id, a.hash from audit_log a where a.instance = c.instance order by a.seq desc limit 1
) l
where l.id >= $1 order by l.id desc limit $2
"""
_TEXTS = ("actor_kind", "actor", "action", "object", "outcome", "ip", "request_id")
APPEND = f"""
insert into audit_log (instance, seq, id, at, {", ".join(_TEXTS)}, details, hash)
select $1, * from unnest($2::bigint[], $3::uuid[], $4::timestamptz[], $5::text[], $6::text[], $7::text[], $8::text[],
    $9::text[], $10::text[], $11::text[], $12::jsonb[], $13::bytea[])
"""  # noqa: S608 - names of columns
# A time that Python has: rows older than the table's checks may have any.
AT = "least(greatest(at, '0001-01-02 00:00+00'), '9999-12-30 00:00+00') as at"
_ROWS = f"select instance, seq, id, {AT}, {', '.join(_TEXTS)}, details::text, hash from audit_log"  # noqa: S608 - likewise
# Stands for a deed that no process of ours can have written; `verify` tells what is wrong with its row.
UNREADABLE = Deed(ActorKind.UNKNOWN, "", "unreadable", outcome=Outcome.FAILED)


class AuditLogDatabase:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def head(self, instance: str) -> Head | None:
        async with self._database.connection() as connection:
            row = await connection.fetchrow(HEAD, instance)
        return None if row is None else Head(*row)

    async def heads(self, *, since: datetime, limit: int) -> Sequence[Head]:
        async with self._database.connection() as connection:
            return [Head(*row) for row in await connection.fetch(HEADS, first_id_at(since), limit)]

    async def append(self, rows: Sequence[LogRow]) -> None:
        """Raises DatabaseGone, DatabaseBusy, Conflict."""
        texts = [columns_of(row.deed) for row in rows]
        async with self._database.connection() as connection:
            await connection.execute(
                APPEND,
                rows[0].instance,
                [row.seq for row in rows],
                [row.id for row in rows],
                [row.at for row in rows],
                *([text[name] for text in texts] for name in _TEXTS),
                [orjson.dumps(row.deed.details).decode() for row in rows],
                [row.hash for row in rows],
            )

    async def rows(self, query: LogQuery, *, before: UUID | None, limit: int) -> Sequence[LogRow]:
        statement, arguments = reading(query, before=before, limit=limit)
        async with self._database.connection() as connection:
            return [_row_of(row) for row in await connection.fetch(statement, *arguments)]


def reading(query: LogQuery, *, before: UUID | None, limit: int) -> tuple[str, list[object]]:
    """The statement for a question, and its arguments."""
    start = None if query.start is None else first_id_at(query.start)
    end = None if query.end is None else first_id_at(query.end)
    told: dict[str, object] = {
        "actor =": query.actor,
        "action =": query.action,
        "object =": query.object,
        "id >=": start,
        "id <": _lesser(before, end),
    }
    asked = {condition: value for condition, value in told.items() if value is not None}
    conditions = [f"{condition} ${place}" for place, condition in enumerate(asked, start=1)]
    if query.outcome is not None:
        conditions.append(f"outcome = '{query.outcome}'")
    where = f" where {' and '.join(conditions)}" if conditions else ""
    statement = f"{_ROWS}{where} order by id desc limit ${len(asked) + 1}"
    return statement, [*asked.values(), limit]


def _lesser(one: UUID | None, other: UUID | None) -> UUID | None:
    return min((each for each in (one, other) if each is not None), default=None)


def _row_of(row: Mapping[str, Any]) -> LogRow:
    try:
        deed = _deed_of(row)
    except ValueError:
        deed = UNREADABLE
    return LogRow(row["id"], row["instance"], row["seq"], row["at"], deed, row["hash"])


def _deed_of(row: Mapping[str, Any]) -> Deed:
    """Raises ValueError where it can't be one."""
    details = orjson.loads(row["details"])
    if not all(isinstance(value, str | int) for value in details.values()):
        raise ValueError("details are texts, whole numbers, yes or no")
    return Deed(
        actor_kind=ActorKind(row["actor_kind"]),
        actor=row["actor"],
        action=row["action"],
        object=row["object"],
        outcome=Outcome(row["outcome"]),
        ip=row["ip"],
        request_id=row["request_id"],
        details=details,
    )
