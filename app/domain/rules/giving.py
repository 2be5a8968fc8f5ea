"""What a rule gives, as the program's document writes it: `{"percent": "5"}`."""

from collections.abc import Mapping
from typing import assert_never

from app.domain.amounts import MICRO
from app.domain.program import (
    Give,
    GiveAmount,
    GiveAmountEach,
    GiveBundle,
    GiveCoupon,
    GiveDraw,
    GiveGift,
    GiveMultiply,
    GivePer,
    GivePercent,
    GivePrice,
    GiveSteps,
    GiveUnitPrice,
    GiveUnits,
    GiveUnitsEach,
    Step,
)

Written = Mapping[str, object]
PERCENT = MICRO // 100  # Of a rate in millionths.


def written(give: Give) -> Written:
    """A reward in the document's words; of a draw only its algorithm, of steps their list."""
    match give:
        case GivePercent(rate):
            return {"percent": decimal(rate, PERCENT)}
        case GiveMultiply(factor):
            return {"multiply": decimal(factor, MICRO)}
        case GiveSteps(steps):
            return {"steps": [{"min": step.min, **written_step(step)} for step in steps]}
        case GivePer(amount, units):
            return {"per": {"amount": amount, "units": units}}
        case GiveBundle(skus, price):
            return {"bundle": {"skus": list(skus), "price": price}}
        case GiveGift() | GiveCoupon() | GiveDraw():
            return _piece(give)
        case GiveAmount() | GiveAmountEach() | GiveUnitPrice() | GivePrice() | GiveUnits() | GiveUnitsEach():
            return _number(give)
        case _:
            assert_never(give)


def _number(
    give: GiveAmount | GiveAmountEach | GiveUnitPrice | GivePrice | GiveUnits | GiveUnitsEach,
) -> Written:
    match give:
        case GiveAmount(amount):
            return {"amount": amount}
        case GiveAmountEach(amount):
            return {"amount_each": amount}
        case GiveUnitPrice(price):
            return {"unit_price": price}
        case GivePrice(price):
            return {"price": price}
        case GiveUnits(units):
            return {"units": units}
        case GiveUnitsEach(units):
            return {"units_each": units}
        case _:
            assert_never(give)


def _piece(give: GiveGift | GiveCoupon | GiveDraw) -> Written:
    match give:
        case GiveGift(sku):
            return {"gift": sku}
        case GiveCoupon(pool):
            return {"coupon": pool}
        case GiveDraw(algorithm):
            return {"draw": {"algorithm": algorithm.value}}
        case _:
            assert_never(give)


def written_step(step: Step) -> Written:
    """What one step gives."""
    return {"amount": step.amount} if step.rate is None else {"percent": decimal(step.rate, PERCENT)}


def decimal(number: int, scale: int) -> str:
    """`number / scale` as a decimal string; `scale` is a power of ten."""
    whole, rest = divmod(number, scale)
    return f"{whole}.{rest:0{len(str(scale)) - 1}}".rstrip("0") if rest else str(whole)
