"""What a customer brings along from another scheme: one posting, a lot for each opening balance."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from app.domain.identifiers import LotId, TxId
from app.domain.ledger.books import Book
from app.domain.ledger.chart import Account, TxKind
from app.domain.ledger.lots import Lot
from app.domain.ledger.moments import Moment
from app.domain.ledger.moves import Moves
from app.domain.ledger.postings import Origin
from app.domain.ledger.recording import Chained, record
from app.domain.ledger.terms import dates_of, wallet_terms
from app.domain.program import Program


@dataclass(frozen=True, slots=True)
class Opening:
    """Units (above 0) of one wallet, active at once. `expires_at` None: by the wallet's terms, from now on."""

    wallet: str
    units: int
    expires_at: datetime | None = None


def plan_opening(
    book: Book, program: Program, moment: Moment, openings: Iterable[Opening], *, origin: Origin
) -> Chained:
    """An adjustment of a new customer's empty book.

    Raises:
        ValueError: a balance has no units, is of no wallet of the program, or is over already.
    """
    book.load_lots(())
    moves, tx_id = Moves(book), TxId(moment.new_id())
    for opening in openings:
        if opening.wallet not in program.wallets or opening.units <= 0:
            raise ValueError(f"no opening balance: {opening}")
        if opening.expires_at is not None and opening.expires_at <= moment.now:
            raise ValueError(f"an opening balance that is over: {opening}")
        lot = Lot(
            id=LotId(moment.new_id()),
            wallet=opening.wallet,
            tx_id=tx_id,
            remaining=0,
            active_at=moment.at,
            expires_at=_end_of(opening, program, moment),
            is_pending=False,
            is_new=True,
        )
        moves.credit(lot, opening.units, against=Account.ADJUSTED)
        book.add_lot(lot)
    return record(book, moves, moment, program=program, kind=TxKind.ADJUST, tx_id=tx_id, origin=origin)


def _end_of(opening: Opening, program: Program, moment: Moment) -> datetime | None:
    if opening.expires_at is not None:
        return opening.expires_at
    terms = wallet_terms(program.wallets[opening.wallet])._replace(activate_after_days=0)
    return dates_of(terms, now=moment.now, at=moment.at, zone=program.timezone)[1]
