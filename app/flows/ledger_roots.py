"""A day's root, its closing, and the proof that a posting is under it.

A day is closed once, in one transaction, when it has been over for SETTLED: what was posted in it is committed by then,
since a posting's time is the database's clock in its own transaction, and no transaction that posts outlives 4.5
seconds. Days are closed in their order. Whoever closes holds the closers' lock; another one at the same time does
nothing. Killed half-way a day isn't closed at all. Heads are read, folded and written in batches: memory doesn't grow
with their number.

A day that isn't closed yet is computed when it is asked for, from the last closed one on; two such reads a process at
once, since each goes over all that was posted since then.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Protocol
from uuid import UUID

from app.domain.identifiers import NOBODY
from app.domain.ledger.audit import TxRow
from app.domain.ledger.audit.links import canonical
from app.domain.ledger.roots import FIRST, DayRoot, Head, HeadsTree, Window, Zones, root_of, windows
from app.domain.rejections import Rejected, Rejection

SETTLED = timedelta(minutes=5)
DAYS_MAX = 400  # A run; what is left is closed by the next one.
LINKS_MAX = 1_000  # Some 600 bytes each. Of one customer on one day only a test has so many.
READS_AT_ONCE = 2


@dataclass(frozen=True, slots=True)
class Standing:
    """`last` is the last closed day, `first_posted_at` the time of the first posting of all, where no day is closed."""

    now: datetime
    last: DayRoot | None
    first_posted_at: datetime | None
    zones: Zones

    def windows(self, upto: datetime) -> Sequence[Window]:
        """The days that aren't closed, to the one of that moment."""
        last = None if self.last is None else self.last.window
        return list(windows(last, first_posted_at=self.first_posted_at, upto=upto, zones=self.zones))

    @property
    def previous(self) -> bytes:
        return FIRST if self.last is None else self.last.root


class RootsLook(Protocol):
    """One snapshot of the ledger."""

    async def standing(self) -> Standing: ...
    async def closed_at(self, moment: datetime) -> DayRoot | None:
        """The closed day that a moment falls into."""
        ...

    def heads(self, window: Window) -> AsyncIterator[Sequence[Head]]:
        """Of what was posted in that time, in the order of (customer, transaction), in batches."""
        ...

    def closed_heads(self, day: date) -> AsyncIterator[Sequence[Head]]:
        """As they were written when the day was closed, likewise."""
        ...

    async def posting(self, customer_id: UUID, tx_id: UUID) -> TxRow | None: ...
    async def hash_at(self, customer_id: UUID, version: int) -> bytes:
        """Of the customer's posting of that version; zeros for version 0 and for what isn't there."""
        ...

    async def links(self, customer_id: UUID, *, after: int, upto: int, limit: int) -> Sequence[TxRow]:
        """The customer's postings above a version, by version."""
        ...


class ClosingTx(Protocol):
    async def take_lock(self) -> bool:
        """Whether nobody else closes days now; until the end of the transaction nobody else will."""
        ...

    async def standing(self) -> Standing: ...
    def heads(self, window: Window) -> AsyncIterator[Sequence[Head]]: ...
    async def keep(self, day: date, heads: Sequence[Head], *, first: int) -> None:
        """first: the place of the first of them."""
        ...

    async def close(self, root: DayRoot) -> None: ...


class RootsStore(Protocol):
    """Raises DatabaseGone, DatabaseBusy, Conflict."""

    async def closed(self, day: date) -> DayRoot | None: ...
    def look(self) -> AbstractAsyncContextManager[RootsLook]: ...
    def closing(self) -> AbstractAsyncContextManager[ClosingTx]: ...


@dataclass(frozen=True, slots=True)
class Proof:
    """That a posting is under a day's root. `tx` and `links` are canonical forms: of the posting, and of the same
    customer's later ones up to `head`; `previous_hash` is the chain's before the posting. `index` and `path` lead from
    the head's leaf to the tree of `root`.
    """

    tx: bytes
    previous_hash: bytes
    hash: bytes
    links: Sequence[bytes]
    head: Head
    index: int
    path: Sequence[bytes]
    root: DayRoot


