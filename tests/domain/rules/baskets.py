"""Random programs, baskets and customers in their typed form, with numbers up to the contract's bounds (hypothesis).

`tests.model.strategies` makes documents for the model; these reach further: amounts of 10^12, quantities of 10^6, any
combination of reward and selection.
"""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from app.domain.basket import Basket, Channel, ClosedTo, IdentifiedBy, Line, Visit
from app.domain.customer import CustomerFacts
from app.domain.program import (
    Base,
    Combine,
    Give,
    GiveAmount,
    GiveAmountEach,
    GiveMultiply,
    GivePer,
    GivePercent,
    GivePrice,
    GiveSteps,
    GiveUnitPrice,
    GiveUnits,
    GiveUnitsEach,
    Kind,
    Lane,
    Lists,
    Measure,
    Per,
    Program,
    Redemption,
    Rule,
    Selection,
    Step,
    Units,
    Wallet,
    Which,
)

LANES = ("first", "second", "third")
SKUS = ("a", "b", "c")
VISIT = Visit(datetime(2026, 11, 21, 9, tzinfo=UTC), Channel.POS, "S1", IdentifiedBy.CARD)

money = st.one_of(st.integers(0, 500), st.integers(0, 100_000), st.sampled_from([10**12, 10**12 - 1]))
rates = st.one_of(st.integers(0, 1_000_000), st.sampled_from([1, 50_000, 333_333, 1_000_000]))
qtys_milli = st.one_of(
    st.integers(1, 6).map(lambda units: units * 1_000), st.integers(1, 5_000), st.sampled_from([10**9, 10**9 - 1])
)


@st.composite
def lines(draw: st.DrawFn, place: int) -> Line:
    return Line(
        id=str(place),
        qty_milli=draw(qtys_milli),
        price=draw(money),
        sku=draw(st.sampled_from(SKUS)),
        min_price=draw(st.one_of(st.just(0), money)),
        list_price=draw(st.one_of(st.none(), money)),
        closed_to=draw(st.frozensets(st.sampled_from(list(ClosedTo)), max_size=1)),
    )


@st.composite
def baskets(draw: st.DrawFn) -> Basket:
    return Basket(lines=tuple(draw(lines(place)) for place in range(draw(st.integers(0, 6)))))


@st.composite
def chosen_units(draw: st.DrawFn) -> Units:
    every = draw(st.integers(1, 4))
    return Units(
        every=every,
        take=draw(st.integers(1, every)),
        times=draw(st.one_of(st.none(), st.integers(1, 3))),
        which=draw(st.sampled_from(list(Which))),
        per=draw(st.sampled_from(list(Per))),
    )


selections = st.one_of(
    st.none(),
    st.builds(
        Selection,
        lists=st.builds(Lists, sku=st.one_of(st.none(), st.frozensets(st.sampled_from(SKUS), min_size=1))),
        undiscounted=st.booleans(),
        units=st.one_of(st.none(), chosen_units()),
    ),
)
steps = st.builds(
    lambda starts, rate, amount: GiveSteps((Step(min(starts), rate, None), Step(max(starts) + 1, None, amount))),
    st.tuples(money, money),
    rates,
    money,
)
discounts: st.SearchStrategy[Give] = st.one_of(
    rates.map(GivePercent),
    money.map(GiveAmount),
    money.map(GiveAmountEach),
    money.map(GiveUnitPrice),
    money.map(GivePrice),
    steps,
)
bonuses: st.SearchStrategy[Give] = st.one_of(
    rates.map(GivePercent),
    st.builds(GivePer, st.integers(1, 10_000), st.integers(0, 50)),
    st.integers(0, 1_000).map(GiveUnits),
    st.integers(0, 50).map(GiveUnitsEach),
    st.integers(1_000_000, 5_000_000).map(GiveMultiply),
)


@st.composite
def rules(draw: st.DrawFn, order: int) -> Rule:
    kind = draw(st.sampled_from([Kind.DISCOUNT, Kind.BONUS, Kind.CASHBACK]))
    more: dict[str, Any] = {}
    if kind is Kind.BONUS:
        more["wallet"] = draw(st.sampled_from(["points", "stamps", "cashback", None]))
    gives = {Kind.DISCOUNT: discounts, Kind.BONUS: bonuses, Kind.CASHBACK: rates.map(GivePercent)}
    return Rule(
        id=f"r{order}",
        kind=kind,
        lane=draw(st.sampled_from(LANES)),
        priority=draw(st.integers(0, 2)),
        order=order,
        give=draw(gives[kind]),
        on=draw(selections),
        enabled=draw(st.integers(0, 9)) > 0,
        **more,
    )


@st.composite
def programs(draw: st.DrawFn) -> Program:
    return Program(
        currency="RUB",
        timezone=ZoneInfo("Europe/Moscow"),
        wallets={
            "points": Wallet("points", draw(st.sampled_from([1, 7, 100]))),
            "stamps": Wallet("stamps", 0),
            "cashback": Wallet("cashback", 1),
        },
        redemption=Redemption(
            wallets=("points", "cashback"),
            max_share=draw(rates),
            min_units=draw(st.integers(0, 20)),
            min_paid=draw(st.integers(0, 500)),
            step=draw(st.sampled_from([1, 3, 10])),
        ),
        accrual_base=draw(st.sampled_from(list(Base))),
        tiers=(),
        tier_measure=Measure.PAID,
        lanes=tuple(Lane(lane, draw(st.sampled_from(list(Combine)))) for lane in LANES),
        rules=tuple(draw(rules(order)) for order in range(draw(st.integers(1, 7)))),
    )


customers = st.one_of(
    st.none(),
    st.builds(
        lambda points, cashback: CustomerFacts(id="c", available={"points": points, "cashback": cashback}),
        st.integers(-100, 100_000),
        st.integers(-100, 10**12),
    ),
)
