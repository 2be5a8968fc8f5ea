"""Hints keep their word: who adds what a hint says gets more of its rule, and who adds less doesn't."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from app.domain.amounts import MILLI
from app.domain.basket import Basket, Line
from app.domain.decision import Decision, Hint
from app.domain.program import BasketHas, GiveBundle, Kind, Rule
from app.domain.programs import read_program
from app.domain.rejections import Rejected
from app.domain.rules.hints import HINTS_MAX
from tests.domain.rules.case_files import Case, read_cases


def rule_of(case: Case, hint: Hint) -> Rule:
    return next(rule for rule in read_program(dict(case.document)).rules if rule.id == hint.rule)


def hinted() -> Iterator[Any]:
    """Every hint of every case, whether or not the case expects it."""
    for case in read_cases():
        try:
            decision = case.decide()
        except Rejected:
            continue
        for hint in decision.hints:
            if rule_of(case, hint).kind is Kind.RANDOM_REWARD and "tickets" in case.said.get("standing", {}):
                continue  # The case has no ticket for it.
            yield pytest.param(case, decision, hint, id=f"{case.id}: {hint.rule}")


HINTED = list(hinted())


def given(decision: Decision, rule: str) -> int:
    """What a rule gave; a random reward that may be drawn counts as 1."""
    for verdict in decision.verdicts:
        if verdict.rule == rule and verdict.because == "draw":
            return 1
    return sum(effect.given for effect in decision.effects if effect.rule == rule)


def richer(basket: Basket, hint: Hint, rule: Rule, *, missing: int) -> Iterator[Basket]:
    """The basket with so much more, in each way that looks like one of its lines or one that a condition names."""
    skus = rule.give.skus if isinstance(rule.give, GiveBundle) else (None,)
    if isinstance(rule.when, BasketHas):
        for category in rule.when.on.lists.category or ():
            named = _added(Line("named", MILLI, 1, category=category), hint, missing)
            yield replace(basket, lines=(*basket.lines, named))
    for line in basket.lines:
        for sku in skus:
            more = replace(line, id="more", min_price=0, sku=sku or line.sku)
            yield Basket((*basket.lines, _added(more, hint, missing)), basket.coupons, basket.payments)
    for at, line in enumerate(basket.lines):  # More of the same line, for groups a line.
        if hint.what == "units":
            thicker = replace(line, qty_milli=line.qty_milli + missing * MILLI)
            yield replace(basket, lines=(*basket.lines[:at], thicker, *basket.lines[at + 1 :]))


def _added(line: Line, hint: Hint, missing: int) -> Line:
    match hint.what:
        case "amount":
            return replace(line, qty_milli=MILLI, price=missing, closed_to=frozenset())
        case "qty":
            return replace(line, qty_milli=missing)
        case _:
            return replace(line, qty_milli=missing * MILLI)


@pytest.mark.parametrize(("case", "decision", "hint"), HINTED)
def test_who_adds_it_gets_more(case: Case, decision: Decision, hint: Hint) -> None:
    more = richer(case.basket(), hint, rule_of(case, hint), missing=hint.missing)

    assert any(given(case.decide(basket), hint.rule) > given(decision, hint.rule) for basket in more)


@pytest.mark.parametrize(
    ("case", "decision", "hint"),
    [each for each in HINTED if each.values[2].missing > 1 and not given(each.values[1], each.values[2].rule)],
)
def test_who_adds_less_gets_nothing(case: Case, decision: Decision, hint: Hint) -> None:
    less = richer(case.basket(), hint, rule_of(case, hint), missing=hint.missing - 1)

    assert not any(given(case.decide(basket), hint.rule) for basket in less)


def test_the_cases_hint_at_everything_and_never_too_much() -> None:
    assert {each.values[2].what for each in HINTED} == {"amount", "qty", "units"}
    assert max(len(each.values[1].hints) for each in HINTED) == HINTS_MAX
