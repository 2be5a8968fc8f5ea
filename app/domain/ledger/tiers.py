"""Which tier a customer is in, and the way to the next.

Tiers are measured after each posting over all time and never fall (`window: ever`, `down: never`): the stored tier
stands until a higher one is reached, whatever returns take off the measure later.
"""

from collections.abc import Sequence

from app.domain.ledger.books import Progress
from app.domain.program import Measure, Program, Tier


def measure_of(progress: Progress, by: Measure) -> int:
    """The customer's progress in the tiers' own measure: minor units, purchases or units."""
    if by is Measure.PAID:
        return progress.paid
    return progress.purchases if by is Measure.PURCHASES else progress.units


def tier_of(program: Program, *, stored: str | None, progress: Progress) -> str | None:
    """The higher of the stored tier and the one the measure reaches; a stored tier the program no longer has doesn't
    count.
    """
    measure = measure_of(progress, program.tier_measure)
    best: str | None = None
    for tier in program.tiers:
        if measure >= tier.start or tier.id == stored:
            best = tier.id
    return best


def next_tier(tiers: Sequence[Tier], current: str | None) -> Tier | None:
    """The tier above the current one; None at the top."""
    ids = [tier.id for tier in tiers]
    place = ids.index(current) + 1 if current in ids else 0
    return tiers[place] if place < len(tiers) else None
