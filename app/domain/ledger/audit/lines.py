"""Lines of a purchase: can they be read, and did only come back what was there, in the share that was returned.

What rewards have cost has no share: it comes back with everything, or not at all.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

import orjson

from app.domain.amounts import half_up
from app.domain.decision import CostBack
from app.domain.ledger.audit.findings import Check, Notes
from app.domain.ledger.audit.terms import Terms
from app.domain.program import Debt

Units = dict[str, int]  # By wallet.

_COST_BACKS: frozenset[str] = frozenset(CostBack)
_WITH_CODES: frozenset[str] = frozenset({CostBack.WHOLE, CostBack.UNUSED})
_WITHOUT_CODES: frozenset[str] = frozenset({CostBack.WHOLE})
_NOTHING: frozenset[str] = frozenset()


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
    kept: Mapping[str, int] = {}  # Of `accrued`, what returns leave. Left out where there is nothing, like the next.
    cost_units: Mapping[str, Units] = {}  # Of `redeemed_units`, what rewards have cost, by when it comes back.

    def is_touched(self) -> bool:
        """Something came back, or is said to."""
        return bool(self.returned_milli or self.refunded or self.taken_back or self.given_back)

    def share(self, whole: int) -> int:
        """The part of `whole` that belongs to what was returned so far."""
        return half_up(whole * self.returned_milli, self.qty_milli)

    def takeable(self) -> Units:
        """What a whole return takes back."""
        if not self.kept:
            return self.accrued
        return {wallet: units - self.kept.get(wallet, 0) for wallet, units in self.accrued.items()}

    def giveable(self, costs_back: Collection[str]) -> Units:
        """What was to be given back by now, with the rewards' costs that `costs_back` names."""
        if not self.cost_units:
            return {wallet: self.share(units) for wallet, units in self.redeemed_units.items()}
        costs = total(self.cost_units.values())
        back = total([units for when, units in self.cost_units.items() if when in costs_back])
        return {
            wallet: self.share(units - costs.get(wallet, 0)) + back.get(wallet, 0)
            for wallet, units in self.redeemed_units.items()
        }


def read_lines(text: str) -> list[LineRow] | None:
    """The lines of a purchase; None where they are something else."""
    try:
        lines = [LineRow(**line) for line in orjson.loads(text)]
    except (TypeError, ValueError):
        return None
    return lines if lines and all(map(_is_sound, lines)) else None


def _is_sound(line: LineRow) -> bool:
    _, qty_milli, paid, accrued, redeemed_units, returned_milli, refunded, taken_back, given_back, kept, costs = line
    if not (type(qty_milli) is type(paid) is type(returned_milli) is type(refunded) is int and qty_milli > 0):
        return False
    if type(costs) is not dict or not costs.keys() <= _COST_BACKS:
        return False
    for units in (accrued, redeemed_units, taken_back, given_back, kept, *costs.values()):
        if type(units) is not dict:
            return False
        for amount in units.values():
            if type(amount) is not int:
                return False
    return True


def total(parts: Iterable[Units]) -> Units:
    """By wallet, without zeros."""
    sums: Units = {}
    for units in parts:
        for wallet, amount in units.items():
            if amount:
                sums[wallet] = sums.get(wallet, 0) + amount
    return sums


def costs_back(lines: Sequence[LineRow], *, is_all_back: bool) -> frozenset[str]:
    """Which costs of rewards came back: none before everything is; those of codes with the others, or, where a code had
    been used by then, not at all.
    """
    if not is_all_back:
        return _NOTHING
    if not any(CostBack.UNUSED in line.cost_units for line in lines):
        return _WITHOUT_CODES
    given = total([line.given_back for line in lines])
    due = total([line.giveable(_WITHOUT_CODES) for line in lines])
    return _WITHOUT_CODES if given == due else _WITH_CODES


def check_line(line: LineRow, tx_id: str, notes: Notes, terms: Terms | None, *, costs_back: Collection[str]) -> None:
    returned = line.returned_milli
    name = f"line {line.id}"
    if not 0 <= returned <= line.qty_milli:
        notes.add(Check.PURCHASE_LINES, tx_id, expected=f"{name}: up to {line.qty_milli} returned", found=returned)
    if not 0 <= line.refunded <= line.paid:
        notes.add(Check.PURCHASE_LINES, tx_id, expected=f"{name}: up to {line.paid} refunded", found=line.refunded)
    for what, back, whole in (
        ("taken back", line.taken_back, line.takeable()),
        ("kept", line.kept, line.accrued),
        ("given back", line.given_back, line.redeemed_units),
        ("of it for rewards", total(line.cost_units.values()), line.redeemed_units),
    ):
        for wallet, units in back.items():
            most = whole.get(wallet, 0)
            if not 0 <= units <= most:
                notes.add(Check.PURCHASE_LINES, tx_id, expected=f"{name}: up to {most} {wallet} {what}", found=units)
    _check_shares(line, tx_id, notes, terms, costs_back)


def _check_shares(line: LineRow, tx_id: str, notes: Notes, terms: Terms | None, costs_back: Collection[str]) -> None:
    """What came back is the returned share of the whole, and of rewards' costs all or nothing; of a wallet without debt
    less may have been taken.
    """
    refunded = line.share(line.paid)
    if refunded != line.refunded:
        notes.add(Check.PURCHASE_SHARES, tx_id, expected=f"line {line.id}: {refunded} refunded", found=line.refunded)
    for wallet, due in line.giveable(costs_back).items():
        given = line.given_back.get(wallet, 0)
        if due != given:
            expected = f"line {line.id}: {due} {wallet} given back"
            notes.add(Check.PURCHASE_SHARES, tx_id, expected=expected, found=given)
    for wallet, whole in line.takeable().items():
        share, taken = line.share(whole), line.taken_back.get(wallet, 0)
        if taken > share or (taken < share and not _is_clamped(terms, wallet)):
            expected = f"line {line.id}: {share} {wallet} taken back"
            notes.add(Check.PURCHASE_SHARES, tx_id, expected=expected, found=taken)


def _is_clamped(terms: Terms | None, wallet: str) -> bool:
    return terms is not None and wallet in terms.wallets and terms.wallets[wallet].debt is Debt.CLAMP
