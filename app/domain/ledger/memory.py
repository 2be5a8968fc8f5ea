"""What a customer's row remembers besides balances: counters, slips of draws, and the windows that tiers look through.

It is read and written with the row, so limits of a customer cost no statement. Everything that is over falls away as
the row is written (`tidy`), so the column stays small however old the customer is.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from app.domain.counters import Count, period_of
from app.domain.draws.records import Slip
from app.domain.program import Period, Program

DAYS_KEPT = 366  # A window of 365 local days, and one that a change of the program's zone may bring back.
# Names of periods tell their kind by their length: 2026-11-21, 2026-W47, 2026-11, 2026.
_KINDS = {10: Period.DAY, 8: Period.WEEK, 7: Period.MONTH, 4: Period.YEAR}


# (tier, until when) in order, the last one for ever: a tier, and what time makes of it if nothing else happens.
TierPath = tuple[tuple[str | None, datetime | None], ...]


@dataclass(slots=True)
class Measured:
    """What tiers are measured by, within one window or day: minor units, purchases, units."""

    paid: int = 0
    purchases: int = 0
    units: int = 0


@dataclass(slots=True)
class Memory:
    """`counts` are the customer's counters by name, `slips` by rule, the oldest first.

    `tier_until` is when the tier is measured anew (None: never, or the tier needs no holding). `years` is by local
    calendar year, `days` by local day (ISO text): written only while the program's tiers have such a window.
    `tier_path` is the path that was kept last; empty: none so far. `pace` is what the limits of a day have counted.
    """

    counts: dict[str, Count] = field(default_factory=dict)
    slips: dict[str, list[Slip]] = field(default_factory=dict)
    tier_until: datetime | None = None
    years: dict[int, Measured] = field(default_factory=dict)
    days: dict[str, Measured] = field(default_factory=dict)
    tier_path: TierPath = ()
    pace: dict[str, Count] = field(default_factory=dict)

    def tidy(self, now: datetime, program: Program) -> None:
        """Drop what nobody will ask for again: counters at 0 or of a period that is over, years before the last one,
        days out of the longest window.
        """
        if not (self.counts or self.days or self.years or self.pace):
            return
        today = now.astimezone(program.timezone).date()
        for name in [name for name, count in self.pace.items() if is_over(count.period, today)]:
            del self.pace[name]
        for name in [name for name, count in self.counts.items() if not count.used or is_over(count.period, today)]:
            del self.counts[name]
        for year in [year for year in self.years if year < today.year - 1]:
            del self.years[year]
        if not self.days:
            return
        first = (today - timedelta(days=DAYS_KEPT - 1)).isoformat()
        for day in [day for day in self.days if day < first]:
            del self.days[day]

    def to_document(self) -> dict[str, Any]:
        """JSON-ready; members that say nothing are left out."""
        document: dict[str, Any] = {}
        if self.counts:
            document["counts"] = {name: list(count) for name, count in self.counts.items()}
        if self.slips:
            document["slips"] = {rule: [_slip_document(slip) for slip in slips] for rule, slips in self.slips.items()}
        if self.tier_until is not None:
            document["tier_until"] = self.tier_until.isoformat()
        if self.years:
            document["years"] = {str(year): [m.paid, m.purchases, m.units] for year, m in self.years.items()}
        if self.days:
            document["days"] = {day: [m.paid, m.purchases, m.units] for day, m in self.days.items()}
        if self.tier_path:
            document["tier_path"] = path_to_document(self.tier_path)
        if self.pace:
            document["pace"] = {name: list(count) for name, count in self.pace.items()}
        return document

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> "Memory":
        """The inverse of `to_document`."""
        memory = cls()
        if counts := document.get("counts"):
            memory.counts = {name: Count(*count) for name, count in counts.items()}
        if all_slips := document.get("slips"):
            memory.slips = {
                rule: [
                    Slip(purchase, date.fromisoformat(day), ticket, choice, state, kept, most)
                    for purchase, day, ticket, choice, state, kept, most in slips
                ]
                for rule, slips in all_slips.items()
            }
        if until := document.get("tier_until"):
            memory.tier_until = datetime.fromisoformat(until)
        if years := document.get("years"):
            memory.years = {int(year): Measured(*measured) for year, measured in years.items()}
        if days := document.get("days"):
            memory.days = {day: Measured(*measured) for day, measured in days.items()}
        if path := document.get("tier_path"):
            memory.tier_path = path_from_document(path)
        if pace := document.get("pace"):
            memory.pace = {name: Count(*count) for name, count in pace.items()}
        return memory


def is_over(period: str, today: date) -> bool:
    """Whether a counter's period lies before the one of its own kind that holds the day."""
    kind = _KINDS.get(len(period))
    return kind is not None and period < period_of(kind, today)


def path_to_document(path: TierPath) -> list[list[str | None]]:
    """JSON-ready: `[[tier, until], ...]`."""
    return [[tier, None if until is None else until.isoformat()] for tier, until in path]


def path_from_document(document: Iterable[Sequence[str | None]]) -> TierPath:
    """The inverse of `path_to_document`."""
    return tuple((tier, None if until is None else datetime.fromisoformat(until)) for tier, until in document)


def _slip_document(slip: Slip) -> list[object]:
    return [slip.purchase, slip.day.isoformat(), slip.ticket, slip.choice, dict(slip.state), slip.kept, slip.most]
