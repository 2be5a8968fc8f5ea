"""Rewards, limits, caps, conversions: what they become."""

import pytest

from app.domain.program import (
    Algorithm,
    Cap,
    Convert,
    EventIs,
    GiveCoupon,
    GiveDraw,
    GiveGift,
    Limit,
    OnReturn,
    Period,
    Prize,
)
from app.domain.programs import read_program
from tests.domain.programs.documents import full, least, only_rule

PRIZES = (Prize("p1", 70, units=100), Prize("p2", 25, rate=100_000))
PIECES = (Prize("tv", 5, gift="TV", stock=3, cost=5_000_000), Prize("c", 1, coupon="pool-1"))
ONE = (Prize("p1", 1, units=1),)


def test_every_reward_is_read() -> None:
    rules = {rule.id: rule for rule in read_program(full()).rules}

    assert rules["mug"].give == GiveGift("MUG")
    assert (rules["mug"].wallet, rules["mug"].cost) == (None, {"stamps": 6})
    assert (rules["code"].give, rules["code"].on_return) == (GiveCoupon("pool-1"), OnReturn.KEEP)
    assert {name: rules[name].give for name in ("independent", "bag", "pity", "paced", "balanced")} == {
        "independent": GiveDraw(Algorithm.INDEPENDENT, PRIZES + PIECES, chance=50_000),
        "bag": GiveDraw(Algorithm.BAG, (Prize("p1", 100, units=1),), size=100),
        "pity": GiveDraw(Algorithm.PITY, ONE, chance=100_000, guarantee_every=10),
        "paced": GiveDraw(Algorithm.PACED, (Prize("tv", 1, gift="TV", cost=500),), chance=1_000_000),
        "balanced": GiveDraw(Algorithm.BALANCED, ONE, share=300_000, tolerance=50_000),
    }


def test_what_accrues_may_have_terms_of_its_own() -> None:
    rules = {rule.id: rule for rule in read_program(full()).rules}
    terms = {
        name: (rule.wallet, rule.activate_after_days, rule.has_own_expiry, rule.expire_after_days)
        for name, rule in rules.items()
        if name in {"review", "independent", "bag", "base"}
    }

    assert terms == {
        "review": ("points", 3, True, None),
        "independent": ("cashback", 0, True, 30),
        "bag": ("points", None, False, None),
        "base": ("stamps", None, False, None),
    }


def test_a_cap_without_a_category_counts_the_wallet_whole_and_one_by_category_its_first_step() -> None:
    caps = [{"id": "a", "wallet": "points", "max": 5}, {"id": "b", "wallet": "points", "by": "category", "max": 5}]

    read = read_program({**least(), "caps": caps}).caps

    assert read == (Cap("a", "points", 5), Cap("b", "points", 5, depth=1))


def test_wallets_may_convert_along_a_chain() -> None:
    chain = {
        f"w{number}": {"convert": {"every": 2, "into": f"w{number - 1}", "units": 1}} for number in range(49, 0, -1)
    }

    wallets = read_program({**least(), "wallets": {**chain, "w0": {"convert": None}}}).wallets

    assert wallets["w7"].convert == Convert(2, "w6", 1)
    assert wallets["w0"].convert is None


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        (None, None),
        ({"uses": 1}, Limit(uses=1)),
        ({"receipt": None, "budget": 10**12}, Limit(budget=10**12)),
        ({"customer": {"uses": 1}}, Limit(customer_uses=1, customer_period=Period.EVER)),
        ({"customer": {"max": 7, "uses": None, "period": "week"}}, Limit(customer_max=7, customer_period=Period.WEEK)),
    ],
)
def test_open_limits_are_null_or_nothing(limit: object, expected: Limit | None) -> None:
    assert only_rule(limit=limit).limit == expected


def test_a_reward_may_be_for_an_event() -> None:
    rule = only_rule(kind="reward", give={"gift": "MUG"}, when={"event": ["signup", "review"]})

    assert rule.when == EventIs(("signup", "review"))
