"""Segments: named sets of customers, for the test `segment`.

A customer's segments lie in the profile's row, so a purchase reads them with the customer. Who is put in or taken out
has a new revision, so that no cached snapshot stands over it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from app.domain.identifiers import Identifier, IdentifierKind
from app.domain.rejections import Fault, Rejected, Rejection
from app.flows import refusals
from app.flows.cursors import text_of, to_text_cursor
from app.flows.guessing import Uncounted
from app.flows.identity import reference
from app.flows.ledger_port import RoundTx
from app.flows.once import Once, Store
from app.flows.ports import Snapshots, Vault
from app.flows.requests import Answer, Write
from app.flows.results import Page

SEGMENTS_OF_ONE_MAX = 100  # 64 letters each at most: they are read with every purchase of the customer.


@dataclass(frozen=True, slots=True)
class Segment:
    id: str
    title: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class MembersRequest:
    """Who is put into a segment and who is taken out. Nobody is named in both."""

    segment: str
    add: tuple[Identifier, ...]
    remove: tuple[Identifier, ...]


@dataclass(frozen=True, slots=True)
class MembersChanged:
    """How many were put in and taken out; who was in or out already isn't counted."""

    segment: str
    added: int
    removed: int


class SegmentTx(RoundTx, Protocol):
    async def insert_segment(self, segment: str, *, title: str | None) -> datetime | None:
        """When: the database's clock. None: there is one with this id."""
        ...

    async def has_segment(self, segment: str) -> bool: ...

    async def lock_customers(self, ids: Sequence[UUID]) -> Mapping[UUID, int]:
        """Lock the rows in one order; how many segments each has."""
        ...

    async def add_members(self, segment: str, ids: Sequence[UUID]) -> Sequence[UUID]:
        """Those who weren't in it."""
        ...

    async def remove_members(self, segment: str, ids: Sequence[UUID]) -> Sequence[UUID]:
        """Those who were in it."""
        ...

    async def raise_revisions(self, ids: Sequence[UUID]) -> None: ...


class SegmentReads(Protocol):
    async def segments(self, *, after: str | None, limit: int) -> Sequence[Segment]: ...


class SegmentAnswers(Protocol):
    def segment(self, segment: Segment) -> bytes: ...

    def members_changed(self, changed: MembersChanged) -> bytes: ...


