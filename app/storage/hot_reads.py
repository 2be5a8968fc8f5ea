"""What many ask for at once, read together: customers, their books, and what the program's budgets have left.

A thousand quotes that miss the cache in one moment are a few statements, and so are a thousand for one customer; see
`app.flows.together`. Everybody makes values of their own of a row that is shared: values are changed, and a row that
can't be read fails nobody but who asked for it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from app.domain.identifiers import CustomerId
from app.domain.ledger.lots import Lot
from app.flows.failures import DatabaseSilent
from app.flows.ledger_port import Patron, Shared
from app.flows.results import Instant
from app.flows.together import Together
from app.storage import shared
from app.storage.engine import Database
from app.storage.holds import HOLD_COLUMNS, hold_of
from app.storage.holds_over import give_back_what_is_over
from app.storage.ledger import LOT_COLUMNS, READ_PATRONS
from app.storage.round_rows import lots_by_customer, patron_of

Row = Mapping[str, Any]
_LotsPage = tuple[UUID, int, int]  # Whose, from which place on, how many.

TOGETHER_MAX = 64  # Keys a statement: some milliseconds of the database, which those that come meanwhile wait for.
# At once of each kind; of what is read of a customer's lots one of each of the three forms. That leaves three of the
# pool's twelve connections to everything else, a round's two among them.
CALLS_MAX = 2
PAGES_MAX = 8  # Of lots, one after another.

OWNERS = "select digest, customer_id from identifiers where digest = any($1::bytea[]) and not is_blocked"
# Books, lots and open holds in one statement are of one moment.
READ_BOOKS = READ_PATRONS.replace(
    "from customers",  # The columns are constants of these modules.
    f""", array(
        select row({", ".join(f"l.{name}" for name in LOT_COLUMNS)})
        from lots l where l.customer_id = c.id and (l.remaining > 0 or l.held > 0)
    ) as lots, array(
        select row({", ".join(f"h.{name}" for name in HOLD_COLUMNS)})
        from holds h where h.customer_id = c.id and h.state = 'held' and c.holds > 0
    ) as open_holds from customers""",  # noqa: S608
    1,
)
# What comes next in each wallet, out of the index of open lots; the rest is looked at only where some are pending. A
# card that serves for everybody has tens of thousands: reading them all took this process 100 to 190 ms, and whoever
# else it answers waited for that.
_NEXT_EXPIRY = """
    select l.expires_at as at, sum(l.remaining)::bigint as units from lots l
    where l.customer_id = c.id and l.wallet = w.wallet and l.remaining > 0 and l.expires_at = (
        select f.expires_at from lots f
        where f.customer_id = c.id and f.wallet = w.wallet and f.remaining > 0 and f.expires_at is not null
        order by f.expires_at limit 1
    ) group by l.expires_at
"""
_NEXT_ACTIVATION = """
    select l.active_at as at, sum(l.remaining)::bigint as units from lots l
    where l.customer_id = c.id and l.wallet = w.wallet and l.remaining > 0 and l.is_pending
        and (l.expires_at is null or l.expires_at > l.active_at) and (c.balances -> w.wallet ->> 'pending')::bigint > 0
    group by l.active_at order by l.active_at limit 1
"""
READ_OUTLOOKS = READ_PATRONS.replace(
    "from customers",
    f""", array(
        select row(w.wallet, e.at, e.units, a.at, a.units) from jsonb_object_keys(c.balances) w(wallet)
        left join lateral ({_NEXT_EXPIRY}) e on true left join lateral ({_NEXT_ACTIVATION}) a on true
    ) as outlook from customers""",  # noqa: S608
    1,
)
# A page of them, out of the same index: of each wallet no more is read than could be on the page or before it.
READ_OPEN_LOTS = READ_PATRONS.replace(
    "from customers",
    f""", array(
        select row({", ".join(f"l.{name}" for name in LOT_COLUMNS)})
        from jsonb_object_keys(c.balances) w(wallet) cross join lateral (
            select * from lots o where o.customer_id = c.id and o.wallet = w.wallet and o.remaining > 0
            order by o.expires_at, o.active_at, o.lot_id limit $2::bigint + $3::bigint
        ) l
        order by l.expires_at, l.active_at, l.lot_id offset $2::bigint limit $3::bigint
    ) as lots from customers""",  # noqa: S608
    1,
)


@dataclass(frozen=True, slots=True)
class _SharedPart:
    """What one quote looks at of the program's shared state; of each pool at most so many codes."""

    counters: tuple[str, ...]
    coupons: tuple[str, ...]
    pools: tuple[tuple[str, int], ...]


