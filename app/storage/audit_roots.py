"""The daily roots for `verify`: day by day the stored heads beside those that the postings make, both streamed in one
order. Postings are found by their time, as when the day was closed, by a statement of its own.
"""

from collections.abc import AsyncIterator, Mapping
from datetime import date
from typing import Any

from app.domain.ledger.audit import Check, Finding
from app.domain.ledger.audit.roots import DayAudit, HeadRow, RootRow, RootsAudit, owner_of
from app.storage.audit import BATCH, Snapshot

_ROOTS = "select day, begins_at, ends_at, heads, tree, previous, root from ledger_roots order by day"
_STORED = "select customer_id, tx_id, version, hash, place from ledger_heads where day = $1 order by place"
# The last of each chain; nobody's are a chain each.
_POSTED = """
select t.customer_id, t.tx_id, t.version, t.hash from (
    select customer_id, tx_id, version, hash,
        row_number() over (partition by customer_id, case version when 0 then tx_id end order by version desc) as nth
    from txs where created_at >= $1 and created_at < $2
) t
where t.nth = 1 order by t.customer_id, t.tx_id
"""
_BEFORE_ALL = "select customer_id, tx_id, version, hash from txs where created_at < $1"
_ROOTLESS = """
select h.day, h.customer_id, h.tx_id from ledger_heads h
where not exists (select from ledger_roots r where r.day = h.day)
"""


async def audit_roots(snapshot: Snapshot, kept: Mapping[date, bytes]) -> AsyncIterator[Finding]:
    """kept: roots that somebody has kept, by day."""
    audit = RootsAudit(kept)
    rows = [RootRow(*row) for row in await snapshot.strays.fetch(_ROOTS)]
    for number, row in enumerate(rows):
        day = audit.root(row)
        if not number:
            async for posted in _heads(snapshot, _BEFORE_ALL, row.begins_at):
                for finding in day.pair(None, posted):
                    yield finding
        async for finding in _audit_day(snapshot, day):
            yield finding
        for finding in audit.close_day(day):
            yield finding
    for finding in audit.close():
        yield finding
    async for finding in _rootless(snapshot):
        yield finding


async def _audit_day(snapshot: Snapshot, day: DayAudit) -> AsyncIterator[Finding]:
    """Both streams at once, as a zip that is closed where one of them lacks what the other has."""
    stored_heads = _heads(snapshot, _STORED, day.row.day)
    posted_heads = _heads(snapshot, _POSTED, day.row.begins_at, day.row.ends_at)
    stored, posted = await anext(stored_heads, None), await anext(posted_heads, None)
    while stored is not None or posted is not None:
        is_stored = posted is None or (stored is not None and owner_of(stored) <= owner_of(posted))
        is_posted = stored is None or (posted is not None and owner_of(posted) <= owner_of(stored))
        for finding in day.pair(stored if is_stored else None, posted if is_posted else None):
            yield finding
        if is_stored and stored is not None:
            for finding in day.stored(stored):
                yield finding
            stored = await anext(stored_heads, None)
        if is_posted:
            posted = await anext(posted_heads, None)


async def _rootless(snapshot: Snapshot) -> AsyncIterator[Finding]:
    async for row in snapshot.strays.cursor(_ROOTLESS, prefetch=BATCH):
        day, customer, tx = row
        owner = str(customer) if customer.int else None
        yield Finding(Check.HEAD_WITHOUT_ROOT, owner, str(tx), expected=f"a root of {day}", found="none")


async def _heads(snapshot: Snapshot, statement: str, *arguments: Any) -> AsyncIterator[HeadRow]:
    cursor = await snapshot.strays.cursor(statement, *arguments)
    while rows := await cursor.fetch(BATCH):
        for row in rows:
            yield HeadRow(*row)
