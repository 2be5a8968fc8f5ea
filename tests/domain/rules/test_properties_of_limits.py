"""What holds where everything can be used up: no bound is passed, what is told sums, and one customer's rules leave
another's result alone.
"""

from collections import Counter
from copy import deepcopy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from app.domain.amounts import gross
from app.domain.basket import Basket
from app.domain.counters import Count, Scope, used
from app.domain.decision import Decision
from app.domain.programs import read_program
from app.domain.rejections import Rejected
from app.domain.rules.evaluate import compile_program, evaluate
from app.domain.rules.standing import Standing
from tests.domain.words import counter_name, typed_basket, typed_customer, typed_visit, typed_world
from tests.model import dense, standings
from tests.model.arithmetic import Json
from tests.model.examples import examples
from tests.model.limits import Limits
from tests.model.world import CUSTOMER, PROGRAM, World, period_of

SOMEBODY_ELSE = {"tag": ["somebody else"]}


def decided(document: Json, given: Json, standing: Standing) -> Decision | str:
    """The decision, or the code of what it was refused for."""
    asked = given["redeem"]
    try:
        return evaluate(
            compile_program(read_program(document)),
            typed_basket(given["basket"]),
            customer=typed_customer(given["customer"]),
            visit=typed_visit(given["visit"]),
            redeem={wallet: units for wallet, units in asked.items() if wallet != "rewards"},
            rewards=asked.get("rewards", {}),
            standing=standing,
        )
    except Rejected as rejected:
        return str(rejected.rejection)


@st.composite
def situations(draw: st.DrawFn, document: Json) -> tuple[Json, World]:
    """A basket of somebody, what is asked for, and how things stand."""
    customer, visit = draw(dense.customers()), draw(dense.visits())
    if customer is None:
        visit["identified_by"] = None
    given = {
        "basket": draw(dense.baskets()),
        "customer": customer,
        "visit": visit,
        "redeem": {} if customer is None else draw(dense.wishes(document)),
    }
    return given, draw(standings.worlds(document))


@examples(250)
@given(st.data())
def test_what_is_told_sums_and_no_line_falls_below_its_floor(data: st.DataObject) -> None:
    document = data.draw(dense.programs(), label="program")
    situation, world = data.draw(situations(document), label="situation")
    decision = decided(document, situation, typed_world(world))
    if isinstance(decision, str):
        return
    check_lines(typed_basket(situation["basket"]), decision)
    parts: Counter[tuple[str, str | None]] = Counter()
    for line in decision.lines:
        for part in line.parts:
            parts[part.rule, part.wallet] += part.units if part.wallet is not None else part.amount
    told = {(each.rule, each.wallet): each.given for each in decision.effects if each.gift is each.coupon is None}
    assert parts == Counter(told)
    cost: Counter[str] = Counter()
    for effect in decision.effects:
        assert len(effect.codes) == (effect.given if effect.coupon is not None else 0)
        cost.update(effect.cost)
    value = {wallet: terms["value"] for wallet, terms in document["wallets"].items()}
    paying = {wallet: units - cost[wallet] for wallet, units in decision.redeemed_units.items()}
    assert all(units >= 0 for units in paying.values())
    assert sum(value[wallet] * units for wallet, units in paying.items()) == decision.redeemed


def check_lines(basket: Basket, decision: Decision) -> None:
    for line, told in zip(basket.lines, decision.lines, strict=True):
        assert told.gross - told.discount - told.redeemed == told.paid >= 0
        assert told.discount == sum(part.amount for part in told.parts)
        if told.discount or told.redeemed:
            assert told.paid >= gross(line.min_price, line.qty_milli)
        accrued: Counter[str] = Counter()
        for part in told.parts:
            if part.wallet is not None:
                accrued[part.wallet] += part.units
        assert accrued == Counter(told.accrued)


