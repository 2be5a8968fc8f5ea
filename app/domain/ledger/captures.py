"""A hold made final: a held basket becomes a purchase of what is captured of it, held units are redeemed.

What is captured of a decision, and how its figures are cut, is worked out in capturing.py.
"""

from collections.abc import Mapping, Sequence

from app.domain.decision import Decision
from app.domain.identifiers import LotId, TxId
from app.domain.ledger.arrivals import arrivals_of, credit_new_lot
from app.domain.ledger.books import Book
from app.domain.ledger.capturing import captured_lines
from app.domain.ledger.chart import Account, TxKind
from app.domain.ledger.freed import Freed
from app.domain.ledger.giving_back import leave_out
from app.domain.ledger.hold_states import Hold, HoldState
from app.domain.ledger.moments import Moment
from app.domain.ledger.moves import Moves
from app.domain.ledger.postings import Origin
from app.domain.ledger.purchase_states import PurchaseState
from app.domain.ledger.recording import plan_nobodys
from app.domain.ledger.releasing import NOTHING_FREED, HoldEnd, by_wallet, end_by_call, let_all_go, resolve
from app.domain.ledger.tiers import count_purchase, end_windows
from app.domain.program import Program


def plan_capture(
    book: Book | None,
    hold: Hold,
    moment: Moment,
    *,
    program: Program,
    today: Program,
    decision: Decision,
    dropped: Mapping[str, int],
    origin: Origin,
) -> HoldEnd:
    """Make a held basket final: a purchase of what is captured, at the capture's moment. `book` None: nobody's. Needs
    the lots.

    Of the held units those taken first are redeemed; the others go back. What is left out gives its share of counters
    back, as a return of it would; uses, coupons, codes and prizes stay, since something was captured. Then
    `hold.goods` is the captured purchase as later returns see it: its lines with what is left of their figures as the
    wholes, its uses likewise, what it spent, its day. So the shares given back here and by any split of later returns
    end exactly at what was taken when the hold was placed.

    Args:
        program: the one that decided the basket; by it accruals are dated, sets convert and the purchase counts.
        today: the one in force, by which the windows of tiers end.
        decision: what is captured, the draws included: cut by `capturing.cut` with the same `dropped`.
        dropped: thousandths left out by line id; at least one line stays.

    Raises:
        ValueError: the hold is no held basket, has ended before, or nothing of it stays; the decision has other lines
            than those that stay, or redeems more than is held.
    """
    hold.must_be_open()
    goods = _goods(hold)
    lines = captured_lines(decision, goods.lines, dropped=dropped)
    spent, rest = _split(hold.units, decision.redeemed_units)
    freed = Freed(leave_out(book, goods, dropped), (), (), ())
    goods.lines, goods.spent = lines, spent
    goods.day = moment.now.astimezone(program.timezone).date()
    if book is None:
        chained = plan_nobodys(moment, kind=TxKind.CAPTURE, origin=origin, parent=hold.id)
        goods.posted_by = chained.posting.tx_id
        resolve(None, hold, state=HoldState.CAPTURED, by=chained.posting.tx_id)
        return HoldEnd(chained, {}, {}, freed)
    moves, tx_id = Moves(book), TxId(moment.new_id())
    _redeem(moves, spent)
    given_back, expired_again = let_all_go(moves, rest, now=moment.now)
    for wallet, terms, by_rule in arrivals_of(decision, program):
        credit_new_lot(
            moves, program, moment, tx_id=tx_id, wallet=wallet, terms=terms, by_rule=by_rule, against=Account.ISSUED
        )
    goods.posted_by = tx_id
    _count(book, program, today, decision, moment)
    chained = end_by_call(book, hold, moves, moment, kind=TxKind.CAPTURE, program=program, origin=origin, tx_id=tx_id)
    return HoldEnd(chained, given_back, expired_again, freed, tuple(spent))


def plan_capture_units(book: Book, hold: Hold, moment: Moment, *, program: Program | None, origin: Origin) -> HoldEnd:
    """Redeem all that a hold without a basket has set aside. Needs the lots.

    Args:
        program: the one in force, by whose wallets full sets convert; None where none is published.

    Raises:
        ValueError: the hold has a basket, or has ended before.
    """
    hold.must_be_open()
    if hold.goods is not None:
        raise ValueError(f"hold {hold.id} has a basket, which a capture has to cut")
    moves = Moves(book)
    _redeem(moves, hold.units)
    chained = end_by_call(book, hold, moves, moment, kind=TxKind.CAPTURE, program=program, origin=origin)
    return HoldEnd(chained, {}, {}, NOTHING_FREED, tuple(hold.units))


def _redeem(moves: Moves, units: Sequence[tuple[str, LotId, int]]) -> None:
    lots = moves.book.lots or {}
    for _, lot_id, portion in units:
        moves.use_held(lots[lot_id], portion, against=Account.REDEEMED)


def _split(
    units: Sequence[tuple[str, LotId, int]], redeemed: Mapping[str, int]
) -> tuple[list[tuple[str, LotId, int]], list[tuple[str, LotId, int]]]:
    """What is redeemed of the held units, those taken first, and what goes back."""
    held = by_wallet(units)
    if any(portion > held.get(wallet, 0) for wallet, portion in redeemed.items()):
        raise ValueError(f"{dict(redeemed)} is to be redeemed of {dict(held)} held units")
    left, spent, rest = dict(redeemed), [], []
    for wallet, lot_id, portion in units:
        used = min(portion, left.get(wallet, 0))
        if used:
            left[wallet] -= used
            spent.append((wallet, lot_id, used))
        if portion > used:
            rest.append((wallet, lot_id, portion - used))
    return spent, rest


def _count(book: Book, program: Program, today: Program, decision: Decision, moment: Moment) -> None:
    """The purchase counts, like any other, at the moment of its capture."""
    progress = book.progress
    book.bought_at.append(moment.at)
    if progress.last_purchase_at is None or progress.last_purchase_at < moment.at:
        progress.last_purchase_at = moment.at
    end_windows(today, book, moment.now)
    accrued = decision.accrued.get(program.default_wallet, 0)
    count_purchase(program, book, moment.now, paid=decision.paid, units=accrued)
    book.memory.tidy(moment.now, today)


def _goods(hold: Hold) -> PurchaseState:
    if hold.goods is None:
        raise ValueError(f"hold {hold.id} has no basket")
    return hold.goods
