"""What a call may learn by guessing, and what it may be told: words that other flows share with `lookup_budget`."""

from enum import Enum
from typing import NamedTuple

from app.domain.rejections import Rejected, Rejection


class Guess(NamedTuple):
    """`miss` is the refusal that says that nobody or nothing was found; None: the call itself counts what it tells.
    Without room for misses it is refused unasked; `yields`: it is served all the same, and tells nothing of what was
    guessed. `is_bulk`: it names many at once, and has a budget of its own.
    """

    miss: Rejection | None
    yields: bool = False
    is_bulk: bool = False


class Codes(Enum):
    """What may be told of a basket's coupon codes. A code that nobody made is a miss."""

    TOLD = "told"
    COUNTED_FIRST = "counted_first"  # Codes that nobody made raise `Uncounted` before anything is decided.
    WITHHELD = "withheld"  # Only codes that the program itself names are looked at.


class Uncounted(Rejected):
    """Raised before a call tells of so many guesses, written nothing: they are counted, then it is asked again. Whoever
    forgets to count refuses.
    """

    def __init__(self, count: int) -> None:
        super().__init__(
            Rejection.LOOKUP_BUDGET_EXHAUSTED,
            "This terminal has asked for too much that isn't there.",
            facts={"retry_after_ms": 1_000},
        )
        self.count = count
