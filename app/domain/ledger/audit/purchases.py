"""Purchases: the lines that returns go by, against what was posted and what the till was told.

Lines carry what entries can't: quantities, money, and which line brought what. A return posts both directions against
`program:returned`, and nets them, so its directions are read on the customer's side: what is put into lots was given back; what was
taken is all that left, less what expired on arrival and what only moved from a lot to a debt.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

import orjson

from app.domain.amounts import half_up
from app.domain.ledger.audit.answers import check_answer
from app.domain.ledger.audit.entries import SIDES, PurseState
from app.domain.ledger.audit.findings import Check, Notes
from app.domain.ledger.audit.rows import PurchaseRow, TxRow
from app.domain.ledger.audit.terms import Terms
from app.domain.ledger.chart import Account, TxKind
from app.domain.program import Debt

Units = dict[str, int]  # By wallet.


class LineRow(NamedTuple):
    """One member of `purchases.lines`."""

    id: str
    qty_milli: int
    paid: int
    accrued: Units
    redeemed_units: Units
    returned_milli: int
    refunded: int
    taken_back: Units
    given_back: Units


class Back:
    """Units of one purchase that came back: what the lines say, what the returns posted."""

    __slots__ = ("given_posted", "given_said", "taken_posted", "taken_said")

    def __init__(self) -> None:
        self.taken_said: Units = {}
        self.given_said: Units = {}
        self.taken_posted: Units = {}
        self.given_posted: Units = {}


class PurchasesAudit:
    """Follows one customer's purchases; the counters are what the customer's row should say.

    Only purchases whose units came back are kept, so nobody's, which have none, take no memory.
    """

    def __init__(self, notes: Notes, terms: Mapping[int, Terms | None]) -> None:
        self._notes = notes
        self._terms = terms
        self._backs: dict[str, Back] = {}
        self.paid = 0
        self.purchases = 0
        self.units = 0
        self.last_at: datetime | None = None

    def post(self, tx: TxRow, purses: Mapping[str, PurseState]) -> None:
        if tx.kind == TxKind.PURCHASE:
            if tx.purchase is None:
                self._notes.add(Check.PURCHASE_MISSING, tx.tx_id, expected="a purchase of this id", found="none")
            else:
                self._post_purchase(tx, tx.purchase, purses)
        elif tx.kind == TxKind.RETURN and tx.parent_tx is not None and tx.entries:
            self._post_return(tx, tx.parent_tx)

    def close(self) -> None:
        for tx_id, back in self._backs.items():
            self._compare(Check.PURCHASE_TAKEN_BACK, tx_id, posted=back.taken_posted, said=back.taken_said)
            self._compare(Check.PURCHASE_GIVEN_BACK, tx_id, posted=back.given_posted, said=back.given_said)

    def _post_purchase(self, tx: TxRow, purchase: PurchaseRow, purses: Mapping[str, PurseState]) -> None:
        notes, tx_id = self._notes, tx.tx_id
        notes.compare(
            Check.PURCHASE_FACTS,
            tx_id,
            expected=f"{tx.shop}, {tx.terminal}, program {tx.program}, {tx.at}",
            found=f"{purchase.shop}, {purchase.terminal}, program {purchase.program}, {purchase.at}",
        )
        lines = read_lines(purchase.lines)
        if lines is None:
            notes.add(Check.PURCHASE_LINES, tx_id, expected="lines", found="something else")
            return
        terms = self._terms.get(purchase.program)
        for line in lines:
            _check_line(line, tx_id, notes, terms)
        is_all_back = all(line.returned_milli == line.qty_milli for line in lines)
        notes.compare(Check.PURCHASE_ALL_BACK, tx_id, expected=is_all_back, found=purchase.is_all_back)
        accrued = _total(line.accrued for line in lines)
        redeemed = _total(line.redeemed_units for line in lines)
        self._compare(Check.PURCHASE_ACCRUED, tx_id, posted=_posted(tx, Account.ISSUED, sign=-1), said=accrued)
        self._compare(Check.PURCHASE_REDEEMED, tx_id, posted=_posted(tx, Account.REDEEMED, sign=1), said=redeemed)
        check_answer(tx, purchase, lines, purses, notes)
        self._count(purchase, lines, terms, accrued=accrued, is_all_back=is_all_back)
        taken, given = _total(line.taken_back for line in lines), _total(line.given_back for line in lines)
        if taken or given:
            back = self._back(tx_id)
            back.taken_said, back.given_said = taken, given

    def _count(
        self, purchase: PurchaseRow, lines: list[LineRow], terms: Terms | None, *, accrued: Units, is_all_back: bool
    ) -> None:
        self.paid += sum(line.paid - line.refunded for line in lines)
        if terms is not None:
            wallet = terms.default_wallet
            self.units += accrued.get(wallet, 0) - sum(line.taken_back.get(wallet, 0) for line in lines)
        if not is_all_back:
            self.purchases += 1
            if self.last_at is None or purchase.at > self.last_at:
                self.last_at = purchase.at

    def _post_return(self, tx: TxRow, parent: str) -> None:
        back = self._back(parent)
        taken, given = back.taken_posted, back.given_posted
        for _, account, wallet, amount, lot_id, _ in tx.entries:
            if account == Account.EXPIRED:
                taken[wallet] = taken.get(wallet, 0) - amount
            elif account not in SIDES:
                continue
            elif amount > 0 and lot_id is not None:
                given[wallet] = given.get(wallet, 0) + amount
            else:  # Taken out of a lot or owed; or put onto a debt out of a lot, which is no taking.
                taken[wallet] = taken.get(wallet, 0) - amount

    def _back(self, tx_id: str) -> Back:
        return self._backs.setdefault(tx_id, Back())

    def _compare(self, check: Check, tx_id: str, *, posted: Units, said: Units) -> None:
        for wallet in posted.keys() | said.keys():
            expected, found = posted.get(wallet, 0), said.get(wallet, 0)
            if expected != found:
                self._notes.add(check, tx_id, expected=f"{wallet}: {expected}", found=found)


def read_lines(text: str) -> list[LineRow] | None:
    """The lines of a purchase; None where they are something else."""
    try:
        lines = [LineRow(**line) for line in orjson.loads(text)]
    except (TypeError, ValueError):
        return None
    return lines if lines and all(map(_is_sound, lines)) else None


def _is_sound(line: LineRow) -> bool:
    _, qty_milli, paid, accrued, redeemed_units, returned_milli, refunded, taken_back, given_back = line
    if not (type(qty_milli) is type(paid) is type(returned_milli) is type(refunded) is int and qty_milli > 0):
        return False
    for units in (accrued, redeemed_units, taken_back, given_back):
        if type(units) is not dict or not all(type(amount) is int for amount in units.values()):
            return False
    return True


def _check_line(line: LineRow, tx_id: str, notes: Notes, terms: Terms | None) -> None:
    returned = line.returned_milli
    if not (returned or line.refunded or line.taken_back or line.given_back):
        return
    name = f"line {line.id}"
    if not 0 <= returned <= line.qty_milli:
        notes.add(Check.PURCHASE_LINES, tx_id, expected=f"{name}: up to {line.qty_milli} returned", found=returned)
    if not 0 <= line.refunded <= line.paid:
        notes.add(Check.PURCHASE_LINES, tx_id, expected=f"{name}: up to {line.paid} refunded", found=line.refunded)
    for what, back, whole in (
        ("taken back", line.taken_back, line.accrued),
        ("given back", line.given_back, line.redeemed_units),
    ):
        for wallet, units in back.items():
            most = whole.get(wallet, 0)
            if not 0 <= units <= most:
                notes.add(Check.PURCHASE_LINES, tx_id, expected=f"{name}: up to {most} {wallet} {what}", found=units)
    _check_shares(line, tx_id, notes, terms)


def _check_shares(line: LineRow, tx_id: str, notes: Notes, terms: Terms | None) -> None:
    """What came back is the returned share of the whole; a wallet without debt may still owe some of what is taken back."""
    refunded = half_up(line.paid * line.returned_milli, line.qty_milli)
    if refunded != line.refunded:
        notes.add(Check.PURCHASE_SHARES, tx_id, expected=f"line {line.id}: {refunded} refunded", found=line.refunded)
    for wallet, whole in line.redeemed_units.items():
        share, given = half_up(whole * line.returned_milli, line.qty_milli), line.given_back.get(wallet, 0)
        if share != given:
            expected = f"line {line.id}: {share} {wallet} given back"
            notes.add(Check.PURCHASE_SHARES, tx_id, expected=expected, found=given)
    for wallet, whole in line.accrued.items():
        share, taken = half_up(whole * line.returned_milli, line.qty_milli), line.taken_back.get(wallet, 0)
        if taken > share or (taken < share and not _is_clamped(terms, wallet)):
            expected = f"line {line.id}: {share} {wallet} taken back"
            notes.add(Check.PURCHASE_SHARES, tx_id, expected=expected, found=taken)


def _is_clamped(terms: Terms | None, wallet: str) -> bool:
    return terms is not None and wallet in terms.wallets and terms.wallets[wallet].debt is Debt.CLAMP


def _posted(tx: TxRow, account: Account, *, sign: int) -> Units:
    units: Units = {}
    for entry in tx.entries:
        if entry.account == account:
            units[entry.wallet] = units.get(entry.wallet, 0) + sign * entry.amount
    return units


def _total(parts: "Iterable[Units]") -> Units:
    """By wallet, without zeros."""
    total: Units = {}
    for units in parts:
        for wallet, amount in units.items():
            if amount:
                total[wallet] = total.get(wallet, 0) + amount
    return total
