"""Statements of the budget of look-up misses.

A miss is one statement, committed before it is answered: it takes the rows of terminal and shop in one order, adds the
instant under their locks, and says what they hold now. So of two misses at once, in whatever processes, one is the
later, and only one is the last that was left. Durable like a purchase: no restart and no cache resets it.
"""

from collections.abc import Mapping, Sequence

from app.storage.engine import Database

_AGES = "array(select extract(epoch from clock_timestamp() - t)::float8 from unnest(times) t order by t) as ages"
NOTE = f"""
insert into lookup_misses as m (whose, times, last_at)
select whose, array_fill(clock_timestamp(), array[$2::int]), clock_timestamp()
from unnest($1::text[]) whose order by whose
on conflict (whose) do update set
    times = array(
        select t from (
            select t from unnest(m.times || excluded.times) t
            where t > clock_timestamp() - interval '1 day' order by t desc limit $3
        ) newest order by t
    ),
    last_at = clock_timestamp()
returning whose, {_AGES}
"""  # noqa: S608 - a constant of this module, here and below
CHANGED = f"""
select whose, {_AGES} from lookup_misses
where last_at > (select clock_timestamp()) - least($1::float8, 86400) * interval '1 second'
"""  # noqa: S608


class BudgetsDatabase:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def note_misses(self, whose: Sequence[str], count: int, *, kept: int) -> Mapping[str, Sequence[float]]:
        async with self._database.connection() as connection:
            return {row["whose"]: row["ages"] for row in await connection.fetch(NOTE, whose, count, kept)}

    async def changed(self, *, within: float) -> Mapping[str, Sequence[float]]:
        async with self._database.connection() as connection:
            return {row["whose"]: row["ages"] for row in await connection.fetch(CHANGED, within)}
