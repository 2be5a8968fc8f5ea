"""The worst-case share: figures worked out by hand, and never less than what a basket was given."""

from datetime import datetime
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.basket import Channel, IdentifiedBy, Visit
from app.domain.programs import read_program
from app.domain.programs.lint.shares import worst_exposure
from app.domain.programs.lint.worth import unit_worth
from app.domain.rules.evaluate import compile_program, evaluate
from tests.domain.programs.lint.kit import discount, document, findings, luck
from tests.domain.words import typed_basket, typed_customer
from tests.model import strategies

Json = dict[str, Any]


def share_of(*rules: Json, combine: str = "all", **parts: Any) -> Fraction:
    """The bound, of rules that are all in one lane."""
    program = read_program(document(*rules, **{"lanes": [{"id": "a", "combine": combine}], **parts}))
    return worst_exposure(program, program.rules).total


def percent(value: str, **members: Any) -> Json:
    return discount(give={"percent": value}, **members)


def bonus(give: Json, **members: Any) -> Json:
    return {"kind": "bonus", "give": give} | members


FROM_1000 = {"basket_total": {"min": 1000}}


@pytest.mark.parametrize(
    ("combine", "expected"),
    # 10 % and 20 % of what is left: 1 - 0.9 × 0.8. Best and first: one of them. The others: both of the same.
    [("all", "0.28"), ("sum", "0.30"), ("best", "0.20"), ("first", "0.20"), ("best_line", "0.30"), ("once", "0.20")],
)
def test_discounts_add_up_as_their_lane_says(combine: str, expected: str) -> None:
    assert share_of(percent("10"), percent("20"), combine=combine) == Fraction(expected)


def test_later_lanes_see_what_earlier_ones_left() -> None:
    lanes = [{"id": "a", "combine": "best"}, {"id": "b", "combine": "sum"}]
    rules = (percent("50"), percent("10"), percent("20", lane="b"), percent("20", lane="b"))

    assert share_of(*rules, lanes=lanes) == Fraction("0.7")  # A half, and 40 % of the other.


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (discount(give={"amount": 100}), 1),  # Of a basket of 1.00 everything.
        (discount(give={"amount": 100}, when=FROM_1000), Fraction(1, 10)),
        (discount(give={"amount": 100}, when={"all": [FROM_1000, {"weekday": 1}]}), Fraction(1, 10)),
        (discount(give={"amount": 100}, when={"any": [FROM_1000, {"weekday": 1}]}), 1),
        (discount(give={"amount": 100}, when={"not": {"basket_total": {"max": 999}}}), Fraction(1, 10)),
        (discount(give={"amount": 100}, when={"basket_has": {"min_amount": 400}}), Fraction(1, 4)),
        (discount(give={"percent": "50"}, when=FROM_1000, limit={"receipt": 100}), Fraction(1, 10)),
        (discount(give={"percent": "50"}, limit={"receipt": 100}), Fraction(1, 2)),
        (discount(give={"percent": "100"}, on={"units": {"every": 3, "take": 1}}), Fraction(1, 3)),
        (discount(give={"percent": "100"}, on={"units": {"every": 3, "take": 1, "which": "dearest"}}), 1),
        (discount(give={"amount_each": 5}, on={"price": {"min": 50}}), Fraction(1, 10)),
        (discount(give={"unit_price": 40}, on={"price": {"max": 50}}), Fraction(1, 5)),
        (discount(give={"steps": [{"min": 100, "percent": "5"}, {"min": 1000, "amount": 200}]}), Fraction(1, 5)),
        (bonus({"percent": "5"}), Fraction(1, 20)),
        (bonus({"per": {"amount": 2000, "units": 1}}), Fraction(1, 20)),
        (bonus({"units": 5}, when={"basket_total": {"min": 10000}}), Fraction(1, 20)),
        (bonus({"units_each": 1}, on={"price": {"min": 2000}}), Fraction(1, 20)),
        (luck({"id": "a", "units": 5}, {"id": "b", "percent": "3"}, when={"basket_total": {"min": 10000}}), "0.05"),
        (luck({"id": "a", "gift": "TV", "cost": 500}, when=FROM_1000), Fraction(1, 2)),
    ],
    ids=str,
)
def test_one_rule_gives_at_most_its_share(rule: Json, expected: Any) -> None:
    assert share_of(rule) == Fraction(expected)


def test_rules_of_different_sales_do_not_add_up() -> None:
    rules = [
        percent("10", when={"tier": ["gold"]}),
        percent("20", when={"tier": ["silver"]}),
        percent("5", when={"not": {"tier": ["silver"]}}),
        percent("1", when={"all": [{"channel": ["pos"]}, {"partner": ["a"]}]}),
        percent("2", when={"all": [{"channel": ["online"]}, {"partner": ["b"]}]}),
    ]

    assert share_of(*rules, combine="sum") == Fraction("0.22")  # Silver, of partner b.


