"""What a capture of fewer lines makes of a decision, and what a held answer shows of one."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.amounts import half_up
from app.domain.counters import Back, Scope, Use
from app.domain.decision import Decision, Effect, LineDecision, Outcome, Part, Verdict
from app.domain.draws.records import DrawRecord
from app.domain.ledger.capturing import captured_lines, cut, without_draws
from app.domain.program import Algorithm
from app.domain.programs import read_program
from app.domain.rejections import Rejected
from app.domain.rules.compiled import compile_program
from app.domain.rules.evaluate import evaluate
from tests.domain.ledger.held_baskets import decision_of, line_of, states_of
from tests.domain.words import typed_basket, typed_customer, typed_visit, typed_world
from tests.model import dense, standings
from tests.model.examples import examples


def _cut(decision: Decision, dropped: Mapping[str, int], *, qty: int = 3_000) -> Decision:
    return cut(decision, dropped=dropped, qty_milli={line.id: qty for line in decision.lines})


def test_a_whole_capture_is_the_decision_itself() -> None:
    decision = decision_of(line_of("1"), line_of("2"))
    assert _cut(decision, {}) is decision
    assert _cut(decision, {"1": 0}) is decision


def test_each_figure_is_cut_as_a_return_would_cut_it() -> None:
    decision = decision_of(
        line_of("1", gross=1_000, discount=100, redeemed=200, units={"points": 2}, accrued={"points": 5}),
        line_of("2", gross=500),
    )
    line, other = _cut(decision, {"1": 1_000}).lines
    assert other is decision.lines[1]
    # 1,000 - 333, 700 - 233; 200 - 67 off by points; 2 - 1 and 5 - 2 units.
    assert (line.gross, line.paid, line.redeemed, line.discount) == (667, 467, 133, 67)
    assert (line.redeemed_units, line.accrued) == ({"points": 1}, {"points": 3})
    assert line.parts == (Part("base", "bonus", wallet="points", units=3), Part("off", "discount", amount=67))


@pytest.mark.parametrize(
    ("figures", "dropped", "expected"),
    [
        # Each figure rounded by itself would leave gross 1 and discount and redeemed 1 each: less than nothing paid.
        ({"gross": 2, "discount": 1, "redeemed": 1}, 1_000, (1, 0, 1, 0)),
        # ... or a discount where there was none.
        ({"gross": 2, "redeemed": 1}, 1_500, (1, 0, 1, 0)),
        ({"gross": 2, "discount": 1}, 1_500, (1, 1, 0, 0)),
    ],
)
def test_a_line_never_has_less_than_nothing(figures: Any, dropped: int, expected: tuple[int, ...]) -> None:
    line, _ = _cut(decision_of(line_of("1", **figures), line_of("2")), {"1": dropped}).lines
    assert (line.gross, line.discount, line.redeemed, line.paid) == expected


def test_effects_are_what_stays_of_their_parts() -> None:
    parts = (Part("off", "discount", amount=90), Part("few", "bonus", wallet="points", units=1))
    first = LineDecision("1", 1_000, 90, 0, {"points": 6}, {"points": 1}, parts)
    second = LineDecision("2", 1_000, 30, 0, {"points": 3}, {}, (Part("off", "discount", amount=30),))
    effects = (
        Effect("off", "discount", 150, 120, limited_by="receipt", cost={"points": 9}),
        Effect("few", "bonus", 1, 1, wallet="points"),
        Effect("mug", "reward", 1, 1, gift="MUG", cost={"points": 5}),
    )
    whole = Decision((first, second), effects, (), {}, {"points": 9}, {"points": 1})
    decision = _cut(whole, {"1": 2_000})
    assert decision.effects == (
        Effect("off", "discount", 90, 60, limited_by="receipt", cost={"points": 5}),
        effects[2],
    )
    assert (decision.redeemed_units, decision.accrued) == ({"points": 5}, {})


def test_what_is_not_there_is_not_cut() -> None:
    decision = decision_of(line_of("1"), line_of("2"))
    with pytest.raises(ValueError, match="dropped of line 3"):
        _cut(decision, {"3": 1})
    with pytest.raises(ValueError, match="dropped of line 1"):
        _cut(decision, {"1": 3_001})
    with pytest.raises(ValueError, match="dropped of line 1"):
        _cut(decision, {"1": -1})
    with pytest.raises(ValueError, match="nothing stays"):
        _cut(decision, {"1": 3_000, "2": 3_000})


@examples(120)
@given(st.data())
def test_cut_decisions_of_real_programs_add_up(data: st.DataObject) -> None:
    """Limits, caps, costs, pieces, draws, several wallets: whatever is dropped, all sums hold, every figure is the
    captured share, and what stays and what goes make the whole.
    """
    decision, qty_milli = _decided(data)
    dropped = {line_id: data.draw(st.sampled_from([0, qty, qty // 2, qty - 1])) for line_id, qty in qty_milli.items()}
    stays = data.draw(st.sampled_from(sorted(qty_milli)))
    if all(dropped[line_id] == qty for line_id, qty in qty_milli.items()):
        dropped[stays] = 0
    left = cut(decision, dropped=dropped, qty_milli=qty_milli)
    before = {line.id: line for line in decision.lines}
    assert [line.id for line in left.lines] == [each for each in before if dropped[each] < qty_milli[each]]
    for line in left.lines:
        _check_line(line, before[line.id], dropped=dropped[line.id], qty=qty_milli[line.id])
    kept_costs = _costs(left.lines)
    assert kept_costs == _costs(decision.lines)
    _check_effects(decision, left)
    for use in left.uses:
        assert use.back is not Back.SHARE or sum(use.by_line.values()) == use.amount
    states = captured_lines(left, states_of(decision, qty_milli), dropped=dropped)
    assert [state.paid for state in states] == [line.paid for line in left.lines]


def test_units_that_luck_gave_are_not_shown_nor_that_a_return_leaves_them() -> None:
    parts = (Part("base", "bonus", wallet="points", units=4), Part("lucky", "random_reward", wallet="points", units=6))
    line = LineDecision("1", 1_000, 0, 0, {}, {"points": 10, "gold": 3}, (*parts, WON_GOLD), kept={"points": 6})
    effects = (
        Effect("base", "bonus", 4, 4, wallet="points"),
        Effect("code", "reward", 1, 1, coupon="pool", codes=("SECRET",)),
        Effect("lucky", "random_reward", 6, 6, wallet="points"),
        Effect("gilt", "random_reward", 3, 3, wallet="gold"),
    )
    verdicts = (Verdict("base", Outcome.APPLIED), Verdict("lucky", Outcome.APPLIED), Verdict("gilt", Outcome.APPLIED))
    draws = tuple(replace(LUCKY, rule=rule) for rule in ("lucky", "gilt"))
    decision = Decision(
        (line,), effects, verdicts, {}, {}, {"points": 10, "gold": 3}, uses=USES, draws=draws, surprise=True
    )
    answer = without_draws(decision)
    assert answer == Decision(
        (LineDecision("1", 1_000, 0, 0, {}, {"points": 4}, parts[:1]),),
        (effects[0], replace(effects[1], codes=())),
        (verdicts[0], Verdict("lucky", Outcome.SKIPPED, "draw"), Verdict("gilt", Outcome.SKIPPED, "draw")),
        {}, {}, {"points": 4}, uses=USES, surprise=True,
    )  # fmt: skip


WON_GOLD = Part("gilt", "random_reward", wallet="gold", units=3)
USES = (Use(Scope.PROGRAM, "stock/lucky/p", "", 1, Back.WHOLE),)
LUCKY = DrawRecord(
    rule="lucky", algorithm=Algorithm.INDEPENDENT, day=date(2026, 3, 1), ticket="01", choice="02", state={},
    numerator=1, denominator=2, drew="p", prize="p",
)  # fmt: skip


@examples(60)
@given(st.data())
def test_a_held_answer_says_nothing_of_a_draw(data: st.DataObject) -> None:
    """What is shown is what a quote would say, but for codes: the same basket decided without luck."""
    decision, _ = _decided(data)
    answer = without_draws(decision)
    rules = {draw.rule for draw in decision.draws}
    assert (answer.draws, answer.surprise) == ((), decision.surprise)
    assert not any(part.rule in rules for line in answer.lines for part in line.parts)
    assert not any(effect.rule in rules or effect.codes for effect in answer.effects)
    assert not any(line.kept for line in answer.lines)
    assert [line.paid for line in answer.lines] == [line.paid for line in decision.lines]


@examples(60)
@given(st.data())
def test_a_held_answer_is_a_quote_of_the_same_basket(data: st.DataObject) -> None:
    drawn, quoted = _decided_both_ways(data)
    answer = without_draws(drawn)
    assert [_shown(line) for line in answer.lines] == [_shown(line) for line in quoted.lines]
    assert answer.effects == tuple(replace(effect, codes=()) for effect in quoted.effects)
    assert {(each.rule, each.verdict, each.because) for each in answer.verdicts} == {
        (each.rule, each.verdict, each.because) for each in quoted.verdicts
    }
    assert {w: n for w, n in answer.accrued.items() if n} == {w: n for w, n in quoted.accrued.items() if n}
    assert answer.surprise == quoted.surprise


def _decided(data: st.DataObject) -> tuple[Decision, dict[str, int]]:
    decision, _, qty_milli = _evaluated(data)
    return decision, qty_milli


def _decided_both_ways(data: st.DataObject) -> tuple[Decision, Decision]:
    """With luck, and as a quote."""
    decision, quoted, _ = _evaluated(data)
    return decision, quoted


def _evaluated(data: st.DataObject) -> tuple[Decision, Decision, dict[str, int]]:
    document = data.draw(dense.programs(), label="program")
    compiled = compile_program(read_program(document))
    basket = data.draw(dense.baskets(), label="basket")
    visit = data.draw(dense.visits(), label="visit")
    customer = data.draw(dense.customers().filter(lambda each: each is not None), label="customer")
    redeem = data.draw(dense.wishes(document), label="redeem")
    world = data.draw(standings.worlds(document), label="world")
    lucky = typed_world(world)
    world.luck = None

    def decide(standing: Any, wish: Mapping[str, Any]) -> Decision:
        return evaluate(
            compiled,
            typed_basket(basket),
            customer=typed_customer(customer),
            visit=typed_visit(visit),
            redeem={name: units for name, units in wish.items() if name != "rewards"},
            rewards=wish.get("rewards", {}),
            standing=standing,
        )

    try:
        decision, quoted = decide(lucky, redeem), decide(typed_world(world), redeem)
    except Rejected:
        decision, quoted = decide(lucky, {}), decide(typed_world(world), {})
    return decision, quoted, {line.id: line.qty_milli for line in typed_basket(basket).lines}


def _check_line(line: LineDecision, before: LineDecision, *, dropped: int, qty: int) -> None:
    def share(whole: int) -> int:
        return whole - half_up(whole * dropped, qty)

    assert (line.gross, line.paid) == (share(before.gross), share(before.paid))
    assert 0 <= line.discount <= before.discount
    assert 0 <= line.redeemed <= before.redeemed
    assert line.discount == sum(part.amount for part in line.parts)
    assert line.accrued == {wallet: left for wallet, units in before.accrued.items() if (left := share(units))}
    for wallet, units in line.accrued.items():
        assert units == sum(part.units for part in line.parts if part.wallet == wallet)
        assert line.kept.get(wallet, 0) == share(before.kept.get(wallet, 0)) <= units
    own, had = _costs([line]), _costs([before])
    for wallet, units in before.redeemed_units.items():
        assert line.redeemed_units.get(wallet, 0) - own.get(wallet, 0) == share(units - had.get(wallet, 0))


def _check_effects(decision: Decision, left: Decision) -> None:
    given: dict[tuple[str, str | None], int] = {}
    for line in left.lines:
        for part in line.parts:
            given[part.rule, part.wallet] = given.get((part.rule, part.wallet), 0) + part.amount + part.units
    whole = {(effect.rule, effect.wallet): effect for effect in decision.effects}
    for effect in left.effects:
        before = whole[effect.rule, effect.wallet]
        if effect.gift is not None or effect.coupon is not None:
            assert effect == before
        else:
            assert effect.given == given.pop((effect.rule, effect.wallet))
            assert before.given - effect.given == before.wanted - effect.wanted >= 0
            assert all(0 <= units <= before.cost[wallet] for wallet, units in effect.cost.items())
    assert not given


def _costs(lines: Any) -> dict[str, int]:
    costs: dict[str, int] = {}
    for line in lines:
        for units in line.cost_units.values():
            for wallet, portion in units.items():
                costs[wallet] = costs.get(wallet, 0) + portion
    return costs


def _shown(line: LineDecision) -> tuple[object, ...]:
    accrued = {wallet: units for wallet, units in line.accrued.items() if units}
    return line.id, line.gross, line.discount, line.redeemed, line.redeemed_units, accrued, line.parts
