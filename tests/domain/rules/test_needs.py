"""What of the program's shared state a decision asks for: what its candidates may touch, and not more."""

from typing import Any

from app.domain.basket import Basket, Line
from app.domain.programs import read_program
from app.domain.rules.compiled import compile_program
from app.domain.rules.needs import NO_NEEDS, needs_of
from app.domain.rules.standing import Needs

COFFEE = Line("1", 5_000, 100, "coffee", category="drinks/coffee")
BREAD = Line("2", 1_000, 100, "bread")
SURE = {"algorithm": "independent", "chance": "1"}


def needs(
    *rules: dict[str, Any],
    lines: tuple[Line, ...] = (COFFEE, BREAD),
    codes: tuple[str, ...] = (),
    event: str | None = None,
    rewards: dict[str, int] | None = None,
    customer_known: bool = True,
    **more: Any,
) -> Needs:
    document = {
        "currency": "RUB",
        "timezone": "Europe/Moscow",
        "wallets": {"points": {"value": 100}, "cashback": {}},
        "rules": [{"id": f"r{place}", **rule} for place, rule in enumerate(rules, start=1)],
        **more,
    }
    return needs_of(
        compile_program(read_program(document)),
        Basket(lines, codes),
        event=event,
        rewards=rewards or {},
        customer_known=customer_known,
    )


def reward(give: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"kind": "reward", "give": give, **more}


def bonus(**more: Any) -> dict[str, Any]:
    return {"kind": "bonus", "give": {"units": 5}, **more}


def prizes(*each: dict[str, Any], **more: Any) -> dict[str, Any]:
    draw = {**SURE, "prizes": [{"id": f"p{place}", **prize} for place, prize in enumerate(each)]}
    return {"kind": "random_reward", "give": {"draw": draw}, **more}


def test_a_program_that_shares_nothing_needs_nothing() -> None:
    mine = bonus(limit={"receipt": 5, "customer": {"max": 5, "uses": 1}})
    caps = [{"id": "c", "wallet": "points", "max": 5}]
    assert needs(mine, {"kind": "discount", "give": {"percent": "5"}}, caps=caps) is NO_NEEDS


def test_budgets_and_uses_of_rules_that_the_basket_touches() -> None:
    limit = {"budget": 100, "uses": 5}
    found = needs(bonus(limit=limit), bonus(on={"sku": ["tea"]}, limit=limit), bonus(enabled=False, limit=limit))
    assert found == Needs(frozenset(["rule/r1/budget", "rule/r1/uses"]))


def test_caps_of_the_program_by_the_categories_of_the_lines() -> None:
    caps = [
        {"id": "c", "wallet": "points", "per": "program", "by": "category", "depth": 1, "max": 5},
        {"id": "d", "wallet": "points", "per": "program", "max": 5},
        {"id": "e", "wallet": "cashback", "per": "program", "max": 5},
        {"id": "f", "wallet": "points", "per": "customer", "max": 5},
    ]
    assert needs(bonus(), caps=caps).counters == {"cap/c/drinks", "cap/c", "cap/d"}
    assert needs(bonus(), caps=caps, customer_known=False) == NO_NEEDS


def test_codes_as_many_as_may_be_given_out() -> None:
    pool = {"coupon": "p"}
    assert needs(reward(pool)).pools == {"p": 1}
    assert needs(reward(pool), customer_known=False).pools == {}
    assert needs(reward(pool, on={"units": {"every": 2}})).pools == {"p": 3}  # Six units.
    assert needs(reward(pool, on={"sku": ["coffee"], "units": {"every": 2}})).pools == {"p": 2}
    assert needs(reward(pool, on={"units": {"times": 2}}), reward(pool)).pools == {"p": 3}
    assert needs(reward(pool, on={"units": {"times": 2, "per": "line"}})).pools == {"p": 4}
    assert needs(reward(pool, on={"units": {}}), lines=(Line("1", 10**9, 1),)).pools == {"p": 100}


def test_rewards_with_a_cost_only_where_they_are_asked_for() -> None:
    mug = reward({"coupon": "p"}, cost={"points": 5}, limit={"budget": 9})
    assert needs(mug) == NO_NEEDS
    assert needs(mug, rewards={"r1": 2}) == Needs(frozenset(["rule/r1/budget"]), {"p": 2})


def test_draws_need_their_state_their_stocks_and_one_code() -> None:
    drawn = prizes({"gift": "TV", "stock": 3}, {"coupon": "p"}, {"coupon": "p"}, limit={"budget": 9})
    assert needs(drawn) == Needs(frozenset(["stock/r1/p0", "rule/r1/budget"]), {"p": 1})
    bag = {"algorithm": "bag", "size": 9, "prizes": [{"id": "a", "units": 1}]}
    assert needs({"kind": "random_reward", "give": {"draw": bag}}).counters == {"bag/r1", "bag/r1/a"}


def test_a_balanced_rule_counts_every_purchase_of_a_customer() -> None:
    draw = {"algorithm": "balanced", "share": "0.3", "tolerance": "0", "prizes": [{"id": "a", "units": 1}]}
    rule = {"kind": "random_reward", "on": {"sku": ["tea"]}, "give": {"draw": draw}}
    assert needs(rule).counters == {"balanced/r1/plain"}
    assert needs(rule, customer_known=False) == NO_NEEDS
    assert needs(rule, event="review") == NO_NEEDS
    tea = (Line("1", 1_000, 100, "tea"),)
    assert needs(rule, lines=tea).counters == {"balanced/r1/plain", "balanced/r1/surprise"}


def test_whose_pool_a_code_is_of_is_not_known_yet() -> None:
    rule = bonus(when={"coupon": ["pool-1"]}, limit={"budget": 9})
    assert needs(rule) == NO_NEEDS
    assert needs(rule, codes=("X1",)).counters == {"rule/r1/budget"}


def test_other_acts_have_their_own_rules() -> None:
    review = bonus(when={"event": ["review"]}, limit={"budget": 9})
    assert needs(review, bonus(limit={"budget": 9})).counters == {"rule/r2/budget"}
    assert needs(review, bonus(limit={"budget": 9}), event="review").counters == {"rule/r1/budget"}
