"""Reading customers: from the hot cache where it has them, else from the database; what time has brought is counted
either way.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from app.domain.identifiers import CustomerId, Identifier, IdentifierKind
from app.domain.ledger.books import Book, Purse
from app.domain.ledger.lots import Lot, spending_order
from app.domain.ledger.moments import Moment
from app.domain.ledger.passing import bring_up_to_date
from app.domain.ledger.tiers import tier_at, tier_on
from app.domain.program import Program
from app.domain.rules.compiled import CompiledProgram
from app.flows import refusals
from app.flows.cursors import page_of, place_of, to_cursor
from app.flows.identity import customer_uuid
from app.flows.ledger_port import Patron
from app.flows.ports import Clock, Programs, Snapshots, Vault, fresh_ids
from app.flows.ports_customers import PastBook, Reads
from app.flows.profiles import profile_of
from app.flows.results import BalanceView, CustomerProfile, HistoryItem, Instant, LotView, Page, ThenView, WalletView
from app.flows.sealed_reasons import opened_reason

# By wallet, what expires next and what becomes active next.
Horizon = Mapping[str, tuple[Instant | None, Instant | None]]


class ReadCustomer:
    def __init__(self, reads: Reads, *, snapshots: Snapshots, programs: Programs, vault: Vault, clock: Clock) -> None:
        self._reads = reads
        self._snapshots = snapshots
        self._programs = programs
        self._vault = vault
        self._clock = clock

    async def find(self, customer: Identifier) -> UUID:
        """Raises `Rejected(CUSTOMER_NOT_FOUND)`."""
        if customer.kind is IdentifierKind.ID:
            return customer_uuid(customer.value)
        digest = self._vault.digest(customer)
        owner, seen = await self._snapshots.find(digest)
        return owner or await self._owner(digest, mark=seen.mark)

    async def _owner(self, digest: bytes, *, mark: str) -> UUID:
        owner = await self._reads.owner(digest)
        if owner is None:
            raise refusals.no_customer()
        await self._snapshots.put_owner(digest, owner, mark=mark)
        return owner

    async def patron(self, customer_id: UUID, *, min_version: int = 0) -> tuple[Patron, str]:
        """The customer as posted, and whether from `cache` or `database`. Raises `Rejected(CUSTOMER_NOT_FOUND)`."""
        seen = await self._snapshots.get(customer_id)
        if seen.patron is not None and seen.patron.book.version >= min_version:
            return seen.patron, "cache"
        return await self._read(customer_id, mark=seen.mark), "database"

    async def _read(self, customer_id: UUID, *, mark: str) -> Patron:
        patron = await self._reads.patron(customer_id)
        if patron is None:
            raise refusals.no_customer()
        await self._snapshots.fill(patron, mark=mark)
        return patron

    async def current(self, customer_id: UUID) -> tuple[Patron, int]:
        """The customer with what has become active or expired since the last posting counted in, and the version that
        is posted; the book's own version may run ahead of it. Raises `Rejected(CUSTOMER_NOT_FOUND)`."""
        patron, _ = await self.patron(customer_id)
        return await self._by_now(patron)

    async def named(self, customer: Identifier) -> tuple[Patron, int]:
        """`current` of whom an identifier names, by one look at the cache. Raises `Rejected(CUSTOMER_NOT_FOUND)`."""
        if customer.kind is IdentifierKind.ID:
            return await self.current(customer_uuid(customer.value))
        digest = self._vault.digest(customer)
        owner, seen = await self._snapshots.find(digest)
        if owner is None:
            return await self.current(await self._owner(digest, mark=seen.mark))
        return await self._by_now(seen.patron or await self._read(owner, mark=seen.mark))

    async def _by_now(self, patron: Patron) -> tuple[Patron, int]:
        now, customer_id = self._clock.now(), patron.book.customer_id
        if not patron.book.is_due(now):
            return patron, patron.book.version
        patron = await self._books(customer_id)
        version = patron.book.version
        bring_up_to_date(patron.book, Moment.by_clock(now, fresh_ids()), await self._in_force())
        return patron, version

    async def balance(self, customer_id: UUID, *, min_version: int, as_of: datetime | None) -> BalanceView:
        """Raises `Rejected(CUSTOMER_NOT_FOUND)`."""
        if as_of is not None:
            return await self._balance_at(customer_id, as_of)
        program = await self._programs.current()
        seen = await self._snapshots.get(customer_id)
        now = self._clock.now()
        if (patron := seen.patron) is not None and patron.book.version >= min_version and not patron.book.is_due(now):
            horizon = known_horizon(patron)
            if horizon is not None:
                return _balance_view(patron.book, program, horizon, source="cache", as_of=now)
        patron = await self._reads.outlook(customer_id)
        if patron is None:
            raise refusals.no_customer()
        now, version = self._clock.now(), patron.book.version
        if patron.book.is_due(now):
            patron = await self._books(customer_id)
            now, version = self._clock.now(), patron.book.version
            bring_up_to_date(patron.book, Moment.by_clock(now, fresh_ids()), program.program if program else None)
            patron.horizon = horizon_of(patron.book)
        if patron.book.version == version:  # As it is posted; only that may be shown to others.
            await self._snapshots.fill(patron, mark=seen.mark)
        return _balance_view(patron.book, program, patron.horizon or {}, source="database", as_of=now, version=version)

    async def _in_force(self) -> Program | None:
        program = await self._programs.current()
        return program.program if program else None

    async def _books(self, customer_id: UUID) -> Patron:
        patron = await self._reads.books(customer_id)
        if patron is None:
            raise refusals.no_customer()
        return patron

    async def _balance_at(self, customer_id: UUID, at: datetime) -> BalanceView:
        """As it was, or as it will be if nothing more happens: what was posted by then, and what time had brought by
        then, under the program in force then.
        """
        past = await self._reads.past(customer_id, at=at)
        if past is None:
            raise refusals.no_customer()
        program = await self._programs.compiled(past.program) if past.program else None
        scheme = program.program if program else None
        book = Book(
            customer_id=CustomerId(customer_id),
            version=past.version,
            purses={
                wallet: Purse(available=available, pending=pending, held=held, floor=min(0, available))
                for wallet, (available, pending, held) in past.wallets.items()
            },
        )
        book.load_lots(past.lots, past.holds)
        book.open_holds = len(past.holds)
        book.reset_due()
        bring_up_to_date(book, Moment.by_clock(at, fresh_ids()), scheme)
        return BalanceView(
            version=past.version,
            wallets=_views(book, program, horizon_of(book)),
            source="database",
            as_of=at,
            then=ThenView(
                lots=_lot_views(_open_lots(book)), tier=_tier_then(past, scheme, at), program=past.program or None
            ),
        )

    async def profile(self, customer_id: UUID) -> CustomerProfile:
        patron, version = await self.current(customer_id)
        program = await self._programs.current()
        return profile_of(patron, program, self._vault, version=version, now=self._clock.now())

    async def history(self, customer_id: UUID, *, limit: int, cursor: str | None) -> Page[HistoryItem]:
        """Postings, the newest first."""
        patron, _ = await self.patron(customer_id)
        before = None if cursor is None else place_of(cursor)
        items = self.with_reasons(patron, await self._reads.history(customer_id, before=before, limit=limit + 1))
        return page_of(items, limit=limit, place=lambda item: item.version)

    def with_reasons(self, patron: Patron, items: Iterable[HistoryItem]) -> Sequence[HistoryItem]:
        """Postings with their reasons in clear."""
        customer_id, key = patron.book.customer_id, patron.profile.wrapped_key
        return [
            replace(item, reason=opened_reason(self._vault, customer_id, item.reason, wrapped_key=key))
            for item in items
        ]

    async def lots(self, customer_id: UUID, *, limit: int, cursor: str | None) -> Page[LotView]:
        """Open lots in spending order; what has expired by now, or covered a debt as it became active, is not open."""
        start = 0 if cursor is None else place_of(cursor)
        found = await self._reads.open_lots(customer_id, start=start, limit=limit + 1)
        if found is None:
            raise refusals.no_customer()
        patron, lots = found
        now = self._clock.now()
        if patron.book.is_due(now):
            book = (await self._books(customer_id)).book
            bring_up_to_date(book, Moment.by_clock(now, fresh_ids()), await self._in_force())
            lots = _open_lots(book)[start : start + limit + 1]
        return Page(_lot_views(lots[:limit]), to_cursor(start + limit) if len(lots) > limit else None)


