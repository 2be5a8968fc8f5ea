"""Closing a set of moves into a posting: the one place where full sets convert, versions count up and hashes chain.

Who may leave a full set of a converting wallet must have loaded the customer's lots, whatever the posting is: so where
the program has such a wallet, every request with a customer loads them.
"""

from datetime import datetime
from typing import NamedTuple

from app.domain.identifiers import NOBODY, TxId
from app.domain.ledger.books import GENESIS, Book
from app.domain.ledger.chain import next_hash
from app.domain.ledger.chart import TxKind
from app.domain.ledger.conversion import convert
from app.domain.ledger.moments import Moment
from app.domain.ledger.moves import Moves
from app.domain.ledger.postings import Origin, Posting
from app.domain.program import Program

_BY_CLOCK = frozenset({TxKind.ACTIVATE, TxKind.EXPIRE})


class Chained(NamedTuple):
    """A posting and the hash that chains it."""

    posting: Posting
    hash: bytes


def record(
    book: Book,
    moves: Moves,
    moment: Moment,
    *,
    program: Program | None,
    kind: TxKind,
    tx_id: TxId,
    origin: Origin | None = None,
    parent: TxId | None = None,
    posted_at: datetime | None = None,
) -> Chained:
    """Convert what is full, close the moves into the customer's next posting and chain it.

    Args:
        program: by whose wallets full sets convert; None where none is published.
        posted_at: the database's clock, where `moment` is one that has passed already.
    """
    by_clock = Moment(now=moment.now, at=moment.now, ids=moment.ids) if kind in _BY_CLOCK else moment
    if program is not None:
        convert(moves, program, by_clock, tx_id=tx_id)
    book.version += 1
    posting = Posting(
        tx_id=tx_id,
        kind=kind,
        customer_id=book.customer_id,
        version=book.version,
        at=by_clock.at,
        created_at=posted_at or moment.now,
        entries=moves.close(),
        origin=origin or Origin(),
        parent_tx=parent,
    )
    book.head = next_hash(book.head, posting)
    book.updated_at = posting.created_at
    return Chained(posting, book.head)


def plan_nobodys(moment: Moment, *, kind: TxKind, origin: Origin, parent: TxId | None = None) -> Chained:
    """A purchase or return without a customer moves nothing; it is a transaction with a chain of its own."""
    posting = Posting(
        tx_id=TxId(moment.new_id()),
        kind=kind,
        customer_id=NOBODY,
        version=0,
        at=moment.at,
        created_at=moment.now,
        entries=(),
        origin=origin,
        parent_tx=parent,
    )
    return Chained(posting, next_hash(GENESIS, posting))
