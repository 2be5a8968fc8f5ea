"""What holds that are over have set aside of the program's shared state, until somebody posts their end: free for
whoever looks without locks.
"""

from bisect import insort
from collections.abc import Collection
from dataclasses import replace

from app.domain.counters import Back, Scope, advance
from app.flows.ledger_port import Shared
from app.storage.engine import Connection
from app.storage.taken_back import uses_from_json

ROWS_MAX = 1_000  # Any round ends a hundred of them: so many are there only while nothing at all is written.

OVER = """
select uses from holds
where state = 'held' and expires_at <= (select clock_timestamp()) and uses is not null order by expires_at limit $1
"""
# Of the codes that they have set aside those that may be given out.
CODES_OVER = """
select c.code, c.pool from coupons c join coupon_pools p on p.id = c.pool
where c.code = any($1::text[]) and c.pool = any($2::text[]) and c.uses = 0 and not c.is_blocked
    and (c.ends_at is null or c.ends_at > clock_timestamp()) and (p.ends_at is null or p.ends_at > clock_timestamp())
order by c.code
"""


async def give_back_what_is_over(connection: Connection, shared: Shared, *, pools: Collection[str]) -> None:
    """Change what was read, as if their ends were posted; one statement where there are none."""
    codes: list[str] = []
    for row in await connection.fetch(OVER, ROWS_MAX):
        uses = uses_from_json(row["uses"])
        back = [use for use in uses.counts if use.scope is Scope.PROGRAM and use.back is not Back.NEVER]
        advance(shared.counts, [(use.name, use.period, -use.amount) for use in back if use.name in shared.counts])
        for code in uses.coupons:
            if (coupon := shared.coupons.get(code)) is not None:
                shared.coupons[code] = replace(coupon, uses=max(0, coupon.uses - 1))
        codes += uses.codes
    if codes and pools:
        for row in await connection.fetch(CODES_OVER, codes, list(pools)):
            insort(shared.codes.setdefault(row["pool"], []), row["code"])
