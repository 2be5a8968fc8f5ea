"""Lots: what is left of each, where it stands, who made it, and when it becomes active and expires.

A lot's dates are those of the rule that its first entry names; without a rule those of its wallet (a correction, full
sets that were converted), or of the gift card that was loaded. What time has brought names no version of the program:
there any version's will do.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

from app.domain.ledger.audit.findings import Check, Notes
from app.domain.ledger.audit.rows import LotRow, TxRow
from app.domain.ledger.audit.terms import Terms
from app.domain.ledger.chart import TxKind
from app.domain.ledger.terms import LotTerms, dates_of

AVAILABLE, PENDING, HELD = 0, 1, 2  # Places of the three sides a customer's units stand on.
_SIDE_NAMES = ("available", "pending", "held")
_KNOWN_KINDS: frozenset[str] = frozenset(TxKind)  # A later release may date lots by other rules.


class Maker(NamedTuple):
    """What a lot needs of the posting that began it: no more, since a customer may have a hundred thousand lots."""

    tx_id: str
    kind: str
    program: int | None
    at: datetime
    created_at: datetime
    rule: str | None
    is_opening: bool = False  # What a bulk load brought: its end is told by the file, and by nothing else here.


class LotState:
    """A lot as the entries make it: units by side, the side that units came to last, and who began it."""

    __slots__ = ("made_by", "row", "side", "units")

    def __init__(self, row: LotRow) -> None:
        self.row = row
        self.units = [0, 0, 0]
        self.side: int | None = None
        self.made_by: Maker | None = None

    def move(self, tx: TxRow, side: int, amount: int, rule: str | None, notes: Notes) -> None:
        if self.made_by is None:
            is_opening = tx.kind == TxKind.ADJUST and tx.version == 1 and tx.idempotency_key is None
            self.made_by = Maker(tx.tx_id, tx.kind, tx.program, tx.at, tx.created_at, rule, is_opening)
        units = self.units[side] + amount
        self.units[side] = units
        if amount > 0:
            if side != HELD:  # Set aside, it stands where it stood.
                self.side = side
        elif units < 0:
            had = f"at least {-amount} units {_SIDE_NAMES[side]} in lot {self.row.lot_id}"
            notes.add(Check.LOT_NEGATIVE, tx.tx_id, expected=had, found=units - amount)

    def close(self, notes: Notes, terms: Mapping[int, Terms | None], *, card_days: int | None) -> None:
        """card_days: after how many days what a gift card was loaded with expires, where it is the card's own term."""
        row = self.row
        lot = f"lot {row.lot_id}"
        remaining = self.units[AVAILABLE] + self.units[PENDING]
        if remaining != row.remaining:
            notes.add(Check.LOT_REMAINING, row.tx_id, expected=f"{lot}: {remaining}", found=row.remaining)
        if self.units[HELD] != row.held:
            notes.add(Check.LOT_HELD, row.tx_id, expected=f"{lot}: {self.units[HELD]} held", found=row.held)
        if self.made_by is None:  # An empty lot without a history says nothing that could be wrong.
            return
        if row.is_pending != (self.side == PENDING) or self.units[AVAILABLE if row.is_pending else PENDING]:
            stands = f"{self.units[AVAILABLE]} available, {self.units[PENDING]} pending"
            notes.add(Check.LOT_PENDING, row.tx_id, expected=f"{lot}: {stands}", found=_flag(row.is_pending))
        if row.tx_id != self.made_by.tx_id:
            notes.add(Check.LOT_TX, row.tx_id, expected=f"{lot}: made by {self.made_by.tx_id}", found=row.tx_id)
        self._check_dates(self.made_by, notes, terms, card_days)

    def _check_dates(
        self, made_by: Maker, notes: Notes, terms: Mapping[int, Terms | None], card_days: int | None
    ) -> None:
        row = self.row
        programs = terms.values() if made_by.program is None else (terms.get(made_by.program),)
        known = [program for program in programs if program is not None]
        if not known or made_by.kind not in _KNOWN_KINDS:
            return
        expected = [
            dates_of(dated, now=made_by.created_at, at=made_by.at, zone=program.timezone)
            for program in known
            for dated in _terms_of(made_by, program, row.wallet, card_days)
        ]
        if not expected:
            notes.add(Check.LOT_DATES, row.tx_id, expected=f"a wallet of program {made_by.program}", found=row.wallet)
        elif (row.active_at, row.expires_at) not in expected and not _is_as_loaded(made_by, row):
            spans = " or ".join(dict.fromkeys(_span(*dates) for dates in expected))
            found = _span(row.active_at, row.expires_at)
            notes.add(Check.LOT_DATES, row.tx_id, expected=f"lot {row.lot_id}: {spans}", found=found)


def _is_as_loaded(made_by: Maker, row: LotRow) -> bool:
    """Active at once, and not over when it came."""
    if not made_by.is_opening or row.active_at != made_by.at:
        return False
    return row.expires_at is None or row.expires_at > made_by.created_at


def _terms_of(made_by: Maker, program: Terms, wallet_id: str, card_days: int | None) -> Iterator[LotTerms]:
    """The terms that the lot may have; none where the program has no such wallet."""
    wallet = program.wallets.get(wallet_id)
    if wallet is None:
        return
    terms = program.of_lot(wallet, made_by.rule)
    is_load = made_by.kind == TxKind.EVENT and made_by.rule is None and card_days is not None
    if is_load:
        yield terms._replace(expire_after_days=card_days)
    if not is_load or any(conversion.into == wallet_id for conversion in program.conversions):
        yield terms


def first_change(rows: Iterable[LotRow]) -> datetime | None:
    """The next instant at which time changes one of the lots."""
    return min((instant for row in rows if (instant := row.next_change()) is not None), default=None)


def _flag(is_pending: bool) -> str:
    return "pending" if is_pending else "active"


def _span(active_at: datetime, expires_at: datetime | None) -> str:
    return f"{active_at} to {expires_at or 'never'}"
