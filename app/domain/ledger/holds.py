"""Value set aside until a sale is final: a hold is placed and released here, captured in captures.py, and ended by time
in passing.py. Each is one balanced posting.

| | lots | besides |
| --- | --- | --- |
| `plan_hold` | available units become held ones, in spending order | takes counters and slips as a purchase does |
| `plan_release` | held units go back to their lots | all of that goes back, as in a whole return |
| `plan_capture` | those held first are redeemed, others go back; accruals | what is left out gives its shares back |

A held unit is no part of `available`: it covers no debt, fills no set, and doesn't expire while it is held. What goes
back to a lot that has ended meanwhile expires at once; what goes back to a live one covers the wallet's debt first. A
purchase counts (progress, tier, window, number of purchases) when it is captured. Its lots are of the capture's
posting: the state of a captured purchase names it (`PurchaseState.posted_by`), so that returns find them.

Time ends a hold at its instant, whoever looks; so whoever plans here has brought the book up to date, and has seen that
the hold is open.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from app.domain.decision import Decision
from app.domain.identifiers import NOBODY, LotId, TxId
from app.domain.ledger.books import Book
from app.domain.ledger.captures import plan_capture, plan_capture_units
from app.domain.ledger.chart import TxKind
from app.domain.ledger.hold_states import Hold, HoldKind, HoldState
from app.domain.ledger.moments import Moment
from app.domain.ledger.moves import Moves
from app.domain.ledger.passing import end_nobodys
from app.domain.ledger.postings import Origin
from app.domain.ledger.purchase_states import LineState, PurchaseState, Uses
from app.domain.ledger.recording import Chained, plan_nobodys, record
from app.domain.ledger.releasing import HoldEnd, end_by_call, free_goods, let_all_go, resolve
from app.domain.ledger.taking import count_uses, need_available
from app.domain.program import Program

__all__ = [
    "HoldEnd",
    "HoldPlan",
    "end_nobodys",
    "plan_capture",
    "plan_capture_units",
    "plan_hold",
    "plan_hold_units",
    "plan_release",
]


@dataclass(frozen=True, slots=True)
class HoldPlan:
    """`hold` is open, and in the book's `holds` where there is a book."""

    chained: Chained
    hold: Hold


def plan_hold(
    book: Book | None,
    program: Program,
    decision: Decision,
    moment: Moment,
    *,
    lines: list[LineState],
    uses: Uses,
    day: date,
    shop: str,
    expires_at: datetime,
    origin: Origin,
) -> HoldPlan:
    """Hold a basket as it was decided, the draws' outcome included. `book` None: nobody's, which moves nothing. Lots
    are needed where the decision redeems, and where a wallet of the program converts.

    Args:
        lines: the lines as returns see them, nothing returned; `uses` likewise. Both become the hold's `goods`.
        day: the program's local day of the placing. The day of a capture takes its place.
        origin: with the program's version.

    Raises:
        ValueError: the origin names no program, or a draw takes over a slip that isn't there.
    """
    version = _version(origin)
    if book is None:
        chained = plan_nobodys(moment, kind=TxKind.HOLD, origin=origin)
        units: list[tuple[str, LotId, int]] = []
    else:
        count_uses(book.memory, decision)
        book.memory.tidy(moment.now, program)
        chained, units = _set_aside(book, program, moment, decision.redeemed_units, origin=origin)
    tx_id = chained.posting.tx_id
    hold = Hold(
        id=tx_id,
        customer_id=NOBODY if book is None else book.customer_id,
        kind=HoldKind.PURCHASE,
        shop=shop,
        program=version,
        at=moment.at,
        expires_at=expires_at,
        units=units,
        goods=PurchaseState(tx_id=tx_id, lines=lines, spent=(), uses=uses, draws=decision.draws, day=day),
    )
    _keep(book, hold)
    return HoldPlan(chained, hold)


def plan_hold_units(
    book: Book,
    program: Program,
    moment: Moment,
    *,
    wallet: str,
    units: int,
    shop: str,
    expires_at: datetime,
    origin: Origin,
) -> HoldPlan:
    """Hold points with no basket. Needs the lots.

    Raises:
        Rejected: `insufficient_points`.
        ValueError: the origin names no program.
    """
    version = _version(origin)
    need_available(book, wallet, units)
    chained, taken = _set_aside(book, program, moment, {wallet: units}, origin=origin)
    hold = Hold(
        id=chained.posting.tx_id,
        customer_id=book.customer_id,
        kind=HoldKind.REDEEM,
        shop=shop,
        program=version,
        at=moment.at,
        expires_at=expires_at,
        units=taken,
        goods=None,
    )
    _keep(book, hold)
    return HoldPlan(chained, hold)


def plan_release(book: Book | None, hold: Hold, moment: Moment, *, program: Program | None, origin: Origin) -> HoldEnd:
    """Give everything back by a call. `book` None: nobody's. Needs the lots.

    Args:
        program: the one in force, by whose wallets full sets convert; None where none is published.

    Raises:
        ValueError: the hold has ended before.
    """
    hold.must_be_open()
    freed = free_goods(book, hold)
    if book is None:
        chained = plan_nobodys(moment, kind=TxKind.RELEASE, origin=origin, parent=hold.id)
        resolve(None, hold, state=HoldState.RELEASED, by=chained.posting.tx_id)
        return HoldEnd(chained, {}, {}, freed)
    moves = Moves(book)
    given_back, expired_again = let_all_go(moves, hold.units, now=moment.now)
    if program is not None:
        book.memory.tidy(moment.now, program)
    chained = end_by_call(book, hold, moves, moment, kind=TxKind.RELEASE, program=program, origin=origin)
    return HoldEnd(chained, given_back, expired_again, freed)


def _set_aside(
    book: Book, program: Program, moment: Moment, units: Mapping[str, int], *, origin: Origin
) -> tuple[Chained, list[tuple[str, LotId, int]]]:
    moves = Moves(book)
    taken = [each for wallet, portion in units.items() if portion for each in moves.set_aside(wallet, portion)]
    tx_id = TxId(moment.new_id())
    return record(book, moves, moment, program=program, kind=TxKind.HOLD, tx_id=tx_id, origin=origin), taken


def _keep(book: Book | None, hold: Hold) -> None:
    if book is not None:
        book.holds[hold.id] = hold
        book.open_holds += 1
        book.wait_for(hold.expires_at)


def _version(origin: Origin) -> int:
    if origin.program is None:
        raise ValueError("a hold names the program that decided it")
    return origin.program
