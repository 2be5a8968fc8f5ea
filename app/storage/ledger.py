"""The few statements of a round. Each is prepared once a connection and takes arrays; none is built at run time."""

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

from app.domain.identifiers import CustomerId
from app.domain.ledger.lots import Lot
from app.flows.ledger_port import (
    Changes,
    Claim,
    Glance,
    Known,
    Patron,
    Shared,
    StoredHold,
    StoredPurchase,
    Taken,
)
from app.flows.requests import Answer
from app.storage import holds, round_writes, shared
from app.storage.engine import Connection, Database, transaction_on
from app.storage.round_rows import claims_of, lots_by_customer, patron_of, purchase_of

# Locks first, in a statement of their own: what the next one reads is then newer than the locks.
TAKE = """
select clock_timestamp() as now, coalesce((select max(version) from programs), 0) as program,
    array(select pg_try_advisory_xact_lock(l.lock) from unnest($1::bigint[]) with ordinality l(lock, place) order by
        l.place) as is_free,
    coalesce((select min(expires_at) from holds where state = 'held') <= clock_timestamp(), false) as has_due_holds
"""
# Each digest is looked for in its own partition; `= any` looks in all four (measured: 5.9 µs a purchase, this 2.6).
READ_KNOWN = """
select 'claim' as what, c.digest as id, c.answer_id as other, c.fingerprint, null::bytea as identifier
from unnest($1::uuid[]) n(digest) cross join lateral (
    select * from claims each where each.digest = n.digest offset 0
) c
union all
select 'owner', i.customer_id, null, null, i.digest from identifiers i where i.digest = any($2::bytea[]) and not
    i.is_blocked
union all
select 'customer', c.id, null, null, null from customers c where c.id = any($3::uuid[])
"""
# A held basket has the id of the purchase that it becomes: that id's key placed it.
_KNOWN_CLAIMS = """
select jsonb_agg(jsonb_build_array(c.digest, c.answer_id, c.fingerprint))
from unnest($1::uuid[]) n(digest) cross join lateral (
    select * from claims each where each.digest = n.digest offset 0
) c
"""
# The bounds, least and greatest id, leave out months where a kept plan can't by the array: a repeat in a small round
# took 510 µs of five years' months, and takes 130.
STORED_ANSWERS = """
select id, status, body from answers where id = any($1::uuid[]) and id between $2 and $3
union all
select id, 201::smallint, answer from holds where id = any($1::uuid[])
union all
select id, 201::smallint, answer from purchases p where id = any($1::uuid[]) and id between $2 and $3
    and not exists (select from holds h where h.id = p.id)
"""
PURCHASE_OWNERS = "select id, customer_id from purchases where id = any($1::uuid[]) and id between $2 and $3"

_PATRON_COLUMNS = """
    c.id, c.version, c.revision, c.balances, c.tier, c.paid, c.purchases, c.units, c.last_purchase_at, c.due_at,
    c.head, c.updated_at, c.memory, c.is_gift_card,
    c.is_blocked, c.frozen_at is not null as is_frozen, c.holds, c.registered_at,
    p.wrapped_key, p.sealed, p.tags, p.segments, p.card_types, p.referrer
"""
_PATRONS = "from customers c left join profiles p on p.customer_id = c.id where c.id = any($1::uuid[]) order by c.id"
READ_PATRONS = f"select {_PATRON_COLUMNS} {_PATRONS}"
# The lock and the columns of `c` are those of the newest row version, while the profile beside it is what the statement
# saw when it began: `seen` is the revision which that belongs to. The ORDER BY stands in the locking query, since an
# outer one would sort after the locks were taken in whatever order the plan came by them.
LOCK_PATRONS_WAITING = f"""
select {_PATRON_COLUMNS}, (select s.revision from customers s where s.id = c.id) as seen
{_PATRONS} for no key update of c"""  # noqa: S608 - constants of this module
LOCK_PATRONS = f"{LOCK_PATRONS_WAITING} skip locked"
# All that a usual round reads, in one statement: each one more costs a round 45 µs in this process and 40 in
# PostgreSQL. The clock is read after the snapshot is taken, so it is later than whatever the row was written at. At
# least one row: what isn't about a customer comes with each.
GLANCE = f"""
select s.*, a.asked, {_PATRON_COLUMNS}
from (
    select clock_timestamp() as now, coalesce((select max(version) from programs), 0) as program,
        coalesce((select min(expires_at) from holds where state = 'held') <= clock_timestamp(), false)
            as has_due_holds,
        array(select code from coupons where code = any($4::text[])) as issued,
        ({_KNOWN_CLAIMS}) as claims
) s
left join (
    (
        select i.digest as asked, i.customer_id from identifiers i
        where i.digest = any($2::bytea[]) and not i.is_blocked
        union all
        select null, u.id from unnest($3::uuid[]) u(id)
    ) a
    join customers c on c.id = a.customer_id
    left join profiles p on p.customer_id = c.id
) on true
"""  # noqa: S608 - constants of this module

