"""What many ask for at once, read together: customers, their books, and what the program's budgets have left.

A thousand quotes that miss the cache in one moment are a few statements, and so are a thousand for one customer; see
`app.flows.together`. Everybody makes values of their own of a row that is shared: values are changed, and a row that
can't be read fails nobody but who asked for it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.domain.identifiers import CustomerId
from app.flows.failures import DatabaseSilent
from app.flows.ledger_port import Patron, Shared
from app.flows.together import Together
from app.storage import shared
from app.storage.engine import Database
from app.storage.holds import HOLD_COLUMNS, hold_of
from app.storage.holds_over import give_back_what_is_over
from app.storage.ledger import LOT_COLUMNS, READ_PATRONS
from app.storage.round_rows import lots_by_customer, patron_of

Row = Mapping[str, Any]

TOGETHER_MAX = 64  # Keys a statement: some milliseconds of the database, which those that come meanwhile wait for.
CALLS_MAX = 2  # Of each kind at once; the four kinds leave four of the pool's twelve connections to everything else.

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
        self._books = self._together(READ_BOOKS, "id")
        self._shared: Together[_SharedPart, Shared] = Together(
            self._read_shared, most=TOGETHER_MAX, calls_max=CALLS_MAX, patience=DatabaseSilent
        )

    def _together(self, statement: str, name: str) -> Together[Any, Row]:
        """Rows of a statement over many keys, by the column of this name."""

        async def fetch(keys: Sequence[Any]) -> Mapping[Any, Row]:
            return {row[name]: row for row in await self._rows(statement, keys)}

        return Together(fetch, most=TOGETHER_MAX, calls_max=CALLS_MAX, patience=DatabaseSilent)

    async def owner(self, digest: bytes) -> CustomerId | None:
        row = await self._owners.ask(digest)
        return CustomerId(row["customer_id"]) if row else None

    async def patron(self, customer_id: UUID) -> Patron | None:
        row = await self._patrons.ask(customer_id)
        return patron_of(row) if row else None

    async def books(self, customer_id: UUID) -> Patron | None:
        row = await self._books.ask(customer_id)
        if not row:
            return None
        patron = patron_of(row)
        lots = [dict(zip(LOT_COLUMNS, lot, strict=True)) for lot in row["lots"]]
        holds = [hold_of(dict(zip(HOLD_COLUMNS, hold, strict=True))) for hold in row["open_holds"]]
        patron.book.load_lots(lots_by_customer(lots).get(customer_id, ()), holds)
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
