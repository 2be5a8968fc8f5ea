"""Lanes: what combines the rules in them."""

from app.domain.program import Combine, Lane
from app.domain.programs.names import note_repeated_ids
from app.domain.programs.reader import Cursor, Fields, Shape
from app.domain.programs.values import identifier, listed, one_of

LANES_MAX = 100
ONLY_LANE = Lane("default", Combine.ALL)  # Of a program without `lanes`.

_LANE = Shape("a lane", ("id", "combine"))


def read_lanes(at: Cursor) -> tuple[Lane, ...]:
    """Lanes in the order in which they are worked through; at least one."""
    lanes = listed(_lane, at_most=LANES_MAX)(at)
    note_repeated_ids(at)
    return lanes


def _lane(at: Cursor) -> Lane:
    fields = Fields(at, _LANE)
    return Lane(id=fields.need("id", identifier), combine=fields.get("combine", one_of(Combine), Combine.ALL))
