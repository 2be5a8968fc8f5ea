"""What time brings: holds that end, lots that become active, lots that expire."""

from collections.abc import Callable
from datetime import datetime
from functools import partial

from app.domain.identifiers import TxId
from app.domain.ledger.books import Book, EndedHold
from app.domain.ledger.chart import TxKind
from app.domain.ledger.freed import Freed
from app.domain.ledger.hold_states import Hold, HoldState
from app.domain.ledger.lots import Lot, spending_order
from app.domain.ledger.moments import Moment
from app.domain.ledger.moves import Moves
from app.domain.ledger.postings import Origin
from app.domain.ledger.recording import Chained, plan_nobodys, record
from app.domain.ledger.releasing import free_goods, let_all_go, resolve
from app.domain.program import Program


def bring_up_to_date(book: Book, moment: Moment, program: Program | None) -> list[Chained]:
    """Post what time has brought: first what became active, then what expired, each a posting with a version of its
    own. Needs all lots, and the open holds with them.

    Activation comes first because only it can cover a debt, and expiry can't undo that; so two postings say the same as
    one for each instant. Where the program has a converting wallet they don't: a set may have been full for an hour.
    Nor where a hold has ended: what it gives back may have covered a debt before other points could, or have expired
    with its lot since. So there each instant is posted by itself, dated by it, and whether a job has run changes
    nothing; what ends at an instant fills no set of what begins at it. At one instant holds end first, each by a
    posting of its own, then lots expire, then others become active.

    Ended holds are noted in `book.ended`, with what others than the customer get back.

    Args:
        program: the one in force, by whose wallets full sets convert; None where none is published.

    Raises:
        LotsNotRead: only the first were loaded.
    """
    if not book.is_due(moment.now) or book.lots is None:
        return []
    book.all_lots()
    postings: list[Chained] = []
    if _needs_instants(book, moment.now, program):
        while (instant := _next_change(book)) is not None and instant <= moment.now:
            then = Moment(now=instant, at=instant, ids=moment.ids)
            postings += _end_holds(book, then, program, posted_at=moment.now)
            postings += _pass(book, then, program, posted_at=moment.now, is_one_instant=True)
    else:
        postings += _pass(book, moment, program, posted_at=moment.now)
    book.reset_due()
    return postings


def end_nobodys(hold: Hold, moment: Moment) -> tuple[Chained, Freed]:
    """End a hold that has no customer and is over, at its instant; what its basket took is free again.

    Raises:
        ValueError: it has ended before.
    """
    hold.must_be_open()
    freed = free_goods(None, hold)
    then = Moment(now=moment.now, at=hold.expires_at, ids=moment.ids)
    chained = plan_nobodys(then, kind=TxKind.RELEASE, origin=Origin(), parent=hold.id)
    resolve(None, hold, state=HoldState.EXPIRED, by=chained.posting.tx_id)
    return chained, freed


def _needs_instants(book: Book, now: datetime, program: Program | None) -> bool:
    if program is not None and any(wallet.convert for wallet in program.wallets.values()):
        return True
    return any(hold.has_ended(now) for hold in book.holds.values())


def _next_change(book: Book) -> datetime | None:
    changes = [at for lot in (book.lots or {}).values() if (at := lot.next_change()) is not None]
    changes += [hold.expires_at for hold in book.holds.values() if hold.is_open]
    return min(changes, default=None)


def _end_holds(book: Book, then: Moment, program: Program | None, *, posted_at: datetime) -> list[Chained]:
    """Those whose instant it is, in the order in which they were placed."""
    postings = []
    for hold in sorted((each for each in book.holds.values() if each.has_ended(then.now)), key=lambda each: each.id):
        freed = free_goods(book, hold)
        moves, tx_id = Moves(book), TxId(then.new_id())
        let_all_go(moves, hold.units, now=then.now)
        resolve(book, hold, state=HoldState.EXPIRED, by=tx_id)
        book.ended.append(EndedHold(hold, freed))
        if program is not None:
            book.memory.tidy(then.now, program)
        postings.append(
            record(
                book,
                moves,
                then,
                program=program,
                kind=TxKind.RELEASE,
                tx_id=tx_id,
                parent=hold.id,
                posted_at=posted_at,
            )
        )
    return postings


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
