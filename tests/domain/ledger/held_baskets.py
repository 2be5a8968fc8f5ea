"""Baskets that tests of holds decide by hand: lines of any figures, what they take of counters, what luck drew."""

from collections.abc import Mapping, Sequence
from datetime import date

from app.domain.counters import Back, Scope, Use
from app.domain.decision import Decision, LineDecision, Part
from app.domain.draws.records import DrawRecord
from app.domain.ledger.purchase_states import LineState
from app.domain.program import Algorithm


def line_of(
    line_id: str = "1",
    *,
    gross: int = 10_000,
    discount: int = 0,
    redeemed: int = 0,
    units: Mapping[str, int] = {},
    accrued: Mapping[str, int] = {},
    kept: Mapping[str, int] = {},
    costs: Mapping[str, Mapping[str, int]] = {},
) -> LineDecision:
    """A line on which one rule gives in each wallet, and one takes the discount off."""
    parts = [Part(rule="base", kind="bonus", wallet=wallet, units=given) for wallet, given in accrued.items()]
    if discount:
        parts.append(Part(rule="off", kind="discount", amount=discount))
    return LineDecision(
        id=line_id,
        gross=gross,
        discount=discount,
        redeemed=redeemed,
        redeemed_units=dict(units),
        accrued=dict(accrued),
        parts=tuple(parts),
        kept=dict(kept),
        cost_units=costs,
    )


def decision_of(*lines: LineDecision, uses: Sequence[Use] = (), draws: Sequence[DrawRecord] = ()) -> Decision:
    redeemed: dict[str, int] = {}
    accrued: dict[str, int] = {}
    for line in lines:
        for totals, units in ((redeemed, line.redeemed_units), (accrued, line.accrued)):
            for wallet, given in units.items():
                totals[wallet] = totals.get(wallet, 0) + given
    return Decision(
        lines=lines,
        effects=(),
        verdicts=(),
        redeem_terms={},
        redeemed_units=redeemed,
        accrued=accrued,
        uses=tuple(uses),
        draws=tuple(draws),
    )


def states_of(decision: Decision, qty_milli: Mapping[str, int]) -> list[LineState]:
    return [
        LineState(
            id=line.id,
            qty_milli=qty_milli[line.id],
            paid=line.paid,
            accrued=line.accrued,
            redeemed_units=line.redeemed_units,
            kept=line.kept,
            cost_units=line.cost_units,
        )
        for line in decision.lines
    ]


MONTH = "2026-03"
MAX = Use(Scope.CUSTOMER, "rule/x/max", MONTH, 7, Back.SHARE, {"1": 5, "2": 2})
TIMES = Use(Scope.CUSTOMER, "rule/x/uses", "", 1, Back.WHOLE)
BUDGET = Use(Scope.PROGRAM, "rule/x/budget", "", 9, Back.SHARE, {"1": 4, "2": 5})
STOCK = Use(Scope.PROGRAM, "stock/lucky/tv", "", 1, Back.WHOLE)
BAG = Use(Scope.PROGRAM, "bag/lucky", "", 1, Back.NEVER)
USES = [MAX, TIMES, BUDGET, STOCK, BAG]
DRAW = DrawRecord(
    rule="lucky", algorithm=Algorithm.PITY, day=date(2026, 3, 1), ticket="0123", choice="4567", state={"misses": 2},
    numerator=1, denominator=2, drew="tv", prize="tv", gift="TV", code="WON", cost=500,
)  # fmt: skip
DRAW_OF_A_SLIP = DrawRecord(
    rule="lucky", algorithm=Algorithm.PITY, day=date(2026, 2, 1), ticket="0123", choice="4567", state={"misses": 2},
    numerator=1, denominator=2, slip_of="earlier",
)  # fmt: skip
FIFTY = decision_of(line_of(redeemed=5_000, units={"points": 50}, accrued={"points": 10}))
TWO_LINES = decision_of(
    line_of("1", gross=10_000, redeemed=3_000, units={"points": 30}, accrued={"points": 7}),
    line_of("2", gross=9_999, redeemed=2_000, units={"points": 20}, accrued={"points": 3}),
    uses=USES,
    draws=[DRAW],
)
