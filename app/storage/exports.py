"""Everything the database has of one customer, read at one moment."""

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any
from uuid import UUID

import orjson

from app.flows.export_customer import (
    ExportedAct,
    ExportedAlert,
    ExportedCoupon,
    ExportedEntry,
    ExportedPurchase,
    Kept,
)
from app.storage import consents, erasures
from app.storage.engine import Database
from app.storage.holds import view_of
from app.storage.reads import HISTORY, history_item

# By its posting; what is large is stored apart, and not read for this.
SIZES = """
select id, octet_length(answer) + octet_length(basket) as size from purchases
where id = any($2::uuid[]) and customer_id = $1
"""
PURCHASES = """
select id, shop, terminal, at, answer, basket, lines from purchases
where id = any($2::uuid[]) and customer_id = $1 order by id desc
"""
HOLDS = """
select id, customer_id, shop, kind, units, expires_at, resolved_tx,
    case when state = 'held' and expires_at <= clock_timestamp() then 'expired' else state end as state
from holds where id = any($2::uuid[]) and customer_id = $1 order by id desc
"""
ACTS = "select tx_id, type, at, data from acts where tx_id = any($2::uuid[]) and customer_id = $1 order by tx_id desc"
ENTRIES = """
select e.draw_id as draw, e.place, e.purchase_id as purchase
from prize_draws d join prize_draw_entries e on e.draw_id = d.id and e.purchase_id = any($2::uuid[])
where e.customer_id = $1 order by e.draw_id, e.place
"""
COUPONS = """
select code, pool, uses, is_given, is_blocked, created_at from coupons where customer_id = $1 order by code limit $2
"""
ALERTS = """
select kind, shop, terminal, day, raised_at, times, state from alerts where customer_id = $1 order by id desc limit $2
"""


class ExportsDatabase:
    """The port `ExportReads`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def kept(
        self, customer_id: UUID, *, before: int | None, postings_max: int, bytes_max: int, codes_max: int
    ) -> Kept:
        async with self._database.transaction() as connection:
            await connection.execute("set transaction isolation level repeatable read read only")
            postings = await connection.fetch(HISTORY, customer_id, before, postings_max + 1)
            ids = [row["tx_id"] for row in postings[:postings_max]]
            sizes = {row["id"]: row["size"] for row in await connection.fetch(SIZES, customer_id, ids)}
            ids = ids[: _room([sizes.get(each, 0) for each in ids], bytes_max=bytes_max)]
            purchases = await connection.fetch(PURCHASES, customer_id, ids)
            lists = [
                await connection.fetch(statement, *arguments, codes_max + 1)
                for statement, *arguments in (
                    (consents.READ, customer_id, None),
                    (COUPONS, customer_id),
                    (ALERTS, customer_id),
                )
            ]
            agreed, coupons, alerts = (rows[:codes_max] for rows in lists)
            return Kept(
                postings=[history_item(row) for row in postings[: len(ids)]],
                purchases=[_purchase(row) for row in purchases],
                holds=[view_of(row) for row in await connection.fetch(HOLDS, customer_id, ids)],
                acts=[_act(row) for row in await connection.fetch(ACTS, customer_id, ids)],
                entries=_all(ExportedEntry, await connection.fetch(ENTRIES, customer_id, ids)),
                consents=[consents.consent_of(row) for row in agreed],
                coupons=_all(ExportedCoupon, coupons),
                alerts=_all(ExportedAlert, alerts),
                erasure=next(
                    (erasures.erasure_of(row) for row in await connection.fetch(erasures.ONE, customer_id)), None
                ),
                is_last=len(postings) == len(ids),
                is_complete=all(len(rows) <= codes_max for rows in lists),
            )


def _room(sizes: Sequence[int], *, bytes_max: int) -> int:
    """How many of the first ones have room; the first one always has."""
    return max(1, sum(total <= bytes_max for total in accumulate(sizes)))


def _purchase(row: Mapping[str, Any]) -> ExportedPurchase:
    return ExportedPurchase(
        id=row["id"],
        shop=row["shop"],
        terminal=row["terminal"],
        at=row["at"],
        answer=row["answer"],
        basket=row["basket"],
        returned_milli={line["id"]: line["returned_milli"] for line in orjson.loads(row["lines"])},
    )


def _act(row: Mapping[str, Any]) -> ExportedAct:
    return ExportedAct(row["tx_id"], row["type"], row["at"], row["data"].encode())


def _all(kind: Any, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
    return [kind(**dict(row)) for row in rows]
