"""What one till's receipts and returns say against declared limits and against what is usual there.

A till's habits are a few small counts: receipts by local hour and by size (the bits of the sum, so a step is a
doubling), and what it did today. They follow slowly: from LEARNED_MAX receipts on all counts are halved.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

LEARNED_MIN = 200  # Receipts before anything is unusual: a small shop's week.
LEARNED_MAX = 20_000
VISITORS_MAX = 2_000  # Customers of a day that are counted one by one; who came least makes room.
SIZES = 64
PERMILLE = 1_000
USUAL_PERMILLE = 990  # What nearly all receipts stay below.


class AlertKind(StrEnum):
    LOOKUP_BUDGET = "lookup_budget"  # A terminal or person has used up its misses.
    VELOCITY = "velocity"  # A customer's day has reached a limit.
    SAME_CUSTOMER = "same_customer"  # One customer too often at one till: a cashier's own card.
    MANY_RETURNS = "many_returns"
    RARE_HOUR = "rare_hour"
    HIGH_SUM = "high_sum"
    OFFLINE_BEYOND_ALLOWANCE = "offline_beyond_allowance"  # A receipt made without connection took more than it might.


class TillKind(StrEnum):
    SALE = "sale"
    TAKING = "taking"  # Points redeemed or held with no purchase.
    RETURN = "return"


@dataclass(frozen=True, slots=True)
class TillLimits:
    """0 switches one off. `same_customer` and `returns` are a day's; `rare_hour_permille`: an hour, with the ones
    beside it, in which fewer of the till's receipts fall is unusual; `sum_times`: so many times what nearly all of its
    receipts stay below is.
    """

    same_customer: int = 0
    returns: int = 0
    rare_hour_permille: int = 0
    sum_times: int = 0

    @property
    def is_on(self) -> bool:
        return bool(self.same_customer or self.returns or self.rare_hour_permille or self.sum_times)


@dataclass(frozen=True, slots=True)
class TillEvent:
    """`at` is local. `paid` is in minor units; None: nothing is known of it. `is_late`: it was sent after its time."""

    kind: TillKind
    shop: str
    terminal: str
    customer: UUID | None
    tx_id: UUID
    at: datetime
    paid: int | None = None
    is_late: bool = False


@dataclass(frozen=True, slots=True)
class Suspicion:
    kind: AlertKind
    customer: UUID | None
    facts: Mapping[str, int]


@dataclass(slots=True)
class Habits:
    """`day` is the local day (ISO) of `visits` (by customer) and `returns`; `hours` and `sizes` count all receipts."""

    day: str = ""
    returns: int = 0
    visits: dict[str, int] = field(default_factory=dict)
    hours: list[int] = field(default_factory=lambda: [0] * 24)
    sizes: list[int] = field(default_factory=lambda: [0] * SIZES)

    def to_document(self) -> dict[str, Any]:
        return {
            "day": self.day,
            "returns": self.returns,
            "visits": self.visits,
            "hours": self.hours,
            "sizes": self.sizes,
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Habits":
        """Of whichever release: a member that isn't known here is left, one that isn't there is as at the beginning."""
        return cls(**{name: document[name] for name in cls.__slots__ if name in document})


def watch(habits: Habits, event: TillEvent, limits: TillLimits) -> list[Suspicion]:
    """What is suspicious of it; it becomes part of the till's habits."""
    _turn_to(habits, event.at.date().isoformat())
    found = []
    if event.kind is TillKind.RETURN:
        habits.returns += 1
        if limits.returns and habits.returns > limits.returns:
            found.append(Suspicion(AlertKind.MANY_RETURNS, None, {"limit": limits.returns, "count": habits.returns}))
        return found
    if event.customer is not None:
        visits = _visit(habits, str(event.customer))
        if limits.same_customer and visits > limits.same_customer:
            facts = {"limit": limits.same_customer, "count": visits}
            found.append(Suspicion(AlertKind.SAME_CUSTOMER, event.customer, facts))
    if event.kind is TillKind.SALE:
        found += _unusual(habits, event, limits)
        _learn(habits, event)
    return found


def _turn_to(habits: Habits, day: str) -> None:
    if day > habits.day:
        habits.day, habits.returns, habits.visits = day, 0, {}


def _visit(habits: Habits, customer: str) -> int:
    if len(habits.visits) >= VISITORS_MAX and customer not in habits.visits:
        least = min(habits.visits.values())
        habits.visits = {each: count for each, count in habits.visits.items() if count > least}
    habits.visits[customer] = habits.visits.get(customer, 0) + 1
    return habits.visits[customer]


def _unusual(habits: Habits, event: TillEvent, limits: TillLimits) -> list[Suspicion]:
    found = []
    hour, known = event.at.hour, sum(habits.hours)
    if limits.rare_hour_permille and not event.is_late and known >= LEARNED_MIN:
        near = sum(habits.hours[(hour + step) % 24] for step in (-1, 0, 1))
        if near * PERMILLE < limits.rare_hour_permille * known:
            facts = {"hour": hour, "receipts_then": near, "receipts": known}
            found.append(Suspicion(AlertKind.RARE_HOUR, event.customer, facts))
    if limits.sum_times and event.paid is not None and sum(habits.sizes) >= LEARNED_MIN:
        usual = usual_sum(habits)
        if event.paid > limits.sum_times * usual:
            found.append(Suspicion(AlertKind.HIGH_SUM, event.customer, {"paid": event.paid, "usual_below": usual}))
    return found


def usual_sum(habits: Habits) -> int:
    """What nearly all receipts stay below: a power of two."""
    known, seen = sum(habits.sizes), 0
    for bits, count in enumerate(habits.sizes):
        seen += count
        if seen * PERMILLE >= known * USUAL_PERMILLE:
            return int(2**bits)
    return int(2**SIZES)


def _learn(habits: Habits, event: TillEvent) -> None:
    if not event.is_late:
        habits.hours[event.at.hour] += 1
    if event.paid is not None:
        habits.sizes[event.paid.bit_length()] += 1
    if sum(habits.sizes) >= LEARNED_MAX:
        habits.hours = [count // 2 for count in habits.hours]
        habits.sizes = [count // 2 for count in habits.sizes]
