"""Over any sequence of purchases no limit, cap, stock or pool is passed, whatever the program; and a decision depends
on no more than it says that it touches and needs.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.basket import Basket, Visit
from app.domain.counters import Back, Count, Scope, advance, period_of
from app.domain.customer import CustomerFacts
from app.domain.decision import Decision, Outcome
from app.domain.program import (
    Cap,
    CouponIs,
    EventIs,
    GiveBundle,
    GiveGift,
    GiveUnits,
    Kind,
    Lists,
    Program,
    Rule,
    Selection,
)
from app.domain.rejections import Rejected
from app.domain.rules import compiled as compiling
from app.domain.rules.compiled import CompiledProgram, compile_program
from app.domain.rules.evaluate import evaluate
from app.domain.rules.index import Anchor, anchor_of
from app.domain.rules.needs import needs_of
from app.domain.rules.standing import Standing
from tests.domain.rules.baskets import VISIT
from tests.domain.rules.bounded import POOL, POOLED, baskets, luck, programs
from tests.model.examples import examples

PEOPLE = ("anna", "boris", None)
people = st.sampled_from(PEOPLE)
waits = st.sampled_from([timedelta(0), timedelta(hours=11), timedelta(days=6), timedelta(days=31)])
visits = st.lists(st.tuples(people, baskets, waits, st.booleans()), min_size=1, max_size=6)


@dataclass
class Shop:
    """A program at work: counters as they stand, and what was given so far by a count of its own."""

    program: CompiledProgram
    now: datetime = VISIT.at
    customers: dict[str | None, dict[str, Count]] = field(default_factory=dict)
    counts: dict[str, Count] = field(default_factory=dict)
    codes: list[str] = field(default_factory=lambda: [f"X{place}" for place in range(9)])
    sold: int = 0

    def rewards(self, basket: Basket, *, customer: str | None, visit: Visit) -> dict[str, int]:
        """What can be asked for: what a quote says to have no other obstacle than its cost."""
        quoted = self.decide(basket, customer=customer, visit=visit, rewards={})
        return {verdict.rule: 1 for verdict in quoted.verdicts if verdict.because == "cost"}

    def decide(self, basket: Basket, *, customer: str | None, visit: Visit, rewards: Mapping[str, int]) -> Decision:
        return evaluate(
            self.program,
            basket,
            customer=None if customer is None else facts_of(customer),
            visit=visit,
            redeem={},
            rewards=rewards,
            standing=self.standing(customer),
        )

    def standing(self, customer: str | None) -> Standing:
        return Standing(
            now=self.now,
            customer=self.customers.get(customer, {}),
            program=self.counts,
            coupons={"MINE": POOLED},
            codes={POOL: tuple(self.codes)},
            luck=luck(self.sold),
        )

    def sell(self, basket: Basket, *, customer: str | None, asks: bool) -> Decision:
        """Decide, and let counters advance as a purchase does."""
        rewards = self.rewards(basket, customer=customer, visit=VISIT) if asks else {}
        try:
            decision = self.decide(basket, customer=customer, visit=VISIT, rewards=rewards)
        except Rejected:  # One of the rewards outdid another, or a bound left nothing.
            decision = self.decide(basket, customer=customer, visit=VISIT, rewards={})
        for scope, counts in (
            (Scope.CUSTOMER, self.customers.setdefault(customer, {})),
            (Scope.PROGRAM, self.counts),
        ):
            advance(counts, [(use.name, use.period, use.amount) for use in decision.uses if use.scope is scope])
        given = {code for effect in decision.effects for code in effect.codes}
        self.codes = [code for code in self.codes if code not in given]
        self.sold += 1
        return decision


def facts_of(customer: str) -> CustomerFacts:
    return CustomerFacts(customer, "gold" if customer == "anna" else None, {"points": 50, "stamps": 1_000})


@examples(250)
@given(programs(), visits)
def test_no_limit_cap_stock_or_pool_is_passed(program: Program, visits: list[Any]) -> None:
    shop, given = Shop(compile_program(program)), Given(program)
    for customer, basket, wait, asks in visits:
        shop.now += wait
        decision = shop.sell(basket, customer=customer, asks=asks)
        check_sums(decision, basket)
        given.add(decision, basket, customer=customer, now=shop.now)
        given.check()


@dataclass
class Given:
    """What was given, counted from effects, parts and draws alone."""

    program: Program
    totals: Counter[Any] = field(default_factory=Counter)

    def add(self, decision: Decision, basket: Basket, *, customer: str | None, now: datetime) -> None:
        rules = {rule.id: rule for rule in self.program.rules}
        today = now.astimezone(self.program.timezone).date()
        amounts = {effect.rule: effect.given for effect in decision.effects}
        amounts |= {draw.rule: draw.cost for draw in decision.draws if draw.prize is not None}
        for rule_id, amount in amounts.items():
            limit = rules[rule_id].limit
            if limit is not None:
                assert amount <= (limit.receipt or amount)
                period = period_of(limit.customer_period, today)
                self.totals[rule_id, "budget"] += amount
                self.totals[rule_id, "uses"] += 1
                self.totals[rule_id, "customer", customer, period] += amount
                self.totals[rule_id, "customer_uses", customer, period] += 1
        for draw in decision.draws:
            if draw.prize is not None:
                self.totals[draw.rule, "stock", draw.prize] += 1
        for cap in self.program.caps:
            whose = customer if cap.per is Scope.CUSTOMER else ""
            for line, decided in zip(basket.lines, decision.lines, strict=True):
                steps = (line.category or "").split("/")[: cap.depth] if cap.depth else []
                key = (cap.id, "cap", whose, period_of(cap.period, today), tuple(steps))
                self.totals[key] += decided.accrued.get(cap.wallet, 0)

    def check(self) -> None:
        limits = {rule.id: rule.limit for rule in self.program.rules}
        caps = {cap.id: cap for cap in self.program.caps}
        for (name, what, *more), total in self.totals.items():
            assert total <= (self._bound(limits.get(name), caps.get(name), name, what, more) or total), (name, what)

    def _bound(self, limit: Any, cap: Cap | None, name: str, what: str, more: list[Any]) -> int | None:
        match what:
            case "cap":
                return cap.max if cap is not None else None
            case "stock":
                rule = next(rule for rule in self.program.rules if rule.id == name)
                stocks: dict[str, int | None] = {prize.id: prize.stock for prize in rule.give.prizes}  # type: ignore[union-attr]
                return stocks[more[0]]
        names = {"budget": "budget", "uses": "uses", "customer": "customer_max", "customer_uses": "customer_uses"}
        bound: int | None = getattr(limit, names[what])
        return bound


def check_sums(decision: Decision, basket: Basket) -> None:
    """Parts, uses and costs are whole."""
    for decided in decision.lines:
        assert decided.discount == sum(part.amount for part in decided.parts)
        units: Counter[str] = Counter()
        for part in decided.parts:
            if part.wallet is not None:
                units[part.wallet] += part.units
        assert dict(decided.accrued) == dict(units)
    costs: Counter[str] = Counter()
    for effect in decision.effects:
        assert 0 < effect.given <= effect.wanted
        assert (effect.limited_by is None) == (effect.given == effect.wanted)
        assert len(effect.codes) == (effect.given if effect.coupon is not None else 0)
        costs.update(effect.cost)
    assert costs == decision.redeemed_units
    ids = {line.id for line in basket.lines}
    for use in decision.uses:
        assert (use.back is Back.SHARE) == bool(use.by_line)
        assert set(use.by_line) <= ids
        assert sum(use.by_line.values()) == (use.amount if use.back is Back.SHARE else 0)
    applied = {verdict.rule for verdict in decision.verdicts if verdict.verdict is Outcome.APPLIED}
    assert applied == {effect.rule for effect in decision.effects}


@examples(150)
@given(programs(), visits)
def test_what_others_buy_in_between_changes_nothing(program: Program, visits: list[Any]) -> None:
    """Apart from what they share; here nothing that one of them takes is noted for the others."""
    shop = Shop(compile_program(program))
    alone = [shop.decide(basket, customer="anna", visit=VISIT, rewards={}) for _, basket, _, _ in visits]
    for (customer, basket, _, _), before in zip(visits, alone, strict=True):
        shop.decide(basket, customer=customer, visit=VISIT, rewards={})
        shop.decide(basket, customer="boris", visit=replace(VISIT, event="review"), rewards={})
        assert shop.decide(basket, customer="anna", visit=VISIT, rewards={}) == before


@examples(150)
@given(programs(), baskets, people)
def test_rules_that_a_basket_does_not_touch_change_nothing(
    program: Program, basket: Basket, customer: str | None
) -> None:
    lane = program.lanes[0].id
    elsewhere = [
        Rule("other-sku", Kind.DISCOUNT, lane, 9, 90, GiveBundle(("none", "nor"), 0)),
        Rule("other-food", Kind.BONUS, lane, 9, 91, GiveUnits(5), on=Selection(Lists(category=frozenset(["toys"])))),
        Rule("other-act", Kind.BONUS, lane, 9, 92, GiveUnits(5), when=EventIs(("signup",))),
        Rule("other-code", Kind.REWARD, lane, 9, 93, GiveGift("MUG"), when=CouponIs(("AUTUMN",))),
    ]
    more = replace(program, rules=(*elsewhere, *program.rules))
    decisions = [
        Shop(compile_program(each)).decide(basket, customer=customer, visit=VISIT, rewards={})
        for each in (program, more)
    ]
    assert decisions[0] == decisions[1]


@examples(250)
@given(programs(), baskets, people, st.sampled_from([None, "review"]))
def test_the_index_finds_all_that_looking_at_every_rule_would(
    program: Program, basket: Basket, customer: str | None, event: str | None
) -> None:
    def nowhere(rule: Rule) -> Anchor:
        by = "any_event" if anchor_of(rule).by in ("event", "any_event") else ""
        return Anchor(by, frozenset(), rule.on)

    visit = replace(VISIT, event=event)
    found = Shop(compile_program(program)).decide(basket, customer=customer, visit=visit, rewards={})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiling, "anchor_of", nowhere)
        looked = Shop(compile_program(program)).decide(basket, customer=customer, visit=visit, rewards={})
    touched = {verdict.rule for verdict in found.verdicts}
    assert all(verdict.verdict is Outcome.SKIPPED for verdict in looked.verdicts if verdict.rule not in touched)
    told = tuple(verdict for verdict in looked.verdicts if verdict.rule in touched)
    assert replace(looked, verdicts=told, coupons=()) == replace(found, coupons=())


class Strict(dict[str, Any]):
    """State that may only be asked for what was named."""

    def __init__(self, known: Mapping[str, Any], named: Any) -> None:
        super().__init__(known)
        self.named = named

    def get(self, name: str, default: Any = None) -> Any:
        assert name in self.named, f"{name} was not among the needs"
        return super().get(name, default)


@examples(150)
@given(programs(), visits, st.sampled_from([None, "review"]))
def test_a_decision_needs_no_more_than_it_says(program: Program, visits: list[Any], event: str | None) -> None:
    compiled = compile_program(program)
    shop, visit = Shop(compiled), replace(VISIT, event=event)
    for customer, basket, _, asks in visits:
        rewards = shop.rewards(basket, customer=customer, visit=visit) if asks else {}
        needs = needs_of(compiled, basket, event=event, rewards=rewards, customer_known=customer is not None)
        plenty = shop.standing(customer)
        named = replace(
            plenty,
            program=Strict(plenty.program, needs.counters),
            codes=Strict({pool: plenty.codes[pool][:count] for pool, count in needs.pools.items()}, needs.pools),
        )
        facts = None if customer is None else facts_of(customer)
        decisions: list[object] = []
        for standing in (plenty, named):
            try:
                decision = evaluate(
                    compiled, basket, customer=facts, visit=visit, redeem={}, rewards=rewards, standing=standing
                )
            except Rejected as rejected:
                decisions.append(rejected.faults)
                continue
            # A hint looks whether the pool has one more code; no purchase holds back a code for that.
            decisions.append(replace(decision, hints=()))
            assert {use.name for use in decision.uses if use.scope is Scope.PROGRAM} <= needs.counters
        assert decisions[0] == decisions[1]
        shop.sell(basket, customer=customer, asks=False)
