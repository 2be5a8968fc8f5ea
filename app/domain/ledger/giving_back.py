"""What a return, a release or the end of a hold gives back besides points: counters, coupons, codes that were given
out, draws.

Counters of amounts and caps move back by the returned share of each line, `Σ half_up(amount_i · r_i)` less what was
given back before, so any split ends at the whole; uses and stocks when everything is back. A counter that has gone on
to another period has forgotten the old one, and nothing is given back to it.

When everything is back, each draw leaves a slip: the customer's next draw of that rule is this one again. A slip keeps
the ticket, the day and the state that the draw had, however often it was taken over and returned, and it stays `kept`
once a prize was left with the customer.
"""

from collections.abc import Mapping, Sequence
from typing import assert_never

from app.domain import counters
from app.domain.amounts import half_up
from app.domain.counters import Back, Scope
from app.domain.draws.records import DrawRecord, Slip
from app.domain.ledger.books import Book
from app.domain.ledger.freed import Freed
from app.domain.ledger.memory import Memory
from app.domain.ledger.purchase_states import PurchaseState, UseState

_KEPT = "kept"  # Why a draw that took over a kept slip gave no prize.


def give_back(book: Book | None, purchase: PurchaseState) -> Freed:
    """To be called when the lines have been advanced; advances the uses. `book` None: nobody's purchase."""
    changes = [(use, due) for use in purchase.uses.counts if (due := _due(purchase, use))]
    for use, due in changes:
        use.given_back += due
    freed = _give(book, changes)
    if not purchase.is_all_back:
        return Freed(freed, (), (), ())
    taken = tuple(draw for draw in purchase.draws if draw.prize is not None and not draw.keeps)
    if book is not None:
        for draw in purchase.draws:
            _leave_slip(book.memory, draw, purchase)
    codes = (*purchase.uses.codes, *(draw.code for draw in taken if draw.code is not None))
    return Freed(freed, purchase.uses.coupons, tuple(dict.fromkeys(codes)), taken)


def leave_out(book: Book | None, held: PurchaseState, dropped: Mapping[str, int]) -> tuple[tuple[str, str, int], ...]:
    """What a capture gives back of the counters for the goods that it leaves out: the shares that a return of them
    would; (name, period, units below 0) of the program, the customer's go back to the book.

    Then the uses are those of what was captured: every line's amount less its share, nothing given back so far. So a
    capture and any split of later returns give back `Σ amount_i` in all, exactly. Uses that come back with everything
    are left: something was captured.

    Args:
        held: as it was placed, nothing returned; its lines are left as they are.
        dropped: thousandths by line id.
    """
    qty_milli = {line.id: line.qty_milli for line in held.lines}
    changes: list[tuple[UseState, int]] = []
    for use in held.uses.counts:
        if use.back is Back.SHARE:
            left = {
                line_id: part - half_up(part * dropped.get(line_id, 0), qty_milli[line_id])
                for line_id, part in use.by_line.items()
            }
            if due := use.amount - sum(left.values()):
                changes.append((use, due))
            use.amount -= due
            use.by_line = {line_id: part for line_id, part in left.items() if part}
    held.uses.counts = [use for use in held.uses.counts if use.amount]
    return _give(book, changes)


def _due(purchase: PurchaseState, use: UseState) -> int:
    match use.back:
        case Back.SHARE:
            return sum(line.share(use.by_line.get(line.id, 0)) for line in purchase.lines) - use.given_back
        case Back.WHOLE:
            return use.amount - use.given_back if purchase.is_all_back else 0
        case Back.NEVER:
            return 0
        case _:
            assert_never(use.back)


def _give(book: Book | None, changes: Sequence[tuple[UseState, int]]) -> tuple[tuple[str, str, int], ...]:
    """Take what is given back off the customer's counters; what goes back to the program's."""
    if book is not None:
        mine = [(use.name, use.period, -due) for use, due in changes if use.scope is Scope.CUSTOMER]
        counters.advance(book.memory.counts, [each for each in mine if each[0] in book.memory.counts])
    return tuple((use.name, use.period, -due) for use, due in changes if use.scope is Scope.PROGRAM)


def _leave_slip(memory: Memory, draw: DrawRecord, purchase: PurchaseState) -> None:
    was_kept = draw.because == _KEPT or (draw.keeps and draw.prize is not None)
    slip = Slip(str(purchase.tx_id), draw.day, draw.ticket, draw.choice, dict(draw.state), was_kept, draw.units or None)
    memory.slips.setdefault(draw.rule, []).append(slip)
