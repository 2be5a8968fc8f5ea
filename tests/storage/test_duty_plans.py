"""The plans of what the background duties and the metrics run again and again: none reads all that was ever posted."""

import re
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import pytest

from app.storage import housekeeping, roots, self_audit
from tests.kit import Desk
from tests.storage.plans import KEPT, MADE, plan_of

_ID = UUID(int=1)
_NOW = datetime.now(UTC)
_AN_HOUR_AGO = _NOW - timedelta(hours=1)
# Postings of some weeks; customers for whom nothing is due; holds that have a while to go.
FILL = (
    """
    insert into txs (customer_id, version, tx_id, kind, at, created_at, hash)
    select gen_random_uuid(), 1, gen_random_uuid(), 'adjust', at, at, sha256('')
    from generate_series(clock_timestamp() - interval '30000 minutes', clock_timestamp(), '1 minute') at
    """,
    """
    insert into customers (id, due_at)
    select gen_random_uuid(), clock_timestamp() + n * interval '1 hour' from generate_series(1, 5000) n
    """,
    """
    insert into holds (id, customer_id, kind, shop, terminal, program, at, expires_at, units, answer)
    select gen_random_uuid(), gen_random_uuid(), 'redeem', 'S1', 'T1', 1, now(), now() + n * interval '1 hour', '[]', ''
    from generate_series(1, 5000) n
    """,
    "analyze",
)
BY_TIME = r"Bitmap Index Scan on txs_other_created_at_idx[^\n]*\n\s*Index Cond"
# What is run, and what its plan looks for.
DUTIES: tuple[tuple[str, tuple[object, ...], str], ...] = (
    (housekeeping.DUE, (200,), r"using customers_due on customers[^\n]*\n\s*Index Cond: \(due_at <= "),
    (self_audit.FIGURES, (), r"using holds_due on holds[^\n]*\n\s*Index Cond: \(expires_at <= "),
    (self_audit.FIGURES, (), r"using customers_frozen on customers"),
    (self_audit.FIGURES, (), r"_position_tx_id_idx on events"),
    (self_audit.OPEN, (None, 50), r"using audit_findings_listed on [^\n]*\n\s*Index Cond: \(id > "),
    (self_audit.NEXT_CUSTOMERS, (_ID, 2_000), r"using customers_pkey on customers[^\n]*\n\s*Index Cond: \(id > "),
    (self_audit.NEWEST, (_NOW - timedelta(seconds=1), _NOW), BY_TIME),
    (self_audit.UNBALANCED, ([_ID], [_ID]), r"using entries_other_pkey on entries"),
    (roots.HEADS, (_AN_HOUR_AGO, _NOW), BY_TIME),
    (roots.CLOSED_HEADS, (_NOW.date(),), r"using ledger_heads_pkey"),
    (roots.POSTING, (_ID, _ID), r"using txs_other_pkey on txs"),
    (roots.LINKS, (_ID, 1, 9, 100), r"using txs_other_pkey on txs"),
    (roots.HASH_AT, (_ID, 1), r"using txs_other_pkey on txs"),
)
_GROWING = r"Seq Scan on (customers|txs|entries|events|holds|ledger_heads|audit_findings)"


@pytest.mark.parametrize("mode", [KEPT, MADE])
async def test_a_duty_looks_only_at_what_it_is_about(owner: asyncpg.Connection, till: Desk, mode: str) -> None:
    assert (await till.accrue(None)).status_code == 201
    for statement in FILL:
        await owner.execute(statement)
    async with owner.transaction():
        # On small tables a scan is cheaper: with scans priced out, one that stays is one that no index serves.
        await owner.execute("set local enable_seqscan = off")
        for statement, arguments, looked_for in DUTIES:
            plan = await plan_of(owner, statement, *arguments, mode=mode)
            assert re.search(looked_for, plan), plan
            assert not re.search(_GROWING, plan), plan
