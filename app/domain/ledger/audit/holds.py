"""Holds: what each set aside against the entries, and that one posting ended it, as its state says.

A posting of kind `hold` brings the hold of its own id, one of kind `capture` or `release` the hold that it answers.
What an open hold of a basket took of counters and draws counts like a purchase's; what a released one took is given
back as by a whole return; a captured one's purchase speaks for itself. An open hold past its end is no finding: nobody
has touched the customer since, and time's postings are made on touch.
"""

from collections.abc import Mapping
from datetime import datetime

import orjson

from app.domain.counters import Back
from app.domain.ledger.audit.findings import Check, Notes
from app.domain.ledger.audit.lines import read_lines, total
from app.domain.ledger.audit.rows import EntryRow, HoldRow, TxRow
from app.domain.ledger.audit.uses import UseRow, read_uses
from app.domain.ledger.chart import Account, TxKind
from app.domain.ledger.hold_states import HoldKind, HoldState

Portions = dict[tuple[str, str | None], int]  # Units by wallet and lot.


class HoldsAudit:
    """Follows one customer's holds. `open` counts the rows that say `held`; `due` is the first instant at which one of
    them ends.
    """

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._resolved: dict[str, str | None] = {}  # By hold: what ended it by its row, until that posting has come.
        self.open = 0
        self.due: datetime | None = None

    def post(self, tx: TxRow) -> None:
        if tx.kind == TxKind.HOLD:
            if tx.hold is None:
                self._notes.add(Check.HOLD_MISSING, tx.tx_id, expected="a hold of this id", found="none")
            else:
                self._place(tx, tx.hold)
        elif tx.kind in (TxKind.CAPTURE, TxKind.RELEASE):
            if tx.hold is None:
                self._notes.add(Check.HOLD_MISSING, tx.tx_id, expected="the hold that it ends", found="none")
            else:
                self._end(tx, tx.hold)

    def close(self) -> None:
        if self._notes.customer is None:  # Nobody's postings come in slices: audit_strays.py looks for the missing.
            return
        for hold_id, ended_by in self._resolved.items():
            self._notes.add(Check.HOLD_RESOLVED, hold_id, expected="a posting that ended it", found=ended_by or "none")

    def _place(self, tx: TxRow, hold: HoldRow) -> None:
        notes = self._notes
        posted, stored = (tx.shop, tx.terminal, tx.program, tx.at), (hold.shop, hold.terminal, hold.program, hold.at)
        if posted != stored:
            notes.add(Check.HOLD_FACTS, tx.tx_id, expected=_shown(*posted), found=_shown(*stored))
        if hold.expires_at <= tx.created_at:
            notes.add(Check.HOLD_FACTS, tx.tx_id, expected=f"an end after {tx.created_at}", found=hold.expires_at)
        units = read_portions(hold.units)
        placed = _moved(tx.entries, Account.HELD)
        if units != placed:
            notes.add(
                Check.HOLD_UNITS, tx.tx_id, expected=shown(placed), found="nonsense" if units is None else shown(units)
            )
        elif hold.kind == HoldKind.PURCHASE and hold.state != HoldState.CAPTURED:
            self._check_lines(tx, hold, units)
        if (hold.state == HoldState.HELD) != (hold.resolved_tx is None):
            notes.add(Check.HOLD_RESOLVED, tx.tx_id, expected=hold.state, found=hold.resolved_tx or "no posting")
        if hold.state == HoldState.HELD:
            self.open += 1
            self.due = hold.expires_at if self.due is None else min(self.due, hold.expires_at)
        elif self._notes.customer is not None:
            self._resolved[tx.tx_id] = hold.resolved_tx

    def _check_lines(self, tx: TxRow, hold: HoldRow, units: Portions) -> None:
        lines = read_lines(hold.lines)
        if lines is None:
            self._notes.add(Check.HOLD_LINES, tx.tx_id, expected="lines", found="something else")
            return
        redeemed, held = total([line.redeemed_units for line in lines]), _by_wallet(units)
        if redeemed != held:
            self._notes.add(Check.HOLD_LINES, tx.tx_id, expected=f"redeemed {held}", found=redeemed)

    def _end(self, tx: TxRow, hold: HoldRow) -> None:
        notes = self._notes
        if hold.resolved_tx != tx.tx_id:
            notes.add(
                Check.HOLD_RESOLVED, tx.parent_tx, expected=f"ended by {tx.tx_id}", found=hold.resolved_tx or "open"
            )
        self._resolved.pop(tx.parent_tx or "", None)
        fits = _state_of(tx)
        if hold.resolved_tx == tx.tx_id and hold.state != fits:
            notes.add(Check.HOLD_STATE, tx.parent_tx, expected=fits, found=hold.state)
        if fits is HoldState.EXPIRED and tx.at != hold.expires_at:
            notes.add(Check.HOLD_STATE, tx.tx_id, expected=f"posted for {hold.expires_at}", found=tx.at)
        units = read_portions(hold.units) or {}
        gone = _moved(tx.entries, Account.HELD, sign=-1)
        if gone != units:
            notes.add(Check.HOLD_UNITS, tx.tx_id, expected=f"out of held: {shown(units)}", found=shown(gone))
        spent = self._spent(tx, hold, units) if fits is HoldState.CAPTURED else {}
        back = _put_back(tx.entries, units)
        due = {place: rest for place, held in units.items() if (rest := held - spent.get(place, 0))}
        if back != due:
            notes.add(Check.HOLD_UNITS, tx.tx_id, expected=f"back: {shown(due)}", found=shown(back))

    def _spent(self, tx: TxRow, hold: HoldRow, units: Portions) -> Portions:
        """What a capture took for good, by the purchase's row, which must say no more than entries do."""
        if hold.kind == HoldKind.PURCHASE:
            if tx.purchase is None:
                return units
            spent = {} if tx.purchase.spent is None else read_portions(tx.purchase.spent)
            if spent is None or any(spent[place] > units.get(place, 0) for place in spent):
                said = "nonsense" if spent is None else shown(spent)
                self._notes.add(Check.HOLD_SPENT, tx.parent_tx, expected=f"up to {shown(units)}", found=said)
                return units
        else:
            spent = units
        redeemed = _by_wallet(_moved(tx.entries, Account.REDEEMED))
        if _by_wallet(spent) != redeemed:
            self._notes.add(Check.HOLD_SPENT, tx.parent_tx, expected=redeemed, found=_by_wallet(spent))
        return spent


