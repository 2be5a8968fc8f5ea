"""A decision becomes one balanced posting.

`now` is the database's clock: it rules what is spendable and what has expired. `at` is the time of the deal: it dates
the lots.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from app.domain.decision import Decision
from app.domain.identifiers import NOBODY, LotId, TxId
from app.domain.ledger.balances import WalletBalance
from app.domain.ledger.books import GENESIS, Book
from app.domain.ledger.chain import next_hash
from app.domain.ledger.chart import Account, TxKind
from app.domain.ledger.lots import Lot
from app.domain.ledger.moves import Moves
from app.domain.ledger.postings import Origin, Posting
from app.domain.ledger.tiers import tier_of
from app.domain.program import Program, Wallet
from app.domain.rejections import Rejected, Rejection

_BY_CLOCK = frozenset({TxKind.ACTIVATE, TxKind.EXPIRE})


@dataclass(frozen=True, slots=True)
class Chained:
    """A posting and the hash that chains it."""

    posting: Posting
    hash: bytes


@dataclass(frozen=True, slots=True)
class Moment:
    """The two times of a posting, and fresh ids in ascending order."""

    now: datetime
    at: datetime
    ids: Iterator[UUID]

    @classmethod
    def by_clock(cls, clock: datetime, ids: Iterator[UUID], *, book: Book | None = None) -> "Moment":
        """Both times by the database's clock, which runs back for no book: its postings' times ascend."""
        now = clock if book is None or book.updated_at is None else max(clock, book.updated_at)
        return cls(now=now, at=now, ids=ids)

    def new_id(self) -> UUID:
        return next(self.ids)


def bring_up_to_date(book: Book, moment: Moment) -> list[Chained]:
    """Post what time has brought: first what became active, then what expired, each a posting with a version of its
    own.

    Needs the lots. Activation comes first because only it can cover a debt, and expiry can't undo that; so two postings
    say the same as one for each instant.
    """
    if not book.is_due(moment.now) or book.lots is None:
        return []
    postings: list[Chained] = []
    active = Moves(book)
    for lot in sorted(book.lots.values(), key=lambda lot: (lot.active_at, lot.id)):
        if lot.is_pending and lot.remaining and lot.active_at <= moment.now and not lot.is_born_dead:
            active.activate(lot)
    if active.entries:
        postings.append(record(book, active, moment, kind=TxKind.ACTIVATE, tx_id=TxId(moment.new_id())))
    over = Moves(book)
    for lot in book.lots.values():
        over.expire_if_over(lot, now=moment.now)
    if over.entries:
        postings.append(record(book, over, moment, kind=TxKind.EXPIRE, tx_id=TxId(moment.new_id())))
    book.reset_due()
    return postings


def record(
    book: Book,
    moves: Moves,
    moment: Moment,
    *,
    kind: TxKind,
    tx_id: TxId,
    origin: Origin | None = None,
    parent: TxId | None = None,
) -> Chained:
    """Close the moves into the customer's next posting and chain it. What time has brought is dated by the clock, not
    by the deal.
    """
    book.version += 1
    posting = Posting(
        tx_id=tx_id,
        kind=kind,
        customer_id=book.customer_id,
        version=book.version,
        at=moment.now if kind in _BY_CLOCK else moment.at,
        created_at=moment.now,
        entries=moves.close(),
        origin=origin or Origin(),
        parent_tx=parent,
    )
    book.head = next_hash(book.head, posting)
    book.updated_at = moment.now
    return Chained(posting, book.head)


def dates_of(wallet: Wallet, *, now: datetime, at: datetime) -> tuple[datetime, datetime | None]:
    """When points of this wallet become active and when they expire; their days run from the time of the deal.

    Points that are active at once are so even where the till's clock runs a little ahead of the database's.
    """
    delay = timedelta(days=wallet.activate_after_days)
    active_at = at + delay if delay else min(at, now)
    return active_at, None if wallet.expire_after_days is None else at + timedelta(days=wallet.expire_after_days)


def new_lot(wallet: Wallet, moment: Moment, *, tx_id: TxId) -> Lot:
    """An empty lot by the wallet's terms."""
    active_at, expires_at = dates_of(wallet, now=moment.now, at=moment.at)
    lot = Lot(
        id=LotId(moment.new_id()),
        wallet=wallet.id,
        tx_id=tx_id,
        remaining=0,
        active_at=active_at,
        expires_at=expires_at,
        is_pending=False,
        is_new=True,
    )
    lot.is_pending = active_at > moment.now or lot.is_born_dead
    return lot


