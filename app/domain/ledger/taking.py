"""What plans take of a customer: units that are there, counters of limits, slips of draws."""

from app.domain import counters
from app.domain.counters import Scope
from app.domain.decision import Decision
from app.domain.draws.records import DrawRecord
from app.domain.ledger.books import Book
from app.domain.ledger.memory import Memory
from app.domain.rejections import Rejected, Rejection


def need_available(book: Book, wallet: str, units: int) -> None:
    """Before anything is changed.

    Raises:
        Rejected: `insufficient_points`.
    """
    available = max(0, book.purse(wallet).available)
    if units > available:
        raise Rejected(
            Rejection.INSUFFICIENT_POINTS,
            f"{units} units are asked of the wallet {wallet}, {available} are available.",
            facts={"requested": units, "available": available},
        )


def count_uses(memory: Memory, decision: Decision) -> None:
    """A decision's uses of the customer's counters; slips that its draws took over are used up.

    Raises:
        ValueError: there is no such slip.
    """
    uses = [(use.name, use.period, use.amount) for use in decision.uses if use.scope is Scope.CUSTOMER]
    counters.advance(memory.counts, uses)
    for draw in decision.draws:
        if draw.slip_of is not None:
            _pop_slip(memory, draw)


def _pop_slip(memory: Memory, draw: DrawRecord) -> None:
    slips = memory.slips.get(draw.rule, [])
    taken = next((slip for slip in slips if slip.purchase == draw.slip_of), None)
    if taken is None:
        raise ValueError(f"rule {draw.rule} has no slip of purchase {draw.slip_of}")
    slips.remove(taken)
    if not slips:
        del memory.slips[draw.rule]
