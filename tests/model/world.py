"""How things stand beside basket and customer: what has been used so far, coupon codes, slips and luck; all of it goes
by the service's clock `now`, never by the time of the deal.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from tests.model.arithmetic import Json
from tests.model.tickets import Luck, Slip

Name = tuple[str, ...]  # What is counted: ("max", rule), ("cap", cap, category), ("stock", rule, prize), …
CUSTOMER, PROGRAM = "customer", "program"  # Whose counter it is.
SHARE, WHOLE, NEVER = "share", "whole", "never"  # When a return gives it back.


@dataclass(frozen=True)
class Use:
    """What a decision adds to one counter; `by_line` (line ids) sums to `amount` where shares of it come back."""

    scope: str
    name: Name
    period: str
    amount: int
    back: str
    by_line: dict[str, int] = field(default_factory=dict)


@dataclass
class World:
    """`counts` by (scope, name, period); `coupons` are the stored codes, upper case, as `{"pool", "customer", "uses",
    "uses_max", "per_customer", "start", "end", "blocked"}`; `codes` are free ones by pool; `slips` by rule, the oldest
    first. Without `luck` nothing is drawn: a quote.
    """

    now: datetime
    counts: Counter[tuple[str, Name, str]] = field(default_factory=Counter)
    coupons: dict[str, Json] = field(default_factory=dict)
    codes: dict[str, list[str]] = field(default_factory=dict)
    slips: dict[str, list[Slip]] = field(default_factory=dict)
    luck: Luck | None = None

    def used(self, scope: str, name: Name, period: str = "") -> int:
        return self.counts[scope, name, period]


def period_of(period: str, zone: ZoneInfo, now: datetime) -> str:
    """The name of the local period that an instant lies in."""
    day = now.astimezone(zone).date()
    year, week, _ = day.isocalendar()
    return {
        "day": day.isoformat(),
        "week": f"{year:04}-W{week:02}",
        "month": day.isoformat()[:7],
        "year": day.isoformat()[:4],
        "ever": "",
    }[period]


def added_up(uses: Iterable[Use]) -> list[Use]:
    """One for each counter and way back, without those that add nothing."""
    sums: dict[tuple[str, Name, str, str], Use] = {}
    for use in uses:
        key = (use.scope, use.name, use.period, use.back)
        before = sums.get(key)
        if before is None:
            sums[key] = use
        else:
            lines = dict(Counter(before.by_line) + Counter(use.by_line))
            sums[key] = Use(*key[:3], before.amount + use.amount, use.back, lines)
    return [use for use in sums.values() if use.amount]