@examples(250)
@given(st.data())
def test_no_limit_no_cap_and_no_stock_is_passed(data: st.DataObject) -> None:
    """However much was used before, and however many rules share a cap."""
    document = data.draw(dense.programs(), label="program")
    situation, world = data.draw(situations(document), label="situation")
    standing = typed_world(world)
    decision = decided(document, situation, standing)
    if isinstance(decision, str):
        return
    taken: Counter[tuple[Scope, str, str]] = Counter()
    for use in decision.uses:
        taken[use.scope, use.name, use.period] += use.amount
        assert sum(use.by_line.values()) == (use.amount if use.by_line else 0)
    for (scope, name, period), most in bounds(document, situation["basket"]["lines"], world).items():
        counts = standing.customer if scope is Scope.CUSTOMER else standing.program
        before = used(counts, name, period)
        assert before + taken[scope, name, period] <= max(most, before), name
    for effect in decision.effects:
        rule = next(rule for rule in document["rules"] if rule["id"] == effect.rule)
        if effect.kind != "random_reward" and (most := rule.get("limit", {}).get("receipt")) is not None:
            assert effect.given <= most


def bounds(document: Json, lines: list[Json], world: World) -> dict[tuple[Scope, str, str], int]:
    """Every counter with what it may come to."""
    limits = Limits(document, world, lines)
    found: dict[Any, int] = {}
    for rule in document["rules"]:
        limit = rule.get("limit", {})
        mine = limit.get("customer", {})
        period = period_of(mine.get("period", "ever"), limits.zone, world.now)
        found |= {(CUSTOMER, (name, rule["id"]), period): mine[name] for name in mine.keys() & {"max", "uses"}}
        found |= {(PROGRAM, (name, rule["id"]), ""): limit[name] for name in limit.keys() & {"budget", "uses"}}
        prizes = rule["give"].get("draw", {}).get("prizes", [])
        found |= {
            (PROGRAM, ("stock", rule["id"], prize["id"]), ""): prize["stock"] for prize in prizes if "stock" in prize
        }
    for cap in document["caps"]:
        for i in range(len(lines)):
            found[limits.cap_key(cap, limits.group(cap, i))] = cap["max"]
    return {(Scope(scope), counter_name(name), period): most for (scope, name, period), most in found.items()}


@examples(150)
@given(st.data())
def test_rules_for_somebody_else_change_nothing(data: st.DataObject) -> None:
    """Rules in any lane, at any priority, with limits, draws and costs of their own, that ask for another customer."""
    document = data.draw(dense.programs(), label="program")
    others = deepcopy(data.draw(dense.programs(), label="others")["rules"])
    wallets, lanes = list(document["wallets"]), [lane["id"] for lane in document["lanes"]]
    more = deepcopy(document)
    for rule in others:
        rule |= {"id": f"x{rule['id']}", "lane": data.draw(st.sampled_from(lanes)), "when": SOMEBODY_ELSE}
        if "wallet" in rule["give"]:
            rule["give"]["wallet"] = data.draw(st.sampled_from(wallets))
        if "cost" in rule:
            rule["cost"] = {wallets[0]: 5}
        more["rules"].insert(data.draw(st.integers(0, len(more["rules"]))), rule)
    situation, world = data.draw(situations(document), label="situation")
    codes = {code.strip().upper() for code in situation["basket"].get("coupons", [])}
    mine, theirs = (decided(each, situation, typed_world(world)) for each in (document, more))
    if isinstance(mine, str) or isinstance(theirs, str):
        assert mine == theirs
        return
    assert codes >= {each.code.strip().upper() for each in theirs.coupons}
    for name in ("lines", "effects", "redeem_terms", "draws", "coupons", "surprise"):
        assert getattr(mine, name) == getattr(theirs, name), name
    balanced = [use for use in theirs.uses if use.name.startswith("balanced/x")]  # They count what others were given.
    assert list(mine.uses) == [use for use in theirs.uses if use not in balanced]


@examples(100)
@given(st.data())
def test_the_same_input_gives_the_same_decision(data: st.DataObject) -> None:
    """Also from a program compiled anew, and whatever else the counters' tables hold."""
    document = data.draw(dense.programs(), label="program")
    situation, world = data.draw(situations(document), label="situation")
    standing = typed_world(world)
    first = decided(document, situation, standing)
    assert decided(document, situation, standing) == first
    strangers = {"rule/other/budget": Count("", 7), "cap/other": Count("2026-02", 9)}
    more = typed_world(world)
    assert isinstance(more.program, dict)
    more.program.update(strangers)
    assert decided(deepcopy(document), situation, more) == first
