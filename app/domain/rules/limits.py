"""What limits and caps leave, and what one decision takes from counters.

Periods are the program's local ones by the database's clock, never by the time of the deal. A counter is looked at as
it stands plus what this decision has taken so far: a cap is shared by all rules that accrue in its wallet.

Amounts come back by each line's share, purchases counted (`uses`) when everything is back, pieces too: half a gift
isn't given back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from app.domain.amounts import allocate
from app.domain.basket import Line
from app.domain.counters import Back, Count, Scope, Use, cap_name, period_of, precedes, used
from app.domain.program import Period
from app.domain.rules.forms import CompiledCap, CompiledLimit
from app.domain.rules.standing import Standing

NOTHING: Mapping[int, int] = {}
# Looking a member up in its enum costs a tenth of a microsecond.
_CUSTOMER, _PROGRAM = Scope.CUSTOMER, Scope.PROGRAM
_SHARE, _WHOLE, _NEVER = Back.SHARE, Back.WHOLE, Back.NEVER
_EVER = Period.EVER


@dataclass(slots=True)
class _Taken:
    """So much of one counter that comes back one way; `by_place` sums to it where it comes back by share."""

    period: str
    amount: int = 0
    by_place: dict[int, int] = field(default_factory=dict)


class Tally:
    """The counters during one decision."""

    def __init__(self, standing: Standing, zone: ZoneInfo, lines: Sequence[Line]) -> None:
        self._standing = standing
        self._zone = zone
        self._lines = lines
        self._periods: dict[Period, str] = {_EVER: ""}
        self._amounts: dict[tuple[Scope, str], int] = {}
        self._taken: dict[tuple[Scope, str, Back], _Taken] = {}

    def used(self, scope: Scope, name: str, period: str = "") -> int:
        """What a counter says by now."""
        return used(self._counts(scope), name, self._reached(scope, name, period)) + self._amounts.get((scope, name), 0)

    def left(self, compiled: CompiledLimit) -> tuple[int | None, str]:
        """How much a rule may still give, None without end, and the limit's word: used-up uses before all, then the
        first of equally small ones.
        """
        limit = compiled.limit
        period = self._period(limit.customer_period) if compiled.needs_customer else ""
        uses = limit.customer_uses
        if uses is not None and self.used(_CUSTOMER, compiled.uses_name, period) >= uses:
            return 0, "customer_uses"
        if limit.uses is not None and self.used(_PROGRAM, compiled.uses_name) >= limit.uses:
            return 0, "uses"
        least, word = limit.receipt, "receipt"
        if limit.customer_max is not None:
            rest = max(limit.customer_max - self.used(_CUSTOMER, compiled.max_name, period), 0)
            least, word = (rest, "customer") if least is None or rest < least else (least, word)
        if limit.budget is not None:
            rest = max(limit.budget - self.used(_PROGRAM, compiled.budget_name), 0)
            least, word = (rest, "budget") if least is None or rest < least else (least, word)
        return least, word

    def count(
        self, compiled: CompiledLimit, amount: int, by_place: Mapping[int, int] = NOTHING, *, is_kept: bool = False
    ) -> None:
        """A rule gave something: its amount by place (pieces have no place), and one use. What is kept never comes
        back.
        """
        limit = compiled.limit
        back = _NEVER if is_kept else _SHARE if by_place else _WHOLE
        once = _NEVER if is_kept else _WHOLE
        period = self._period(limit.customer_period) if compiled.needs_customer else ""
        if limit.customer_max is not None:
            self.take(_CUSTOMER, compiled.max_name, amount, back, period=period, by_place=by_place)
        if limit.customer_uses is not None:
            self.take(_CUSTOMER, compiled.uses_name, 1, once, period=period)
        if limit.budget is not None:
            self.take(_PROGRAM, compiled.budget_name, amount, back, by_place=by_place)
        if limit.uses is not None:
            self.take(_PROGRAM, compiled.uses_name, 1, once)

    def fit(
        self, caps: Sequence[CompiledCap], places: Sequence[int], parts: Sequence[int]
    ) -> tuple[Sequence[int], str | None]:
        """Units by place cut to what the caps leave, and the word of the last cap that cut them.

        A group of lines over what is left is cut to it, spread by its parts; no part grows, so a cap that has been
        looked at still holds after the next.
        """
        word = None
        for cap in caps:
            for group, ats in self._groups(cap, places, parts).items():
                wanted = [parts[at] for at in ats]
                rest = max(cap.max - self.used(cap.scope, cap_name(cap.id, group), self._period(cap.period)), 0)
                if sum(wanted) > rest:
                    word, parts = cap.word, list(parts)
                    for at, part in zip(ats, allocate(rest, wanted), strict=True):
                        parts[at] = part
        return parts, word

    def count_caps(
        self, caps: Sequence[CompiledCap], places: Sequence[int], parts: Sequence[int], *, is_kept: bool = False
    ) -> None:
        """Units that were accrued; what is kept never comes back."""
        back = _NEVER if is_kept else _SHARE
        for cap in caps:
            for group, ats in self._groups(cap, places, parts).items():
                by_place = {places[at]: parts[at] for at in ats}
                name, period = cap_name(cap.id, group), self._period(cap.period)
                self.take(cap.scope, name, sum(by_place.values()), back, period=period, by_place=by_place)

    def take(
        self,
        scope: Scope,
        name: str,
        amount: int,
        back: Back,
        *,
        period: str = "",
        by_place: Mapping[int, int] = NOTHING,
    ) -> None:
        """Add to a counter within a period."""
        period = self._reached(scope, name, period)
        self._amounts[scope, name] = self._amounts.get((scope, name), 0) + amount
        taken = self._taken.get((scope, name, back))
        if taken is None:
            taken = self._taken[scope, name, back] = _Taken(period)
        taken.amount += amount
        if back is _SHARE:
            for place, part in by_place.items():
                if part:
                    taken.by_place[place] = taken.by_place.get(place, 0) + part

    def uses(self) -> tuple[Use, ...]:
        """What the decision takes in all."""
        if not self._taken:
            return ()
        lines = self._lines
        return tuple(
            Use(
                scope,
                name,
                taken.period,
                taken.amount,
                back,
                {lines[place].id: part for place, part in taken.by_place.items()},
            )
            for (scope, name, back), taken in self._taken.items()
            if taken.amount
        )

    def _groups(self, cap: CompiledCap, places: Sequence[int], parts: Sequence[int]) -> Mapping[str, list[int]]:
        """Positions of parts above 0 by the category that the cap counts them in."""
        groups: dict[str, list[int]] = {}
        for at, place in enumerate(places):
            if parts[at]:
                groups.setdefault(category_of(cap, self._lines[place]), []).append(at)
        return groups

    def _counts(self, scope: Scope) -> Mapping[str, Count]:
        return self._standing.customer if scope is _CUSTOMER else self._standing.program

    def _reached(self, scope: Scope, name: str, period: str) -> str:
        """The period, or the later one that the counter has reached: a round that began before midnight, or a token of
        a version with another time zone, finds no counter that begins anew.
        """
        count = self._counts(scope).get(name) if period else None
        return count.period if count is not None and precedes(period, count.period) else period

    def _period(self, period: Period) -> str:
        name = self._periods.get(period)
        if name is None:
            today = self._standing.now.astimezone(self._zone).date()
            name = self._periods[period] = period_of(period, today)
        return name


def category_of(cap: CompiledCap, line: Line) -> str:
    """The category that a cap counts a line in: the first steps of its path; empty for a line without one."""
    if cap.depth is None or line.category is None:
        return ""
    return "/".join(line.category.split("/")[: cap.depth])
