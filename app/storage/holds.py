"""Holds in the database: the few statements that place, lock, read and end them.

An open hold of a customer is protected by the lock of the customer's row, one of nobody by its own. Conditions on the
clock take it as an argument: an index looks for a value that stands still.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

import orjson
from pydantic import TypeAdapter

from app.domain.identifiers import NOBODY, CustomerId, LotId, TxId
from app.domain.ledger.hold_states import Hold, HoldKind, HoldState
from app.domain.ledger.purchase_states import PurchaseState
from app.flows.failures import Conflict
from app.flows.ledger_port import HeldSale, StoredHold
from app.flows.results import HoldView
from app.storage.engine import Connection
from app.storage.taken_back import draws_from_json, draws_to_json, lines_from_json, lines_to_json, uses_from_json
from app.storage.taken_back import uses_to_json as uses_json

DUE_HOLDERS = """
select distinct customer_id from (
    select customer_id from holds where state = 'held' and expires_at <= $1 order by expires_at limit $2
) due
"""
HOLD_OWNERS = "select id, customer_id from holds where id = any($1::uuid[])"
HOLD_COLUMNS = (
    "id", "customer_id", "kind", "shop", "terminal", "program", "at", "expires_at", "state", "resolved_tx", "units",
    "lines", "uses", "draws",
)  # fmt: skip
_HOLD = f"select {', '.join(HOLD_COLUMNS)}"
# What a capture needs of a held basket is read for the named holds only. The ORDER BY stands in the locking query: see
# the customers' lock in ledger.py.
LOCK_HOLDS = f"""
{_HOLD},
    case when id = any($1::uuid[]) then decision end as decision,
    case when id = any($1::uuid[]) then basket end as basket
from holds where id = any($1::uuid[]) or (customer_id = any($2::uuid[]) and state = 'held') order by id for update
"""
LOCK_NOBODYS = f"""
{_HOLD}, null::bytea as decision, null::bytea as basket
from holds where customer_id = '{NOBODY}' and state = 'held' and expires_at <= $1
order by expires_at limit $2 for update skip locked
"""
INSERT_HOLDS = """
insert into holds (id, customer_id, kind, shop, terminal, program, at, expires_at, units, lines, uses, draws, decision,
    answer, basket, verdicts)
select * from unnest(
    $1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::int[], $7::timestamptz[], $8::timestamptz[],
    $9::jsonb[], $10::jsonb[], $11::jsonb[], $12::jsonb[], $13::bytea[], $14::bytea[], $15::bytea[], $16::bytea[])
"""
# Nobody may end a hold twice, whatever went wrong before.
RESOLVE_HOLDS = """
update holds h set state = n.state, resolved_tx = n.resolved_tx, decision = null, basket = null
from unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[]) n(id, customer_id, state, resolved_tx)
where h.id = n.id and h.customer_id = n.customer_id and h.state = 'held'
"""
READ_HOLD = """
select id, customer_id, shop, kind, units, expires_at, resolved_tx,
    case when state = 'held' and expires_at <= clock_timestamp() then 'expired' else state end as state
