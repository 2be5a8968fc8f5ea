"""Counters: what limits, caps, stocks and draws have used so far, as integers by name, each within one period.

A counter belongs to a customer (it lives in the customer's row, under the customer's lock) or to the whole program (a
row of its own, locked once a round). It holds one period at a time: in a new period it begins at 0, and nobody asks for
an old one. Names belong to the rule's id, not to the version, so a republished rule goes on where it was.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from enum import StrEnum
from typing import NamedTuple, assert_never

from app.domain.program import Period, Scope

__all__ = ["Back", "Count", "Scope", "Use", "advance", "period_of", "used"]


class Count(NamedTuple):
    """`period` is a name that `period_of` makes; it is empty for ever."""

    period: str
    used: int


class Back(StrEnum):
    """How a return gives it back: by the returned share of each line, when everything is back, or never."""

    SHARE = "share"
    WHOLE = "whole"
    NEVER = "never"


class Use(NamedTuple):
    """What one decision adds to one counter; `by_line` (line ids) is set and sums to `amount` for `Back.SHARE`."""

    scope: Scope
    name: str
    period: str
    amount: int
    back: Back
    by_line: Mapping[str, int] = {}


def period_of(period: Period, today: date) -> str:
    """The name of the period that a local day lies in."""
    match period:
        case Period.DAY:
            return today.isoformat()
        case Period.WEEK:
            year, week, _ = today.isocalendar()
            return f"{year:04}-W{week:02}"
        case Period.MONTH:
            return f"{today.year:04}-{today.month:02}"
        case Period.YEAR:
            return f"{today.year:04}"
        case Period.EVER:
            return ""
        case _:
            assert_never(period)


def used(counts: Mapping[str, Count], name: str, period: str) -> int:
    """What a counter says within a period: 0 in one that it has not reached."""
    count = counts.get(name)
    return count.used if count is not None and count.period == period else 0


def precedes(period: str, other: str) -> bool:
    """Whether it is an earlier period of the same kind: by number (years, bags) or by name of the same length."""
    if period.isdigit() and other.isdigit():
        return int(period) < int(other)
    return len(period) == len(other) and period < other


def advance(counts: dict[str, Count], uses: Iterable[tuple[str, str, int]]) -> None:
    """Add (name, period, amount) to counters. What belongs to a period that is over falls away, and a counter that was
    given back to never falls below 0 by it.

    A counter never goes back to an earlier period: a round that began before midnight may be the second to get it.
    """
    for name, period, amount in uses:
        count = counts.get(name)
        if count is None or count.period == period:
            counts[name] = Count(period, max(0, (count.used if count else 0) + amount))
        elif amount > 0 and not precedes(period, count.period):
            # A new period begins; nothing is given back to one that is over.
            counts[name] = Count(period, amount)


# --- names ------------------------------------------------------------------------------------------------------------


def rule_max(rule: str) -> str:
    """Of a customer: what a rule gave (`limit.customer.max`)."""
    return f"rule/{rule}/max"


def rule_uses(rule: str) -> str:
    """Of a customer or of the program: purchases in which the rule gave something."""
    return f"rule/{rule}/uses"


def rule_budget(rule: str) -> str:
    return f"rule/{rule}/budget"


def cap_name(cap: str, category: str = "") -> str:
    return f"cap/{cap}/{category}" if category else f"cap/{cap}"


def stock_name(rule: str, prize: str) -> str:
    return f"stock/{rule}/{prize}"


def bag_serial(rule: str) -> str:
    """How many slips were ever drawn of a rule's bags."""
    return f"bag/{rule}"


def bag_taken(rule: str, prize: str) -> str:
    """How many of a prize's slips are out of the present bag, whose number is the period."""
    return f"bag/{rule}/{prize}"


def pity_misses(rule: str) -> str:
    """Of a customer: draws without a prize since the last one."""
    return f"pity/{rule}"


def balanced_plain(rule: str) -> str:
    """What all other rewards have cost since the rule began, in minor units."""
    return f"balanced/{rule}/plain"


def balanced_surprise(rule: str) -> str:
    """What the rule's prizes have cost."""
    return f"balanced/{rule}/surprise"


def coupon_uses(code: str) -> str:
    """Of a customer: uses of one code, where its uses a customer are bounded."""
    return f"coupon/{code}"
