"""What a purchase keeps for its returns, there and back."""

from datetime import date

from app.domain.counters import Back, Scope
from app.domain.draws.records import DrawRecord
from app.domain.ledger.returns import LineState, Uses, UseState
from app.domain.program import Algorithm
from app.storage.taken_back import (
    draws_from_json,
    draws_to_json,
    lines_from_json,
    lines_to_json,
    uses_from_json,
    uses_to_json,
)


def test_lines_come_back_as_they_were() -> None:
    plain = LineState('"kept":{},', 1000, 500, {"points": 25}, {"points": 3}, returned_milli=500, refunded=250)
    lucky = LineState("2", 2000, 900, {"points": 45}, {}, kept={"points": 40}, taken_back={"points": 5})
    bought = LineState('"cost_units":{},', 1000, 1, {}, {"points": 9}, cost_units={"whole": {"points": 5}})
    assert lines_from_json(lines_to_json([plain, lucky, bought])) == [plain, lucky, bought]


def test_the_release_before_can_read_a_line_that_keeps_nothing() -> None:
    text = lines_to_json([LineState("1", 1000, 500, {}, {})])
    assert text == (
        '[{"id":"1","qty_milli":1000,"paid":500,"accrued":{},"redeemed_units":{},'
        '"returned_milli":0,"refunded":0,"taken_back":{},"given_back":{}}]'
    )


def test_uses_come_back_as_they_were() -> None:
    uses = Uses(
        counts=[
            UseState(Scope.PROGRAM, "rule/a/budget", "", 700, Back.SHARE, {"1": 500, "2": 200}, given_back=250),
            UseState(Scope.CUSTOMER, "rule/a/uses", "2026-11", 1, Back.WHOLE, {}),
        ],
        coupons=("SPRING",),
        codes=("GIVEN-1", "GIVEN-2"),
    )
    assert uses_from_json(uses_to_json(uses)) == uses


def test_a_purchase_that_took_nothing_keeps_nothing() -> None:
    assert uses_to_json(Uses()) is None
    assert uses_from_json(None) == Uses()
    assert draws_to_json([]) is None
    assert draws_from_json(None) == ()


def test_draws_come_back_as_they_were() -> None:
    drawn = DrawRecord(
        rule="lucky",
        algorithm=Algorithm.PITY,
        day=date(2026, 11, 22),
        ticket="00" * 8,
        choice="ff" * 8,
        state={"misses": 3},
        numerator=1,
        denominator=20,
        drew="p1",
        prize="p1",
        wallet="points",
        units=100,
        cost=10_000,
        keeps=True,
        slip_of="an id",
    )
    assert draws_from_json(draws_to_json([drawn, drawn])) == (drawn, drawn)