from holds where id = $1
"""

_SALE = TypeAdapter(HeldSale)


def sale_to_json(sale: HeldSale) -> bytes:
    """Everything of it, the decision with its draws included."""
    return _SALE.dump_json(sale)


def sale_from_json(text: bytes) -> HeldSale:
    """The inverse of `sale_to_json`; what a verdict needed and had comes back as JSON has it."""
    return _SALE.validate_json(text)


def hold_of(row: Mapping[str, Any]) -> Hold:
    """A row of `HOLD_COLUMNS`."""
    tx_id, kind = TxId(row["id"]), HoldKind(row["kind"])
    units = [(wallet, LotId(UUID(lot)), taken) for wallet, lot, taken in orjson.loads(row["units"])]
    goods = None
    if kind is HoldKind.PURCHASE:
        goods = PurchaseState(
            tx_id=tx_id,
            lines=lines_from_json(row["lines"]),
            spent=(),
            uses=uses_from_json(row["uses"]),
            draws=draws_from_json(row["draws"]),
        )
    return Hold(
        id=tx_id,
        customer_id=CustomerId(row["customer_id"]),
        kind=kind,
        shop=row["shop"],
        program=row["program"],
        at=row["at"],
        expires_at=row["expires_at"],
        units=units,
        goods=goods,
        state=HoldState(row["state"]),
        resolved_tx=TxId(row["resolved_tx"]) if row["resolved_tx"] else None,
    )


def view_of(row: Mapping[str, Any]) -> HoldView:
    """A row of `READ_HOLD`."""
    wallets: dict[str, int] = {}
    for wallet, _, units in orjson.loads(row["units"]):
        wallets[wallet] = wallets.get(wallet, 0) + units
    customer = row["customer_id"]
    return HoldView(
        id=row["id"],
        shop=row["shop"],
        state=row["state"],
        kind=row["kind"],
        expires_at=row["expires_at"],
        customer=None if customer == NOBODY else customer,
        wallets=wallets,
        resolved_tx=row["resolved_tx"],
    )


async def lock(
    connection: Connection, ids: Sequence[UUID], *, customers: Sequence[UUID], nobodys: int, now: object
) -> dict[UUID, StoredHold]:
    """The named ones and the customers', waiting for the named ones of nobody; then nobody's that are over. That order
    keeps two rounds from waiting for each other in a circle: whoever passes over locks waits for none any more.
    """
    rows: list[Mapping[str, Any]] = []
    if ids or customers:
        rows += await connection.fetch(LOCK_HOLDS, ids, customers)
    if nobodys:
        rows += await connection.fetch(LOCK_NOBODYS, now, nobodys)
    found: dict[UUID, StoredHold] = {}
    for row in rows:
        found.setdefault(row["id"], _stored(row))
    return found


def _stored(row: Mapping[str, Any]) -> StoredHold:
    return StoredHold(
        state=hold_of(row),
        terminal=row["terminal"],
        sale=None if row["decision"] is None else sale_from_json(row["decision"]),
        basket=row["basket"],
    )


async def write(connection: Connection, *, placed: Sequence[StoredHold], resolved: Sequence[Hold]) -> None:
    """What a round has placed and ended; no statement where it did neither.

    Raises:
        Conflict: one of them was ended by somebody who didn't hold the lock.
    """
    if placed:
        await connection.execute(INSERT_HOLDS, *_placed(placed))
    if resolved:
        done = await connection.execute(
            RESOLVE_HOLDS,
            [hold.id for hold in resolved],
            [hold.customer_id for hold in resolved],
            [hold.state.value for hold in resolved],
            [hold.resolved_tx for hold in resolved],
        )
        if done != f"UPDATE {len(resolved)}":
            raise Conflict(f"{len(resolved)} holds to end, but {done}")


def _placed(placed: Iterable[StoredHold]) -> list[list[Any]]:
    rows = [(stored, stored.state) for stored in placed]
    return [
        [hold.id for _, hold in rows],
        [hold.customer_id for _, hold in rows],
        [hold.kind.value for _, hold in rows],
        [hold.shop for _, hold in rows],
        [stored.terminal for stored, _ in rows],
        [hold.program for _, hold in rows],
        [hold.at for _, hold in rows],
        [hold.expires_at for _, hold in rows],
        [_units(hold) for _, hold in rows],
        ["[]" if hold.goods is None else lines_to_json(hold.goods.lines) for _, hold in rows],
        [None if hold.goods is None else uses_json(hold.goods.uses) for _, hold in rows],
        [None if hold.goods is None else draws_to_json(hold.goods.draws) for _, hold in rows],
        [None if stored.sale is None else sale_to_json(stored.sale) for stored, _ in rows],
        [stored.answer for stored, _ in rows],
        [stored.basket for stored, _ in rows],
        [stored.verdicts for stored, _ in rows],
    ]


def _units(hold: Hold) -> str:
    return orjson.dumps([[wallet, str(lot), units] for wallet, lot, units in hold.units]).decode()
