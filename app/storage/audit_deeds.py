"""The audit log for `verify`: the heads that its rows name, then all rows by chain and place, streamed."""

from collections.abc import AsyncIterator, Sequence

from app.domain.ledger.audit import Finding
from app.domain.ledger.audit.deeds import DeedRow, DeedsAudit, KeptHead, heads_named
from app.storage.audit import BATCH, Snapshot
from app.storage.audit_log import AT

_NAMED = "select instance || '/' || seq, details::text from audit_log where action = 'log_heads' order by id"
_ROWS = f"""
select instance, seq, id::text, {AT}, actor_kind, actor, action, object, outcome, ip, request_id, details::text, hash
from audit_log order by instance, seq
"""  # noqa: S608 - names of columns


async def audit_deeds(snapshot: Snapshot, kept: Sequence[KeptHead]) -> AsyncIterator[Finding]:
    """kept: heads that somebody has kept."""
    heads = list(kept)
    async for row in snapshot.strays.cursor(_NAMED, prefetch=BATCH):
        heads += heads_named(*row)
    audit = DeedsAudit(heads)
    async for row in snapshot.strays.cursor(_ROWS, prefetch=BATCH):
        for finding in audit.row(DeedRow(*row)):
            yield finding
    for finding in audit.close():
        yield finding
