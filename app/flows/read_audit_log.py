"""The audit log for whoever may read it."""

from app.flows.cursors import id_of, to_text_cursor
from app.flows.ports_audit_log import LogQuery, LogReads, LogRow
from app.flows.results import Page


class ReadAuditLog:
    def __init__(self, reads: LogReads) -> None:
        self._reads = reads

    async def page(self, query: LogQuery, *, limit: int, cursor: str | None) -> Page[LogRow]:
        """The newest first."""
        before = None if cursor is None else id_of(cursor)
        rows = await self._reads.rows(query, before=before, limit=limit + 1)
        return Page(tuple(rows[:limit]), to_text_cursor(str(rows[limit - 1].id)) if len(rows) > limit else None)