def known_horizon(patron: Patron) -> Horizon | None:
    """What comes next in each wallet, as far as it is known without the lots; a wallet left out waits for nothing.

    `due_at` is never late: where it is missing no lot expires and none is pending.
    """
    return {} if patron.book.due_at is None else patron.horizon


def horizon_of(book: Book) -> Horizon:
    """For each wallet what expires next and what becomes active next."""
    lots = [lot for lot in (book.lots or {}).values() if lot.remaining]
    return {
        wallet: (
            _soonest((lot, lot.expires_at) for lot in lots if lot.wallet == wallet and lot.expires_at),
            _soonest(
                (lot, lot.active_at) for lot in lots if lot.wallet == wallet and lot.is_pending and not lot.is_born_dead
            ),
        )
        for wallet in book.purses
    }


def _open_lots(book: Book) -> list[Lot]:
    """Those with units left, in spending order."""
    return [lot for lot in spending_order((book.lots or {}).values()) if lot.remaining]


def _lot_views(lots: Iterable[Lot]) -> tuple[LotView, ...]:
    return tuple(
        LotView(
            id=lot.id,
            wallet=lot.wallet,
            remaining=lot.remaining,
            active_at=lot.active_at,
            expires_at=lot.expires_at,
            tx_id=lot.tx_id,
        )
        for lot in lots
    )


def _tier_then(past: PastBook, program: Program | None, at: datetime) -> str | None:
    """By the books, where they still stand as they stood then; else by the path that was kept.

    A path knows the program of its posting: bounds that another one set between two postings show from the second on.
    """
    if program is None:
        return None
    book = past.newest.book
    return tier_at(program, book, at) if book.version == past.version else tier_on(program, past.tier_path, at)


def _soonest(changes: Iterable[tuple[Lot, datetime]]) -> Instant | None:
    points: dict[datetime, int] = {}
    for lot, instant in changes:
        points[instant] = points.get(instant, 0) + lot.remaining
    return Instant(points[min(points)], min(points)) if points else None


def _balance_view(
    book: Book,
    program: CompiledProgram | None,
    horizon: Horizon,
    *,
    source: str,
    as_of: datetime,
    version: int | None = None,
) -> BalanceView:
    """version: the posted one, where the book runs ahead of it."""
    return BalanceView(
        version=book.version if version is None else version,
        wallets=_views(book, program, horizon),
        source=source,
        as_of=as_of,
    )


def _views(book: Book, program: CompiledProgram | None, horizon: Horizon) -> dict[str, WalletView]:
    views = {}
    for wallet, balance in book.balances(program.program.wallets if program else ()).items():
        next_expiry, next_activation = horizon.get(wallet, (None, None))
        views[wallet] = WalletView(balance=balance, next_expiry=next_expiry, next_activation=next_activation)
    return views
