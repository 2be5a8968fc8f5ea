"""How much one person may correct of one customer's points alone: so many units of a wallet in a local day, either way.

Counted in the customer's own row (`Memory.pace`), under the customer's lock or revision, as the limits of velocity are:
many small corrections are one large one, however many come at once. What a second person has approved isn't counted.
"""

from datetime import datetime

from app.domain.counters import period_of, used
from app.domain.ledger.books import Book
from app.domain.program import Period, Program
from app.domain.rejections import Rejected, Rejection


class SecondPersonNeeded(Rejected):
    """Whoever asks has corrected as much as they may alone."""


def check_alone(
    book: Book, program: Program, *, hand: str, wallet: str, units: int, most: int, now: datetime
) -> list[tuple[str, str, int]]:
    """What a correction adds to the customer's day (`app.domain.counters.advance`).

    Args:
        hand: whose it is (`Caller.hand`).
        units: signed; taking counts as much as giving.
        most: units in a day; 0: any number.

    Raises:
        SecondPersonNeeded
    """
    if not most:
        return []
    name = f"corrected/{hand}/{wallet}"
    day = period_of(Period.DAY, now.astimezone(program.timezone).date())
    if used(book.memory.pace, name, day) + abs(units) > most:
        raise SecondPersonNeeded(Rejection.CONFIRMATION_REQUIRED, "A second person has to approve this.")
    return [(name, day, abs(units))]
