"""Prize draws: their rows, the list of entrants when it is frozen, and pages of it.

Writes have a connection of their own without the tills' limits of time: freezing a list goes over all purchases of its
period in one transaction, in batches that bound memory (measured: 26,000 entries a second on a busy machine).
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import orjson

from app.domain.draws.prize_draws import DrawPrize, DrawState, DrawTerms, ListHash, PrizeDraw, Winner
from app.domain.identifiers import NOBODY
from app.storage.engine import Connection, Database
from app.storage.ledger import Round

BATCH = 5_000  # Entries an insert: some 30 ms, some 1 MB.

PRIZE_DRAW_COLUMNS = """
id, title::text as title, starts_at, ends_at, terms::text as terms, state, commitment, created_at, frozen_at, entrants,
    list_hash, drawn_at, secret, winners::text as winners
"""
ONE = f"select {PRIZE_DRAW_COLUMNS} from prize_draws where id = $1"  # noqa: S608 - a constant of this module
LOCK = f"{ONE} for update"
INSERT = f"""
insert into prize_draws (id, title, starts_at, ends_at, terms, commitment, created_at, created_by)
values ($1, $2::jsonb, $3, $4, $5::jsonb, $6, $7, $8) on conflict (id) do nothing returning {PRIZE_DRAW_COLUMNS}
"""  # noqa: S608 - likewise
# Ids hold the moment at which a request came in: an hour on either side holds whatever was posted in the period, and
# the transaction says exactly when.
ENTRANTS = f"""
select p.id, p.customer_id
from purchases p
join txs t on t.customer_id = p.customer_id and t.tx_id = p.id
join customers c on c.id = p.customer_id
where p.id >= month_bound($1::timestamptz - interval '1 hour')
    and p.id < month_bound($2::timestamptz + interval '1 hour')
    and t.created_at >= $1 and t.created_at < $2 and p.customer_id <> '{NOBODY}' and not c.is_gift_card
    and not p.is_all_back and ($3::text[] is null or p.shop = any($3))
    and ($4::bigint = 0 or $4 <= (
        select sum((line ->> 'paid')::bigint - (line ->> 'refunded')::bigint) from jsonb_array_elements(p.lines) line))
