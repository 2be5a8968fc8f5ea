"""The program's shared state in the database: counters, coupon codes, codes that may still be given out.

A round locks what its requests may use, coupons first, then counters, each in one order, and passes over free codes
that another round holds; a quote reads the same without locks. Nothing is asked for what nobody needs.

A counter's row is made before any counter is locked: a round that waits for another's new row holds no counter's lock,
so the two can't wait for each other in a circle.
"""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from app.domain.counters import Count
from app.domain.coupons import Coupon
from app.flows.failures import DrawSecretDiffers
from app.flows.ledger_port import Shared, SharedChanges
from app.storage.engine import Connection

COUNTERS_KNOWN_MAX = 100_000  # Some 10 MB of names a process; beyond that they are learnt anew.

READ_COUPONS = """
select code, pool, customer_id, uses, uses_max, per_customer, starts_at, ends_at, is_blocked from coupons
where code = any($1::text[]) order by code
"""
# The ORDER BY stands in the locking query: see the customers' lock in ledger.py.
LOCK_COUPONS = READ_COUPONS + "for update"
READ_COUNTERS = "select name, period, used from counters where name = any($1::text[]) order by name "
LOCK_COUNTERS = READ_COUNTERS + "for update"
MAKE_COUNTERS = """
insert into counters (name)
select w.name from unnest($1::text[]) w(name)
where not exists (select from counters c where c.name = w.name) order by 1 on conflict do nothing
"""
# A code that is over is not given out: the customer would be given nothing; one that is good later is. Codes of a pool
# that is over aren't looked at: there may be a million of them, and each would be read to be passed over.
_FREE_CODES = """
select w.pool, c.code from unnest($1::text[], $2::int[]) w(pool, most)
join coupon_pools p on p.id = w.pool and (p.ends_at is null or p.ends_at > clock_timestamp())
cross join lateral (
    select code from coupons
    where pool = p.id and customer_id is null and uses = 0 and not is_blocked
        and (ends_at is null or ends_at > clock_timestamp())
    order by code limit w.most{locked}
) c
"""
READ_CODES = _FREE_CODES.format(locked="")
LOCK_CODES = _FREE_CODES.format(locked=" for update skip locked")

WRITE_COUNTERS = """
insert into counters (name, period, used)
select * from unnest($1::text[], $2::text[], $3::bigint[]) n(name, period, used) order by 1
on conflict (name) do update set period = excluded.period, used = excluded.used
"""
WRITE_COUPONS = """
update coupons c set uses = c.uses + n.uses,
    customer_id = case when n.is_unset then null else coalesce(n.customer_id, c.customer_id) end,
    is_given = (c.is_given or n.customer_id is not null) and not n.is_unset,
    is_blocked = c.is_blocked or (n.is_voided and c.uses + n.uses = 0)
from unnest($1::text[], $2::bigint[], $3::uuid[], $4::bool[], $5::bool[])
    n(code, uses, customer_id, is_voided, is_unset)
where c.code = n.code
"""
# What this statement adds, its own select can't see, and neither what another round has added since it began.
NOTE_DAYS = """
with added as (
    insert into draw_days (day, commitment) select * from unnest($1::date[], $2::text[]) n(day, commitment) order by 1
    on conflict do nothing returning day, commitment
)
select day, commitment from added union all select day, commitment from draw_days where day = any($1::date[])
"""
READ_DAYS = "select day, commitment from draw_days where day = any($1::date[])"


async def lock(
    connection: Connection,
    *,
    counters: Sequence[str],
    coupons: Sequence[str],
    pools: Mapping[str, int],
    known: AbstractSet[str],
) -> Shared:
    """known: counters that have rows for certain."""
    shared = Shared()
    if coupons:
        shared.coupons = _coupons(await connection.fetch(LOCK_COUPONS, coupons))
    if counters:
        shared.counts = await _lock_counters(connection, counters, known)
    if pools:
        shared.codes = _codes(await connection.fetch(LOCK_CODES, list(pools), list(pools.values())))
    return shared


async def _lock_counters(connection: Connection, names: Sequence[str], known: AbstractSet[str]) -> dict[str, Count]:
    if new := [name for name in names if name not in known]:
        await connection.execute(MAKE_COUNTERS, new)
    rows = await connection.fetch(LOCK_COUNTERS, names)
    if len(rows) < len(set(names)):  # A database put back to an earlier day, under a process that knew it before.
        await connection.execute(MAKE_COUNTERS, names)
        rows = await connection.fetch(LOCK_COUNTERS, names)
    return _counts(rows)


async def read(
    connection: Connection, *, counters: Sequence[str], coupons: Sequence[str], pools: Mapping[str, int]
) -> Shared:
    """As it is committed, without locks."""
    shared = Shared()
    if coupons:
        shared.coupons = _coupons(await connection.fetch(READ_COUPONS, coupons))
    if counters:
        shared.counts = _counts(await connection.fetch(READ_COUNTERS, counters))
    if pools:
        shared.codes = _codes(await connection.fetch(READ_CODES, list(pools), list(pools.values())))
    return shared


async def write(connection: Connection, changes: SharedChanges) -> None:
    """What a round has locked, as it stands after the round.

    Raises:
        DrawSecretDiffers: the day's tickets are drawn with another secret elsewhere.
    """
    if changes.counts:
        counts = changes.counts.values()
        await connection.execute(
            WRITE_COUNTERS, list(changes.counts), [count.period for count in counts], [count.used for count in counts]
        )
    if codes := sorted({*changes.coupons, *changes.given, *changes.voided, *changes.unset}):
        await connection.execute(
            WRITE_COUPONS,
            codes,
            [changes.coupons.get(code, 0) for code in codes],
            [changes.given.get(code) for code in codes],
            [code in changes.voided for code in codes],
            [code in changes.unset for code in codes],
        )
    if changes.commitments:
        await _note_days(connection, changes)


async def _note_days(connection: Connection, changes: SharedChanges) -> None:
    days = list(changes.commitments)
    rows = await connection.fetch(NOTE_DAYS, days, list(changes.commitments.values()))
    if len(rows) < len(days):  # Another round was first, an instant ago.
        rows = await connection.fetch(READ_DAYS, days)
    for row in rows:
        if row["commitment"] != changes.commitments[row["day"]]:
            raise DrawSecretDiffers(row["day"])


def _coupons(rows: Iterable[Mapping[str, Any]]) -> dict[str, Coupon]:
    return {
        row["code"]: Coupon(
            code=row["code"],
            pool=row["pool"],
            customer=str(row["customer_id"]) if row["customer_id"] else None,
            uses=row["uses"],
            uses_max=row["uses_max"],
            per_customer=row["per_customer"],
            start=row["starts_at"],
            end=row["ends_at"],
            is_blocked=row["is_blocked"],
        )
        for row in rows
    }


def _counts(rows: Iterable[Mapping[str, Any]]) -> dict[str, Count]:
    return {row["name"]: Count(row["period"], row["used"]) for row in rows}


def _codes(rows: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
    codes: dict[str, list[str]] = {}
    for row in rows:
        codes.setdefault(row["pool"], []).append(row["code"])
    return codes
