"""The pure core against the independent model: the same program, basket and customer, the same decision."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, note
from hypothesis import strategies as st

from app.domain.programs import read_program
from app.domain.rejections import Rejected
from app.domain.rules.compiled import CompiledProgram
from app.domain.rules.evaluate import compile_program, evaluate
from tests.domain.words import (
    differing,
    forget_what_is_open,
    said,
    shown,
    typed_basket,
    typed_customer,
    typed_visit,
    typed_world,
)
from tests.model import crowded, dense, standings, strategies
from tests.model.arithmetic import Json
from tests.model.examples import examples
from tests.model.pricing import ACT, Refused, decide
from tests.model.world import World

NOON = datetime(2026, 2, 10, 12, tzinfo=UTC)


def decided_by_the_core(
    program: CompiledProgram,
    basket: Json,
    *,
    customer: Json | None,
    redeem: Json,
    visit: Json,
    world: World | None,
    event: str | None,
) -> Json | str:
    """In the words of the model; a refusal is its code."""
    try:
        decision = evaluate(
            program,
            typed_basket(basket),
            customer=typed_customer(customer),
            visit=typed_visit(visit, event=event),
            redeem={name: units for name, units in redeem.items() if name != "rewards"},
            rewards=redeem.get("rewards", {}),
            standing=None if world is None else typed_world(world),
        )
    except Rejected as rejected:
        return str(rejected.rejection)
    return shown(decision)


def compare(
    document: Json,
    compiled: CompiledProgram,
    basket: Json,
    *,
    customer: Json | None,
    redeem: Json,
    visit: Json,
    world: World | None = None,
    event: str | None = None,
) -> None:
    """Both decide; both say the same."""
    expected = decide(document, basket, customer=customer, redeem=redeem, world=world, event=event, **visit)
    got = decided_by_the_core(compiled, basket, customer=customer, redeem=redeem, visit=visit, world=world, event=event)
    if isinstance(expected, Refused):
        # A reward that was asked for may stand against two things; the contract doesn't say which is looked at first.
        codes = expected.codes if redeem.get("rewards") else expected.codes[:1]
        assert got in codes, f"the model refuses for {expected.codes}"
        return
    wanted = said(expected)
    if not isinstance(got, str):
        forget_what_is_open(document, got, wanted)
    note(f"the model says {wanted}")
    assert got == wanted, differing(got, wanted)


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


@examples(500)
@given(st.data())
def test_the_core_decides_as_the_model_does_where_everything_is_short(data: st.DataObject) -> None:
    """Limits, caps, costs, sets, pieces, draws, coupons: all that can be used up, and mostly nearly is."""
    document = data.draw(dense.programs(), label="program")
    compiled = compile_program(read_program(document))
    for _ in range(2):
        basket = data.draw(dense.baskets(), label="basket")
        customer = data.draw(dense.customers(), label="customer")
        visit = data.draw(dense.visits(), label="visit")
        world = data.draw(standings.worlds(document), label="world")
        if customer is None:
            visit["identified_by"] = None
        redeem = data.draw(dense.wishes(document), label="redeem") if customer is not None else {}
        compare(document, compiled, basket, customer=customer, redeem=redeem, visit=visit, world=world)
        if customer is not None:
            act, world.luck = data.draw(st.sampled_from(dense.EVENTS), label="act"), None
            compare(document, compiled, ACT, customer=customer, redeem={}, visit=visit, world=world, event=act)
