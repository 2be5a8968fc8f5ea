"""What people see of the self-audit: its live figures, and the findings that are open."""

import asyncio
from datetime import datetime
from uuid import UUID

from app.flows.cursors import id_of, to_text_cursor
from app.flows.ports_audit import AuditReads, Figures, OpenFinding
from app.flows.results import Page

FIGURES_SECONDS = 5.0  # However many scrape: one statement in so many seconds, and as few tries at a dead database.
PATIENCE_SECONDS = 0.5  # /metrics answers at once, whatever the database does.


class WatchBooks:
    def __init__(self, reads: AuditReads) -> None:
        self._reads = reads
        self._figures: Figures | None = None
        self._read_at = float("-inf")
        self._reading = asyncio.Lock()

    async def figures(self) -> Figures | None:
        """At most some seconds old; None where the database doesn't answer."""
        async with self._reading:
            now = asyncio.get_running_loop().time()
            if now - self._read_at >= FIGURES_SECONDS:
                try:
                    async with asyncio.timeout(PATIENCE_SECONDS):
                        self._figures = await self._reads.figures()
                except Exception:  # noqa: BLE001 - whatever the database says, the process's own metrics are told
                    self._figures = None
                self._read_at = asyncio.get_running_loop().time()
            return self._figures

    async def frozen_since(self, customer_id: UUID) -> datetime | None:
        return await self._reads.frozen_since(customer_id)

    async def findings(self, *, limit: int, cursor: str | None) -> Page[OpenFinding]:
        """Those that no later look has seen mended, the oldest first."""
        after = None if cursor is None else id_of(cursor)
        found = await self._reads.open_findings(after=after, limit=limit + 1)
        return Page(tuple(found[:limit]), to_text_cursor(str(found[limit - 1].id)) if len(found) > limit else None)
