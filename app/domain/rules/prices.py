"""What a line's `paid` is a unit, as a fiscal receipt wants it: quantity times unit price, to the last minor unit."""

from typing import NamedTuple

from app.domain.amounts import MILLI, half_up


class UnitPrice(NamedTuple):
    """`qty_milli` thousandths at `price` each; `amount` is the sum where the quantity is fractional, else None."""

    qty_milli: int
    price: int
    amount: int | None = None

    @property
    def total(self) -> int:
        return self.price * (self.qty_milli // MILLI) if self.amount is None else self.amount


def split_price(*, paid: int, qty_milli: int) -> tuple[UnitPrice, ...]:
    """One pair, or two whose unit prices differ by the smallest step, the dearer first; their totals sum to `paid`.

    A fractional quantity is one pair: the unit price half-up, and the sum in `amount`.

    Raises:
        ValueError: `paid` is negative or the quantity is not positive.
    """
    if paid < 0 or qty_milli <= 0:
        raise ValueError(f"can't price {qty_milli} thousandths at {paid}")
    units, fraction = divmod(qty_milli, MILLI)
    if fraction:
        return (UnitPrice(qty_milli, half_up(paid * MILLI, qty_milli), paid),)
    price, dearer = divmod(paid, units)
    if not dearer:
        return (UnitPrice(qty_milli, price),)
    return (UnitPrice(dearer * MILLI, price + 1), UnitPrice((units - dearer) * MILLI, price))
