"""What is selected (`on`): lines, or single units of them."""

from dataclasses import dataclass, field

from app.domain.program.words import Per, Which


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
