"""The few moves every posting is made of: credit a lot, debit lots, set units aside and let them go, expire, go into
debt.

Each changes the book and notes its entries on the customer's side; `Moves.close` adds the program's side, so that a set
of moves is balanced by construction.
"""

from dataclasses import dataclass, field
from datetime import datetime

from app.domain.identifiers import LotId
from app.domain.ledger.books import Book
from app.domain.ledger.chart import Account
from app.domain.ledger.lots import Lot
from app.domain.ledger.postings import Entry


@dataclass(slots=True)
class Moves:
    """Moves on one book that become one posting. Units are positive in every call."""

    book: Book
    entries: list[Entry] = field(default_factory=list)
    _against: dict[tuple[str, Account], int] = field(default_factory=dict)

    def credit(
        self, lot: Lot, units: int, *, against: Account, rule: str | None = None, covers_debt: bool = True
    ) -> None:
        """Put units into a lot; what lands in an active one covers the wallet's debt first, unless it is to expire
        at once.
        """
        self._add_against(lot.wallet, against, -units)
        self._put(lot, units, rule=rule, covers_debt=covers_debt)

    def debit(self, lot: Lot, units: int, *, against: Account) -> None:
        """Take units out of a lot, from wherever the ledger has it posted.

        Raises:
            ValueError: the lot has less.
        """
        if units > lot.remaining:
            raise ValueError(f"{units} units asked of lot {lot.id}, which has {lot.remaining}")
        purse = self.book.purse(lot.wallet)
        lot.remaining -= units
        lot.is_changed = True
        if lot.is_pending:
            purse.pending -= units
        else:
            purse.available -= units
        account = Account.PENDING if lot.is_pending else Account.AVAILABLE
        self.entries.append(Entry(account, lot.wallet, -units, lot.id))
        self._add_against(lot.wallet, against, units)

    def spend(self, wallet: str, units: int, *, against: Account, lots: list[Lot] | None = None) -> int:
        """Take up to `units` out of active lots in spending order (or out of `lots`, in their order); returns what was
        taken.

        Raises:
            LotsNotRead: the lots that were loaded are not enough, and not all.
        """
        left = units
        for lot in self.book.open_lots(wallet, pending=False) if lots is None else lots:
            if not left:
                break
            taken = min(left, lot.remaining)
            if taken:
                self.debit(lot, taken, against=against)
                left -= taken
        if left and lots is None:
            self.book.need_all_active(wallet)
        return units - left

    def set_aside(self, wallet: str, units: int) -> list[tuple[str, LotId, int]]:
        """Move available units to the held ones, out of active lots in spending order: (wallet, lot, units) in the
        order taken.

        Raises:
            LotsNotRead: the lots that were loaded are not enough, and not all.
            RuntimeError: the lots hold less.
        """
        purse, left = self.book.purse(wallet), units
        taken: list[tuple[str, LotId, int]] = []
        for lot in self.book.open_lots(wallet, pending=False):
            portion = min(left, lot.remaining)
            if not portion:
                break
            lot.remaining -= portion
            lot.held += portion
            lot.is_changed = True
            self.entries.append(Entry(Account.AVAILABLE, wallet, -portion, lot.id))
            self.entries.append(Entry(Account.HELD, wallet, portion, lot.id))
            taken.append((wallet, lot.id, portion))
            left -= portion
        if left:
            self.book.need_all_active(wallet)
            raise RuntimeError(
                f"the lots of customer {self.book.customer_id} hold {units - left} of {units} units of {wallet}"
            )
        purse.available -= units
        purse.held += units
        return taken

    def use_held(self, lot: Lot, units: int, *, against: Account) -> None:
        """Take held units of a lot for good.

        Raises:
            ValueError: fewer are held.
        """
        self._out_of_held(lot, units)
        self._add_against(lot.wallet, against, units)

    def let_go(self, lot: Lot, units: int, *, now: datetime) -> int:
        """Put held units back into their lot. They cover the wallet's debt first; those of a lot that has ended
        meanwhile cover nothing and expire at once. Returns how many expired.

        Raises:
            ValueError: fewer are held.
        """
        self._out_of_held(lot, units)
        is_over = lot.has_expired(now)
        self._put(lot, units, rule=None, covers_debt=not is_over)
        if not is_over:
            return 0
        self.debit(lot, units, against=Account.EXPIRED)
        return units

    def owe(self, wallet: str, units: int, *, against: Account) -> None:
        """Let `available` go below 0, and its floor with it."""
        purse = self.book.purse(wallet)
        purse.available -= units
        purse.floor = min(purse.floor, purse.available)
        self.entries.append(Entry(Account.AVAILABLE, wallet, -units))
        self._add_against(wallet, against, units)

    def forgive(self, wallet: str, units: int, *, against: Account) -> int:
        """Lessen the wallet's debt by up to so many units; returns by how many."""
        purse = self.book.purse(wallet)
        lessened = min(units, max(0, -purse.available))
        if lessened:
            purse.available += lessened
            purse.floor = max(purse.floor, min(0, purse.available))
            self.entries.append(Entry(Account.AVAILABLE, wallet, lessened))
            self._add_against(wallet, against, -lessened)
        return lessened

    def activate(self, lot: Lot) -> None:
        """Move a lot that is due from pending to available; it covers the wallet's debt first."""
        purse = self.book.purse(lot.wallet)
        debt = max(0, -purse.available)
        purse.pending -= lot.remaining
        purse.available += lot.remaining
        self.entries.append(Entry(Account.PENDING, lot.wallet, -lot.remaining, lot.id))
        self.entries.append(Entry(Account.AVAILABLE, lot.wallet, lot.remaining, lot.id))
        lot.is_pending = False
        lot.is_changed = True
        self._cover(lot, min(debt, lot.remaining))

    def expire_if_over(self, lot: Lot, *, now: datetime) -> int:
        """Expire what is left of a lot whose end has come; returns how much that was."""
        if not lot.remaining or not lot.has_expired(now):
            return 0
        units = lot.remaining
        self.debit(lot, units, against=Account.EXPIRED)
        return units

    def close(self) -> tuple[Entry, ...]:
        """The customer's entries and the other side of each."""
        others = (Entry(account, wallet, amount) for (wallet, account), amount in self._against.items() if amount)
        return (*self.entries, *others)

    def _put(self, lot: Lot, units: int, *, rule: str | None, covers_debt: bool) -> None:
        purse = self.book.purse(lot.wallet)
        lot.remaining += units
        lot.is_changed = True
        if lot.is_pending:
            purse.pending += units
            self.entries.append(Entry(Account.PENDING, lot.wallet, units, lot.id, rule))
        else:
            debt = max(0, -purse.available)
            purse.available += units
            self.entries.append(Entry(Account.AVAILABLE, lot.wallet, units, lot.id, rule))
            if covers_debt and (debt or purse.floor):
                self._cover(lot, min(debt, units))
        self.book.wait_for(lot.next_change())

    def _out_of_held(self, lot: Lot, units: int) -> None:
        if units > lot.held:
            raise ValueError(f"{units} held units asked of lot {lot.id}, which has {lot.held}")
        lot.held -= units
        lot.is_changed = True
        self.book.purse(lot.wallet).held -= units
        self.entries.append(Entry(Account.HELD, lot.wallet, -units, lot.id))

    def _add_against(self, wallet: str, account: Account, amount: int) -> None:
        key = (wallet, account)
        self._against[key] = self._against.get(key, 0) + amount

    def _cover(self, lot: Lot, units: int) -> None:
        """Use units of a lot for the debt: out of the lot, back onto the account, so `available` stays as it is."""
        if units:
            lot.remaining -= units
            self.entries.append(Entry(Account.AVAILABLE, lot.wallet, -units, lot.id))
            self.entries.append(Entry(Account.AVAILABLE, lot.wallet, units))
        purse = self.book.purse(lot.wallet)
        purse.floor = max(purse.floor, min(0, purse.available))
