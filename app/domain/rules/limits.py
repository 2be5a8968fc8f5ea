"""What limits and caps leave, and what one decision takes from counters.

Periods are the program's local ones by the database's clock, never by the time of the deal. A counter is looked at as
it stands plus what this decision has taken so far: a cap is shared by all rules that accrue in its wallet.

Amounts come back by each line's share, purchases counted (`uses`) when everything is back, pieces too: half a gift
isn't given back.
"""

from collections.abc import Mapping, Sequence
from typing import Final
from zoneinfo import ZoneInfo

from app.domain.amounts import allocate
from app.domain.basket import Line
from app.domain.counters import Back, Count, Scope, Use, cap_name, period_of, precedes, used
from app.domain.program import Period
from app.domain.rules.facts import Facts
from app.domain.rules.forms import CompiledCap, CompiledLimit
from app.domain.rules.standing import Standing

NOTHING: Final[Mapping[int, int]] = {}
# Looking a member up in its enum costs a tenth of a microsecond.
_CUSTOMER: Final = Scope.CUSTOMER
_PROGRAM: Final = Scope.PROGRAM
_SHARE: Final = Back.SHARE
_WHOLE: Final = Back.WHOLE
_NEVER: Final = Back.NEVER
_EVER: Final = Period.EVER


class _Taken:
    """So much of one counter that comes back one way; `by_place` sums to it where it comes back by share."""

    __slots__ = ("amount", "back", "by_place", "name", "period", "scope")

    def __init__(self, scope: Scope, name: str, back: Back, *, period: str) -> None:
        self.scope = scope
        self.name = name
        self.back = back
        self.period = period
        self.amount = 0
        self.by_place: dict[int, int] = {}


NONE_TAKEN: Final[list[_Taken]] = []


class Tally:
    """The counters during one decision."""

    def __init__(self, standing: Standing, facts: Facts, zone: ZoneInfo) -> None:
        self._standing = standing
        self._facts = facts
        self._zone = zone
        self._lines = facts.basket.lines
        self._periods: list[tuple[Period, str]] = []  # Two or three: an enum's member is hashed by interpreted code.
        self._taken: list[_Taken] = []
        self._taken_by_name: dict[str, list[_Taken]] = {}  # By the counter's, whatever its scope.

    def used(self, scope: Scope, name: str, period: str = "") -> int:
        """What a counter says by now."""
        amount = used(self._counts(scope), name, self._reached(scope, name, period))
        for taken in self._taken_by_name.get(name, NONE_TAKEN):
            if taken.scope is scope:
                amount += taken.amount
        return amount

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

    def fit(self, caps: Sequence[CompiledCap], places: list[int], parts: list[int]) -> tuple[list[int], str | None]:
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
        self, caps: Sequence[CompiledCap], places: list[int], parts: list[int], *, is_kept: bool = False
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
        taken = None
        alike = self._taken_by_name.setdefault(name, [])
        for each in alike:
            if each.scope is scope and each.back is back:
                taken = each
        if taken is None:
            taken = _Taken(scope, name, back, period=self._reached(scope, name, period))
            alike.append(taken)
            self._taken.append(taken)
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
            [
                Use(
                    taken.scope,
                    taken.name,
                    taken.period,
                    taken.amount,
                    taken.back,
                    {lines[place].id: part for place, part in taken.by_place.items()},
                )
                for taken in self._taken
                if taken.amount
            ]
        )

    def _groups(self, cap: CompiledCap, places: list[int], parts: list[int]) -> Mapping[str, list[int]]:
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
        if count is None or count.period == period:
            return period
        return count.period if precedes(period, count.period) else period

    def _period(self, period: Period) -> str:
        if period is _EVER:
            return ""
        for known, name in self._periods:
            if known is period:
                return name
        now, facts = self._standing.now, self._facts
        today = facts.today if now is facts.visit.at else now.astimezone(self._zone).date()  # Mostly the deal is now.
        name = period_of(period, today)
        self._periods.append((period, name))
        return name


def category_of(cap: CompiledCap, line: Line) -> str:
    """The category that a cap counts a line in: the first steps of its path; empty for a line without one."""
    if cap.depth is None or line.category is None:
        return ""
    return "/".join(line.category.split("/")[: cap.depth])