def test_accruals_look_at_what_discounts_leave() -> None:
    rules = (percent("20"), bonus({"percent": "10"}), bonus({"multiply": "3"}, lane="b"))
    lanes = [{"id": "a"}, {"id": "b"}]

    # 20 %; 10 % of the other 80 %; and twice of those again.
    assert share_of(*rules, lanes=lanes) == Fraction("0.2") + Fraction("0.8") * Fraction("0.3")
    assert share_of(*rules, lanes=lanes, accrual={"base": "gross"}) == Fraction("0.5")


def test_what_multiplies_something_without_bound_has_none_either() -> None:
    lanes, double = [{"id": "a"}, {"id": "b"}], bonus({"multiply": "2"}, lane="b")
    for rule, unbounded in ((double, ["r0", "r1"]), (double | {"limit": {"receipt": 1}, "when": FROM_1000}, ["r0"])):
        program = read_program(document(bonus({"units": 5}), rule, lanes=lanes))
        assert [each.id for each in worst_exposure(program, program.rules).unbounded] == unbounded


def test_units_are_worth_what_they_become() -> None:
    wallets = {"stamps": {"value": 0, "convert": {"every": 10, "into": "points", "units": 2}}, "points": {"value": 100}}
    rule = bonus({"units": 1, "wallet": "stamps"}, when=FROM_1000)

    assert share_of(rule, wallets=wallets) == Fraction(20, 1000)


def test_a_cap_of_a_wallet_bounds_what_a_rule_gives() -> None:
    caps = [{"id": "c", "wallet": "points", "max": 1}, {"id": "d", "wallet": "points", "by": "category", "max": 1}]

    assert share_of(bonus({"units": 5}, when={"basket_total": {"min": 10000}}), caps=caps) == Fraction(1, 100)


def test_it_is_told_in_a_sentence_with_its_rules() -> None:
    parts = {"redemption": {"max_share": "0.30"}, "lanes": [{"id": "a", "combine": "best"}, {"id": "b"}]}
    rules = (
        percent("10"),
        percent("1"),
        bonus({"percent": "5"}),
        bonus({"units": 3}),
        percent("9", cost={"points": 1}),
    )
    rules[3]["lane"] = "b"
    first, second = findings(document(*rules, **parts))

    assert (first.pointer, first.severity, first.code) == ("/rules", "info", "worst_case_share")
    assert first.message == (
        "At most 14.5 % of a basket can be had from the program: discounts 10 % (r0), units and prizes worth 4.5 % "
        "(r2), not counting r3, which no basket bounds. Beside that, units earned before pay for at most 30 % of what "
        "discounts leave. What is given for units comes on top (rules r4)."
    )
    assert (second.pointer, second.code) == ("/rules/3/give", "unbounded_share")


def test_a_program_that_can_give_everything_away_is_warned_of() -> None:
    *_, found = findings(document(discount(give={"amount": 100})))
    *_, price = findings(document(discount(give={"unit_price": 100})))

    assert (found.severity, found.message[:13]) == ("warning", "At most 100 %")
    assert price.severity == "info"  # Whoever sets a price knows it.


def larger(basket: Json, times: int) -> Json:
    """The same with all prices times so much, so that rounding counts for little."""
    prices = ("price", "min_price", "list_price")
    lines = [line | {name: line[name] * times for name in prices if name in line} for line in basket["lines"]]
    return basket | {"lines": lines}


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_no_basket_gets_more_than_the_bound(data: st.DataObject) -> None:
    source = data.draw(strategies.programs(), label="program")
    basket = larger(data.draw(strategies.baskets(), label="basket"), data.draw(st.sampled_from([1, 7, 1000])))
    at: datetime = data.draw(strategies.moments(), label="at")
    customer = data.draw(strategies.customers(source, at=at), label="customer")
    program = read_program(source)
    worst = worst_exposure(program, program.rules)
    unbounded = {rule.id for rule in worst.unbounded}

    visit = Visit(at=at, channel=data.draw(st.sampled_from(list(Channel))), shop="A", identified_by=IdentifiedBy.CARD)
    decision = evaluate(
        compile_program(program), typed_basket(basket), customer=typed_customer(customer), visit=visit, redeem={}
    )

    given_in_all = sum(
        (effect.given * unit_worth(program, effect.wallet) if effect.wallet else Fraction(effect.given))
        for effect in decision.effects
        if effect.rule not in unbounded
    )
    rounding = len(program.rules) * (len(decision.lines) + 1)  # A minor unit a rule and line.
    assert given_in_all <= worst.total * decision.gross + rounding
