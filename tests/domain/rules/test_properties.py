"""What holds for every program and basket: nothing is lost, nothing is made, and what is explained is what happened."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.amounts import gross
from app.domain.basket import Basket, ClosedTo, Line
from app.domain.customer import CustomerFacts
from app.domain.decision import Decision, LineDecision, Outcome
from app.domain.program import Program
from app.domain.rejections import Rejected, Rejection
from app.domain.rules.evaluate import Asked, compile_program, evaluate
from tests.domain.rules.baskets import VISIT, baskets, customers, programs
from tests.model.examples import examples

redeems = st.sampled_from([{}, {"points": "max"}, {"cashback": "max"}, {"cashback": "max", "points": "max"}])


def decide(program: Program, basket: Basket, customer: CustomerFacts | None, redeem: Asked) -> Decision:
    return evaluate(compile_program(program), basket, customer=customer, visit=VISIT, redeem=redeem)


@examples(400)
@given(programs(), baskets(), customers, redeems)
def test_lines_keep_their_sums_floors_and_closures(
    program: Program, basket: Basket, customer: CustomerFacts | None, redeem: Asked
) -> None:
    decision = decide(program, basket, customer, redeem)
    assert [decided.id for decided in decision.lines] == [line.id for line in basket.lines]
    for line, decided in zip(basket.lines, decision.lines, strict=True):
        assert decided.gross == gross(line.price, line.qty_milli) == decided.discount + decided.redeemed + decided.paid
        assert decided.paid >= 0
        assert decided.discount == sum(part.amount for part in decided.parts)
        assert dict(decided.accrued) == accrued_by(decided)
        check_floor_and_closures(line, decided)


def check_floor_and_closures(line: Line, decided: LineDecision) -> None:
    if decided.discount or decided.redeemed:
        assert decided.paid >= gross(line.min_price, line.qty_milli)
    if ClosedTo.DISCOUNT in line.closed_to:
        assert decided.discount == 0
    if ClosedTo.REDEEM in line.closed_to:
        assert decided.redeemed == 0
    if ClosedTo.ACCRUE in line.closed_to:
        assert not decided.accrued


def accrued_by(decided: LineDecision) -> Counter[str]:
    units: Counter[str] = Counter()
    for part in decided.parts:
        if part.wallet is not None:
            units[part.wallet] += part.units
    return units


@examples(300)
@given(programs(), baskets(), customers, redeems)
def test_effects_are_their_parts_and_verdicts_say_who_has_one(
    program: Program, basket: Basket, customer: CustomerFacts | None, redeem: Asked
) -> None:
    decision = decide(program, basket, customer, redeem)
    given_by: Counter[str] = Counter()
    for line in decision.lines:
        for part in line.parts:
            given_by[part.rule] += part.units if part.wallet else part.amount
    assert {effect.rule: effect.given for effect in decision.effects} == given_by
    assert all(0 < effect.given <= effect.wanted for effect in decision.effects)
    assert all((effect.limited_by is None) == (effect.given == effect.wanted) for effect in decision.effects)
    told = [verdict.rule for verdict in decision.verdicts]
    assert told == [rule.id for rule in program.rules if rule.id in told]  # In the document's order, once each.
    assert {verdict.rule for verdict in decision.verdicts if verdict.verdict is Outcome.APPLIED} == set(given_by)
    assert all((verdict.because is None) == (verdict.verdict is Outcome.APPLIED) for verdict in decision.verdicts)


@examples(150)
@given(programs(), baskets(), customers, redeems)
def test_the_same_input_gives_the_same_decision(
    program: Program, basket: Basket, customer: CustomerFacts | None, redeem: Asked
) -> None:
    compiled = compile_program(program)
    first = evaluate(compiled, basket, customer=customer, visit=VISIT, redeem=redeem)
    decide(program, Basket(basket.lines[::-1]), customer, redeem)  # What was decided between doesn't matter.
    assert evaluate(compiled, basket, customer=customer, visit=VISIT, redeem=redeem) == first
    assert decide(program, basket, customer, redeem) == first


@examples(300)
@given(programs(), baskets(), customers)
def test_the_most_that_a_quote_names_can_be_redeemed_and_a_step_more_cannot(
    program: Program, basket: Basket, customer: CustomerFacts | None
) -> None:
    quoted = decide(program, basket, customer, {}).redeem_terms["points"]
    assert quoted.max_money == min(quoted.terms.values())
    most = decide(program, basket, customer, {"points": quoted.max_units})
    assert most == decide(program, basket, customer, {"points": "max"})
    value = program.wallets["points"].value
    assert most.redeemed == quoted.max_units * value <= quoted.max_money
    assert sum(line.redeemed_units.get("points", 0) for line in most.lines) == quoted.max_units
    assert all(line.redeemed > 0 for line in most.lines if line.redeemed_units)
    if quoted.max_units == 0:
        return
    with pytest.raises(Rejected) as raised:
        decide(program, basket, customer, {"points": quoted.max_units + program.redemption.step})
    assert raised.value.rejection in {Rejection.INSUFFICIENT_POINTS, Rejection.REDEEM_LIMIT_EXCEEDED}


@examples(150)
@given(programs(), baskets(), customers, redeems)
def test_wallets_are_paid_in_whole_units_at_their_value(
    program: Program, basket: Basket, customer: CustomerFacts | None, redeem: Asked
) -> None:
    decision = decide(program, basket, customer, redeem)
    assert set(decision.redeemed_units) <= set(redeem)
    assert decision.redeemed == sum(
        units * program.wallets[wallet].value for wallet, units in decision.redeemed_units.items()
    )
    if customer is None:
        assert not decision.redeemed_units
        assert not decision.accrued
