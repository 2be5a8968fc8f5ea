"""The pure core against the independent model: the same program, basket and customer, the same decision."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from hypothesis import given, note
from hypothesis import strategies as st

from app.domain.basket import Basket, Channel, ClosedTo, IdentifiedBy, Line, Payment, Visit
from app.domain.customer import CustomerFacts
from app.domain.decision import Decision
from app.domain.programs import read_program
from app.domain.rejections import Rejected
from app.domain.rules.compiled import CompiledProgram
from app.domain.rules.evaluate import compile_program, evaluate
from tests.model import crowded, strategies
from tests.model.arithmetic import Json, number
from tests.model.examples import examples
from tests.model.pricing import Refused, decide

NOON = datetime(2026, 2, 10, 12, tzinfo=UTC)


def typed_line(line: Json) -> Line:
    return Line(
        id=line["id"],
        qty_milli=int(number(line["qty"]) * 1_000),
        price=line["price"],
        sku=line.get("sku"),
        category=line.get("category"),
        brand=line.get("brand"),
        tags=frozenset(line.get("tags", [])),
        list_price=line.get("list_price"),
        min_price=line.get("min_price", 0),
        closed_to=frozenset(ClosedTo(each) for each in line.get("no", [])),
    )


def typed_basket(basket: Json) -> Basket:
    payments = tuple(Payment(method=each["method"], amount=each["amount"]) for each in basket.get("payments", []))
    return Basket(lines=tuple(typed_line(line) for line in basket["lines"]), payments=payments)


def typed_customer(customer: Json | None) -> CustomerFacts | None:
    if customer is None:
        return None
    birthday = customer["birthday"]
    return CustomerFacts(
        id="ann",
        tier=customer["tier"],
        available=customer["available"],
        purchases=customer["purchases"],
        last_purchase_at=customer["last_purchase_at"],
        birthday=date.fromisoformat(birthday) if birthday else None,
    )


def decided_by_the_core(
    program: CompiledProgram,
    basket: Json,
    *,
    customer: Json | None,
    shop: str,
    channel: str,
    at: datetime,
    redeem: Json,
    identified_by: str,
) -> Json | str:
    """In the words of the model; a refusal is its code."""
    visit = Visit(at=at, channel=Channel(channel), shop=shop, identified_by=IdentifiedBy(identified_by))
    try:
        return shown(
            evaluate(program, typed_basket(basket), customer=typed_customer(customer), visit=visit, redeem=redeem)
        )
    except Rejected as rejected:
        return str(rejected.rejection)


def without_zeros(by_wallet: Any) -> dict[str, int]:
    return {wallet: units for wallet, units in by_wallet.items() if units}


def shown(decision: Decision) -> Json:
    lines = [
        {
            "id": line.id,
            "gross": line.gross,
            "discount": line.discount,
            "redeemed": line.redeemed,
            "paid": line.paid,
            "redeemed_units": without_zeros(line.redeemed_units),
            "accrued": without_zeros(line.accrued),
            "parts": [
                (part.rule, part.kind, part.wallet, part.units if part.wallet else part.amount) for part in line.parts
            ],
        }
        for line in decision.lines
    ]
    terms = {
        wallet: {"max_units": each.max_units, "max_money": each.max_money, "terms": dict(each.terms)}
        for wallet, each in decision.redeem_terms.items()
    }
    effects = [(each.rule, each.kind, each.wallet, each.given) for each in decision.effects if each.given]
    assert all(each.wanted >= each.given for each in decision.effects)
    for each in decision.redeem_terms.values():
        assert each.terms.get(each.bound_by, each.max_money) == each.max_money, "not the term that binds"
    totals = {"redeemed_units": without_zeros(decision.redeemed_units), "accrued": without_zeros(decision.accrued)}
    return {"lines": lines, "terms": terms, "effects": effects, "totals": totals}


def said(answer: Json) -> Json:
    """What the model says, of what `shown` compares."""
    lines = [
        {
            **{name: value for name, value in line.items() if name not in ("prices", "parts")},
            "parts": [
                (part["rule"], part["kind"], part.get("wallet"), part.get("units", part.get("amount")))
                for part in line["parts"]
            ],
        }
        for line in answer["lines"]
    ]
    terms = {
        wallet: {name: each[name] for name in ("max_units", "max_money", "terms")}
        for wallet, each in answer["redeem"]["wallets"].items()
    }
    effects = [(each["rule"], each["kind"], each.get("wallet"), each["given"]) for each in answer["effects"]]
    totals = {name: answer["totals"][name] for name in ("redeemed_units", "accrued")}
    return {"lines": lines, "terms": terms, "effects": effects, "totals": totals}


def compare(
    document: Json, compiled: CompiledProgram, basket: Json, *, customer: Json | None, redeem: Json, visit: Json
) -> None:
    """Both decide; both say the same."""
    expected = decide(document, basket, customer=customer, redeem=redeem, **visit)
    got = decided_by_the_core(compiled, basket, customer=customer, redeem=redeem, **visit)
    if isinstance(expected, Refused):
        assert got == expected.code, f"the model refuses for {expected.codes}"
        return
    note(f"the model says {said(expected)}")
    assert got == said(expected)


def visits(at: datetime) -> st.SearchStrategy[Json]:
    return st.fixed_dictionaries(
        {
            "shop": st.sampled_from(strategies.SHOPS),
            "channel": st.sampled_from(strategies.CHANNELS),
            "at": st.just(at),
            "identified_by": st.sampled_from(["card", "phone", "code"]),
        }
    )


@examples(600)
@given(st.data())
def test_the_core_decides_as_the_model_does(data: st.DataObject) -> None:
    """The whole language."""
    document = data.draw(strategies.programs(), label="program")
    compiled = compile_program(read_program(document))
    at = data.draw(strategies.moments(), label="at")
    for _ in range(2):  # A program is dear to draw; each decides two baskets.
        basket = data.draw(strategies.baskets(), label="basket")
        customer = data.draw(strategies.customers(document, at=at), label="customer")
        redeem = data.draw(st.one_of(st.just({}), strategies.redeem_requests(document)), label="redeem")
        visit = data.draw(visits(at), label="visit")
        compare(document, compiled, basket, customer=customer, redeem=redeem, visit=visit)


@examples(1_200)
@given(st.data())
def test_the_core_decides_as_the_model_does_where_rules_meet(data: st.DataObject) -> None:
    """Lanes, units, rooms and redemption by several wallets."""
    document = data.draw(crowded.programs(), label="program")
    compiled = compile_program(read_program(document))
    for _ in range(2):
        basket = data.draw(crowded.baskets(), label="basket")
        redeem = data.draw(st.one_of(st.just({}), strategies.redeem_requests(document)), label="redeem")
        customer = data.draw(crowded.customers(), label="customer")
        visit = data.draw(visits(NOON), label="visit")
        compare(document, compiled, basket, customer=customer, redeem=redeem, visit=visit)


@examples(200)
@given(st.data())
def test_conditions_hold_where_the_model_says(data: st.DataObject) -> None:
    """Eight rules that give 1 each, told apart by their conditions alone, four visits."""
    depths = st.sampled_from([0, 0, 0, 1, 2])
    whens = [
        data.draw(depths.flatmap(lambda depth: strategies.conditions(["t0", "t1"], depth=depth))) for _ in range(8)
    ]
    document = {
        "currency": "RUB",
        "timezone": data.draw(st.sampled_from(["Europe/Moscow", "Europe/Berlin", "UTC", "Asia/Kolkata"])),
        "wallets": {"points": {}},
        "tiers": [{"id": "t0", "from": 0}, {"id": "t1", "from": 5}],
        "rules": [{"id": f"r{i}", "kind": "bonus", "give": {"units": 1}, "when": when} for i, when in enumerate(whens)],
    }
    note(f"conditions {whens}")
    compiled = compile_program(read_program(document))
    on_the_hour = st.integers(0, 24).map(lambda hours: NOON + timedelta(hours=hours))
    for _ in range(4):
        at = data.draw(st.one_of(strategies.moments(), on_the_hour), label="at")
        basket = data.draw(strategies.baskets(), label="basket")
        customer = data.draw(strategies.customers(document, at=at), label="customer")
        visit = data.draw(visits(at), label="visit")
        compare(document, compiled, basket, customer=customer, redeem={}, visit=visit)
