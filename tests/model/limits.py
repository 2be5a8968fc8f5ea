"""How much rules may give: `limit` and `caps` (contract, section 4, "Limits and caps").

Readings taken where the contract leaves a choice: a cut total is spread anew like any total, but what is rounded on
each line (`amount_each`, `unit_price`) by its parts; a cap cuts each group of categories by its parts, caps one after
another in the document's order; lines without a category are a group. The smallest bound names the cut, of equal ones
the first of `receipt`, `customer`, `budget`; used-up uses come before them.
"""

from typing import NamedTuple
from zoneinfo import ZoneInfo

from tests.model.arithmetic import Json, largest_remainder
from tests.model.world import CUSTOMER, NEVER, PROGRAM, SHARE, WHOLE, Name, Use, World, period_of


class Bound(NamedTuple):
    """`left` of what `name` limits."""

    left: int
    name: str


class Limits:
    """The limits and caps of one program, as used so far at one instant. `lines` are the basket's."""

    def __init__(self, program: Json, world: World, lines: list[Json]) -> None:
        self.world, self.lines = world, lines
        self.zone = ZoneInfo(program["timezone"])
        self.caps: list[Json] = program.get("caps", [])

    def period(self, name: str) -> str:
        return period_of(name, self.zone, self.world.now)

    # --- limits of a rule ---------------------------------------------------------------------------------------------

    def bound_of(self, rule: Json) -> Bound | None:
        """The tightest of the rule's limits."""
        limit: Json = rule.get("limit") or {}
        mine: Json = limit.get("customer") or {}
        period = self.period(mine.get("period", "ever"))
        used, id_ = self.world.used, rule["id"]
        if mine.get("uses") is not None and used(CUSTOMER, ("uses", id_), period) >= mine["uses"]:
            return Bound(0, "customer_uses")
        if limit.get("uses") is not None and used(PROGRAM, ("uses", id_)) >= limit["uses"]:
            return Bound(0, "uses")
        bounds = []
        if limit.get("receipt") is not None:
            bounds.append(Bound(limit["receipt"], "receipt"))
        if mine.get("max") is not None:
            bounds.append(Bound(max(0, mine["max"] - used(CUSTOMER, ("max", id_), period)), "customer"))
        if limit.get("budget") is not None:
            bounds.append(Bound(max(0, limit["budget"] - used(PROGRAM, ("budget", id_))), "budget"))
        return min(bounds, key=lambda bound: bound.left, default=None)

    def uses_of(self, rule: Json, amount: int, by_line: dict[str, int] | None, *, back: str = SHARE) -> list[Use]:
        """What giving `amount` uses; without `by_line` it comes back when everything does."""
        limit: Json = rule.get("limit") or {}
        mine: Json = limit.get("customer") or {}
        period, id_ = self.period(mine.get("period", "ever")), rule["id"]
        if back == SHARE and by_line is None:
            back = WHOLE
        lines = by_line or {} if back == SHARE else {}
        uses = []
        if mine.get("max") is not None:
            uses.append(Use(CUSTOMER, ("max", id_), period, amount, back, lines))
        if limit.get("budget") is not None:
            uses.append(Use(PROGRAM, ("budget", id_), "", amount, back, lines))
        whole = NEVER if back == NEVER else WHOLE
        if mine.get("uses") is not None:
            uses.append(Use(CUSTOMER, ("uses", id_), period, 1, whole))
        if limit.get("uses") is not None:
            uses.append(Use(PROGRAM, ("uses", id_), "", 1, whole))
        return uses

    # --- caps of wallets ----------------------------------------------------------------------------------------------

    def group(self, cap: Json, i: int) -> str:
        if cap.get("by") is None:
            return ""
        return "/".join((self.lines[i].get("category") or "").split("/")[: cap.get("depth", 1)])

    def cap_key(self, cap: Json, group: str) -> tuple[str, Name, str]:
        return cap.get("per", "customer"), ("cap", cap["id"], group), self.period(cap.get("period", "ever"))

    def fit(self, parts: dict[int, int], wallet: str, before: list[tuple[str, dict[int, int]]]) -> str | None:
        """Cut parts to the caps of their wallet; `before` are the parts by wallet that this receipt has given so far.
        Says which cap cut last.
        """
        last = None
        for cap in self.caps:
            if cap["wallet"] != wallet:
                continue
            for group in sorted({self.group(cap, i) for i in parts}):
                mine = {i: units for i, units in sorted(parts.items()) if self.group(cap, i) == group}
                given = sum(
                    units
                    for other, earlier in before
                    if other == wallet
                    for i, units in earlier.items()
                    if self.group(cap, i) == group
                )
                left = max(0, cap["max"] - self.world.used(*self.cap_key(cap, group)) - given)
                if sum(mine.values()) > left:
                    parts.update(largest_remainder(left, mine))
                    last = f"cap:{cap['id']}"
        return last

    def cap_uses(self, parts: dict[int, int], wallet: str, *, kept: bool = False) -> list[Use]:
        uses = []
        for cap in self.caps:
            if cap["wallet"] != wallet:
                continue
            for i, units in parts.items():
                key = self.cap_key(cap, self.group(cap, i))
                lines = {} if kept else {self.lines[i]["id"]: units}
                uses.append(Use(*key, units, NEVER if kept else SHARE, lines))
        return uses
