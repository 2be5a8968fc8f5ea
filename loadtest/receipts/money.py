"""Money in the file's decimal text becomes integers in minor units; never by way of a float."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal

# Two digits after the point: both files are in a currency of a hundred minor units.
MINOR_DIGITS = 2
# Sign, nine digits and six decimals: far above any price in these files, far below where Decimal would lose a digit.
_DECIMAL = re.compile(r"-?\d{1,9}(\.\d{0,6})?", re.ASCII)


def minor_units(text: str) -> tuple[int, bool]:
    """Minor units of a decimal text, and whether a part smaller than one had to be rounded (half-up, away from zero).

    Raises ValueError for anything that isn't a plain decimal.
    """
    if not _DECIMAL.fullmatch(text):
        raise ValueError(f"not an amount of money: {text[:40]!r}")
    exact = Decimal(text).scaleb(MINOR_DIGITS)
    whole = exact.to_integral_value(ROUND_HALF_UP)
    return int(whole), whole != exact


def shown(minor: int) -> str:
    """Minor units for people: 52751361 is "527,513.61"."""
    sign = "-" if minor < 0 else ""
    whole, rest = divmod(abs(minor), 100)
    return f"{sign}{whole:,}.{rest:02d}"
