"""Program > lane > rule: the whole scheme > rules that are combined > conditions with one reward.

These are the typed forms of the document of CONTRACT, section 4. `app.domain.programs` makes them from JSON and refuses
what is wrong; `app.domain.rules` compiles and evaluates them. Rates are integers in millionths (`10` percent is
100_000), money is in minor units, quantities are in thousandths.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from enum import StrEnum
from zoneinfo import ZoneInfo


class Debt(StrEnum):
    ALLOW = "allow"
    CLAMP = "clamp"


class Base(StrEnum):
    """What accruing percentages look at: after discounts and redemption, after discounts, before both."""

    PAID = "paid"
    NET = "net"
    GROSS = "gross"


class Measure(StrEnum):
    PAID = "paid"
    PURCHASES = "purchases"
    UNITS = "units"


class Combine(StrEnum):
    ALL = "all"
    SUM = "sum"
    BEST = "best"
    BEST_LINE = "best_line"
    FIRST = "first"
    ONCE = "once"


class Kind(StrEnum):
    DISCOUNT = "discount"
    BONUS = "bonus"
    CASHBACK = "cashback"


class Which(StrEnum):
    CHEAPEST = "cheapest"
    DEAREST = "dearest"


class Per(StrEnum):
    RECEIPT = "receipt"
    LINE = "line"


# --- what is tested (`when`) ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class All:
    tests: tuple["When", ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    tests: tuple["When", ...]


@dataclass(frozen=True, slots=True)
class Not:
    test: "When"


@dataclass(frozen=True, slots=True)
class TierIs:
    tiers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ChannelIs:
    channels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ShopIs:
    shops: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BasketTotal:
    """Gross of all lines, closed ones too, in minor units; bounds included."""

    min: int | None
    max: int | None


@dataclass(frozen=True, slots=True)
class BasketHas:
    on: "Selection"
    min_qty_milli: int | None
    min_amount: int | None


@dataclass(frozen=True, slots=True)
class Weekday:
    days: tuple[int, ...]  # 1 Monday ... 7


@dataclass(frozen=True, slots=True)
class Hours:
    """`[start, end)` of the local day; an `end` not after `start` is the next day's. Looks at the moment itself."""

    start: time
    end: time


@dataclass(frozen=True, slots=True)
class DateSpan:
    """Local days, both included."""

    start: date | None
    end: date | None


@dataclass(frozen=True, slots=True)
class Birthday:
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class PurchaseNumber:
    min: int | None
    max: int | None
    every: int | None


@dataclass(frozen=True, slots=True)
class DaysSinceLast:
    min: int | None
    max: int | None


@dataclass(frozen=True, slots=True)
class PaidBy:
    method: str
    min: int | None


When = (
    All
    | AnyOf
    | Not
    | TierIs
    | ChannelIs
    | ShopIs
    | BasketTotal
    | BasketHas
    | Weekday
    | Hours
    | DateSpan
    | Birthday
    | PurchaseNumber
    | DaysSinceLast
    | PaidBy
)


# --- what is selected (`on`) ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Lists:
    """Named lists; `None` is a list that was not named. A line matches when it is in one of each named list."""

    sku: frozenset[str] | None = None
    category: frozenset[str] | None = None
    brand: frozenset[str] | None = None
    tag: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Units:
    """Single units instead of whole lines: of every full group of `every` units `take`, at most `times` groups."""

    every: int = 1
    take: int = 1
    times: int | None = None
    which: Which = Which.CHEAPEST
    per: Per = Per.RECEIPT


@dataclass(frozen=True, slots=True)
class Selection:
    lists: Lists = field(default_factory=Lists)
    price_min: int | None = None
    price_max: int | None = None
    undiscounted: bool = False  # `"discounted": false`
    exclude: Lists | None = None  # A line that matches any of its lists is out.
    units: Units | None = None


# --- what is given (`give`) -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class GivePercent:
    """Discount, bonus, cashback: `rate` in millionths."""

    rate: int


@dataclass(frozen=True, slots=True)
class GiveAmount:
    amount: int


@dataclass(frozen=True, slots=True)
class GiveAmountEach:
    amount: int


@dataclass(frozen=True, slots=True)
class GiveUnitPrice:
    price: int


@dataclass(frozen=True, slots=True)
class GivePrice:
    price: int


@dataclass(frozen=True, slots=True)
class Step:
    """From `min` on, either `rate` (millionths) or `amount` (minor units)."""

    min: int
    rate: int | None
    amount: int | None


@dataclass(frozen=True, slots=True)
class GiveSteps:
    steps: tuple[Step, ...]  # Ascending by `min`.


@dataclass(frozen=True, slots=True)
class GivePer:
    amount: int
    units: int


@dataclass(frozen=True, slots=True)
class GiveUnits:
    units: int


@dataclass(frozen=True, slots=True)
class GiveUnitsEach:
    units: int


@dataclass(frozen=True, slots=True)
class GiveMultiply:
    factor: int  # In millionths; 2_000_000 doubles.


GiveDiscount = GivePercent | GiveAmount | GiveAmountEach | GiveUnitPrice | GivePrice | GiveSteps
GiveUnitsBy = GivePercent | GivePer | GiveUnits | GiveUnitsEach | GiveMultiply
Give = GiveDiscount | GiveUnitsBy


@dataclass(frozen=True, slots=True)
class Rule:
    id: str
    kind: Kind
    lane: str
    priority: int
    order: int  # Place in the document: ties go to the earlier rule.
    give: Give
    wallet: str | None = None  # Accruing rules only.
    enabled: bool = True
    start: datetime | None = None  # Included.
    end: datetime | None = None  # Not included.
    title: Mapping[str, str] = field(default_factory=dict)
    when: When | None = None
    on: Selection | None = None


# --- the scheme -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Wallet:
    """`value`: money in minor units that one unit buys when redeemed; 0 can't be redeemed on a basket."""

    id: str
    value: int = 1
    activate_after_days: int = 0
    expire_after_days: int | None = None
    debt: Debt = Debt.ALLOW


@dataclass(frozen=True, slots=True)
class Redemption:
    """`strength`: units a purchase by how the customer was identified, `None` no limit."""

    wallets: tuple[str, ...]
    max_share: int = 1_000_000
    min_units: int = 0
    min_paid: int = 0
    step: int = 1
    strength: Mapping[str, int | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tier:
    id: str
    start: int  # `from`: the measure at which it begins.


@dataclass(frozen=True, slots=True)
class Lane:
    id: str
    combine: Combine


@dataclass(frozen=True, slots=True)
class Program:
    """A whole scheme. `wallets` keeps the document's order; the first is the default one. `tiers` ascend by `start`."""

    currency: str
    timezone: ZoneInfo
    wallets: Mapping[str, Wallet]
    redemption: Redemption
    accrual_base: Base
    tiers: tuple[Tier, ...]
    tier_measure: Measure
    lanes: tuple[Lane, ...]
    rules: tuple[Rule, ...]

    @property
    def default_wallet(self) -> str:
        return next(iter(self.wallets))
