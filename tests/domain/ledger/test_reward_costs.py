"""What a reward has cost comes back with the reward, never by the share of a line that it stands on."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.amounts import half_up
from app.domain.basket import Basket, Channel, IdentifiedBy, Line, Visit
from app.domain.coupons import Coupon
from app.domain.decision import CostBack
from app.domain.identifiers import CustomerId
from app.domain.ledger.audit.findings import Check, Notes
from app.domain.ledger.audit.lines import check_line, costs_back, read_lines
from app.domain.ledger.postings import Origin
from app.domain.ledger.purchase_states import LineState, PurchaseState, Uses
from app.domain.ledger.returns import plan_return, quantities
from app.domain.programs import read_program
from app.domain.rules.compiled import compile_program
from tests.domain.ledger.bank import Bank, Stored
from tests.domain.ledger.papers import papers_of
from tests.domain.ledger.shop import Shop

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ANNA = CustomerId(UUID(int=7))
PENNY = [Line(id="G", sku="G", qty_milli=1_000, price=1), Line(id="Z", sku="Z", qty_milli=1_000, price=50_000)]
COSTLY: list[dict[str, Any]] = [
    {"id": "gc", "kind": "reward", "on": {"sku": ["G"]}, "give": {"coupon": "pool"}, "cost": {"points": 150}},
    {"id": "gg", "kind": "reward", "on": {"sku": ["G"]}, "give": {"gift": "MUG"}, "cost": {"points": 70}},
    {"id": "off", "kind": "discount", "on": {"sku": ["Z"]}, "give": {"amount": 100}, "cost": {"points": 20}},
    {"id": "kept", "kind": "reward", "on": {"sku": ["G"]}, "give": {"gift": "PEN"}, "cost": {"points": 5},
     "on_return": "keep"},
]  # fmt: skip
VISIT = Visit(at=NOW, channel=Channel.POS, shop="S1", identified_by=IdentifiedBy.CARD)


def town() -> Bank:
    """Anna has 1,000 points; one code can be had."""
    rules = [*COSTLY, {"id": "tenth", "kind": "discount", "when": {"coupon": ["pool"]}, "give": {"percent": "10"}}]
    program = read_program(
        {"currency": "RUB", "timezone": "UTC", "wallets": {"points": {"value": 100}}, "rules": rules}
    )
    bank = Bank(compile_program(program))
    bank.register(ANNA)
    bank.adjust(ANNA, wallet="points", units=1_000, now=NOW)
    bank.shared.coupons["CODE"] = Coupon(code="CODE", pool="pool")
    return bank


def bought(bank: Bank, rewards: Mapping[str, int], coupons: tuple[str, ...] = ()) -> Stored:
    basket = Basket(lines=tuple(PENNY), coupons=coupons)
    return bank.accrue(ANNA, basket=basket, visit=VISIT, asked={}, rewards=rewards, now=NOW)[1]


def available(bank: Bank) -> int:
    bank.check(ANNA)
    return bank.read(ANNA).purse("points").available


def test_a_returned_penny_brings_no_cost_back() -> None:
    bank = town()
    sold = bought(bank, {"gc": 1, "gg": 1})
    assert available(bank) == 1_000 - 150 - 70
    plan = bank.bring_back(sold, asked=[("G", 1_000)], now=NOW)
    assert (plan.refund, plan.voided) == (1, ())
    assert not any(plan.given_back.values())
    assert available(bank) == 780
    plan = bank.bring_back(sold, asked=None, now=NOW)
    assert (dict(plan.given_back), dict(plan.costs_kept), plan.voided) == ({"points": 220}, {}, ("CODE",))
    assert available(bank) == 1_000


def test_a_code_that_was_used_keeps_its_cost_and_no_other() -> None:
    bank = town()
    sold = bought(bank, {"gc": 1, "gg": 1})
    used = bought(bank, {}, ("CODE",))
    assert bank.shared.coupons["CODE"].uses == 1
    plan = bank.bring_back(sold, asked=None, now=NOW)
    assert (dict(plan.given_back), dict(plan.costs_kept), available(bank)) == ({"points": 70}, {"points": 150}, 850)
    bank.bring_back(used, asked=None, now=NOW)
    assert available(bank) == 850


def test_a_use_that_was_given_back_by_then_is_none() -> None:
    bank = town()
    sold = bought(bank, {"gc": 1})
    bank.bring_back(bought(bank, {}, ("CODE",)), asked=None, now=NOW)
    plan = bank.bring_back(sold, asked=None, now=NOW)
    assert (dict(plan.given_back), plan.voided, available(bank)) == ({"points": 150}, ("CODE",), 1_000)


def test_what_a_discount_has_cost_comes_back_by_share() -> None:
    bank = town()
    sold = bought(bank, {"off": 1, "gg": 1})
    plan = bank.bring_back(sold, asked=[("Z", 500)], now=NOW)
    assert dict(plan.given_back) == {"points": 10}
    plan = bank.bring_back(sold, asked=[("Z", 500)], now=NOW)
    assert dict(plan.given_back) == {"points": 10}
    assert dict(bank.bring_back(sold, asked=None, now=NOW).given_back) == {"points": 70}
    assert available(bank) == 1_000


def test_a_reward_that_returns_leave_keeps_its_cost() -> None:
    bank = town()
    plan = bank.bring_back(bought(bank, {"kept": 1, "gg": 1}), asked=None, now=NOW)
    assert (dict(plan.given_back), dict(plan.costs_kept), available(bank)) == ({"points": 70}, {"points": 5}, 995)


def _sold(shop: Shop, costs: Mapping[str, Mapping[str, int]], *, redeem: int) -> PurchaseState:
    shop.act(gives={("base", "points"): 1_000})
    sold = shop.sell(redeem={"points": redeem}, gives={("base", "points"): 4}, qty=2, codes=("CODE",))
    sold.lines[0].cost_units = costs
    return sold


@pytest.mark.parametrize(("used", "left"), [((), 1_000), (("CODE",), 970)])
def test_the_audit_finds_nothing_however_the_return_went(used: tuple[str, ...], left: int) -> None:
    shop = Shop()
    sold = _sold(shop, {CostBack.WHOLE.value: {"points": 20}, CostBack.UNUSED.value: {"points": 30}}, redeem=60)
    for qty, due in ((1_000, 5), (1_000, 25 + (0 if used else 30))):
        plan = plan_return(
            shop.book, sold, shop.moment(), back={"1": qty}, sold_by=shop.program, today=shop.program, origin=Origin(),
            used=used,
        )  # fmt: skip
        shop.postings.append(plan.chained)
        assert dict(plan.given_back) == {"points": due}
        assert papers_of(shop, [sold]).audit() == []
    assert shop.available == left


@pytest.mark.parametrize(
    ("members", "checks"),
    [
        ({"given_back": {"points": 55}}, {Check.PURCHASE_SHARES, Check.PURCHASE_GIVEN_BACK}),
        ({"cost_units": {}}, {Check.PURCHASE_SHARES}),
        ({"cost_units": {"whole": {"points": 61}}}, {Check.PURCHASE_LINES, Check.PURCHASE_SHARES}),
    ],
)
def test_the_audit_names_a_cost_that_came_back_too_early(members: Mapping[str, Any], checks: set[Check]) -> None:
    shop = Shop()
    sold = _sold(shop, {CostBack.WHOLE.value: {"points": 50}}, redeem=60)
    shop.bring_back(sold, 1_000)
    papers = papers_of(shop, [sold])
    assert papers.audit() == []
    papers.forge_line(1, **members)
    assert papers.checks() == checks


@pytest.mark.parametrize("costs", [[], {"whole": 5}, {"whole": {"points": "5"}}, {"soon": {"points": 5}}])
def test_costs_that_are_none_cannot_be_read(costs: object) -> None:
    line = orjson.loads(orjson.dumps(LineState("1", 1_000, 0, {}, {"points": 5})))
    assert read_lines(orjson.dumps([line]).decode()) is not None
    assert read_lines(orjson.dumps([{**line, "cost_units": costs}]).decode()) is None


parts = st.integers(0, 300)


@given(
    lines=st.lists(st.tuples(st.integers(1, 3_000), parts, parts, parts, parts), min_size=1, max_size=4),
    is_used=st.booleans(),
    data=st.data(),
)
def test_any_split_ends_at_the_whole_and_costs_come_back_at_its_end(
    lines: list[tuple[int, int, int, int, int]], is_used: bool, data: st.DataObject
) -> None:
    """What paid has the half-up share of each line after every return; costs wait, and then come back at once."""
    shop = Shop()
    shop.buy(accrue=10_000)
    sold = shop.buy(redeem=sum(sum(each[1:]) for each in lines))
    sold.uses = Uses(codes=("CODE",))
    sold.lines = [
        LineState(
            id=str(place), qty_milli=qty, paid=0, accrued={}, redeemed_units={"points": paid + whole + unused + never},
            cost_units={"whole": {"points": whole}, "unused": {"points": unused}, "never": {"points": never}},
        )
        for place, (qty, paid, whole, unused, never) in enumerate(lines)
    ]  # fmt: skip
    given, kept, stays = 0, 0, sum(each[4] + (each[3] if is_used else 0) for each in lines)
    while not sold.is_all_back:
        open_lines = [line for line in sold.lines if line.qty_milli > line.returned_milli]
        drawn = {line.id: data.draw(st.integers(0, line.qty_milli - line.returned_milli)) for line in open_lines}
        back = {line_id: qty for line_id, qty in drawn.items() if qty} or quantities(sold, None)
        plan = plan_return(
            shop.book, sold, shop.moment(), back=back, sold_by=shop.program, today=shop.program, origin=Origin(),
            used=("CODE",) if is_used else (),
        )  # fmt: skip
        shop.postings.append(plan.chained)
        shop.check()
        given, kept = given + plan.given_back.get("points", 0), plan.costs_kept.get("points", 0)
        if not sold.is_all_back:
            shares = [
                half_up(each[1] * line.returned_milli, line.qty_milli)
                for line, each in zip(sold.lines, lines, strict=True)
            ]
            assert (given, kept) == (sum(shares), 0)
        assert _audited(sold) == []
    assert (shop.available, given, kept) == (10_000 - stays, sum(sum(each[1:]) for each in lines) - stays, stays)


def _audited(sold: PurchaseState) -> list[object]:
    rows, notes = read_lines(orjson.dumps(sold.lines).decode()), Notes(None)
    assert rows is not None
    costs = costs_back(rows, is_all_back=sold.is_all_back)
    for row in rows:
        check_line(row, "tx", notes, None, costs_back=costs)
    return list(notes.findings)