# One that was held was posted by its capture: that made its lots, and that is when it counted.
LOCK_PURCHASES = """
select p.id, p.customer_id, p.shop, p.program, p.at, p.lines, p.uses, p.draws, p.day, p.spent,
    case when p.spent is not null then (select h.resolved_tx from holds h where h.id = p.id) end as posted_by,
    case when p.spent is not null then (
        select t.at from holds h join txs t on t.customer_id = h.customer_id and t.tx_id = h.resolved_tx
        where h.id = p.id
    ) else p.at end as counted_at,
    (select c.last_purchase_at from customers c where c.id = p.customer_id) as last_at
from purchases p where p.id = any($1::uuid[]) order by p.id for no key update of p
"""
# Units a purchase took out of lots of others, in posting order: what covers a debt, or expires on arrival, is of its
# own lots. A captured hold has them written down.
SPENT = """
select e.tx_id, e.wallet, e.lot_id, -e.amount as units
from entries e join lots l on l.customer_id = e.customer_id and l.lot_id = e.lot_id
where e.customer_id = any($2::uuid[]) and e.tx_id = any($1::uuid[])
    and e.account = 'customer:available' and e.amount < 0 and l.tx_id <> e.tx_id
order by e.tx_id, e.seq
"""
# When each customer's latest purchase counted that is not wholly returned, leaving out the one named. One that was held
# has the hold's id and counted when it was captured. All of the customer's purchases are gone through, 80 ms of 27,000:
# so it is asked only of who may return the latest, which most returns don't, and never of nobody, who has most of all.
PREVIOUS_AT = """
select w.id, max(t.at) as at
from unnest($1::uuid[], $2::uuid[]) w(id, customer_id)
join txs t on t.customer_id = w.customer_id and t.kind in ('purchase', 'capture')
join purchases p on p.id = case t.kind when 'capture' then t.parent_tx else t.tx_id end
    and p.customer_id = t.customer_id and not p.is_all_back and p.id <> w.id
group by w.id
"""
LOT_COLUMNS = (
    "customer_id", "lot_id", "wallet", "tx_id", "remaining", "active_at", "expires_at", "is_pending", "held",
)  # fmt: skip
_LOT = f"select {', '.join(LOT_COLUMNS)} from lots"  # noqa: S608 - constants of this module
READ_LOTS = f"{_LOT} where customer_id = any($1::uuid[]) and (remaining > 0 or held > 0)"
# Found by the postings' own entries: somebody may have tens of thousands that they have nothing to do with.
READ_LOTS_OF_POSTINGS = f"""
{_LOT} where (customer_id, lot_id) in (
    select customer_id, lot_id from entries where customer_id = any($1::uuid[]) and tx_id = any($2::uuid[]))
"""  # noqa: S608
READ_LOTS_OF_PURCHASES = f"{READ_LOTS} union {READ_LOTS_OF_POSTINGS}"
# Out of the index in spending order, so what it costs goes by what is wanted: each lot has a unit at least. The sum
# sends no more of them than hold it, and can't end the reading: `$4` does, for all but who wants very many.
READ_FIRST_LOTS = f"""
select {", ".join(LOT_COLUMNS)} from unnest($1::uuid[], $2::text[], $3::bigint[]) w(owner, purse, units)
cross join lateral (
    select *, sum(remaining) over (order by expires_at, active_at, lot_id rows unbounded preceding) as up_to from (
        {_LOT} o where o.customer_id = w.owner and o.wallet = w.purse and o.remaining > 0 and not o.is_pending
        order by o.expires_at, o.active_at, o.lot_id limit least(w.units, $4::bigint)
    ) first
) l where l.up_to - l.remaining < w.units
"""  # noqa: S608 - constants of this module
# A purchase is paid with some ten lots. One that is read and not needed costs PostgreSQL 1 µs; who needs more has one
# more statement.
FIRST_LOTS_MAX = 32