class KeepSegments:
    def __init__(
        self,
        once: Once[SegmentTx],
        store: Store[SegmentTx],
        reads: SegmentReads,
        *,
        vault: Vault,
        snapshots: Snapshots,
        answers: SegmentAnswers,
    ) -> None:
        self._once = once
        self._store = store
        self._reads = reads
        self._vault = vault
        self._snapshots = snapshots
        self._answers = answers

    async def make(self, write: Write, segment: str, *, title: str | None) -> Answer:
        """A new segment, 201. Raises `Rejected` for an id that is taken."""

        async def act(tx: SegmentTx) -> Answer:
            created_at = await tx.insert_segment(segment, title=title)
            if created_at is None:
                fault = Fault("/id", "taken", "must be an id that no segment has")
                raise Rejected(Rejection.VALIDATION_ERROR, "There is such a segment already.", (fault,))
            return Answer(201, self._answers.segment(Segment(segment, title, created_at)))

        return await self._once.run(write, act)

    async def segments(self, *, limit: int, cursor: str | None) -> Page[Segment]:
        """By id."""
        after = None if cursor is None else text_of(cursor)
        items = await self._reads.segments(after=after, limit=limit + 1)
        return Page(tuple(items[:limit]), to_text_cursor(items[limit - 1].id) if len(items) > limit else None)

    async def change_members(self, write: Write, request: MembersRequest) -> Answer:
        """All of it or nothing.

        Raises:
            Rejected: `not_found` for the segment; `customer_not_found` with a fault for each who is unknown.
            Uncounted: some are, and they haven't been counted.
        """
        changed: set[UUID] = set()  # By each attempt; the last one is among them.

        async def act(tx: SegmentTx) -> Answer:
            if not await tx.has_segment(request.segment):
                raise refusals.no_segment()
            add, remove = await self._members(tx, request, is_counted=write.is_counted)
            _check_apart(add, remove)
            counts = await tx.lock_customers(sorted({*add, *remove}))
            added = await tx.add_members(request.segment, sorted(set(add)))
            _check_room(add, added, counts)
            removed = await tx.remove_members(request.segment, sorted(set(remove)))
            await tx.raise_revisions(sorted({*added, *removed}))
            changed.update(added, removed)
            return Answer(200, self._answers.members_changed(MembersChanged(request.segment, len(added), len(removed))))

        async def tell(answer: Answer | None) -> None:
            if answer is not None and answer.is_replayed:  # Whoever did it may not have lived to tell the cache.
                changed.update(await self._named(request))
            await self._snapshots.forget(sorted(changed))

        return await self._once.run(write, act, after=tell)

    async def _members(
        self, tx: SegmentTx, request: MembersRequest, *, is_counted: bool
    ) -> tuple[list[UUID], list[UUID]]:
        owners = await self._owners(tx, request)
        named = {*request.add, *request.remove}
        missed = sum(each not in owners and each.kind is not IdentifierKind.ID for each in named)
        if missed and not is_counted:
            raise Uncounted(missed)
        faults: list[Fault] = []
        found: list[list[UUID]] = []
        for name, identifiers in (("add", request.add), ("remove", request.remove)):
            ids = [owners.get(identifier) for identifier in identifiers]
            faults += [
                Fault(f"/{name}/{place}", "unknown", "must be a customer")
                for place, id_ in enumerate(ids)
                if id_ is None
            ]
            found.append([id_ for id_ in ids if id_ is not None])
        if faults:
            raise Rejected(Rejection.CUSTOMER_NOT_FOUND, f"{len(faults)} of them are no customers.", tuple(faults))
        return found[0], found[1]

    async def _owners(self, tx: RoundTx, request: MembersRequest) -> Mapping[Identifier, UUID]:
        """The customers that the identifiers lead to, as far as there are any; one statement for all."""
        wanted = {identifier: reference(identifier, self._vault) for identifier in (*request.add, *request.remove)}
        known = await tx.read_known(
            claims=[],
            identifiers=[each for each in wanted.values() if isinstance(each, bytes)],
            customers=[each for each in wanted.values() if isinstance(each, UUID)],
        )
        owners: dict[Identifier, UUID] = {}
        for identifier, each in wanted.items():
            if isinstance(each, bytes) and each in known.owners:
                owners[identifier] = known.owners[each]
            elif isinstance(each, UUID) and each in known.customers:
                owners[identifier] = each
        return owners

    async def _named(self, request: MembersRequest) -> set[UUID]:
        async with self._store.round() as tx:
            return set((await self._owners(tx, request)).values())


def _check_apart(add: Sequence[UUID], remove: Sequence[UUID]) -> None:
    added = set(add)
    faults = tuple(
        Fault(f"/remove/{place}", "twice", "must not be among those to add")
        for place, each in enumerate(remove)
        if each in added
    )
    if faults:
        raise Rejected(Rejection.VALIDATION_ERROR, "A customer is to be put in and taken out.", faults)


def _check_room(add: Sequence[UUID], added: Sequence[UUID], counts: Mapping[UUID, int]) -> None:
    """counts: how many segments each had before."""
    full = {each for each in added if counts[each] >= SEGMENTS_OF_ONE_MAX}
    faults = tuple(
        Fault(f"/add/{place}", "too_many", f"must be in fewer than {SEGMENTS_OF_ONE_MAX} segments")
        for place, each in enumerate(add)
        if each in full
    )
    if faults:
        raise Rejected(Rejection.LIMIT_EXCEEDED, "A customer is in too many segments.", faults)