def uses_of(hold: HoldRow) -> list[UseRow] | None:
    """What the hold still takes of counters; nothing for a captured one, whose purchase says it. None where they can't
    be read.
    """
    if hold.state == HoldState.CAPTURED:
        return []
    uses = read_uses(hold.uses)
    if uses is None or hold.state == HoldState.HELD:
        return uses
    return [use if use.back == Back.NEVER else use._replace(given_back=use.amount) for use in uses]


def luck_of(hold: HoldRow) -> list[UseRow]:
    """Counters of draws' algorithms: they move on when the hold is placed, and nothing moves them back. Their order is
    what they say, so a captured hold's are followed at its placing.
    """
    return [use for use in read_uses(hold.uses) or [] if use.back == Back.NEVER]


def read_portions(text: str) -> Portions | None:
    """`[[wallet, lot, units], …]` as sums; None where it is something else."""
    portions: Portions = {}
    try:
        for wallet, lot, units in orjson.loads(text):
            if type(wallet) is not str or type(lot) is not str or type(units) is not int or units <= 0:
                return None
            portions[wallet, lot] = portions.get((wallet, lot), 0) + units
    except (TypeError, ValueError):
        return None
    return portions


def shown(portions: Portions) -> str:
    return (
        ", ".join(f"{units} {wallet} of {lot}" for (wallet, lot), units in sorted(portions.items(), key=str)) or "none"
    )


def _state_of(tx: TxRow) -> HoldState:
    if tx.kind == TxKind.CAPTURE:
        return HoldState.CAPTURED
    return HoldState.EXPIRED if tx.idempotency_key is None else HoldState.RELEASED


def _moved(entries: list[EntryRow], account: Account, *, sign: int = 1) -> Portions:
    """Sums of one account by wallet and lot, without zeros."""
    sums: Portions = {}
    for entry in entries:
        if entry.account == account:
            place = (entry.wallet, entry.lot_id)
            sums[place] = sums.get(place, 0) + sign * entry.amount
    return {place: units for place, units in sums.items() if units}


def _put_back(entries: list[EntryRow], units: Portions) -> Portions:
    """What came to the available side of the hold's lots, whatever the same posting made of it then."""
    sums: Portions = {}
    for entry in entries:
        place = (entry.wallet, entry.lot_id)
        if entry.account == Account.AVAILABLE and entry.amount > 0 and place in units:
            sums[place] = sums.get(place, 0) + entry.amount
    return sums


def _by_wallet(portions: Mapping[tuple[str, str | None], int]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for (wallet, _), units in portions.items():
        sums[wallet] = sums.get(wallet, 0) + units
    return sums


def _shown(shop: str | None, terminal: str | None, program: int | None, at: datetime) -> str:
    return f"{shop}, {terminal}, program {program}, {at}"
