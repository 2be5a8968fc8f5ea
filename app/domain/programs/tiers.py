"""Tiers, and what they are measured by."""

from app.domain.program import Measure, Tier
from app.domain.programs.names import note_falling, note_repeated_ids
from app.domain.programs.reader import Cursor, Fields, Shape
from app.domain.programs.values import amount, identifier, listed, one_of, word

TIERS_MAX = 100

_TIER = Shape("a tier", ("id", "from"))
_POLICY = Shape("tier_policy", ("measure", "window", "down"))


def read_tiers(at: Cursor) -> tuple[Tier, ...]:
    """Tiers, each beginning above the one before; an empty list is a program without tiers."""
    tiers = listed(_tier, at_least=0, at_most=TIERS_MAX)(at)
    note_repeated_ids(at)
    note_falling(at, "from")
    return tiers


def _tier(at: Cursor) -> Tier:
    fields = Fields(at, _TIER)
    return Tier(id=fields.need("id", identifier), start=fields.need("from", amount))


def read_measure(at: Cursor) -> Measure:
    """`tier_policy`: only the measure is a choice yet; tiers look at everything since ever and never fall."""
    fields = Fields(at, _POLICY)
    fields.get("window", word(["ever"], later=("year", "rolling_365d")), "ever")
    fields.get("down", word(["never"], later=("end_of_window",)), "never")
    return fields.get("measure", one_of(Measure), Measure.PAID)
