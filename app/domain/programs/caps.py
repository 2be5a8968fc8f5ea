"""Caps: how many units of a wallet may be accrued in a period."""

from functools import partial

from app.domain.amounts import AMOUNT_MAX
from app.domain.program import Cap, Period, Scope
from app.domain.programs.names import Names, note_repeated_ids
from app.domain.programs.reader import Cursor, Fields, Shape
from app.domain.programs.values import counted_identifier, identifier, integer, known, listed, one_of, word

CAPS_MAX = 100  # Each may be a counter a category on the customer's row.
DEPTH_MAX = 20  # Steps of a category's path.

_CAP = Shape("a cap", ("id", "wallet", "per", "period", "by", "depth", "max"))


def read_caps(names: Names, at: Cursor) -> tuple[Cap, ...]:
    """Caps in the document's order; an accrual is cut by each of its wallet."""
    caps = listed(partial(_cap, names), at_least=0, at_most=CAPS_MAX)(at)
    note_repeated_ids(at)
    return caps


def _cap(names: Names, at: Cursor) -> Cap:
    fields = Fields(at, _CAP)
    is_by_category = fields.get("by", word(["category"]), None) is not None or not fields.is_sound("by")
    depth = fields.get("depth", integer(1, DEPTH_MAX), 1)
    if "depth" in fields.names() and "by" not in fields.names():
        fields.fault("depth", "not_allowed_here", "Expected depth only beside by, found it alone.")
    return Cap(
        id=fields.need("id", counted_identifier),
        wallet=fields.need("wallet", known(identifier, names.wallets, "wallet")),
        max=fields.need("max", integer(1, AMOUNT_MAX)),
        per=fields.get("per", one_of(Scope), Scope.CUSTOMER),
        period=fields.get("period", one_of(Period), Period.EVER),
        depth=depth if is_by_category else None,
    )
