"""What is stored of a draw, and the slip that outlives a whole return."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from app.domain.program import Algorithm


@dataclass(frozen=True, slots=True)
class DrawRecord:
    """One draw, with everything that decided it: rule and version, ticket, state before.

    `chance` is `numerator / denominator`. `drew` is the prize by luck alone, `prize` the one that was given: None where
    nothing was drawn, where it was out of stock, or a limit left no room (`because` says which: `stock`, `budget`,
    `pool`, `kept`, …). `units` of `wallet`, or one piece of `gift`, or the code of `coupon`, are what was given; `cost`
    is what it counts for. `slip_of` is the purchase whose slip was taken over (its ticket, its state, its day).
    """

    rule: str
    algorithm: Algorithm
    day: date
    ticket: str
    choice: str
    state: Mapping[str, int]
    numerator: int
    denominator: int
    drew: str | None = None
    prize: str | None = None
    because: str | None = None
    wallet: str | None = None
    units: int = 0
    gift: str | None = None
    pool: str | None = None
    code: str | None = None
    cost: int = 0
    keeps: bool = False  # `on_return: keep`
    slip_of: str | None = None


@dataclass(frozen=True, slots=True)
class Slip:
    """A draw that a whole return has set free: the customer's next draw of the rule is this one again, with its ticket
    and its state, so that cancelling and repeating can't re-roll. `kept`: its prize was not taken back, so it gives
    none again.
    """

    purchase: str
    day: date
    ticket: str
    choice: str
    state: Mapping[str, int] = field(default_factory=dict)
    kept: bool = False
    most: int | None = None  # The units that it gave: a prize in percent can't be moved to a larger basket.
