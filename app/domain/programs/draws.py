"""`draw`: an algorithm with its numbers, and the prizes that it chooses from."""

from collections.abc import Mapping
from functools import partial

from app.domain.amounts import AMOUNT_MAX, MICRO
from app.domain.program import Algorithm, GiveDraw, Prize
from app.domain.programs.names import note_repeated_ids
from app.domain.programs.reader import Cursor, Fields, Shape
from app.domain.programs.show import enumerate_names
from app.domain.programs.values import (
    COUNT_MAX,
    RATE_DECIMALS,
    amount,
    chance,
    counted_identifier,
    decimal,
    integer,
    listed,
    one_of,
    or_null,
    percent,
    text,
)

PRIZES_MAX = 100
WEIGHT_MAX = 10**9
PRIZE_PERCENT_MAX = 10_000  # As of accruing rules.

NUMBERS: Mapping[Algorithm, tuple[str, ...]] = {
    Algorithm.INDEPENDENT: ("chance",),
    Algorithm.BAG: ("size",),
    Algorithm.PITY: ("chance", "guarantee_every"),
    Algorithm.PACED: ("chance",),
    Algorithm.BALANCED: ("share", "tolerance"),
}
_ALL = ("algorithm", "prizes", "chance", "size", "guarantee_every", "share", "tolerance")
_ANY_DRAW = Shape("a draw", _ALL)
_DRAWS = {
    algorithm: Shape(
        f"a draw of the algorithm {algorithm}",
        ("algorithm", "prizes", *numbers),
        elsewhere=frozenset(_ALL) - set(numbers),
    )
    for algorithm, numbers in NUMBERS.items()
}
_PRIZE = Shape("a prize", ("id", "weight", "units", "percent", "gift", "coupon", "stock", "cost"))
PRIZE_FORMS = ("units", "percent", "gift", "coupon")
PIECES = ("gift", "coupon")
# What these algorithms pace or balance is the prizes' cost: one that costs nothing would never be held back.
_BY_COST = (Algorithm.PACED, Algorithm.BALANCED)

_share = decimal('a share above 0 and below 1 such as "0.30"', decimals=RATE_DECIMALS, low=1, high=MICRO - 1)
_tolerance = decimal('a share from 0 to 1 such as "0.05"', decimals=RATE_DECIMALS, low=0, high=MICRO)


def read_draw(at: Cursor) -> GiveDraw:
    """A draw; what a rule must have beside it (`paced`) is for the rule to see to."""
    if not isinstance(at.value, dict):
        raise at.wrong("wrong_type", "a draw")
    algorithm = at.value.get("algorithm")
    shape = _DRAWS[Algorithm(algorithm)] if algorithm in list(Algorithm) else _ANY_DRAW
    fields = Fields(at, shape)
    chosen = fields.need("algorithm", one_of(Algorithm))
    prizes = fields.need("prizes", listed(partial(_prize, chosen), at_most=PRIZES_MAX))
    note_repeated_ids(fields.place("prizes"))
    if shape is _ANY_DRAW:
        return GiveDraw(Algorithm.INDEPENDENT, ())  # The algorithm's fault is noted: nobody looks at it.
    numbers = NUMBERS[chosen]
    draw = GiveDraw(
        algorithm=chosen,
        prizes=prizes,
        chance=fields.need("chance", chance) if "chance" in numbers else 0,
        size=fields.need("size", integer(1, COUNT_MAX)) if "size" in numbers else 0,
        # In one of one draw there would be no luck.
        guarantee_every=fields.need("guarantee_every", integer(2, COUNT_MAX)) if "guarantee_every" in numbers else 0,
        share=fields.need("share", _share) if "share" in numbers else 0,
        tolerance=fields.need("tolerance", _tolerance) if "tolerance" in numbers else 0,
    )
    _note_sums(fields, draw)
    return draw


def _note_sums(fields: Fields, draw: GiveDraw) -> None:
    """What has to fit: a bag's slips into the bag, share and tolerance into the whole."""
    if not (
        fields.is_sound(*fields.names())
        and all(name in fields.names() for name in ("prizes", *NUMBERS[draw.algorithm]))
    ):
        return
    if draw.algorithm is Algorithm.BAG and (slips := sum(prize.weight for prize in draw.prizes)) > draw.size:
        fields.fault(
            "size", "wrong_order", f"Expected size to be no less than all weights ({slips}), found {draw.size}."
        )
    if draw.algorithm is Algorithm.BALANCED and draw.share + draw.tolerance > MICRO:
        fields.fault("tolerance", "wrong_order", "Expected share and tolerance to be at most 1 together, found more.")


def _prize(algorithm: Algorithm | None, at: Cursor) -> Prize:
    fields = Fields(at, _PRIZE)
    present = fields.names()
    forms = [name for name in PRIZE_FORMS if name in present]
    if len(forms) != 1:
        found = enumerate_names(forms) or "none"
        at.note(
            "exactly_one", f"Expected exactly one of {enumerate_names(PRIZE_FORMS)} in {_PRIZE.noun}, found {found}."
        )
    is_piece, cost = any(name in PIECES for name in forms), fields.get("cost", amount, 0)
    if "cost" in present and forms and not is_piece:
        fields.fault("cost", "not_allowed_here", "Expected cost only beside gift or coupon: units cost their value.")
    elif is_piece and algorithm in _BY_COST and fields.is_sound("cost") and cost == 0:
        message = f"Expected a cost above 0, because a draw of the algorithm {algorithm} goes by what prizes cost."
        fields.fault("cost", "required", message)
    return Prize(
        id=fields.need("id", counted_identifier),
        weight=fields.get("weight", integer(1, WEIGHT_MAX), 1),
        units=fields.get("units", integer(1, AMOUNT_MAX), None),
        rate=fields.get("percent", percent(PRIZE_PERCENT_MAX), None),
        gift=fields.get("gift", text(), None),
        coupon=fields.get("coupon", text(), None),
        stock=fields.get("stock", or_null(integer(1, AMOUNT_MAX)), None),
        cost=cost,
    )
