"""Drafts tried on few purchases, with figures worked out by hand. Money in kopecks, a point is worth 1.00."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import orjson
import pytest

from app.domain.backtest.past import PastRow, read_past
from app.domain.backtest.trial import Trial
from app.domain.coupons import Coupon
from app.domain.customer import CustomerFacts
from tests.domain.backtest.purchases import basket_of, line, person
from tests.domain.backtest.test_past import first_release
from tests.domain.backtest.tried import VALUES, draft_of, report, rule_of, shop_of, tried

TENTH = {"id": "tenth", "kind": "discount", "give": {"percent": "10"}}
ANNA, BORIS = person(1), person(2)


def on(day: int, month: int = 11, hour: int = 9) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=UTC)


# --- limits -----------------------------------------------------------------------------------------------------------


def test_a_customers_most_is_cut_within_its_month_and_begins_anew_in_the_next() -> None:
    shop = shop_of()
    for day, month in ((5, 10), (20, 10), (30, 10), (1, 11)):
        shop.sell(basket_of(), ANNA, at=on(day, month))  # 100.00 each: 10.00 off.
    shop.sell(basket_of(), BORIS, at=on(30, 10))
    draft = draft_of({**TENTH, "limit": {"customer": {"max": 1500, "period": "month"}}})
    told = report(shop.rows, draft)
    # Anna: 10.00, 5.00 of 10.00, nothing, 10.00. Boris: 10.00.
    assert rule_of(told, "tenth")["draft"] == {"baskets": 4, "given": 3500, "cost": 3500}
    assert told["limits"] == [{"rule": "tenth", "limited_by": "customer", "baskets": 1, "wanted": 1000, "given": 500}]


def test_the_month_is_the_programs_and_goes_by_the_posting() -> None:
    """31 October 21:30 UTC is November in Moscow; a purchase of October that was posted in November counts there."""
    shop = shop_of()
    shop.sell(basket_of(), ANNA, at=datetime(2026, 10, 31, 21, 30, tzinfo=UTC))
    shop.sell(basket_of(), ANNA, at=on(20, 10), posted_at=on(2))
    shop.sell(basket_of(), ANNA, at=on(20, 10))
    draft = draft_of({**TENTH, "limit": {"customer": {"uses": 1, "period": "month"}}})
    told = report(sorted(shop.rows, key=lambda row: row.id), draft)
    assert rule_of(told, "tenth")["draft"]["baskets"] == 2
    assert [day["day"] for day in told["days"]] == ["2026-10-20", "2026-11-01", "2026-11-02"]


def test_a_cap_by_category_is_each_customers_own() -> None:
    shop = shop_of()
    for _ in range(3):
        shop.sell(basket_of(line(category="food/milk"), line(2, category="fuel")), ANNA)
    shop.sell(basket_of(line(category="food/bread")), BORIS)
    draft = draft_of(
        {"id": "back", "kind": "cashback", "give": {"percent": "10"}},
        wallets={"points": {"value": 100}, "cashback": {}},
        caps=[{"id": "month", "wallet": "cashback", "period": "month", "by": "category", "max": 1500}],
    )
    told = report(shop.rows, draft)
    # Anna in each category: 10.00, 5.00, nothing. Boris: 10.00.
    assert told["totals"]["units"]["cashback"]["draft"] == 2 * 1500 + 1000
    assert told["limits"] == [{"rule": "back", "limited_by": "cap:month", "baskets": 1, "wanted": 2000, "given": 1000}]
    assert told["budgets"] == []  # A customer's cap is cut, not told.


def test_ends_of_the_whole_program_are_told_by_day_and_not_cut() -> None:
    shop = shop_of()
    for day, customer in ((2, ANNA), (2, BORIS), (3, ANNA), (4, None)):
        shop.sell(basket_of(), customer, at=on(day))
    draft = draft_of(
        {**TENTH, "limit": {"budget": 3000, "uses": 5}},
        {"id": "base", "kind": "bonus", "give": {"units": 7}},
        caps=[{"id": "all", "wallet": "points", "per": "program", "period": "day", "max": 10}],
    )
    told = report(shop.rows, draft)
    assert told["totals"]["discount"]["draft"] == 4000
    assert told["limits"] == []
    assert told["budgets"] == [
        {"name": "cap/all", "period": "2026-11-02", "max": 10, "would_use": 14, "used_up_on": "2026-11-02"},
        {"name": "cap/all", "period": "2026-11-03", "max": 10, "would_use": 7, "used_up_on": None},
        {"name": "rule/tenth/budget", "period": "", "max": 3000, "would_use": 4000, "used_up_on": "2026-11-03"},
        {"name": "rule/tenth/uses", "period": "", "max": 5, "would_use": 4, "used_up_on": None},
    ]


# --- redemption -------------------------------------------------------------------------------------------------------


def test_a_redemption_that_the_draft_refuses_is_left_out_and_counted() -> None:
    shop = shop_of()
    shop.sell(basket_of(), person(1, available={"points": 60}), redeem={"points": 50})
    shop.sell(basket_of(), person(2, available={"points": 60}), redeem={"points": 20})
    shop.sell(basket_of(), person(3, available={"points": 60}), redeem={"points": "max"})
    draft = draft_of({"id": "base", "kind": "bonus", "give": {"percent": "1"}}, redemption={"max_share": "0.30"})
    told = report(shop.rows, draft)
    assert told["redemptions_refused"] == {"redeem_limit_exceeded": 1}
    # Really 50.00, 20.00 and 60.00; the draft lets 20.00 and 30.00 of it.
    assert told["totals"]["redeemed"] == {"real": 13000, "draft": 5000, "difference": -8000}


def test_a_reward_that_the_draft_does_not_have_leaves_the_points_as_they_were() -> None:
    bought = {"id": "bought", "kind": "discount", "give": {"amount": 500}, "cost": {"points": 5}}
    shop = shop_of(bought)
    shop.sell(basket_of(), person(1, available={"points": 60}), redeem={"points": 20, "rewards": {"bought": 1}})
    told = report(shop.rows, draft_of({**TENTH, "enabled": False}))
    assert told["redemptions_refused"] == {"validation_error": 1}
    assert told["totals"]["redeemed"] == {"real": 2000, "draft": 2000, "difference": 0}
    assert (rule_of(told, "bought")["is_in_draft"], rule_of(told, "bought")["kind"]) == (False, "discount")
    kept = report(shop.rows, draft_of(bought))
    assert (kept["redemptions_refused"], kept["totals"]["discount"]["difference"]) == ({}, 0)


def test_a_refused_reward_and_refused_points_are_both_counted() -> None:
    shop = shop_of({"id": "bought", "kind": "discount", "give": {"amount": 500}, "cost": {"points": 5}})
    shop.sell(basket_of(), person(1, available={"points": 60}), redeem={"points": 20, "rewards": {"bought": 1}})
    told = report(shop.rows, draft_of(TENTH, redemption={"max_share": "0.1"}))
    assert told["redemptions_refused"] == {"redeem_limit_exceeded": 1, "validation_error": 1}
    assert (told["totals"]["redeemed"]["draft"], told["totals"]["discount"]["draft"]) == (0, 1000)


# --- luck -------------------------------------------------------------------------------------------------------------


def lottery(**draw: Any) -> dict[str, Any]:
    prizes = [{"id": "p", "weight": 1, "units": 10}]
    return {
        "id": "luck",
        "kind": "random_reward",
        "give": {"draw": {"algorithm": "independent", "chance": "0.5", "prizes": prizes, **draw}},
    }


def test_luck_is_the_trials_own_and_the_same_each_time() -> None:
    """Real tickets can't be learned from a report: who wins here isn't who really won."""
    shop = shop_of(lottery())
    for _ in range(64):
        shop.sell(basket_of(), ANNA)
    draft = draft_of(lottery())
    really = [bool(read_past(row, draft.timezone).given) for row in shop.rows]
    trial = Trial(draft, values=VALUES)
    wins = []
    for row in shop.rows:
        before = trial.sums.rules["luck"].draft.baskets
        trial.decide(read_past(row, draft.timezone), {})
        wins.append(trial.sums.rules["luck"].draft.baskets > before)
    assert 10 < sum(wins) < 54
    assert wins != really
    assert report(shop.rows, draft) == report(shop.rows, draft)
    # What was really won depends on the secret, what is tried does not.
    again = replace(shop_of(lottery()), secret=b"another")
    for _ in range(64):
        again.sell(basket_of(), ANNA)
    assert rule_of(report(again.rows, draft), "luck")["real"] != rule_of(report(shop.rows, draft), "luck")["real"]
    assert rule_of(report(again.rows, draft), "luck")["draft"] == rule_of(report(shop.rows, draft), "luck")["draft"]


def test_a_stock_is_not_cut_and_its_end_is_told() -> None:
    shop = shop_of()
    for day in (2, 3, 4):
        shop.sell(basket_of(), ANNA, at=on(day))
    sure = lottery(chance="1", prizes=[{"id": "tv", "weight": 1, "gift": "TV", "stock": 2}])
    told = report(shop.rows, draft_of(sure))
    assert rule_of(told, "luck")["draft"] == {"baskets": 3, "given": 3, "cost": 0}
    assert told["budgets"] == [
        {"name": "stock/luck/tv", "period": "", "max": 2, "would_use": 3, "used_up_on": "2026-11-03"}
    ]


def test_a_bag_goes_on_from_basket_to_basket() -> None:
    """Two prizes in each four slips: eight purchases win four times."""
    shop = shop_of()
    for _ in range(8):
        shop.sell(basket_of(), ANNA)
    bag = lottery(algorithm="bag", size=4, prizes=[{"id": "p", "weight": 2, "units": 10}])
    del bag["give"]["draw"]["chance"]
    assert rule_of(report(shop.rows, draft_of(bag)), "luck")["draft"]["baskets"] == 4


# --- coupons ----------------------------------------------------------------------------------------------------------


def test_a_stored_code_is_known_by_its_pool() -> None:
    spring = {"id": "spring", "kind": "discount", "when": {"coupon": ["pool"]}, "give": {"amount": 500}}
    codes = {"A1": Coupon("A1", pool="pool", uses_max=None), "B1": Coupon("B1", pool="other", uses_max=None)}
    shop = replace(shop_of(), codes=codes)
    for sent in (["a1"], ["b1"], ["c1"], []):
        shop.sell(basket_of(coupons=sent), ANNA)
    told = report(shop.rows, draft_of(spring), coupons={**codes, "C1": Coupon("C1", pool="pool", uses_max=None)})
    # C1 is a code of the pool today; when it was sent, nobody knew it.
    assert rule_of(told, "spring")["draft"] == {"baskets": 1, "given": 500, "cost": 500}


def test_a_code_that_only_the_draft_names_is_public() -> None:
    shop = shop_of()
    shop.sell(basket_of(coupons=["spring"]), None)
    named = {"id": "spring", "kind": "discount", "when": {"coupon": ["SPRING"]}, "give": {"amount": 500}}
    assert report(shop.rows, draft_of(named))["totals"]["discount"]["draft"] == 500


def test_a_code_that_was_used_up_that_day_gives_nothing() -> None:
    spring = {"id": "spring", "kind": "discount", "when": {"coupon": ["pool"]}, "give": {"amount": 500}}
    shop = replace(shop_of(spring), codes={"A1": Coupon("A1", pool="pool", uses=1)})
    shop.sell(basket_of(coupons=["A1"]), ANNA)
    told = report(shop.rows, draft_of(spring), coupons={"A1": Coupon("A1", pool="pool", uses_max=None)})
    assert told["totals"]["discount"] == {"real": 0, "draft": 0, "difference": 0}


def test_codes_given_out_by_a_trial_are_no_real_ones() -> None:
    shop = shop_of()
    for _ in range(3):
        shop.sell(basket_of(), ANNA)
    told = report(shop.rows, draft_of({"id": "code", "kind": "reward", "give": {"coupon": "pool"}}))
    assert rule_of(told, "code")["draft"] == {"baskets": 3, "given": 3, "cost": 0}


# --- who --------------------------------------------------------------------------------------------------------------


def test_nobody_gets_discounts_and_no_points_and_is_no_customer() -> None:
    shop = shop_of()
    shop.sell(basket_of(), None)
    told = report(shop.rows, draft_of(TENTH, {"id": "base", "kind": "bonus", "give": {"units": 7}}))
    assert told["totals"]["cost"]["draft"] == 1000
    assert (told["baskets"], told["customers"], told["customers_change"]["same"]) == (1, 0, 0)
    assert told["tiers"].keys() == told["segments"].keys() == {""}


def test_a_gift_card_pays_and_gets_nothing() -> None:
    card = person(3, available={"points": 500}, is_gift_card=True)
    shop = shop_of()
    shop.sell(basket_of(), card, redeem={"points": 40})
    told = report(shop.rows, draft_of({"id": "base", "kind": "bonus", "give": {"units": 7}}))
    assert told["totals"]["redeemed"] == {"real": 4000, "draft": 4000, "difference": 0}
    assert told["totals"]["cost"] == {"real": 0, "draft": 0, "difference": 0, "share_real": 0, "share": 0}


def test_a_basket_counts_in_each_segment_of_its_customer_and_in_one_tier() -> None:
    shop = shop_of(tiers=[{"id": "gold", "from": 0}])
    shop.sell(basket_of(), person(1, tier="gold", segments=frozenset({"new", "near"})))
    shop.sell(basket_of(), BORIS)
    told = report(shop.rows, draft_of(TENTH))
    assert {tier: group["baskets"] for tier, group in told["tiers"].items()} == {"": 1, "gold": 1}
    assert {segment: group["baskets"] for segment, group in told["segments"].items()} == {"": 1, "near": 1, "new": 1}
    assert told["segments"]["near"]["units_value"] == {"real": 10000, "draft": 0, "difference": -10000}


def test_winners_and_losers_are_customers_over_all_their_baskets() -> None:
    """Anna loses 90.00 and then gains nothing; Boris gains by the fixed points."""
    shop = shop_of()
    shop.sell(basket_of(), ANNA)
    shop.sell(basket_of(line(price=50)), BORIS)
    told = report(shop.rows, draft_of({"id": "base", "kind": "bonus", "give": {"units": 10}}))
    change = told["customers_change"]
    assert change["winners"] == {"customers": 1, "amount": 1000}
    assert change["losers"] == {"customers": 1, "amount": 9000}
    assert [(each["real"], each["draft"]) for each in told["changes"]] == [(10000, 1000), (0, 1000)]


def test_what_the_first_release_did_not_keep_is_counted_from_the_beginning() -> None:
    shop = shop_of()
    for day in (2, 3, 20):
        shop.sell(basket_of(), ANNA, at=on(day))
    draft = draft_of(
        {"id": "third", "kind": "bonus", "give": {"units": 1}, "when": {"purchase_number": {"every": 3}}},
        {"id": "back", "kind": "bonus", "give": {"units": 5}, "when": {"days_since_last": {"min": 10}}},
    )
    told = report([first_release(row) for row in shop.rows], draft)
    assert (told["without_facts"], told["totals"]["units"]["points"]["draft"]) == (3, 6)
    # With facts, what was stored counts: these purchases were all a customer's first.
    assert report(shop.rows, draft)["totals"]["units"]["points"]["draft"] == 0


def test_a_birthday_is_near_as_it_was_that_day() -> None:
    shop = shop_of()
    for day in (4, 5, 6):
        shop.sell(basket_of(), person(1, birthday=date(1990, 11, 5)), at=on(day))
    draft = draft_of({**TENTH, "when": {"birthday": {"before": 0, "after": 1}}})
    assert [day["draft"] for day in report(shop.rows, draft)["days"]] == [0, 1000, 1000]


# --- figures ----------------------------------------------------------------------------------------------------------


def test_units_cost_what_they_bought_that_day() -> None:
    """A version whose values aren't known has none; the draft's own values are its own."""
    shop = shop_of()
    row = shop.sell(basket_of(), ANNA)
    draft = draft_of({"id": "base", "kind": "bonus", "give": {"units": 3}}, wallets={"points": {"value": 50}})
    told = report([row, replace(row, program=99)], draft)
    assert told["totals"]["units"]["points"] == {
        "real": 200,
        "draft": 6,
        "difference": -194,
        "value": {"real": 10000, "draft": 300, "difference": -9700},
    }


def test_a_rule_that_gave_nothing_is_in_the_report() -> None:
    told = report([], draft_of({**TENTH, "title": {"en": "Ten"}}))
    assert told["rules"] == [
        {
            "rule": "tenth",
            "kind": "discount",
            "title": {"en": "Ten"},
            "is_in_draft": True,
            "real": {"baskets": 0, "given": 0, "cost": 0},
            "draft": {"baskets": 0, "given": 0, "cost": 0},
        }
    ]
    assert orjson.dumps(told)


@pytest.mark.parametrize("customer", [None, ANNA])
def test_other_acts_than_purchases_are_not_tried(customer: CustomerFacts | None) -> None:
    row: PastRow = shop_of().sell(basket_of(), customer)
    draft = draft_of({"id": "review", "kind": "bonus", "when": {"event": ["review"]}, "give": {"units": 50}})
    assert tried([row], draft).rules["review"].draft.baskets == 0
