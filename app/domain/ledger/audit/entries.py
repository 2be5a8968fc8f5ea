"""Entries: what they sum to, where they stand, and what they make of lots and debts."""

from collections.abc import Mapping, Sequence

from app.domain.ledger.audit.conversions import check_conversions
from app.domain.ledger.audit.findings import Check, Notes
from app.domain.ledger.audit.lots import AVAILABLE, HELD, PENDING, LotState
from app.domain.ledger.audit.purses import PurseState
from app.domain.ledger.audit.rows import EntryRow, LotRow, TxRow
from app.domain.ledger.audit.terms import Terms
from app.domain.ledger.chart import Account, TxKind
from app.domain.program import Debt

SIDES: Mapping[str, int] = {Account.AVAILABLE: AVAILABLE, Account.PENDING: PENDING, Account.HELD: HELD}
_CHART: frozenset[str] = frozenset(Account)
_PARTNER = "partner:"
_OFFLINE_DEBT = "offline_debt"  # The reason of a purchase made without connection that spent more than there was.

# By kind, the accounts it may use (the table of chart.py); where it converts full sets, these too. Kinds that a later
# migration brings may use the whole chart.
_CONVERTING: frozenset[str] = frozenset({Account.AVAILABLE, Account.PENDING, Account.CONVERTED, Account.EXPIRED})
_USES: Mapping[str, frozenset[str]] = {
    TxKind.PURCHASE: frozenset({Account.AVAILABLE, Account.PENDING, Account.ISSUED, Account.REDEEMED, Account.EXPIRED}),
    TxKind.EVENT: frozenset({Account.AVAILABLE, Account.PENDING, Account.ISSUED, Account.REDEEMED, Account.EXPIRED}),
    TxKind.REDEEM: frozenset({Account.AVAILABLE, Account.REDEEMED}),
    TxKind.RETURN: frozenset({Account.AVAILABLE, Account.PENDING, Account.RETURNED, Account.EXPIRED}),
    TxKind.ACTIVATE: frozenset({Account.AVAILABLE, Account.PENDING}),
    TxKind.EXPIRE: frozenset({Account.AVAILABLE, Account.PENDING, Account.EXPIRED}),
    TxKind.ADJUST: frozenset({Account.AVAILABLE, Account.PENDING, Account.ADJUSTED, Account.EXPIRED}),
    TxKind.HOLD: frozenset({Account.AVAILABLE, Account.HELD}),
    TxKind.CAPTURE: frozenset(
        {Account.HELD, Account.AVAILABLE, Account.PENDING, Account.ISSUED, Account.REDEEMED, Account.EXPIRED}
    ),
    TxKind.RELEASE: frozenset({Account.HELD, Account.AVAILABLE, Account.EXPIRED}),
}


class EntriesAudit:
    """Follows the entries of one customer through purses and lots."""

    def __init__(self, notes: Notes, lots: Sequence[LotRow], terms: Mapping[int, Terms | None]) -> None:
        self._notes = notes
        self._terms = terms
        self.purses: dict[str, PurseState] = {}
        self.lots = {row.lot_id: LotState(row) for row in lots}

    def post(self, tx: TxRow) -> None:
        if not tx.entries:
            return
        sums: dict[str, int] = {}
        uses = _USES.get(tx.kind)
        converted: dict[str, int] = {}
        is_in_order = True
        for place, entry in enumerate(tx.entries, start=1):
            sums[entry.wallet] = sums.get(entry.wallet, 0) + entry.amount
            is_in_order &= entry.seq == place
            self._check_account(tx, entry, uses)
            side = SIDES.get(entry.account)
            if side is not None:
                self._move(tx, entry, side)
            elif entry.account == Account.CONVERTED:
                converted[entry.wallet] = converted.get(entry.wallet, 0) + entry.amount
        if not is_in_order:
            expected = f"1 to {len(tx.entries)}"
            self._notes.add(Check.ENTRY_ORDER, tx.tx_id, expected=expected, found=[entry.seq for entry in tx.entries])
        for wallet, total in sums.items():
            if total:
                self._notes.add(Check.ENTRY_SUM, tx.tx_id, expected=f"{wallet}: 0", found=total)
            self._check_debt(tx, wallet)
        check_conversions(tx, converted, purses=self.purses, terms=self._terms, notes=self._notes)

    def close(self, *, card_days: int | None) -> None:
        for lot in self.lots.values():
            lot.close(self._notes, self._terms, card_days=card_days)

    def _check_account(self, tx: TxRow, entry: EntryRow, uses: frozenset[str] | None) -> None:
        account = entry.account
        is_known = account in _CHART or account.startswith(_PARTNER)
        is_used = is_known if uses is None else account in uses or (account in _CONVERTING and _converts(tx))
        if not is_used or (self._notes.customer is None and account in SIDES):
            expected = f"an account of {tx.kind}" if self._notes.customer else f"an account of {tx.kind} for nobody"
            self._notes.add(Check.ENTRY_ACCOUNT, tx.tx_id, expected=expected, found=account)
        if entry.lot_id is not None and account not in SIDES:
            self._notes.add(Check.ENTRY_LOT, tx.tx_id, expected=f"{account}: no lot", found=entry.lot_id)

    def _move(self, tx: TxRow, entry: EntryRow, side: int) -> None:
        _, account, wallet, amount, lot_id, rule = entry
        purse = self.purses.get(wallet)
        if purse is None:
            purse = self.purses[wallet] = PurseState()
        purse.units[side] += amount
        if lot_id is None:
            if side != AVAILABLE:
                self._notes.add(Check.ENTRY_LOT, tx.tx_id, expected=f"{account}: a lot", found="none")
            else:
                purse.owed -= amount
                if amount < 0:
                    self._check_owing(tx, wallet, -amount)
            return
        lot = self.lots.get(lot_id)
        if lot is None or lot.row.wallet != wallet:
            found = lot_id if lot is None else f"{lot_id}, of {lot.row.wallet}"
            self._notes.add(Check.ENTRY_LOT, tx.tx_id, expected=f"a lot of the customer's {wallet}", found=found)
        if lot is not None:
            lot.move(tx, side, amount, rule, self._notes)

    def _check_owing(self, tx: TxRow, wallet: str, units: int) -> None:
        """A debt is made by a return, where the wallet of the purchase's program allows it, or by what a till without
        connection has let spend: the goods are gone, whatever the wallet says.
        """
        if tx.kind == TxKind.PURCHASE and tx.reason == _OFFLINE_DEBT:
            return
        terms = self._terms.get(tx.program) if tx.program is not None else None
        of_program = terms.wallets.get(wallet) if terms is not None else None
        if tx.kind != TxKind.RETURN or (of_program is not None and of_program.debt is Debt.CLAMP):
            self._notes.add(Check.DEBT, tx.tx_id, expected=f"{wallet}: no debt by this posting", found=units)

    def _check_debt(self, tx: TxRow, wallet: str) -> None:
        """After each posting: a debt is not negative, and while there is one no active lot has units."""
        purse = self.purses.get(wallet)
        if purse is None or not purse.owed:
            return
        active = purse.units[AVAILABLE] + purse.owed
        if purse.owed < 0 or active:
            found = f"{purse.owed} owed, {active} in active lots"
            self._notes.add(
                Check.DEBT, tx.tx_id, expected=f"{wallet}: owed only while no active lot has units", found=found
            )


def _converts(tx: TxRow) -> bool:
    return any(entry.account == Account.CONVERTED for entry in tx.entries)
