"""The relay: gives committed events their positions in the feed, so that whoever reads on from a position misses none.

Positions are given after the commit, by one relay at a time. A number that a posting would take for itself may become
visible after a greater one; a reader that went on from the greater would never see it. Here an event that commits late,
under whatever id, is simply still waiting when the next batch is taken.

A batch, in one transaction: the relays' lock (an advisory one, so a second relay leaves at once), the oldest waiting
events, then their positions, slice by slice; two statements a slice, and where earlier versions have to be asked for
one more, or as many as a chain of them is long. Killed half-way it gives none; run twice it finds nothing.

An earlier version of a customer is never after a later one. Whoever writes a version holds the customer's row and has
seen the one before it committed; so whatever a snapshot shows, it shows all the earlier versions of its customer too.
Each statement has a snapshot of its own, but only that of the oldest decides. It was taken after the lock, so it shows
what the relay before has placed, and an event that it shows has a position, or waits:

- Where it found fewer than it may, it found all that wait: of what comes before any of them nothing is missing, and
  nobody is asked. The order is made of all, and a batch that ends early has placed the first of it.
- Where it found as many, some with greater ids may be left, and an earlier version may be among them: ids are made by
  processes whose clocks differ. So for each slice those versions are asked for, back to one that doesn't wait (or was
  placed with a slice before). They are the only ones that can be missing, and are placed with it.
- What becomes visible later, during the batch, is of later versions than all that was found of its customer. It waits
  for the next batch, and gets a greater position.
"""

import asyncio
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from itertools import islice
from typing import Protocol
from uuid import UUID

from app.domain.identifiers import NOBODY

# Two seconds' events of a busy chain. Only where as many wait are earlier versions asked for: that costs PostgreSQL as
# much as giving the positions (in a new database: it looks into every month), and finds nothing while clocks agree.
# Without it 900 events cost 9 µs each, not 21.
READ_MAX = 2_000
# Some 2 ms of PostgreSQL. No reader or posting waits for a row of it, but on a busy machine all wait for its processor:
# in a thousand at once, one after another, they met 60 ms of it once a second.
SLICE = 200
REST = 3  # Times as long as a slice took: some 5,000 events a second even where one takes 10 ms.
REST_SECONDS_MAX = 0.05
# Then a batch ends with what it has placed, a slice at least. A month's new partition waits for a batch; and what
# takes longer than a connection is lent for is undone.
BATCH_SECONDS = 1.0
# Then the duty ends and its schedule begins it again, here or in another process: after 50,000 events, or 25 seconds.
BATCHES_MAX = 25


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
            pace = _Pace()
            batch, is_all = await self._batch(pace)
            placed += batch
            if is_all:
                break
            await pace.rest()  # From the last slice, its commit included.
        return placed

    async def _batch(self, pace: "_Pace") -> tuple[int, bool]:
        """How many events it placed, and whether nothing was left waiting."""
        async with self._store.relaying() as tx:
            if not await tx.take_lock():
                return 0, True
            waiting = await tx.oldest(limit=READ_MAX)
            is_full = len(waiting) >= READ_MAX
            left = dict.fromkeys(waiting if is_full else in_order(waiting))
            placed = 0
            while left and not (placed and pace.is_over):
                if placed:
                    await pace.rest()
                events = list(islice(left, SLICE))
                if is_full:
                    events = in_order(await _with_earlier(tx, events))
                await tx.place(events)
                placed += len(events)
                for event in events:
                    left.pop(event, None)
            return placed, not is_full and not left


class _Pace:
    """Leaves the processor to others: after each piece of work it rests, until a batch's time is over."""

    def __init__(self) -> None:
        self._ticks = asyncio.get_running_loop().time
        self._since = self._ticks()
        self._until = self._since + BATCH_SECONDS

    @property
    def is_over(self) -> bool:
        return self._ticks() >= self._until

    async def rest(self) -> None:
        await asyncio.sleep(min(REST * (self._ticks() - self._since), REST_SECONDS_MAX))
        self._since = self._ticks()


async def _with_earlier(tx: RelayTx, events: Sequence[WaitingEvent]) -> Sequence[WaitingEvent]:
    """The events, and those waiting ones that must come before them."""
    picked, newest = list(events), events
    have = set(map(_version_of, events))
    while before := _before(newest) - have:
        newest = await tx.at_versions(sorted(before))
        picked += newest
        have.update(map(_version_of, newest))
    return picked


def _version_of(event: WaitingEvent) -> tuple[UUID, int]:
    return event.customer_id, event.version


def _before(events: Sequence[WaitingEvent]) -> set[tuple[UUID, int]]:
    """The versions right before those of the events."""
    return {(each.customer_id, each.version - 1) for each in events if each.customer_id != NOBODY and each.version > 1}


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
