"""Statements that each stand alone and read what is committed."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from app.domain.identifiers import CustomerId, LotId, TxId
from app.domain.ledger.hold_states import Hold, HoldKind
from app.domain.ledger.lots import Lot
from app.flows.ports_customers import PastBook
from app.flows.requests import Answer
from app.flows.results import HistoryEntry, HistoryItem, HoldView, ProgramVersion, PurchaseRecord
from app.storage.customers import DRAFT
from app.storage.holds import READ_HOLD, view_of
from app.storage.hot_reads import HotReads
from app.storage.ledger import READ_PATRONS, STORED_ANSWERS, bounded
from app.storage.round_rows import patron_of
from app.storage.tiers import read_tier

# Where the first page begins, as `GREATEST_ID` does.
_BIGGEST_INT, _BIGGEST_BIGINT = (1 << 31) - 1, (1 << 63) - 1

PAST_VERSION = "select coalesce(max(version), 0) from txs where customer_id = $1 and created_at <= $2"
# What was posted by a moment, by lot and account. A lot's `pending` sum tells whether it had been activated by then.
PAST_ENTRIES = """
select e.wallet, e.lot_id,
    coalesce(sum(e.amount) filter (where e.account = 'customer:available'), 0)::bigint as available,
    coalesce(sum(e.amount) filter (where e.account = 'customer:pending'), 0)::bigint as pending,
    coalesce(sum(e.amount) filter (where e.account = 'customer:held'), 0)::bigint as held,
    min(l.tx_id::text)::uuid as tx_id, min(l.active_at) as active_at, min(l.expires_at) as expires_at
from txs t join entries e on e.customer_id = t.customer_id and e.tx_id = t.tx_id
left join lots l on l.customer_id = e.customer_id and l.lot_id = e.lot_id
where t.customer_id = $1 and t.created_at <= $2 and e.account in ('customer:available', 'customer:pending',
    'customer:held')
group by e.wallet, e.lot_id
"""
# Those that something is set aside for; who ended them by then is posted by then.
PAST_HOLDS = """
select h.id, h.shop, h.program, h.at, h.expires_at, h.units
from txs t join holds h on h.id = t.tx_id and h.customer_id = t.customer_id
left join txs r on r.customer_id = h.customer_id and r.tx_id = h.resolved_tx
where t.customer_id = $1 and t.kind = 'hold' and t.created_at <= $2 and (r.tx_id is null or r.created_at > $2)
order by h.expires_at, h.id
"""
PAST_PROGRAM = "select coalesce(max(version), 0) from programs where published_at <= $1"
HISTORY = f"""
select t.tx_id, t.kind, t.version, t.at, t.created_at, t.shop, t.terminal, t.receipt, t.parent_tx, t.program, t.reason,
    coalesce((
        select json_agg(json_build_array(e.account, e.wallet, e.amount, e.lot_id, e.rule) order by e.seq)
        from entries e where e.customer_id = t.customer_id and e.tx_id = t.tx_id
    ), '[]') as entries
from txs t where t.customer_id = $1 and t.version < coalesce($2::bigint, {_BIGGEST_BIGINT})
order by t.version desc limit $3
"""  # noqa: S608 - a constant of this module
# One that is held, or was and is not captured, by the database's clock.
PURCHASE = """
select id, shop, program, answer, verdicts, lines, 'committed' as state from purchases where id = $1
union all
select id, shop, program, answer, verdicts, lines,
    case when state = 'held' and expires_at <= clock_timestamp() then 'expired' else state end
from holds where id = $1 and kind = 'purchase' and state <> 'captured'
"""
CLAIMED = "select answer_id from claims where digest = $1"
PROGRAM_NAMES = "select array(select id from segments) as segments, array(select id from coupon_pools) as pools"
NEWEST_PROGRAM = "select clock_timestamp() as now, coalesce(max(version), 0) as version from programs"
PROGRAM = "select version, document, published_at, published_by from programs where version = $1"
PROGRAMS = f"""
select version, document, published_at, published_by from programs
where version < coalesce($1::int, {_BIGGEST_INT}) order by version desc limit $2
"""  # noqa: S608 - likewise
# Whoever quotes has had a connection within the last second, which a server that has just started may have cut. After a
# crash of one of its sessions it starts again without a new process; its statistics tell.
SERVES_ALONE = """
select greatest(pg_postmaster_start_time(), (select stats_reset from pg_stat_bgwriter))
    < clock_timestamp() - interval '2 seconds' and not exists (
    select from pg_stat_activity where datname = current_database() and application_name like 'kopilka/%' and
        application_name <> $1)
