"""Integer arithmetic near value: rounding by name, remainders by rule.

Money is in minor units, points in whole units, quantities in thousandths, rates in millionths. `round()` and `/` do not
appear near value anywhere in this package.
"""

from typing import Final

MILLI: Final = 1_000  # A quantity of one.
_HALF: Final = MILLI // 2
MICRO: Final = 1_000_000  # A rate of one, 100 %.
AMOUNT_MAX: Final = 10**12  # Contract, section 2: amounts up to 10^12 minor units.
QUANTITY_MAX_MILLI: Final = 10**6 * MILLI  # ... and quantities up to 10^6.


def half_up(numerator: int, denominator: int) -> int:
    """Numerator over denominator, to the nearest integer, halves away from zero.

    Raises:
        ValueError: the denominator is not positive.
    """
    if denominator <= 0:
        raise ValueError(f"denominator {denominator} is not positive")
    if numerator < 0:
        return -((-2 * numerator + denominator) // (2 * denominator))
    return (2 * numerator + denominator) // (2 * denominator)


def total(numbers: list[int]) -> int:
    """Their sum. Compiled, it is a loop over machine integers, which a call of `sum` isn't."""
    whole = 0
    for number in numbers:
        whole += number
    return whole


def gross(price: int, qty_milli: int) -> int:
    """Price a unit times a quantity in thousandths, half-up; neither is negative."""
    return (price * qty_milli + _HALF) // MILLI


def quantity(milli: int) -> int | str:
    """Thousandths as the contract writes quantities: an integer, or a decimal string."""
    whole, rest = divmod(milli, MILLI)
    return f"{whole}.{rest:03}".rstrip("0") if rest else whole


def allocate(total: int, weights: list[int]) -> list[int]:
    """Split `total` over `weights` by largest remainder; the parts sum to `total` exactly.

    Ties go to the earlier place; weights that are all 0 count as equal ones. This is the plain form without rooms.

    Raises:
        ValueError: there is nothing to split over, or `total` or a weight is negative.
    """
    if len(weights) == 1 and total >= 0 <= weights[0]:
        return [total]
    whole, least = 0, total
    for weight in weights:
        whole += weight
        least = min(least, weight)
    if not weights or least < 0:
        raise ValueError(f"can't allocate {total} over {weights}")
    if whole == 0:
        weights, whole = [1] * len(weights), len(weights)
    parts: list[int] = []
    missing = total
    for weight in weights:
        part = total * weight // whole
        parts.append(part)
        missing -= part
    if missing == 1:
        first, most = 0, -1
        for place, weight in enumerate(weights):
            remainder = total * weight % whole
            if remainder > most:  # The first of equal ones.
                first, most = place, remainder
        parts[first] += 1
    elif missing:
        remainders = [total * weight % whole for weight in weights]
        # Largest first; a sort in reverse is stable too, so ties stay with the earlier place.
        for place in sorted(range(len(parts)), key=remainders.__getitem__, reverse=True)[:missing]:
            parts[place] += 1
    return parts