def balances_after(
    book: Book, program: Program, decision: Decision, *, now: datetime, at: datetime
) -> dict[str, WalletBalance]:
    """The balances a purchase would leave behind, without its lots: what a quote shows."""
    balances = book.balances(program.wallets)
    for wallet, before in balances.items():
        available, pending = before.available - decision.redeemed_units.get(wallet, 0), before.pending
        accrued = decision.accrued.get(wallet, 0)
        if accrued:
            active_at, expires_at = dates_of(program.wallets[wallet], now=now, at=at)
            if expires_at is None or expires_at > now:
                if active_at > now:
                    pending += accrued
                else:
                    available += accrued
            elif active_at < expires_at:  # Expired on arrival, but for what covers a debt first.
                available += min(accrued, max(0, -available))
        balances[wallet] = WalletBalance(available=available, pending=pending, held=before.held)
    return balances


def plan_purchase(book: Book, program: Program, decision: Decision, moment: Moment, *, origin: Origin) -> Chained:
    """Redemption out of lots, accrual into new ones, tier and counters. Needs the lots where the decision redeems."""
    moves = Moves(book)
    for wallet, units in decision.redeemed_units.items():
        _spend_all(moves, wallet, units)
    tx_id = TxId(moment.new_id())
    for wallet in decision.accrued:
        lot = new_lot(program.wallets[wallet], moment, tx_id=tx_id)
        for rule, units in _accrued_by_rule(decision, wallet).items():
            moves.credit(lot, units, against=Account.ISSUED, rule=rule)
        book.add_lot(lot)
        moves.expire_if_over(lot, now=moment.now)
    progress = book.progress
    progress.paid += decision.paid
    progress.purchases += 1
    book.bought_at.append(moment.at)
    progress.units += decision.accrued.get(program.default_wallet, 0)
    if progress.last_purchase_at is None or progress.last_purchase_at < moment.at:
        progress.last_purchase_at = moment.at
    book.tier = tier_of(program, stored=book.tier, progress=progress)
    return record(book, moves, moment, kind=TxKind.PURCHASE, tx_id=tx_id, origin=origin)


def plan_nobodys(moment: Moment, *, kind: TxKind, origin: Origin, parent: TxId | None = None) -> Chained:
    """A purchase or return without a customer moves nothing; it is a transaction with a chain of its own."""
    posting = Posting(
        tx_id=TxId(moment.new_id()),
        kind=kind,
        customer_id=NOBODY,
        version=0,
        at=moment.at,
        created_at=moment.now,
        entries=(),
        origin=origin,
        parent_tx=parent,
    )
    return Chained(posting, next_hash(GENESIS, posting))


def plan_redeem(book: Book, moment: Moment, *, wallet: str, units: int, origin: Origin) -> Chained:
    """Spend points with no basket.

    Raises:
        Rejected: `insufficient_points`.
    """
    _need_available(book, wallet, units)
    moves = Moves(book)
    _spend_all(moves, wallet, units)
    return record(book, moves, moment, kind=TxKind.REDEEM, tx_id=TxId(moment.new_id()), origin=origin)


def plan_adjust(book: Book, wallet: Wallet, moment: Moment, *, units: int, origin: Origin) -> Chained:
    """Add units as a lot of the wallet's terms, or take them out of the lots.

    Raises:
        Rejected: `insufficient_points` - a correction never makes a debt.
    """
    moves = Moves(book)
    if units < 0:
        _need_available(book, wallet.id, -units)
        _spend_all(moves, wallet.id, -units, against=Account.ADJUSTED)
        return record(book, moves, moment, kind=TxKind.ADJUST, tx_id=TxId(moment.new_id()), origin=origin)
    tx_id = TxId(moment.new_id())
    lot = new_lot(wallet, moment, tx_id=tx_id)
    moves.credit(lot, units, against=Account.ADJUSTED)
    book.add_lot(lot)
    return record(book, moves, moment, kind=TxKind.ADJUST, tx_id=tx_id, origin=origin)


def _need_available(book: Book, wallet: str, units: int) -> None:
    available = max(0, book.purse(wallet).available)
    if units > available:
        raise Rejected(
            Rejection.INSUFFICIENT_POINTS,
            f"{units} units are asked of the wallet {wallet}, {available} are available.",
            facts={"requested": units, "available": available},
        )


def _spend_all(moves: Moves, wallet: str, units: int, *, against: Account = Account.REDEEMED) -> None:
    taken = moves.spend(wallet, units, against=against)
    if taken != units:
        raise RuntimeError(
            f"the lots of customer {moves.book.customer_id} hold {taken} of {units} available units of {wallet}"
        )


def _accrued_by_rule(decision: Decision, wallet: str) -> Mapping[str, int]:
    units: dict[str, int] = {}
    for line in decision.lines:
        for part in line.parts:
            if part.wallet == wallet and part.units:
                units[part.rule] = units.get(part.rule, 0) + part.units
    return units
