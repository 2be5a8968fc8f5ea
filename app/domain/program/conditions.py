"""What is tested (`when`): one dataclass a test."""

from dataclasses import dataclass
from datetime import date, time

from app.domain.program.selection import Selection


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


@dataclass(frozen=True, slots=True)
class SegmentIs:
    segments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TagIs:
    """Tags of the customer, not of a line."""

    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PartnerIs:
    """Whose shop it is: the partner that the till's key names."""

    partners: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CardTypeIs:
    types: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CouponIs:
    """Codes (upper case) or pools; a code only named in a rule is public."""

    codes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class IdentifiedByIs:
    ways: tuple[str, ...]  # phone, card, code


@dataclass(frozen=True, slots=True)
class EventIs:
    """Another act than a purchase, by its type. A rule that tests it applies to such acts only."""

    types: tuple[str, ...]


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
    | SegmentIs
    | TagIs
    | PartnerIs
    | CardTypeIs
    | CouponIs
    | IdentifiedByIs
    | EventIs
)
