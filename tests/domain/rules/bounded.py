"""Random programs in which everything has a bound: limits, caps, costs, bundles, pieces, draws (hypothesis).

Amounts are small, so that bounds bind; baskets come with categories, brands, tags and codes, so that rules are found by
every kind of anchor.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from app.domain.basket import Basket, Line
from app.domain.coupons import Coupon
from app.domain.draws.luck import Luck
from app.domain.program import (
    Algorithm,
    All,
    Base,
    Cap,
    Combine,
    CouponIs,
    EventIs,
    GiveAmount,
    GiveBundle,
    GiveCoupon,
    GiveDraw,
    GiveGift,
    GivePercent,
    GiveUnits,
    GiveUnitsEach,
    Kind,
    Lane,
    Limit,
    Lists,
    Measure,
    Not,
    OnReturn,
    Period,
    Prize,
    Program,
    Redemption,
    Rule,
    Scope,
    Selection,
    Tier,
    TierIs,
    Wallet,
    When,
)
from tests.domain.rules.baskets import SKUS, bonuses, chosen_units, discounts

LANES = ("first", "second")
START, END = datetime(2026, 11, 1, tzinfo=UTC), datetime(2027, 2, 1, tzinfo=UTC)
CATEGORIES = ("food", "food/bread", "drinks/tea/green", None)
BRANDS, TAGS, CODES, POOL = ("x", "y"), ("own", "new"), ("SPRING", "MINE"), "pool-1"
POOLED = Coupon("MINE", pool="codes", uses_max=None)

T = TypeVar("T")


def maybe(values: st.SearchStrategy[T]) -> st.SearchStrategy[T | None]:
    return st.one_of(st.none(), values)


def some(names: Sequence[str]) -> st.SearchStrategy[frozenset[str]]:
    return st.frozensets(st.sampled_from(names), min_size=1)


few = st.integers(1, 40)
limits = maybe(
    st.builds(
        Limit,
        receipt=maybe(few),
        customer_max=maybe(few),
        customer_uses=maybe(st.integers(1, 3)),
        customer_period=st.sampled_from(list(Period)),
        budget=maybe(few),
        uses=maybe(st.integers(1, 5)),
    )
)
selections = maybe(
    st.builds(
        Selection,
        lists=st.one_of(
            st.builds(Lists, sku=some(SKUS)),
            st.builds(Lists, category=some(("food", "drinks", "food/bread"))),
            st.builds(Lists, brand=some(BRANDS), category=maybe(some(("food", "drinks")))),
            st.builds(Lists, tag=some(TAGS), brand=maybe(some(BRANDS))),
            st.just(Lists()),
        ),
        price_max=st.sampled_from([None, None, 500]),
        undiscounted=st.sampled_from([False, False, True]),
        exclude=st.sampled_from([None, None, Lists(sku=frozenset("a"))]),
        units=maybe(chosen_units()),
    )
)
whens: st.SearchStrategy[When | None] = st.one_of(
    st.none(),
    st.none(),
    st.sampled_from(
        [
            TierIs(("gold",)),
            CouponIs(("SPRING",)),
            All((TierIs(("gold",)), CouponIs(("CODES", "OTHER")))),
            Not(CouponIs(("SPRING",))),
            EventIs(("review",)),
        ]
    ),
)


PRIZES = (
    Prize("", 1, units=3),
    Prize("", 1, rate=100_000),
    Prize("", 1, gift="G", cost=7),
    Prize("", 1, coupon=POOL, cost=2),
)


@st.composite
def draws(draw: st.DrawFn) -> GiveDraw:
    def prize(place: int) -> Prize:
        form = draw(st.sampled_from(PRIZES))
        return replace(form, id=f"p{place}", weight=draw(st.integers(1, 3)), stock=draw(maybe(st.integers(1, 3))))

    return GiveDraw(
        algorithm=draw(st.sampled_from(list(Algorithm))),
        prizes=tuple(prize(place) for place in range(draw(st.integers(1, 3)))),
        chance=draw(st.sampled_from([1_000_000, 500_000, 900_000])),
        size=draw(st.integers(9, 12)),
        guarantee_every=draw(st.integers(2, 4)),
        share=300_000,
        tolerance=draw(st.sampled_from([0, 50_000])),
    )


@st.composite
def rules(draw: st.DrawFn, order: int) -> Rule:
    kind = draw(st.sampled_from(list(Kind)))
    bundles = st.lists(st.sampled_from(SKUS), min_size=1, max_size=3).map(tuple)
    gives: dict[Kind, st.SearchStrategy[Any]] = {
        Kind.DISCOUNT: st.one_of(
            discounts, st.builds(GiveBundle, bundles, st.integers(0, 900)), st.just(GiveAmount(30))
        ),
        Kind.BONUS: st.one_of(bonuses, few.map(GiveUnits), few.map(GiveUnitsEach)),
        Kind.CASHBACK: st.just(GivePercent(50_000)),
        Kind.REWARD: st.sampled_from([GiveGift("MUG"), GiveCoupon(POOL)]),
        Kind.RANDOM_REWARD: draws(),
    }
    rule = Rule(
        id=f"r{order}",
        kind=kind,
        lane=draw(st.sampled_from(LANES)),
        priority=draw(st.integers(0, 1)),
        order=order,
        give=draw(gives[kind]),
        wallet=draw(st.sampled_from(["points", "stamps", None])) if kind is not Kind.CASHBACK else None,
        when=draw(whens),
        on=draw(selections),
        limit=draw(limits),
        cost=draw(st.sampled_from([{}, {}, {"stamps": 2}])) if kind in (Kind.DISCOUNT, Kind.REWARD) else {},
        on_return=draw(st.sampled_from(list(OnReturn))),
        enabled=draw(st.integers(0, 9)) > 0,
    )
    if isinstance(rule.give, GiveBundle) and rule.on is not None:
        rule = replace(rule, on=replace(rule.on, units=None))
    if isinstance(rule.give, GiveDraw) and rule.give.algorithm is Algorithm.PACED:
        limit = rule.limit or Limit()
        rule = replace(rule, start=START, end=END, limit=replace(limit, budget=limit.budget or 30))
    return rule


caps = st.builds(
    Cap,
    id=st.just(""),
    wallet=st.sampled_from(["points", "stamps", "cashback"]),
    max=few,
    per=st.sampled_from(list(Scope)),
    period=st.sampled_from(list(Period)),
    depth=maybe(st.integers(1, 2)),
)


@st.composite
def programs(draw: st.DrawFn) -> Program:
    return Program(
        currency="RUB",
        timezone=ZoneInfo("Europe/Moscow"),
        wallets={"points": Wallet("points", 7), "stamps": Wallet("stamps", 0), "cashback": Wallet("cashback", 1)},
        redemption=Redemption(wallets=("points", "cashback"), max_share=500_000),
        accrual_base=draw(st.sampled_from(list(Base))),
        tiers=(Tier("gold", 0),),
        tier_measure=Measure.PAID,
        lanes=tuple(Lane(lane, draw(st.sampled_from(list(Combine)))) for lane in LANES),
        rules=tuple(draw(rules(order)) for order in range(draw(st.integers(1, 6)))),
        caps=tuple(replace(draw(caps), id=f"c{place}") for place in range(draw(st.integers(0, 2)))),
    )


lines = st.builds(
    Line,
    id=st.just(""),
    qty_milli=st.sampled_from([1_000, 2_000, 3_000, 1_500]),
    price=st.integers(0, 1_000),
    sku=st.sampled_from(SKUS),
    category=st.sampled_from(CATEGORIES),
    brand=st.sampled_from(BRANDS),
    tags=st.frozensets(st.sampled_from(TAGS)),
    min_price=st.sampled_from([0, 0, 300]),
)
baskets = st.builds(
    lambda bare, codes: Basket(tuple(replace(line, id=str(place)) for place, line in enumerate(bare)), codes),
    st.lists(lines, min_size=1, max_size=5),
    st.sampled_from([(), (), CODES, ("SPRING",)]),
)


def luck(number: int) -> Luck:
    return Luck(b"secret", START.date(), "S1", "T1", str(number))
