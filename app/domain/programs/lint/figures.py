"""Exact rationals as text."""

from fractions import Fraction

_DECIMALS = 4


def decimal(value: Fraction) -> str:
    """Not below the value and at most a ten-thousandth above it: `36.5`, `33.3334`."""
    scale = 10**_DECIMALS
    whole, rest = divmod(-(-value.numerator * scale // value.denominator), scale)
    return f"{whole}.{rest:0{_DECIMALS}}".rstrip("0").rstrip(".")


def percentage(value: Fraction) -> str:
    """A share in percent, exact or rounded up: a bound stays a bound."""
    return f"{decimal(value * 100)} %"
