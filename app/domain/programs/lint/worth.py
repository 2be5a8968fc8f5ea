"""What a unit of a wallet is worth at most, in minor units of money."""

from fractions import Fraction

from app.domain.program import Program


def unit_worth(program: Program, wallet: str) -> Fraction:
    """Its own value, or that of what full sets of it become, where that is more. Conversions know no circles."""
    known = program.wallets[wallet]
    if known.convert is None:
        return Fraction(known.value)
    becomes = Fraction(known.convert.units, known.convert.every) * unit_worth(program, known.convert.into)
    return max(Fraction(known.value), becomes)
