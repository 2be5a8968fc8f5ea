"""Lots: what is left of each, where it stands, who made it, and when it becomes active and expires."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from app.domain.ledger.audit.findings import Check, Notes
from app.domain.ledger.audit.rows import LotRow, TxRow
from app.domain.ledger.audit.terms import Terms
from app.domain.ledger.chart import TxKind
from app.domain.ledger.plans import dates_of

AVAILABLE, PENDING, HELD = 0, 1, 2  # Places of the three sides a customer's units stand on.
_SIDE_NAMES = ("available", "pending", "held")
_DATED_BY_WALLET = frozenset({TxKind.PURCHASE, TxKind.ADJUST})


class Maker(NamedTuple):
    """What a lot needs of the posting that began it: no more, since a customer may have a hundred thousand lots."""

    tx_id: str
    kind: str
    program: int | None
    at: datetime
    created_at: datetime


class LotState:
    """A lot as the entries make it: units by side, the side that units came to last, and who began it."""

    __slots__ = ("made_by", "row", "side", "units")

    def __init__(self, row: LotRow) -> None:
        self.row = row
        self.units = [0, 0, 0]
        self.side: int | None = None
        self.made_by: Maker | None = None

    def move(self, tx: TxRow, side: int, amount: int, notes: Notes) -> None:
        if self.made_by is None:
            self.made_by = Maker(tx.tx_id, tx.kind, tx.program, tx.at, tx.created_at)
        units = self.units[side] + amount
        self.units[side] = units
        if amount > 0:
            self.side = side
        elif units < 0:
            had = f"at least {-amount} units {_SIDE_NAMES[side]} in lot {self.row.lot_id}"
            notes.add(Check.LOT_NEGATIVE, tx.tx_id, expected=had, found=units - amount)

    def close(self, notes: Notes, terms: Mapping[int, Terms | None]) -> None:
        row = self.row
        lot = f"lot {row.lot_id}"
        remaining = self.units[AVAILABLE] + self.units[PENDING]
        if remaining != row.remaining:
            notes.add(Check.LOT_REMAINING, row.tx_id, expected=f"{lot}: {remaining}", found=row.remaining)
        if self.made_by is None:  # An empty lot without a history says nothing that could be wrong.
            return
        if row.is_pending != (self.side == PENDING) or self.units[AVAILABLE if row.is_pending else PENDING]:
            stands = f"{self.units[AVAILABLE]} available, {self.units[PENDING]} pending"
            notes.add(Check.LOT_PENDING, row.tx_id, expected=f"{lot}: {stands}", found=_flag(row.is_pending))
        if row.tx_id != self.made_by.tx_id:
            notes.add(Check.LOT_TX, row.tx_id, expected=f"{lot}: made by {self.made_by.tx_id}", found=row.tx_id)
        self._check_dates(self.made_by, notes, terms)

    def _check_dates(self, made_by: Maker, notes: Notes, terms: Mapping[int, Terms | None]) -> None:
        row = self.row
        program = terms.get(made_by.program) if made_by.program is not None else None
        if program is None or made_by.kind not in _DATED_BY_WALLET:
            return
        wallet = program.wallets.get(row.wallet)
        if wallet is None:
            notes.add(Check.LOT_DATES, row.tx_id, expected=f"a wallet of program {made_by.program}", found=row.wallet)
            return
        expected = dates_of(wallet, now=made_by.created_at, at=made_by.at)
        if (row.active_at, row.expires_at) != expected:
            notes.add(
                Check.LOT_DATES,
                row.tx_id,
                expected=f"lot {row.lot_id}: {_span(*expected)}",
                found=_span(row.active_at, row.expires_at),
            )


def first_change(rows: Iterable[LotRow]) -> datetime | None:
    """The next instant at which time changes one of the lots."""
    return min((instant for row in rows if (instant := row.next_change()) is not None), default=None)


def _flag(is_pending: bool) -> str:
    return "pending" if is_pending else "active"


def _span(active_at: datetime, expires_at: datetime | None) -> str:
    return f"{active_at} to {expires_at or 'never'}"
