"""What the books remember: purchases as they were decided, and customers with their lots and debts."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime
from fractions import Fraction
from zoneinfo import ZoneInfo

from tests.model.arithmetic import Json, half_up
from tests.model.lots import Lot
from tests.model.tickets import Slip
from tests.model.world import NEVER, WHOLE, Use


@dataclass
class Line:
    """A bought line: what it paid, brought and cost in units by wallet, and what has come back of it so far.

    `taken_back` and `given_back` are posted units by wallet; `kept` is what of `accrued` never goes back.
    """

    qty: Fraction
    paid: int
    accrued: dict[str, int]
    redeemed_units: dict[str, int]
    kept: dict[str, int] = field(default_factory=dict)
    reward_costs: dict[str, dict[str, int]] = field(
        default_factory=dict
    )  # Part of `redeemed_units`, by when it's back.
    returned: Fraction = Fraction(0)
    taken_back: Counter[str] = field(default_factory=Counter)
    given_back: Counter[str] = field(default_factory=Counter)

    def due(self, whole: int) -> int:
        """What of `whole` belongs to the share that has come back by now."""
        return half_up(whole * self.returned / self.qty)

    def giveable(self, wallet: str, back: set[str]) -> int:
        """Units that are given back by now; `back` are the kinds of rewards' costs that are."""
        costs = {when: units.get(wallet, 0) for when, units in self.reward_costs.items()}
        shared = self.redeemed_units.get(wallet, 0) - sum(costs.values())
        return self.due(shared) + sum(units for when, units in costs.items() if when in back)

    @property
    def is_all_back(self) -> bool:
        return self.returned == self.qty


@dataclass
class Purchase:
    """`program` decided it; `spent` has by wallet the lots that paid, in their order."""

    number: int
    program: Json
    customer: str | None
    at: datetime
    lines: dict[str, Line]
    spent: dict[str, list[tuple[Lot, int]]] = field(default_factory=dict)
    now: datetime = field(kw_only=True)  # By the service's clock.
    uses: list[Use] = field(default_factory=list)
    coupons: list[str] = field(default_factory=list)  # Stored codes that it used.
    codes: list[str] = field(default_factory=list)  # Codes that it gave out, to be taken back.
    draws: list[Json] = field(default_factory=list)

    @property
    def paid(self) -> int:
        return sum(line.paid for line in self.lines.values())

    @property
    def refunded(self) -> int:
        return sum(line.due(line.paid) for line in self.lines.values())

    @property
    def day(self) -> date:
        """The program's local day by the service's clock."""
        return self.now.astimezone(ZoneInfo(self.program["timezone"])).date()

    def freed(self, use: Use) -> int:
        """What of a use has come back by now."""
        if use.back == WHOLE:
            return use.amount if self.is_all_back else 0
        if use.back == NEVER:
            return 0
        return sum(self.lines[id_].due(part) for id_, part in use.by_line.items())

    @property
    def is_all_back(self) -> bool:
        return all(line.is_all_back for line in self.lines.values())

    def given_back(self, wallet: str) -> int:
        """Units posted so far, over all lines."""
        return sum(line.given_back[wallet] for line in self.lines.values())

    def taken_back(self, wallet: str) -> int:
        return sum(line.taken_back[wallet] for line in self.lines.values())


@dataclass
class Hold:
    """Value set aside until `expires_at`: `units` of lots in the order taken, and of a basket the `purchase` that it
    would be as a whole (of what was captured, once it is), its `decision` and the `codes` that wait to be given out.
    `goods` are the quantities that were captured from, once they are: a second capture is held against those.
    """

    number: int
    customer: str | None
    expires_at: datetime
    units: list[tuple[Lot, int]]
    purchase: Purchase | None = None
    decision: Json = field(default_factory=dict)
    codes: list[str] = field(default_factory=list)
    state: str = "held"
    goods: dict[str, Fraction] | None = None

    def is_over(self, now: datetime) -> bool:
        return self.state == "held" and self.expires_at <= now

    def units_of(self, wallet: str) -> int:
        return sum(part for lot, part in self.units if lot.wallet == wallet)


@dataclass
class Customer:
    birthday: str | None = None
    tier: str | None = None
    tier_until: datetime | None = None  # Until when it is held, where windows roll.
    year: int | None = None  # The local year up to which years have been measured.
    tags: tuple[str, ...] = ()
    slips: dict[str, list[Slip]] = field(default_factory=dict)
    lots: list[Lot] = field(default_factory=list)
    debts: Counter[str] = field(default_factory=Counter)
    holds: list[Hold] = field(default_factory=list)


def lines_of(decision: Json, qty: dict[str, Fraction]) -> dict[str, Line]:
    """The lines of a decision as returns see them."""
    names = ("paid", "accrued", "redeemed_units", "reward_costs", "kept")
    return {line["id"]: Line(qty=qty[line["id"]], **{name: line[name] for name in names}) for line in decision["lines"]}


def posted(line: Line) -> Json:
    """What a line has posted by now."""
    return {
        "refund": line.due(line.paid),
        "taken_back": dict(line.taken_back),
        "given_back": dict(line.given_back),
    }


def on_top(after: Json, before: Json) -> Json:
    """What came since `before`, without zeros."""
    told: Json = {"refund": after["refund"] - before["refund"]}
    for name in ("taken_back", "given_back"):
        units = {wallet: count - before[name].get(wallet, 0) for wallet, count in after[name].items()}
        told[name] = {wallet: count for wallet, count in units.items() if count}
    return told
