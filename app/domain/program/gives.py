"""What is given (`give`): one dataclass a form."""

from dataclasses import dataclass

from app.domain.program.words import Algorithm


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


@dataclass(frozen=True, slots=True)
class GiveBundle:
    """One unit of each of `skus` (a repeated one several times) costs `price` together; never a surcharge."""

    skus: tuple[str, ...]
    price: int


@dataclass(frozen=True, slots=True)
class GiveGift:
    """Pieces of an article, once or once a group of `on.units`."""

    sku: str


@dataclass(frozen=True, slots=True)
class GiveCoupon:
    """Codes of a pool, once or once a group of `on.units`."""

    pool: str


@dataclass(frozen=True, slots=True)
class Prize:
    """Exactly one of `units`, `rate` (millionths of the selected lines' accrual base), `gift` and `coupon` is set.

    `weight`: its share among the prizes; in a bag, how many slips of the bag it has. `stock`: None is without end.
    `cost` in minor units is what a gift or a coupon counts for in budgets and shares (units count as they are worth).
    """

    id: str
    weight: int
    units: int | None = None
    rate: int | None = None
    gift: str | None = None
    coupon: str | None = None
    stock: int | None = None
    cost: int = 0


@dataclass(frozen=True, slots=True)
class GiveDraw:
    """A prize by luck. Rates are in millionths.

    `chance`: of `independent` and `paced`, and the first one of `pity`; `size`: slips of a `bag`; `guarantee_every`: a
    win is certain after so many draws less one without any (`pity`); `share` and `tolerance`: of `balanced`.
    """

    algorithm: Algorithm
    prizes: tuple[Prize, ...]
    chance: int = 0
    size: int = 0
    guarantee_every: int = 0
    share: int = 0
    tolerance: int = 0


GiveDiscount = GivePercent | GiveAmount | GiveAmountEach | GiveUnitPrice | GivePrice | GiveSteps | GiveBundle
GiveUnitsBy = GivePercent | GivePer | GiveUnits | GiveUnitsEach | GiveMultiply
GivePieces = GiveGift | GiveCoupon
Give = GiveDiscount | GiveUnitsBy | GivePieces | GiveDraw
