"""Customers brought in from another scheme, many in one transaction: profiles, identifiers, opening balances.

A portion is loaded whole or not at all, and under a claim of its own: sent again, after whatever has happened in
between, it answers what it did the first time. Rows that can't be loaded are told one by one and stop none of the
others.
"""

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

import orjson

from app.domain.identifiers import CustomerId, Identifier
from app.domain.ledger.books import Book
from app.domain.ledger.moments import Moment
from app.domain.ledger.opening import Opening, plan_opening
from app.domain.ledger.postings import Origin
from app.domain.ledger.recording import Chained
from app.domain.program import Program
from app.flows.failures import Conflict
from app.flows.ledger_port import Sealed
from app.flows.new_consents import NewConsent, news_of
from app.flows.ports import Person, Programs, Vault, fresh_ids

REASON = "opening balance"
# An identifier may be taken at a till between look and load; the next try sees it. Each takes a tenth of a second or
# two, since all else is done before the look.
TRIES_MAX = 30


@dataclass(frozen=True, slots=True)
class Entrant:
    """One customer to bring in, as row `line` of the source tells it; at least one identifier, each kind once."""

    line: int
    identifiers: tuple[Identifier, ...]
    person: Person
    tags: tuple[str, ...] = ()
    openings: tuple[Opening, ...] = ()


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """Why a row wasn't loaded; it names no personal data."""

    line: int
    pointer: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Portion:
    """Rows that are loaded together. `claim` names them for ever; `refused` are those that could not be read."""

    claim: UUID
    entrants: Sequence[Entrant]
    refused: Sequence[RefusedRow] = ()


@dataclass(frozen=True, slots=True)
class Loaded:
    """What became of a portion; `is_repeated`: it was loaded before."""

    customers: int
    postings: int
    refused: tuple[RefusedRow, ...]
    is_repeated: bool = False


@dataclass(frozen=True, slots=True)
class NewCustomer:
    """A customer with books as they stand after the opening posting; None: nothing was brought along."""

    book: Book
    profile: Sealed
    tags: tuple[str, ...]
    identifiers: tuple[tuple[bytes, str], ...]  # Digest and kind.
    opening: Chained | None
    consents: Sequence[NewConsent] = ()


class LoadTx(Protocol):
    """One portion's transaction."""

    async def began(self) -> datetime:
        """The database's clock."""
        ...

    async def report(self, claim: UUID) -> bytes | None:
        """What was kept of a portion that is loaded already; empty where that is gone by now."""
        ...

    async def taken(self, digests: Sequence[bytes]) -> AbstractSet[bytes]:
        """Which of the identifiers somebody has."""
        ...

    async def add(self, customers: Sequence[NewCustomer], *, claim: UUID, report_id: UUID, report: bytes) -> None: ...


class LoadStore(Protocol):
    def portion(self) -> AbstractAsyncContextManager[LoadTx]:
        """A transaction that commits when its block ends well. Raises DatabaseGone, DatabaseBusy, Conflict."""
        ...


class LoadCustomers:
    def __init__(self, store: LoadStore, *, programs: Programs, vault: Vault) -> None:
        self._store = store
        self._programs = programs
        self._vault = vault

    async def load(self, portion: Portion) -> Loaded:
        """All rows of the portion that can be loaded.

        Raises:
            DatabaseGone, DatabaseBusy
            Conflict: the same customers are written elsewhere, again and again.
            Rejected: `not_found`, where no program is published and a row brings a balance.
        """
        version, program = 0, None
        if any(entrant.openings for entrant in portion.entrants):
            version = await self._programs.newest()
            program = (await self._programs.compiled(version)).program
        for attempt in range(1, TRIES_MAX + 1):
            try:
                async with self._store.portion() as tx:
                    return await self._load(tx, portion, version, program)
            except Conflict:
                if attempt == TRIES_MAX:
                    raise
        raise AssertionError("unreachable")

    async def _load(self, tx: LoadTx, portion: Portion, version: int, program: Program | None) -> Loaded:
        kept = await tx.report(portion.claim)
        if kept is not None:
            return _read(kept)
        now, ids = await tx.began(), fresh_ids()
        refused = list(portion.refused)
        ready: list[tuple[Entrant, NewCustomer]] = []
        for entrant in portion.entrants:
            if faults := list(_faults_of(entrant, program, now=now)):
                refused += faults
            else:
                ready.append((entrant, self._made(entrant, Moment.by_clock(now, ids), version, program)))
        taken = set(await tx.taken(sorted(digest for _, each in ready for digest, _ in each.identifiers)))
        customers: list[NewCustomer] = []
        for entrant, customer in ready:
            kinds = [kind for digest, kind in customer.identifiers if digest in taken]
            if kinds:
                refused += [RefusedRow(entrant.line, f"/{kind}", "taken", "is somebody's already") for kind in kinds]
            else:
                taken.update(digest for digest, _ in customer.identifiers)
                customers.append(customer)
        refused.sort(key=lambda row: (row.line, row.pointer))
        loaded = Loaded(len(customers), sum(each.opening is not None for each in customers), tuple(refused))
        await tx.add(customers, claim=portion.claim, report_id=next(ids), report=_written(loaded))
        return loaded

    def _made(self, entrant: Entrant, moment: Moment, version: int, program: Program | None) -> NewCustomer:
        customer_id, opening = CustomerId(moment.new_id()), None
        book = Book(customer_id=customer_id)
        if entrant.openings and program is not None:
            origin = Origin(program=version, reason=REASON)
            opening = plan_opening(book, program, moment, entrant.openings, origin=origin)
        profile = self._vault.seal(customer_id, entrant.person, wrapped_key=None)
        identifiers = tuple((self._vault.digest(each), each.kind.value) for each in entrant.identifiers)
        return NewCustomer(book, profile, entrant.tags, identifiers, opening, news_of((), entrant.person.consents))


def _faults_of(entrant: Entrant, program: Program | None, *, now: datetime) -> Iterator[RefusedRow]:
    for place, opening in enumerate(entrant.openings):
        pointer = f"/opening/{place}"
        if program is None or opening.wallet not in program.wallets:
            yield RefusedRow(entrant.line, f"{pointer}/wallet", "unknown", "is no wallet of the program")
        if opening.expires_at is not None and opening.expires_at <= now:
            yield RefusedRow(entrant.line, f"{pointer}/expires_at", "over", "lies in the past")


def _written(loaded: Loaded) -> bytes:
    return orjson.dumps({"customers": loaded.customers, "postings": loaded.postings, "refused": loaded.refused})


def _read(report: bytes) -> Loaded:
    if not report:
        return Loaded(0, 0, (), is_repeated=True)
    kept = orjson.loads(report)
    refused = tuple(RefusedRow(**row) for row in kept["refused"])
    return Loaded(kept["customers"], kept["postings"], refused, is_repeated=True)
