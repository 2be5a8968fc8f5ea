"""What a return gives back besides points: counters, coupons, codes that were given out, draws.

Counters of amounts and caps move back by the returned share of each line, `Σ half_up(amount_i · r_i)` less what was
given back before, so any split ends at the whole; uses and stocks when everything is back. A counter that has gone on
to another period has forgotten the old one, and nothing is given back to it.

When everything is back, each draw leaves a slip: the customer's next draw of that rule is this one again. A slip keeps
the ticket, the day and the state that the draw had, however often it was taken over and returned, and it stays `kept`
once a prize was left with the customer.
"""

from typing import assert_never

from app.domain import counters
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
    freed = tuple((use.name, use.period, -due) for use, due in changes if use.scope is Scope.PROGRAM)
    if book is not None:
        mine = [(use.name, use.period, -due) for use, due in changes if use.scope is Scope.CUSTOMER]
        counters.advance(book.memory.counts, [each for each in mine if each[0] in book.memory.counts])
    if not purchase.is_all_back:
        return Freed(freed, (), (), ())
    taken = tuple(draw for draw in purchase.draws if draw.prize is not None and not draw.keeps)
    if book is not None:
        for draw in purchase.draws:
            _leave_slip(book.memory, draw, purchase)
    codes = (*purchase.uses.codes, *(draw.code for draw in taken if draw.code is not None))
    return Freed(freed, purchase.uses.coupons, tuple(dict.fromkeys(codes)), taken)


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


def _leave_slip(memory: Memory, draw: DrawRecord, purchase: PurchaseState) -> None:
    was_kept = draw.because == _KEPT or (draw.keeps and draw.prize is not None)
    slip = Slip(str(purchase.tx_id), draw.day, draw.ticket, draw.choice, dict(draw.state), was_kept, draw.units or None)
    memory.slips.setdefault(draw.rule, []).append(slip)
