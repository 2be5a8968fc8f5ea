"""What time brings: lots that become active, lots that expire."""

from collections.abc import Callable
from datetime import datetime
from functools import partial

from app.domain.identifiers import TxId
from app.domain.ledger.books import Book
from app.domain.ledger.chart import TxKind
from app.domain.ledger.lots import Lot, spending_order
from app.domain.ledger.moments import Moment
from app.domain.ledger.moves import Moves
from app.domain.ledger.recording import Chained, record
from app.domain.program import Program


def bring_up_to_date(book: Book, moment: Moment, program: Program | None) -> list[Chained]:
    """Post what time has brought: first what became active, then what expired, each a posting with a version of its
    own. Needs the lots.

    Activation comes first because only it can cover a debt, and expiry can't undo that; so two postings say the same as
    one for each instant. Where the program has a converting wallet they don't: a set may have been full for an hour. So
    there each instant is posted by itself, dated by it, and whether a job has run changes nothing; and what ends at an
    instant fills no set of what begins at it.

    Args:
        program: the one in force, by whose wallets full sets convert; None where none is published.
    """
    if not book.is_due(moment.now) or book.lots is None:
        return []
    postings: list[Chained] = []
    if program is not None and any(wallet.convert for wallet in program.wallets.values()):
        while (instant := _next_change(book)) is not None and instant <= moment.now:
            then = Moment(now=instant, at=instant, ids=moment.ids)
            postings += _pass(book, then, program, posted_at=moment.now, is_one_instant=True)
    else:
        postings += _pass(book, moment, program, posted_at=moment.now)
    book.reset_due()
    return postings


def _next_change(book: Book) -> datetime | None:
    return min((at for lot in (book.lots or {}).values() if (at := lot.next_change()) is not None), default=None)


def _pass(
    book: Book, moment: Moment, program: Program | None, *, posted_at: datetime, is_one_instant: bool = False
) -> list[Chained]:
    def post(kind: TxKind, move: Callable[[Moves, Lot], object], lots: list[Lot]) -> None:
        moves = Moves(book)
        for lot in lots:
            move(moves, lot)
        if moves.entries:
            tx_id = TxId(moment.new_id())
            chained = record(book, moves, moment, program=program, kind=kind, tx_id=tx_id, posted_at=posted_at)
            postings.append(chained)

    postings: list[Chained] = []
    # Of those that begin at one instant the first to be spent is the first to cover a debt.
    lots = sorted(spending_order((book.lots or {}).values()), key=lambda lot: lot.active_at)
    ripe = [lot for lot in lots if lot.is_pending and lot.remaining and lot.active_at <= moment.now]
    expire = partial(post, TxKind.EXPIRE, lambda moves, lot: moves.expire_if_over(lot, now=moment.now), lots)
    if is_one_instant:
        expire()
    post(TxKind.ACTIVATE, Moves.activate, [lot for lot in ripe if not lot.is_born_dead])
    if not is_one_instant:
        expire()
    return postings
