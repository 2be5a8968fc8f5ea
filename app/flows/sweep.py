"""Posting what time has brought for customers that nobody touches. Balances are right without it; the ledger is tidier
with it.

A round without requests: each customer is locked, brought up to date as on touch, and skipped where somebody else holds
it. So it is safe to run twice and in two places, and gives back to budgets and stocks what dead holds had set aside.
"""

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from app.domain.identifiers import NOBODY
from app.flows.failures import DatabaseGone
from app.flows.ledger_port import Changes, LedgerStore
from app.flows.ports import Programs, Snapshots
from app.flows.post_round import Round

BATCH = 200  # Some 200 customers with a few lots each: one transaction of about 50 ms.


class Chores(Protocol):
    async def due_customers(self, *, limit: int) -> Sequence[UUID]: ...


class Sweep:
    def __init__(self, store: LedgerStore, *, housekeeping: Chores, programs: Programs, snapshots: Snapshots) -> None:
        self._store = store
        self._housekeeping = housekeeping
        self._programs = programs
        self._snapshots = snapshots

    async def run_once(self) -> int:
        """One batch of customers for whom something is due, and of nobody's holds that are over; returns how many were
        brought up to date. Raises DatabaseGone, DatabaseBusy.
        """
        due = await self._housekeeping.due_customers(limit=BATCH)
        changes = Changes()
        try:
            async with self._store.round() as tx:
                round_ = Round(tx, [], programs=self._programs, touched=due)
                changes = round_.changes
                await round_.claim()
                await round_.lock(wait=False)
                await round_.read()
                await round_.share()
                round_.decide()
                await round_.write()
        except DatabaseGone:  # It may be committed, and then nobody is due who would be told of again.
            await self._snapshots.forget([patron.book.customer_id for patron in changes.patrons])
            raise
        await self._snapshots.put(changes.patrons)
        nobodys = sum(hold.customer_id == NOBODY for hold in changes.resolved)
        return len(changes.patrons) + nobodys
