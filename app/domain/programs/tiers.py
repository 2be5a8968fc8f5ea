"""Tiers, what they are measured by, over what time, and whether they fall."""

from typing import NamedTuple

from app.domain.program import Down, Measure, Tier, Window
from app.domain.programs.names import note_falling, note_repeated_ids
from app.domain.programs.reader import Cursor, Fields, Shape
from app.domain.programs.values import amount, identifier, listed, one_of

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


class TierPolicy(NamedTuple):
    measure: Measure = Measure.PAID
    window: Window = Window.EVER
    down: Down = Down.NEVER


def read_policy(at: Cursor) -> TierPolicy:
    fields = Fields(at, _POLICY)
    return TierPolicy(
        measure=fields.get("measure", one_of(Measure), Measure.PAID),
        window=fields.get("window", one_of(Window), Window.EVER),
        down=fields.get("down", one_of(Down), Down.NEVER),
    )
