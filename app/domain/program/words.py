"""The words that parts of a program choose among, as the document writes them."""

from enum import StrEnum


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
    REWARD = "reward"
    RANDOM_REWARD = "random_reward"


class Period(StrEnum):
    """Local ones of the program; a week begins on Monday."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"
    EVER = "ever"


class Scope(StrEnum):
    """Whose counter it is."""

    CUSTOMER = "customer"
    PROGRAM = "program"


class ExpireRound(StrEnum):
    """Up to the end of which local day or month points live."""

    NONE = "none"
    DAY = "day"
    MONTH = "month"


class Window(StrEnum):
    """Over what time tiers are measured: since ever, this local calendar year, the last 365 local days."""

    EVER = "ever"
    YEAR = "year"
    ROLLING_365D = "rolling_365d"


class Down(StrEnum):
    NEVER = "never"
    END_OF_WINDOW = "end_of_window"


class Algorithm(StrEnum):
    INDEPENDENT = "independent"
    BAG = "bag"
    PITY = "pity"
    PACED = "paced"
    BALANCED = "balanced"


class OnReturn(StrEnum):
    """What becomes of a prize when the purchase comes back."""

    TAKE_BACK = "take_back"
    KEEP = "keep"


class Which(StrEnum):
    CHEAPEST = "cheapest"
    DEAREST = "dearest"


class Per(StrEnum):
    RECEIPT = "receipt"
    LINE = "line"