class HotReads:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._owners = self._together(OWNERS, "digest")
        self._patrons = self._together(READ_PATRONS, "id")
        self._outlooks = self._together(READ_OUTLOOKS, "id", calls_max=1)
        self._books = self._together(READ_BOOKS, "id", calls_max=1)
        self._pages: Together[_LotsPage, Row] = Together(
            self._read_pages, most=PAGES_MAX, calls_max=1, patience=DatabaseSilent
        )
        self._shared: Together[_SharedPart, Shared] = Together(
            self._read_shared, most=TOGETHER_MAX, calls_max=CALLS_MAX, patience=DatabaseSilent
        )

    def _together(self, statement: str, name: str, *, calls_max: int = CALLS_MAX) -> Together[Any, Row]:
        """Rows of a statement over many keys, by the column of this name."""

        async def fetch(keys: Sequence[Any]) -> Mapping[Any, Row]:
            return {row[name]: row for row in await self._rows(statement, keys)}

        return Together(fetch, most=TOGETHER_MAX, calls_max=calls_max, patience=DatabaseSilent)

    async def owner(self, digest: bytes) -> CustomerId | None:
        row = await self._owners.ask(digest)
        return CustomerId(row["customer_id"]) if row else None

    async def patron(self, customer_id: UUID) -> Patron | None:
        row = await self._patrons.ask(customer_id)
        return patron_of(row) if row else None

    async def outlook(self, customer_id: UUID) -> Patron | None:
        row = await self._outlooks.ask(customer_id)
        if not row:
            return None
        patron = patron_of(row)
        patron.horizon = {
            wallet: (_instant(expires_at, expiring), _instant(active_at, arriving))
            for wallet, expires_at, expiring, active_at, arriving in row["outlook"]
        }
        return patron

    async def open_lots(self, customer_id: UUID, *, start: int, limit: int) -> tuple[Patron, Sequence[Lot]] | None:
        row = await self._pages.ask((customer_id, start, limit))
        return (patron_of(row), _lots_of(row)) if row else None

    async def _read_pages(self, pages: Sequence[_LotsPage]) -> Mapping[_LotsPage, Row]:
        """One after another: a page far behind costs PostgreSQL all before it, and nobody is in a hurry for it."""
        found: dict[_LotsPage, Row] = {}
        for customer_id, start, limit in pages:
            for row in await self._rows(READ_OPEN_LOTS, [customer_id], start, limit):
                found[customer_id, start, limit] = row
        return found

    async def books(self, customer_id: UUID) -> Patron | None:
        row = await self._books.ask(customer_id)
        if not row:
            return None
        patron = patron_of(row)
        holds = [hold_of(dict(zip(HOLD_COLUMNS, hold, strict=True))) for hold in row["open_holds"]]
        patron.book.load_lots(_lots_of(row), holds)
        return patron

    async def shared(self, *, counters: Sequence[str], coupons: Sequence[str], pools: Mapping[str, int]) -> Shared:
        part = _SharedPart(tuple(counters), tuple(coupons), tuple(sorted(pools.items())))
        found = await self._shared.ask(part) or Shared()
        return Shared(
            counts={name: found.counts[name] for name in part.counters if name in found.counts},
            coupons={code: found.coupons[code] for code in part.coupons if code in found.coupons},
            codes={pool: list(found.codes[pool]) for pool in pools if pool in found.codes},
        )

    async def _read_shared(self, parts: Sequence["_SharedPart"]) -> Mapping["_SharedPart", Shared]:
        """All that is asked for, the same for each; of a pool as many codes as anybody may use, and the first of them
        are the first for everybody.
        """
        pools: dict[str, int] = {}
        for part in parts:
            for pool, most in part.pools:
                pools[pool] = max(most, pools.get(pool, 0))
        async with self._database.connection() as connection:
            found = await shared.read(
                connection,
                counters=sorted({name for part in parts for name in part.counters}),
                coupons=sorted({code for part in parts for code in part.coupons}),
                pools=pools,
            )
            await give_back_what_is_over(connection, found, pools=pools)
        return dict.fromkeys(parts, found)

    async def _rows(self, statement: str, *arguments: object) -> Sequence[Mapping[str, Any]]:
        async with self._database.connection() as connection:
            rows: Sequence[Mapping[str, Any]] = await connection.fetch(statement, *arguments)
            return rows


def _lots_of(row: Row) -> Sequence[Lot]:
    """Of one customer, in the order read."""
    lots = [dict(zip(LOT_COLUMNS, lot, strict=True)) for lot in row["lots"]]
    return lots_by_customer(lots).get(row["id"], ())


def _instant(at: datetime | None, units: int | None) -> Instant | None:
    return None if at is None or units is None else Instant(units, at)
