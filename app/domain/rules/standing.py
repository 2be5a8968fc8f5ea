"""How things stand beside basket and customer when a basket is decided: counters, coupon codes, luck."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from app.domain.counters import Count
from app.domain.coupons import Coupon
from app.domain.draws.luck import Luck
from app.domain.draws.records import Slip


@dataclass(slots=True)  # Not frozen, as in `app.domain.basket`.
class Standing:
    """`now` is the database's clock: limits, caps and coupons go by it, never by the time of the deal.

    `customer` and `program` are counters by name; one that is missing is at 0. `coupons` are the stored codes among
    those sent, by normalised code. `codes` are free codes by pool, in the order in which they may be given out. `slips`
    are the customer's, by rule, the oldest first. `luck` None: nothing is drawn (a quote). `withholds_codes`: only
    codes that a rule names are looked at, whatever is stored.
    """

    now: datetime
    customer: Mapping[str, Count] = field(default_factory=dict)
    program: Mapping[str, Count] = field(default_factory=dict)
    coupons: Mapping[str, Coupon] = field(default_factory=dict)
    codes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    slips: Mapping[str, Sequence[Slip]] = field(default_factory=dict)
    luck: Luck | None = None
    withholds_codes: bool = False


@dataclass(frozen=True, slots=True)
class Needs:
    """What a decision has to know of the program's shared state: names of counters, and how many free codes of which
    pool it may give out at most. Codes that were sent are looked up beside.
    """

    counters: frozenset[str] = frozenset()
    pools: Mapping[str, int] = field(default_factory=dict)
