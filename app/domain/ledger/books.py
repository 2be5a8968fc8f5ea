"""One customer's books while a round holds the customer's row.

A book is read under the lock, changed by plans, and written back as a whole; it never outlives its round. Plans refuse
before they change anything. The invariant that everything rests on, for each wallet:

    available = units left in active lots - debt        pending = units left in pending lots
    held = units of lots that are set aside = units of open holds

A debt (returned points that were spent already) exists only while no active lot has units left, because whatever
becomes active, or comes back from a hold, covers it first; so the debt is max(0, -available), and needs no field of its
own.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from app.domain.identifiers import CustomerId, LotId, TxId
from app.domain.ledger.balances import WalletBalance
from app.domain.ledger.freed import Freed
from app.domain.ledger.hold_states import Hold
from app.domain.ledger.lots import Lot, spending_order
from app.domain.ledger.memory import Memory, TierPath

GENESIS = bytes(32)  # The hash before a customer's first transaction.


class LotsNotRead(RuntimeError):
    """A plan looks at lots that its book doesn't have."""


@dataclass(slots=True)
class Purse:
    """One wallet of the book. `floor` is how low `available` may stand: 0, or a debt that a return has made."""

    available: int = 0
    pending: int = 0
    held: int = 0
    floor: int = 0

    def frozen(self) -> WalletBalance:
        return WalletBalance(available=self.available, pending=self.pending, held=self.held)


@dataclass(slots=True)
class Progress:
    """What tiers and conditions count: money paid (minor units), purchases not fully returned, units accrued."""

    paid: int = 0
    purchases: int = 0
    units: int = 0
    last_purchase_at: datetime | None = None


@dataclass(slots=True)
class Book:
    """`lots` is None until something needs them: a purchase that only accrues reads none. What only spends needs the
    first active ones in spending order, as many as cover it: then `has_all_lots` is False, and whoever looks further
    hears of it (`LotsNotRead`), but for the wallets in `has_all_active`: of those no active lot is missing.

    `due_at` is the next instant at which a lot becomes active or expires, or a hold ends (it may be early, never late).

    `open_holds` says how many holds are open; `holds` are read with the lots, and have those of this round too.
    `ended` are the holds that time has ended in this round.
    """

    customer_id: CustomerId
    version: int = 0
    revision: int = 0
    head: bytes = GENESIS
    purses: dict[str, Purse] = field(default_factory=dict)
    tier: str | None = None
    progress: Progress = field(default_factory=Progress)
    memory: Memory = field(default_factory=Memory)
    due_at: datetime | None = None
    updated_at: datetime | None = None
    lots: dict[LotId, Lot] | None = None
    has_all_lots: bool = True
    has_all_active: frozenset[str] = frozenset()
    added: list[Lot] = field(default_factory=list)
    open_holds: int = 0
    holds: dict[TxId, Hold] = field(default_factory=dict)
    ended: list["EndedHold"] = field(default_factory=list)
    tier_path: TierPath | None = None  # Where this round has changed it.
    bought_at: list[datetime] = field(default_factory=list)  # Deals of this round, which the database doesn't know yet.

    def purse(self, wallet: str) -> Purse:
        """One wallet's purse; a wallet not used so far is empty."""
        purse = self.purses.get(wallet)
        if purse is None:
            purse = self.purses[wallet] = Purse()
        return purse

    def balances(self, wallets: Iterable[str]) -> dict[str, WalletBalance]:
        """Of the named wallets, in that order, and of whatever else the customer has."""
        return {wallet: self.purse(wallet).frozen() for wallet in dict.fromkeys((*wallets, *self.purses))}

    def load_lots(self, lots: Iterable[Lot], holds: Iterable[Hold] = ()) -> None:
        """Take in the lots that the database holds, and the open holds; those this round has added are known
        already.
        """
        self.load_first_lots(lots)
        self.has_all_lots = True
        self.holds = {hold.id: hold for hold in holds} | self.holds
        for hold in self.holds.values():
            if hold.is_open:
                self.wait_for(hold.expires_at)

    def load_first_lots(self, lots: Iterable[Lot], *, whole: Iterable[str] = ()) -> None:
        """Take in the first active lots of the wallets that are to be spent from, in spending order, and others by
        name; none of them has changed since the database was read but by this round.

        Args:
            whole: wallets of which no active lot is missing.
        """
        self.lots = {lot.id: lot for lot in lots} | {lot.id: lot for lot in self.added}
        self.has_all_lots = False
        self.has_all_active = frozenset(whole)

    def all_lots(self) -> Mapping[LotId, Lot]:
        """Raises `LotsNotRead`: none were loaded, or only the first."""
        if self.lots is None:
            raise LotsNotRead(f"the lots of customer {self.customer_id} were not loaded")
        if not self.has_all_lots:
            raise LotsNotRead(f"only the first lots of customer {self.customer_id} were loaded")
        return self.lots

    def open_lots(self, wallet: str, *, pending: bool) -> list[Lot]:
        """Lots with units left, in spending order; of active ones only the first, where only those were loaded.

        Raises:
            LotsNotRead: the lots were not loaded.
        """
        if pending:
            self.all_lots()
        return [lot for lot in self.loaded_lots(wallet) if lot.is_pending == pending]

    def loaded_lots(self, wallet: str) -> list[Lot]:
        """Those of the wallet that were loaded and have units left, in spending order. Raises `LotsNotRead`: none."""
        lots = self.all_lots() if self.lots is None else self.lots
        return spending_order(lot for lot in lots.values() if lot.wallet == wallet and lot.remaining)

    def need_all_active(self, wallet: str) -> None:
        """Raises `LotsNotRead`: of the wallet's active lots only the first were loaded."""
        if wallet not in self.has_all_active:
            self.all_lots()

    def add_lot(self, lot: Lot) -> None:
        self.added.append(lot)
        if self.lots is not None:
            self.lots[lot.id] = lot
        self.wait_for(lot.next_change())

    def wait_for(self, instant: datetime | None) -> None:
        if instant is not None and (self.due_at is None or instant < self.due_at):
            self.due_at = instant

    def now_by(self, clock: datetime) -> datetime:
        """The moment by a clock that runs back for no book: its postings' times ascend."""
        return clock if self.updated_at is None else max(clock, self.updated_at)

    def is_due(self, now: datetime) -> bool:
        return self.due_at is not None and self.due_at <= now

    def reset_due(self) -> None:
        """Recompute `due_at` from all lots and open holds. Raises `LotsNotRead`."""
        lots, self.due_at = self.all_lots(), None
        for lot in lots.values():
            self.wait_for(lot.next_change())
        for hold in self.holds.values():
            if hold.is_open:
                self.wait_for(hold.expires_at)


@dataclass(frozen=True, slots=True)
class EndedHold:
    """A hold that time has ended, and what others than the customer get back by it."""

    hold: Hold
    freed: Freed
