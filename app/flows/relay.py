"""The relay: gives committed events their positions in the feed, so that whoever reads on from a position misses none.

Positions are given after the commit, by one relay at a time. A number that a posting would take for itself may become
visible after a greater one; a reader that went on from the greater would never see it. Here an event that commits late,
under whatever id, is simply still waiting when the next batch is taken.

A batch, in one transaction: the relays' lock (an advisory one, so a second relay leaves at once), the oldest waiting
events, those that must come before them, their positions. Killed half-way it gives none; run twice it finds nothing.
"""

import asyncio
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from app.domain.identifiers import NOBODY

# Some 8 ms of PostgreSQL. No reader or posting waits for a row of it, but on a busy machine all wait for its processor:
# in batches of a thousand, one after another, they met 60 ms of it once a second.
BATCH = 200
REST = 3  # Times as long as a batch took: some 5,000 events a second all the same.
REST_SECONDS_MAX = 0.05
# Then the duty ends and its schedule begins it again, here or in another process.
BATCHES_MAX = 250


@dataclass(frozen=True, slots=True)
class WaitingEvent:
    """An event that is committed and has no position yet."""

    tx_id: UUID
    seq: int
    customer_id: UUID
    version: int


class RelayTx(Protocol):
    async def take_lock(self) -> bool:
        """Whether nobody else relays now; until the end of the transaction nobody else will."""
        ...

    async def oldest(self, *, limit: int) -> Sequence[WaitingEvent]:
        """Those that wait, by their ids."""
        ...

    async def at_versions(self, versions: Sequence[tuple[UUID, int]]) -> Sequence[WaitingEvent]:
        """Those that wait, of these versions of these customers."""
        ...

    async def place(self, events: Sequence[WaitingEvent]) -> None:
        """The next positions, in the order given, and the time of publishing. Raises Conflict."""
        ...


class RelayStore(Protocol):
    def relaying(self) -> AbstractAsyncContextManager[RelayTx]:
        """Raises DatabaseGone, DatabaseBusy."""
        ...


class Relay:
    def __init__(self, store: RelayStore) -> None:
        self._store = store

    async def run_once(self) -> int:
        """All that waits, in batches; returns how many events were given positions. Raises DatabaseGone, DatabaseBusy,
        Conflict.
        """
        placed = 0
        for _ in range(BATCHES_MAX):
            began = asyncio.get_running_loop().time()
            batch = await self._batch()
            placed += batch
            if batch < BATCH:
                break
            await asyncio.sleep(min(REST * (asyncio.get_running_loop().time() - began), REST_SECONDS_MAX))
        return placed

    async def _batch(self) -> int:
        async with self._store.relaying() as tx:
            if not await tx.take_lock():
                return 0
            picked = list(await tx.oldest(limit=BATCH))
            newest = picked
            while before := _missing(newest, picked):
                newest = list(await tx.at_versions(before))
                picked += newest
            if picked:
                await tx.place(in_order(picked))
            return len(picked)


def _missing(newest: Sequence[WaitingEvent], picked: Sequence[WaitingEvent]) -> list[tuple[UUID, int]]:
    """The versions right before the newest of the picked, as far as they aren't picked themselves.

    Ids are made by the processes that post, by clocks that differ: a version may have an id after the next one's.
    """
    have = {(event.customer_id, event.version) for event in picked}
    return sorted(
        {
            (event.customer_id, event.version - 1)
            for event in newest
            if event.customer_id != NOBODY and event.version > 1
        }
        - have
    )


def in_order(events: Sequence[WaitingEvent]) -> list[WaitingEvent]:
    """By id, except where a customer's versions say otherwise: an earlier one is never after a later one."""
    latest: dict[UUID, UUID] = {}  # The greatest id so far, by customer.
    keyed = []
    for event in sorted(events, key=lambda event: event.version):
        key = event.tx_id
        if event.customer_id != NOBODY:
            key = latest[event.customer_id] = max(key, latest.get(event.customer_id, key))
        keyed.append((key, event.version, event.tx_id, event.seq, event))
    return [event for *_, event in sorted(keyed, key=lambda each: each[:4])]