"""
SCHEMA_VERSION = "select version_num from alembic_version"
IS_WRITABLE = "select not pg_is_in_recovery() and current_setting('transaction_read_only') = 'off'"


class ReadsDatabase(HotReads):
    async def past(self, customer_id: UUID, *, at: datetime) -> PastBook | None:
        async with self._database.transaction() as connection:
            await connection.execute("set transaction isolation level repeatable read read only")
            newest = await connection.fetchrow(READ_PATRONS, [customer_id])
            if newest is None:
                return None
            version = await connection.fetchval(PAST_VERSION, customer_id, at)
            rows = await connection.fetch(PAST_ENTRIES, customer_id, at)
            is_holding = any(row["held"] for row in rows)
            holds = await connection.fetch(PAST_HOLDS, customer_id, at) if is_holding else []
            program = await connection.fetchval(PAST_PROGRAM, at)
            tier_path = await read_tier(connection, customer_id, version=version)
        wallets: dict[str, tuple[int, int, int]] = {}
        for row in rows:
            available, pending, held = wallets.get(row["wallet"], (0, 0, 0))
            wallets[row["wallet"]] = (available + row["available"], pending + row["pending"], held + row["held"])
        return PastBook(
            version=version,
            wallets=wallets,
            lots=[_past_lot(row) for row in rows if row["lot_id"]],
            holds=[_past_hold(row, CustomerId(customer_id)) for row in holds],
            program=program,
            tier_path=tier_path,
            newest=patron_of(newest),
        )

    async def history(self, customer_id: UUID, *, before: int | None, limit: int) -> Sequence[HistoryItem]:
        return [history_item(row) for row in await self._rows(HISTORY, customer_id, before, limit)]

    async def purchase(self, purchase_id: UUID) -> tuple[PurchaseRecord, int] | None:
        rows = await self._rows(PURCHASE, purchase_id)
        if not rows:
            return None
        row = rows[0]
        returned = {line["id"]: line["returned_milli"] for line in orjson.loads(row["lines"])}
        record = PurchaseRecord(
            id=row["id"],
            shop=row["shop"],
            state=row["state"],
            answer=row["answer"],
            verdicts=row["verdicts"],
            returned_milli=returned,
        )
        return record, row["program"]

    async def hold(self, hold_id: UUID) -> HoldView | None:
        rows = await self._rows(READ_HOLD, hold_id)
        return view_of(rows[0]) if rows else None

    async def claimed(self, digest: UUID) -> UUID | None:
        claimed: UUID | None = await self._value(CLAIMED, digest)
        return claimed

    async def answer(self, answer_id: UUID) -> Answer | None:
        rows = await self._rows(STORED_ANSWERS, *bounded([answer_id]))
        return Answer(rows[0]["status"], rows[0]["body"]) if rows else None

    async def newest_program(self) -> tuple[datetime, int]:
        row = (await self._rows(NEWEST_PROGRAM))[0]
        return row["now"], row["version"]

    async def program(self, version: int) -> ProgramVersion | None:
        rows = await self._rows(PROGRAM, version)
        return _program(rows[0]) if rows else None

    async def programs(self, *, before: int | None, limit: int) -> Sequence[ProgramVersion]:
        return [_program(row) for row in await self._rows(PROGRAMS, before, limit)]

    async def draft(self) -> str | None:
        draft: str | None = await self._value(DRAFT)
        return draft

    async def program_names(self) -> tuple[frozenset[str], frozenset[str]]:
        row = (await self._rows(PROGRAM_NAMES))[0]
        return frozenset(row["segments"]), frozenset(row["pools"])

    async def serves_alone(self) -> bool:
        return bool(await self._value(SERVES_ALONE, f"kopilka/{self._database.instance}"))

    async def is_writable(self) -> bool:
        return bool(await self._value(IS_WRITABLE))

    async def schema_version(self) -> str:
        return str(await self._value(SCHEMA_VERSION))

    async def _value(self, statement: str, *arguments: object) -> Any:
        async with self._database.connection() as connection:
            return await connection.fetchval(statement, *arguments)


def _past_lot(row: Mapping[str, Any]) -> Lot:
    is_pending = row["pending"] > 0
    return Lot(
        id=LotId(row["lot_id"]),
        wallet=row["wallet"],
        tx_id=TxId(row["tx_id"]),
        remaining=row["pending"] + row["available"],
        active_at=row["active_at"],
        expires_at=row["expires_at"],
        is_pending=is_pending,
        held=row["held"],
    )


def _past_hold(row: Mapping[str, Any], customer_id: CustomerId) -> Hold:
    return Hold(
        id=TxId(row["id"]),
        customer_id=customer_id,
        kind=HoldKind.REDEEM,
        shop=row["shop"],
        program=row["program"],
        at=row["at"],
        expires_at=row["expires_at"],
        units=[(wallet, LotId(UUID(lot_id)), units) for wallet, lot_id, units in orjson.loads(row["units"])],
        goods=None,
    )


def history_item(row: Mapping[str, Any]) -> HistoryItem:
    receipt = {"shop": row["shop"], "terminal": row["terminal"], "number": row["receipt"]} if row["receipt"] else None
    return HistoryItem(
        tx_id=row["tx_id"],
        kind=row["kind"],
        version=row["version"],
        at=row["at"],
        created_at=row["created_at"],
        receipt=receipt,
        purchase=row["tx_id"] if row["kind"] == "purchase" else row["parent_tx"],
        program=row["program"],
        reason=row["reason"],
        entries=tuple(
            HistoryEntry(account, wallet, amount, UUID(lot_id) if lot_id else None, rule)
            for account, wallet, amount, lot_id, rule in orjson.loads(row["entries"])
        ),
    )


def _program(row: Mapping[str, Any]) -> ProgramVersion:
    return ProgramVersion(
        version=row["version"],
        document=row["document"].encode(),
        published_at=row["published_at"],
        published_by=row["published_by"],
    )
