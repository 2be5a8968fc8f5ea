"""The plans of what guesses, alerts and the watch of the tills run again and again: none reads all that there is."""

import re
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
import pytest

from app.storage import alerts, budgets, self_audit
from tests.kit import Desk
from tests.storage.plans import KEPT, MADE, plan_of

_ID = UUID(int=1)
_DAY = datetime.now(UTC).date()
# Budgets of a chain's tills, of whom nearly all missed long ago; alerts of years, nearly all decided; habits; a feed.
FILL = (
    """
    insert into lookup_misses (whose, times, last_at)
    select 'till S' || n, array[at], at
    from generate_series(1, 10000) n, lateral (select clock_timestamp() - n * interval '1 minute' as at) t
    """,
    """
    insert into alerts (id, kind, shop, terminal, day, facts, state, decided_by, decided_at)
    select gen_random_uuid(), 'many_returns', 'S' || n, 'T1', current_date, '{}', 'dismissed', 'k', clock_timestamp()
    from generate_series(1, 10000) n
    """,
    """
    insert into tills_watched (shop, terminal, habits)
    select 'S' || n, 'T1', '{}' from generate_series(1, 10000) n
    """,
    """
    insert into txs (customer_id, version, tx_id, kind, at, created_at, hash)
    select id, 1, id, 'adjust', now(), now(), sha256('')
    from (select ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid as id from generate_series(1, 10000) n) i
    """,
    """
    insert into events (customer_id, version, tx_id, kind, position)
    select customer_id, version, tx_id, 'adjust', row_number() over () from txs where kind = 'adjust'
    """,
    "analyze",
)
_RAISED = ([_ID], ["velocity"], ["S1"], ["T1"], [_ID], [_DAY], [_ID], ["{}"], [1])
_LISTED = r"using alerts_pkey on alerts[^\n]*\n\s*Index Cond: \(id < "
_IN_STATE = r"using alerts_state on alerts[^\n]*\n\s*Index Cond: \(+state = .*id < "
PLANS: tuple[tuple[str, tuple[object, ...], str], ...] = (
    (budgets.NOTE, (["till S1", "till S2"], 1, 61), r"Conflict Arbiter Indexes: lookup_misses_pkey"),
    (budgets.CHANGED, (4.0,), r"lookup_misses_last[^\n]*\n\s*Index Cond: \(last_at > "),
    (alerts.ONE, (_ID,), r"using alerts_pkey on alerts"),
    (alerts.DECIDE, (_ID, "seen", "k"), r"using alerts_pkey on alerts"),
    (alerts.RAISE, _RAISED, r"Conflict Arbiter Indexes: alerts_kind_shop_terminal_customer_id_day_key"),
    (alerts.LIST, (None, None, None, None, 50), _LISTED),
    (alerts.LIST_IN_STATE, ("new", None, None, None, 50), _IN_STATE),
    (self_audit.FIGURES, (), r"using alerts_state on alerts"),
    (alerts.HABITS, (["S1"], ["T1"]), r"using tills_watched_pkey on tills_watched"),
    (alerts.READ, (100, 1000), r"events_other_position_tx_id_idx"),
    (alerts.READ, (100, 1000), r"using txs_other_pkey on txs"),
)
_GROWING = r"Seq Scan on (lookup_misses|alerts|tills_watched|txs|events|purchases)"


@pytest.mark.parametrize("mode", [KEPT, MADE])
async def test_each_looks_only_at_what_it_is_about(owner: asyncpg.Connection, till: Desk, mode: str) -> None:
    assert (await till.accrue(None)).status_code == 201
    for statement in FILL:
        await owner.execute(statement)
    async with owner.transaction():
        # On small tables a scan is cheaper: with scans priced out, one that stays is one that no index serves.
        await owner.execute("set local enable_seqscan = off")
        for statement, arguments, looked_for in PLANS:
            plan = await plan_of(owner, statement, *arguments, mode=mode)
            assert re.search(looked_for, plan), plan
            assert not re.search(_GROWING, plan), plan
