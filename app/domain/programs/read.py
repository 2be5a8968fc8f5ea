"""The whole document: its parts in the order in which they refer to one another."""

from functools import partial

from app.domain.program import Base, Program, Redemption
from app.domain.programs.caps import read_caps
from app.domain.programs.lanes import ONLY_LANE, read_lanes
from app.domain.programs.names import Names, ids_in
from app.domain.programs.reader import Cursor, Enough, Fields, Notes, ProgramInvalid, Shape
from app.domain.programs.rules import read_rules
from app.domain.programs.tiers import TierPolicy, read_policy, read_tiers
from app.domain.programs.values import currency, one_of, timezone
from app.domain.programs.wallets import read_redemption, read_wallets

_PROGRAM = Shape(
    "a program",
    ("currency", "timezone", "wallets", "redemption", "accrual", "tiers", "tier_policy", "lanes", "caps", "rules"),
)
_ACCRUAL = Shape("accrual", ("base",))


def read_program(document: object) -> Program:
    """The program that a document describes.

    Args:
        document: parsed JSON (dict, list, str, int, float, bool, None), keys without repeats, members in the order
            as sent: the first wallet is the default one. It isn't changed, and nothing of the result points into it.

    Raises:
        ProgramInvalid: something is wrong; it carries every mistake.
    """
    notes = Notes()
    try:
        program = Cursor(document, "", notes).read(_program)
    except Enough:
        raise ProgramInvalid(tuple(notes.faults)) from None
    if notes.faults:
        raise ProgramInvalid(tuple(notes.faults))
    return program


def _program(at: Cursor) -> Program:
    fields = Fields(at, _PROGRAM)
    names = _names(fields)
    policy = fields.get("tier_policy", read_policy, TierPolicy())
    if not fields.is_sound("tier_policy"):
        policy = TierPolicy()
    return Program(
        currency=fields.need("currency", currency),
        timezone=fields.need("timezone", timezone),
        wallets=fields.need("wallets", partial(read_wallets, names)),
        redemption=fields.get(
            "redemption", partial(read_redemption, names), Redemption(wallets=(names.wallets or ())[:1])
        ),
        accrual_base=fields.get("accrual", _base, Base.PAID),
        tiers=fields.get("tiers", read_tiers, ()),
        tier_measure=policy.measure,
        tier_window=policy.window,
        tier_down=policy.down,
        lanes=fields.get("lanes", read_lanes, (ONLY_LANE,)),
        caps=fields.get("caps", partial(read_caps, names), ()),
        rules=fields.need("rules", partial(read_rules, names)),
    )


def _names(fields: Fields) -> Names:
    """What rules may refer to, from the document itself, so that one mistake there doesn't hide those in the rules."""
    wallets = fields.place("wallets").value
    present = fields.names()
    return Names(
        wallets=tuple(wallets) if isinstance(wallets, dict) else None,
        tiers=ids_in(fields.place("tiers")) if "tiers" in present else (),
        lanes=ids_in(fields.place("lanes")) if "lanes" in present else (ONLY_LANE.id,),
    )


def _base(at: Cursor) -> Base:
    return Fields(at, _ACCRUAL).get("base", one_of(Base), Base.PAID)
