"""Posting what time has brought for customers that nobody touches. Balances are right without it; the ledger is tidier
with it.

Safe to run twice and in two places: each customer is locked, brought up to date by the same plan as on touch, and
skipped where somebody else holds it.
"""

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from app.domain.ledger.moments import Moment
from app.domain.ledger.passing import bring_up_to_date
from app.flows.ledger_port import Changes, LedgerStore
from app.flows.ports import Programs, Snapshots, fresh_ids

BATCH = 200  # Some 200 customers with a few lots each: one transaction of about 50 ms.


class Chores(Protocol):
    async def due_customers(self, *, limit: int) -> Sequence[UUID]: ...

    async def ensure_partitions(self) -> None: ...


class Sweep:
    def __init__(self, store: LedgerStore, *, housekeeping: Chores, programs: Programs, snapshots: Snapshots) -> None:
        self._store = store
        self._housekeeping = housekeeping
        self._programs = programs
        self._snapshots = snapshots

    async def run_once(self) -> int:
        """One batch of customers for whom something is due; returns how many were brought up to date. Raises
        DatabaseGone, DatabaseBusy.
        """
        due = await self._housekeeping.due_customers(limit=BATCH)
        if not due:
            return 0
        changes, ids = Changes(), fresh_ids()
        async with self._store.round() as tx:
            taken = await tx.take([])
            now = taken.now
            program = (await self._programs.compiled(taken.program)).program if taken.program else None
            patrons = await tx.lock_patrons(sorted(due), wait=False)
            lots = await tx.read_lots(list(patrons), purchases=[])
            for customer_id, patron in patrons.items():
                patron.book.load_lots(lots.get(customer_id, ()))
                changes.postings += bring_up_to_date(patron.book, Moment.by_clock(now, ids, book=patron.book), program)
                patron.book.reset_due()  # Also where nothing was left to do: the row's instant was early.
                changes.patrons.append(patron)
            if changes.patrons:
                await tx.write(changes)
        await self._snapshots.put(changes.patrons)
        return len(changes.patrons)

    async def keep_house(self) -> None:
        """Partitions for the coming months."""
        await self._housekeeping.ensure_partitions()