class LedgerRoots:
    def __init__(self, store: RootsStore) -> None:
        self._store = store
        self._reading = asyncio.Semaphore(READS_AT_ONCE)

    async def close_days(self) -> int:
        """All days that are over and not closed yet; returns how many were closed. Raises DatabaseGone, DatabaseBusy,
        Conflict.
        """
        closed = 0
        while closed < DAYS_MAX and await self._close_next():
            closed += 1
        return closed

    async def _close_next(self) -> bool:
        async with self._store.closing() as tx:
            if not await tx.take_lock():
                return False
            standing = await tx.standing()
            window = next(iter(standing.windows(standing.now)), None)
            if window is None or standing.now < window.ends_at + SETTLED:
                return False
            gathered = HeadsTree()
            async for heads in tx.heads(window):
                await tx.keep(window.day, heads, first=gathered.tree.size)
                gathered.add(heads)
            await tx.close(root_of(gathered.tree, window, previous=standing.previous))
        return True

    async def day(self, day: date) -> DayRoot:
        """Raises `Rejected(NOT_FOUND)` for days before the first posting and for days to come."""
        closed = await self._store.closed(day)
        if closed is not None:
            return closed
        async with self._reading, self._store.look() as look:
            standing = await look.standing()
            days = standing.windows(standing.now)
            if standing.last is not None and standing.last.window.day == day:
                return standing.last  # Closed in between.
            if day not in {window.day for window in days}:
                raise no_day()
            return await _root_so_far(look, standing, days, wanted=day, into=HeadsTree())

    async def prove(self, customer_id: UUID, tx_id: UUID) -> Proof:
        """Raises `Rejected`: NOT_FOUND where the customer has no such posting, LIMIT_EXCEEDED where too many follow on
        its day.
        """
        if customer_id == NOBODY:
            raise _no_posting()
        async with self._reading, self._store.look() as look:
            posting = await look.posting(customer_id, tx_id)
            if posting is None:
                raise _no_posting()
            under = await _under(look, posting, customer_id)
            if under is None or under[1].head is None or under[1].head.version < posting.version:
                raise Rejected(Rejection.NOT_FOUND, "The posting isn't under the root of its day: run verify.")
            root, (tree, head) = under[0], (under[1].tree, under[1].head)
            links = await look.links(customer_id, after=posting.version, upto=head.version, limit=LINKS_MAX + 1)
            if len(links) > LINKS_MAX:
                raise _too_many_links(head.version - LINKS_MAX)
            customer = str(customer_id)
            return Proof(
                tx=canonical(posting, customer=customer),
                previous_hash=await look.hash_at(customer_id, posting.version - 1),
                hash=posting.hash,
                links=[canonical(link, customer=customer) for link in links],
                head=head,
                index=tree.index or 0,
                path=tree.path(),
                root=root,
            )


async def _under(look: RootsLook, posting: TxRow, customer_id: UUID) -> tuple[DayRoot, HeadsTree] | None:
    """The root that a posting is under, and its tree with its customer's head; None where no day has its time."""
    gathered = HeadsTree(customer_id)
    closed = await look.closed_at(posting.created_at)
    if closed is not None:
        async for heads in look.closed_heads(closed.window.day):
            gathered.add(heads)
        return closed, gathered
    standing = await look.standing()
    days = standing.windows(max(standing.now, posting.created_at))
    day = next((window.day for window in days if window.holds(posting.created_at)), None)
    return None if day is None else (await _root_so_far(look, standing, days, wanted=day, into=gathered), gathered)


async def _root_so_far(
    look: RootsLook, standing: Standing, days: Sequence[Window], *, wanted: date, into: HeadsTree
) -> DayRoot:
    """The root of a day that isn't closed, over those of the days between; the wanted day's heads go `into` a tree."""
    previous = standing.previous
    for window in days:
        gathered = into if window.day == wanted else HeadsTree()
        async for heads in look.heads(window):
            gathered.add(heads)
        root = root_of(gathered.tree, window, previous=previous)
        if window.day == wanted:
            return root
        previous = root.root
    raise ValueError(f"{wanted} is none of the open days")


def no_day() -> Rejected:
    return Rejected(Rejection.NOT_FOUND, "There is no root of this day.")


def _no_posting() -> Rejected:
    return Rejected(Rejection.NOT_FOUND, "This customer has no such posting.")


def _too_many_links(version: int) -> Rejected:
    detail = (
        f"More than {LINKS_MAX} postings of the customer follow on that day. Ask for the proof of version {version} or "
        "later: it is under the same root, and its previous_hash covers what was posted before it."
    )
    return Rejected(Rejection.LIMIT_EXCEEDED, detail)