order by p.id
"""  # noqa: S608 - likewise
ADD_ENTRIES = """
insert into prize_draw_entries (draw_id, place, purchase_id, customer_id)
select $1, n.place, n.purchase_id, n.customer_id
from unnest($2::int[], $3::uuid[], $4::uuid[]) n(place, purchase_id, customer_id)
"""
FREEZE = f"""
update prize_draws set state = 'frozen', frozen_at = clock_timestamp(), entrants = $2, list_hash = $3
where id = $1 returning {PRIZE_DRAW_COLUMNS}
"""  # noqa: S608 - likewise
ENTRIES = (
    "select purchase_id::text as purchase, customer_id::text as customer from prize_draw_entries where draw_id = $1"
)
DRAW = f"""
update prize_draws set state = 'drawn', drawn_at = clock_timestamp(), secret = $2, winners = $3::jsonb
where id = $1 returning {PRIZE_DRAW_COLUMNS}
"""  # noqa: S608 - likewise
PAGE = """
select place, purchase_id::text as purchase from prize_draw_entries
where draw_id = $1 and place > $2 order by place limit $3
"""


class PrizeDrawsDatabase:
    """Transactions that announce, freeze and draw; reads for anybody."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def round(self) -> AsyncIterator["PrizeDrawRound"]:
        async with self._database.unhurried() as connection:
            yield PrizeDrawRound(connection)

    async def one(self, draw_id: str) -> PrizeDraw | None:
        async with self._database.connection() as connection:
            row = await connection.fetchrow(ONE, draw_id)
        return None if row is None else prize_draw_of(row)

    async def entrants(self, draw_id: str, *, after: int, limit: int) -> Sequence[tuple[int, str]]:
        """(place, purchase) by place."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(PAGE, draw_id, after, limit)
        return [(row["place"], row["purchase"]) for row in rows]


class PrizeDrawRound(Round):
    """A round's statements and those of prize draws."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)

    async def lock_draw(self, draw_id: str) -> PrizeDraw | None:
        row = await self._connection.fetchrow(LOCK, draw_id)
        return None if row is None else prize_draw_of(row)

    async def now(self) -> datetime:
        now: datetime = await self._connection.fetchval("select clock_timestamp()")
        return now

    async def announce(self, draw: PrizeDraw, *, by: str) -> PrizeDraw | None:
        terms = draw.terms
        row = await self._connection.fetchrow(
            INSERT,
            draw.id,
            orjson.dumps(draw.title).decode(),
            terms.start,
            terms.end,
            _terms_to_json(terms),
            draw.commitment,
            draw.created_at,
            by,
        )
        return None if row is None else prize_draw_of(row)

    async def freeze(self, draw: PrizeDraw) -> PrizeDraw:
        terms, hashed = draw.terms, ListHash()
        shops = None if terms.shops is None else list(terms.shops)
        cursor = await self._connection.cursor(ENTRANTS, terms.start, terms.end, shops, terms.min_paid)
        while rows := await cursor.fetch(BATCH):
            first = hashed.count + 1
            for row in rows:
                hashed.add(str(row["id"]))
            places = list(range(first, hashed.count + 1))
            ids, customers = [row["id"] for row in rows], [row["customer_id"] for row in rows]
            await self._connection.execute(ADD_ENTRIES, draw.id, places, ids, customers)
        return prize_draw_of(await self._connection.fetchrow(FREEZE, draw.id, hashed.count, hashed.hex))

    async def entries(self, draw_id: str) -> AsyncIterator[Sequence[tuple[str, str]]]:
        """(purchase, customer) in batches, in any order."""
        cursor = await self._connection.cursor(ENTRIES, draw_id)
        while rows := await cursor.fetch(BATCH):
            yield [(row["purchase"], row["customer"]) for row in rows]

    async def draw(self, draw_id: str, *, secret: str, winners: Sequence[Winner]) -> PrizeDraw:
        text = orjson.dumps(list(winners)).decode()
        return prize_draw_of(await self._connection.fetchrow(DRAW, draw_id, secret, text))


def prize_draw_of(row: Mapping[str, Any]) -> PrizeDraw:
    """A row with `PRIZE_DRAW_COLUMNS`."""
    winners = None if row["winners"] is None else tuple(Winner(**each) for each in orjson.loads(row["winners"]))
    return PrizeDraw(
        id=row["id"],
        title=orjson.loads(row["title"]),
        terms=_terms_from_json(row["terms"], start=row["starts_at"], end=row["ends_at"]),
        state=DrawState(row["state"]),
        commitment=row["commitment"],
        created_at=row["created_at"],
        frozen_at=row["frozen_at"],
        entrants=row["entrants"],
        list_hash=row["list_hash"],
        drawn_at=row["drawn_at"],
        secret=row["secret"],
        winners=winners,
    )


def _terms_to_json(terms: DrawTerms) -> str:
    """All but the period, which has columns of its own."""
    document = {
        "shops": terms.shops,
        "min_paid": terms.min_paid,
        "one_prize_a_customer": terms.one_prize_a_customer,
        "prizes": terms.prizes,
    }
    return orjson.dumps(document).decode()


def _terms_from_json(text: str, *, start: datetime, end: datetime) -> DrawTerms:
    stored = orjson.loads(text)
    return DrawTerms(
        start=start,
        end=end,
        prizes=tuple(DrawPrize(**prize) for prize in stored["prizes"]),
        shops=None if stored["shops"] is None else tuple(stored["shops"]),
        min_paid=stored["min_paid"],
        one_prize_a_customer=stored["one_prize_a_customer"],
    )
