"""What a till without connection gave and took is in the decision, to the unit, whatever the program thinks of it."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.basket import Basket, Channel, ClosedTo, IdentifiedBy, Line, Visit
from app.domain.customer import CustomerFacts
from app.domain.decision import Decision, Outcome
from app.domain.programs import read_program
from app.domain.rejections import Rejected, Rejection
from app.domain.rules.evaluate import compile_program, evaluate
from app.domain.rules.given import OFFLINE, TillFacts
from tests.kit import small_program

VISIT = Visit(datetime(2026, 11, 21, 9, tzinfo=UTC), Channel.POS, "S1", IdentifiedBy.PHONE)
ANNA = CustomerFacts("anna", available={"points": 1})
VALUE = 7
# Everything here would refuse or cut what the till did.
PROGRAM = compile_program(
    read_program(
        small_program(
            wallets={"points": {"value": VALUE}, "stamps": {"value": 0}},
            redemption={"max_share": "0.01", "min_units": 50, "min_paid": 100, "step": 11, "strength": {"phone": 0}},
            lanes=[{"id": "all", "combine": "all"}],
            rules=[
                {"id": "half", "kind": "discount", "give": {"percent": "50"}},
                {"id": "more", "kind": "discount", "give": {"steps": [{"min": 10**12, "percent": "10"}]}},
                {"id": "base", "kind": "bonus", "give": {"per": {"amount": 100, "units": 1}}},
            ],
        )
    )
)


def decide(lines: list[Line], discounts: list[int], units: Any, *, wallet: str = "points") -> Decision:
    return evaluate(
        PROGRAM,
        Basket(tuple(lines)),
        customer=ANNA,
        visit=VISIT,
        redeem={wallet: units} if units else {},
        given=TillFacts(tuple(discounts)),
    )


def two(**more: Any) -> list[Line]:
    return [Line("1", 1_000, 1_000), Line("2", 1_000, 3_000, **more)]


@st.composite
def receipts(draw: st.DrawFn) -> tuple[list[Line], list[int], int]:
    """Lines, what was taken off each, and units that buy no more than what is left."""
    lines = [
        Line(
            str(place),
            draw(st.integers(1, 3_000)),
            draw(st.integers(0, 5_000)),
            min_price=draw(st.sampled_from([0, 900])),
            closed_to=frozenset({ClosedTo.REDEEM, ClosedTo.DISCOUNT}) if draw(st.booleans()) else frozenset(),
        )
        for place in range(draw(st.integers(1, 5)))
    ]
    discounts = [draw(st.integers(0, line.gross)) for line in lines]
    left = sum(line.gross for line in lines) - sum(discounts)
    return lines, discounts, draw(st.integers(0, left // VALUE))


@given(receipts())
def test_facts_are_facts(receipt: tuple[list[Line], list[int], int]) -> None:
    lines, discounts, units = receipt
    decision = decide(lines, discounts, units)
    assert [line.discount for line in decision.lines] == discounts
    assert decision.redeemed == units * VALUE
    assert dict(decision.redeemed_units) == ({"points": units} if units else {})
    assert all(line.paid >= 0 for line in decision.lines)
    verdicts = {verdict.rule: verdict for verdict in decision.verdicts}
    assert all(
        (verdicts[rule].verdict, verdicts[rule].because) == (Outcome.SKIPPED, OFFLINE) for rule in ("half", "more")
    )
    assert {effect.rule for effect in decision.effects} <= {"base"}
    assert decision.accrued.get("points", 0) == decision.paid // 100
    assert (decision.hints, dict(decision.redeem_terms)) == ((), {})


def test_lines_that_are_closed_pay_only_where_the_others_have_too_little_room() -> None:
    closed = two(closed_to=frozenset({ClosedTo.REDEEM}))
    assert [line.redeemed for line in decide(closed, [0, 0], 100).lines] == [700, 0]
    assert [line.redeemed for line in decide(closed, [0, 0], 200).lines] == [350, 1_050]


@pytest.mark.parametrize(
    ("wallet", "units", "pointer"),
    [("points", 572, "/redeem/points"), ("stamps", 1, "/redeem/stamps"), ("a/b~c", 1, "/redeem/a~1b~0c"),
     ("points", "max", "/redeem/points")],
)  # fmt: skip
def test_what_cannot_have_been_is_a_mistake(wallet: str, units: Any, pointer: str) -> None:
    with pytest.raises(Rejected) as refused:
        decide(two(), [0, 0], units, wallet=wallet)
    assert refused.value.rejection is Rejection.VALIDATION_ERROR
    assert [fault.pointer for fault in refused.value.faults] == [pointer]


@pytest.mark.parametrize("discounts", [[0], [0, 0, 0], [1_001, 0]])
def test_discounts_are_of_the_lines(discounts: list[int]) -> None:
    with pytest.raises(ValueError, match=r"discount|shorter|longer"):
        decide(two(), discounts, 0)


def test_nothing_is_taken_off_below_0() -> None:
    with pytest.raises(ValueError, match="below 0"):
        TillFacts((-1,))