def bounded(ids: Sequence[UUID]) -> tuple[Sequence[UUID], UUID, UUID]:
    """The ids, their least and their greatest, by which months are left out. There must be one."""
    return ids, min(ids), max(ids)


class LedgerDatabase:
    """Rounds on the database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._counters: set[str] = set()  # Known to be there: they are never deleted.

    @asynccontextmanager
    async def round(self) -> AsyncIterator["Round"]:
        async with self._database.transaction() as connection:
            round_ = Round(connection, counters=self._counters)
            yield round_
        if len(self._counters) > shared.COUNTERS_KNOWN_MAX:
            self._counters = set()
        self._counters |= round_.counters

    @asynccontextmanager
    async def unlocked(self) -> AsyncIterator["Round"]:
        async with self._database.connection(is_glance=True) as connection:
            yield Round(connection)


class Round:
    """The statements of one round, on its transaction's connection."""

    def __init__(self, connection: Connection, *, counters: AbstractSet[str] = frozenset()) -> None:
        """counters: those that are known to have rows."""
        self._connection = connection
        self._known = counters
        self.counters: set[str] = set()  # Those that have rows once this round is committed.

    async def take(self, locks: Sequence[int]) -> Taken:
        row = await self._connection.fetchrow(TAKE, locks)
        return Taken(now=row["now"], program=row["program"], is_free=row["is_free"], has_due_holds=row["has_due_holds"])

    async def read_known(
        self, *, claims: Sequence[UUID], identifiers: Sequence[bytes], customers: Sequence[UUID]
    ) -> Known:
        rows = await self._connection.fetch(READ_KNOWN, claims, identifiers, customers)
        return Known(
            claims={
                row["id"]: Claim(row["fingerprint"].bytes if row["fingerprint"] else None, row["other"])
                for row in rows
                if row["what"] == "claim"
            },
            owners={row["identifier"]: CustomerId(row["id"]) for row in rows if row["what"] == "owner"},
            customers=frozenset(row["id"] for row in rows if row["what"] == "customer"),
        )

    async def glance(
        self,
        *,
        claims: Sequence[UUID],
        identifiers: Sequence[bytes],
        customers: Sequence[UUID],
        coupons: Sequence[str],
    ) -> Glance:
        rows = await self._connection.fetch(GLANCE, claims, identifiers, customers, coupons)
        patrons: dict[UUID, Patron] = {}
        owners: dict[bytes, CustomerId] = {}
        for row in rows:
            customer_id = row["id"]
            if customer_id is None:
                continue
            if row["asked"] is not None:
                owners[row["asked"]] = CustomerId(customer_id)
            if customer_id not in patrons:
                patrons[customer_id] = patron_of(row)
        first = rows[0]
        return Glance(
            now=first["now"],
            program=first["program"],
            has_due_holds=first["has_due_holds"],
            issued=first["issued"],
            known=Known(claims=claims_of(first["claims"]), owners=owners, customers=frozenset(patrons)),
            patrons=patrons,
        )

    async def stored_answers(self, ids: Sequence[UUID]) -> Mapping[UUID, Answer]:
        rows = await self._connection.fetch(STORED_ANSWERS, *bounded(ids)) if ids else []
        return {row["id"]: Answer(row["status"], row["body"]) for row in rows}

    async def purchase_owners(self, ids: Sequence[UUID]) -> Mapping[UUID, CustomerId]:
        rows = await self._connection.fetch(PURCHASE_OWNERS, *bounded(ids)) if ids else []
        return {row["id"]: CustomerId(row["customer_id"]) for row in rows}

    async def lock_patrons(self, ids: Sequence[UUID], *, wait: bool) -> Mapping[UUID, Patron]:
        rows = await self._connection.fetch(LOCK_PATRONS_WAITING if wait else LOCK_PATRONS, ids)
        if moved := [row["id"] for row in rows if row["seen"] != row["revision"]]:
            newest = {row["id"]: row for row in await self._connection.fetch(READ_PATRONS, moved)}
            rows = [newest.get(row["id"], row) for row in rows]
        return {row["id"]: patron_of(row) for row in rows}

    async def due_holders(self, *, now: datetime, limit: int) -> Sequence[UUID]:
        return [row["customer_id"] for row in await self._connection.fetch(holds.DUE_HOLDERS, now, limit)]

    async def hold_owners(self, ids: Sequence[UUID]) -> Mapping[UUID, CustomerId]:
        rows = await self._connection.fetch(holds.HOLD_OWNERS, ids)
        return {row["id"]: CustomerId(row["customer_id"]) for row in rows}

    async def lock_holds(
        self, ids: Sequence[UUID], *, customers: Sequence[UUID], nobodys: int = 0, now: datetime
    ) -> Mapping[UUID, StoredHold]:
        return await holds.lock(self._connection, ids, customers=customers, nobodys=nobodys, now=now)

    async def lock_purchases(self, ids: Sequence[UUID]) -> Mapping[UUID, StoredPurchase]:
        rows = await self._connection.fetch(LOCK_PURCHASES, ids)
        owners = [row["customer_id"] for row in rows]
        untold = [row["id"] for row in rows if row["spent"] is None]
        spent = await self._connection.fetch(SPENT, untold, owners) if untold else []
        latest = [row for row in rows if row["last_at"] is not None and row["counted_at"] >= row["last_at"]]
        before: dict[UUID, datetime] = {}
        if latest:
            ids, whose = [row["id"] for row in latest], [row["customer_id"] for row in latest]
            before = {row["id"]: row["at"] for row in await self._connection.fetch(PREVIOUS_AT, ids, whose)}
        return {row["id"]: purchase_of(row, spent, previous_at=before.get(row["id"])) for row in rows}

    async def read_lots(self, customers: Sequence[UUID], *, purchases: Sequence[UUID]) -> Mapping[UUID, Iterable[Lot]]:
        if purchases:
            rows = await self._connection.fetch(READ_LOTS_OF_PURCHASES, customers, purchases)
        else:
            rows = await self._connection.fetch(READ_LOTS, customers)
        return lots_by_customer(rows)

    async def read_lots_of(
        self, postings: Sequence[UUID], *, customers: Sequence[UUID]
    ) -> Mapping[UUID, Iterable[Lot]]:
        return lots_by_customer(await self._connection.fetch(READ_LOTS_OF_POSTINGS, customers, postings))

    async def read_first_lots(self, wanted: Mapping[tuple[UUID, str], int]) -> Mapping[UUID, Iterable[Lot]]:
        rows = await self._first_lots(wanted, most=FIRST_LOTS_MAX)
        found: Counter[tuple[UUID, str]] = Counter()
        for row in rows:
            found[row["customer_id"], row["wallet"]] += row["remaining"]
        if short := {whose: units for whose, units in wanted.items() if found[whose] < units}:
            rows = [row for row in rows if (row["customer_id"], row["wallet"]) not in short]
            rows += await self._first_lots(short, most=max(short.values()))
        return lots_by_customer(rows)

    async def _first_lots(self, wanted: Mapping[tuple[UUID, str], int], *, most: int) -> list[Mapping[str, Any]]:
        owners, wallets = [owner for owner, _ in wanted], [wallet for _, wallet in wanted]
        return list(await self._connection.fetch(READ_FIRST_LOTS, owners, wallets, list(wanted.values()), most))

    async def lock_shared(self, *, counters: Sequence[str], coupons: Sequence[str], pools: Mapping[str, int]) -> Shared:
        found = await shared.lock(self._connection, counters=counters, coupons=coupons, pools=pools, known=self._known)
        self.counters.update(found.counts)
        return found

    async def write(self, changes: Changes) -> None:
        if self._connection.is_in_transaction() or round_writes.is_one_statement(changes):
            await round_writes.write(self._connection, changes)
        else:
            async with transaction_on(self._connection):
                await round_writes.write(self._connection, changes)
