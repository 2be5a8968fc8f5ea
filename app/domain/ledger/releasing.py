"""A hold given back: every unit to its lot, and with a held basket what it took besides, as if it were returned whole.

Who ends it makes no difference to what comes back: a call (holds.py) or time (passing.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from app.domain.identifiers import LotId, TxId
from app.domain.ledger.books import Book
from app.domain.ledger.chart import TxKind
from app.domain.ledger.freed import Freed
from app.domain.ledger.giving_back import give_back
from app.domain.ledger.hold_states import Hold, HoldState
from app.domain.ledger.moments import Moment
from app.domain.ledger.moves import Moves
from app.domain.ledger.postings import Origin
from app.domain.ledger.recording import Chained, record
from app.domain.program import Program

NOTHING_FREED = Freed((), (), (), ())


@dataclass(frozen=True, slots=True)
class HoldEnd:
    """`given_back` are the units that went back to their lots, by wallet; `expired_again` those of them whose lot had
    ended. `freed` is for the program's shared state. `spent` is what a capture took for good: (wallet, lot, units) in
    the order taken.
    """

    chained: Chained
    given_back: Mapping[str, int]
    expired_again: Mapping[str, int]
    freed: Freed
    spent: tuple[tuple[str, LotId, int], ...] = ()


def let_all_go(
    moves: Moves, units: Sequence[tuple[str, LotId, int]], *, now: datetime
) -> tuple[dict[str, int], dict[str, int]]:
    """Put held units back into their lots, in the order they were taken: what went back, and what of it expired again
    at once, by wallet.
    """
    given_back: dict[str, int] = {}
    expired_again: dict[str, int] = {}
    lots = moves.book.lots or {}
    for wallet, lot_id, portion in units:
        expired = moves.let_go(lots[lot_id], portion, now=now)
        given_back[wallet] = given_back.get(wallet, 0) + portion
        if expired:
            expired_again[wallet] = expired_again.get(wallet, 0) + expired
    return given_back, expired_again


def free_goods(book: Book | None, hold: Hold) -> Freed:
    """Counters, coupons, codes and draws of a held basket; nothing for a plain redemption."""
    if hold.goods is None:
        return NOTHING_FREED
    for line in hold.goods.lines:
        line.returned_milli = line.qty_milli
    return give_back(book, hold.goods)


def resolve(book: Book | None, hold: Hold, *, state: HoldState, by: TxId) -> None:
    """Note the end of a hold, for good.

    Raises:
        ValueError: it has ended before.
    """
    hold.must_be_open()
    hold.state, hold.resolved_tx = state, by
    if book is not None:
        book.open_holds -= 1


def end_by_call(
    book: Book,
    hold: Hold,
    moves: Moves,
    moment: Moment,
    *,
    kind: TxKind,
    program: Program | None,
    origin: Origin,
    tx_id: TxId | None = None,
) -> Chained:
    """Note the end and close the moves into its posting: `kind` is `release` or `capture`. Raises ValueError: the hold
    has ended before.
    """
    state = HoldState.CAPTURED if kind is TxKind.CAPTURE else HoldState.RELEASED
    tx_id = tx_id or TxId(moment.new_id())
    resolve(book, hold, state=state, by=tx_id)
    return record(book, moves, moment, program=program, kind=kind, tx_id=tx_id, origin=origin, parent=hold.id)


def by_wallet(units: Sequence[tuple[str, LotId, int]]) -> Mapping[str, int]:
    totals: dict[str, int] = {}
    for wallet, _, portion in units:
        totals[wallet] = totals.get(wallet, 0) + portion
    return totals
