"""Every part of the language has a case: a key, a mode or a word without one fails here."""

from typing import Any

import pytest

from app.domain.coupons import CouponWord
from app.domain.program import Algorithm, Base, Combine
from tests.domain.rules.case_files import Case, read_cases

ALL_CASES = list(read_cases())
CONDITIONS = frozenset(
    (
        *("all", "any", "not", "tier", "segment", "tag", "channel", "shop", "partner", "card_type", "basket_total"),
        *("basket_has", "weekday", "hours", "date", "birthday", "purchase_number", "days_since_last", "payment"),
        *("coupon", "identified_by", "event"),
    )
)


@pytest.mark.parametrize("kinds", [("discount",), ("bonus", "cashback")], ids=["discounts", "accruals"])
def test_every_mode_of_combine_has_a_case_in_each_phase(kinds: tuple[str, ...]) -> None:
    seen = {
        lane.get("combine", "all")
        for case in ALL_CASES
        for lane in case.document.get("lanes", [])
        if sum(rule["kind"] in kinds and rule.get("lane") == lane["id"] for rule in case.document["rules"]) > 1
    }
    assert seen == {mode.value for mode in Combine}


def test_every_key_of_give_has_a_case_on_lines_and_on_units() -> None:
    seen = {
        (rule["kind"], key, "units" in rule.get("on", {}))
        for case in ALL_CASES
        for rule in case.document["rules"]
        for key in rule["give"]
        if key != "wallet"
    }
    keys = {
        "discount": ("percent", "amount", "amount_each", "unit_price", "price", "steps"),
        "bonus": ("percent", "per", "units", "units_each", "multiply"),
        "cashback": ("percent",),
        "reward": ("gift", "coupon"),
        "random_reward": ("draw",),
    }
    both = {(kind, key, on) for kind, names in keys.items() for key in names for on in (False, True)}
    assert seen == both | {("discount", "bundle", False)}


@pytest.mark.parametrize(
    ("kinds", "bound"),
    [(("discount",), "limit"), (("bonus", "cashback"), "limit"), (("bonus", "cashback"), "cap")],
    ids=["discounts-limit", "accruals-limit", "accruals-cap"],
)
def test_every_mode_of_combine_has_cases_with_limits_and_caps(kinds: tuple[str, ...], bound: str) -> None:
    seen = set()
    for case in ALL_CASES:
        combines = {lane["id"]: lane.get("combine", "all") for lane in case.document.get("lanes", [])}
        rules = [rule for rule in case.document["rules"] if rule["kind"] in kinds and rule.get("lane") in combines]
        if len(rules) > 1 and any(_is_bounded(case, rule, bound) for rule in rules):
            seen |= {combines[rule["lane"]] for rule in rules}
    assert seen == {mode.value for mode in Combine}


def _is_bounded(case: Case, rule: dict[str, Any], bound: str) -> bool:
    """Whether the case expects something to be cut by it."""
    words = [effect[4] for effect in case.said["expect"].get("effects", []) if effect[0] == rule["id"]]
    words += [said[1] for name, said in case.said["expect"].get("verdicts", {}).items() if name == rule["id"]]
    is_cap = [isinstance(word, str) and word.startswith("cap:") for word in words]
    if bound == "cap":
        return any(is_cap)
    return "limit" in rule and not any(is_cap)


def test_every_condition_passes_in_one_case_and_fails_in_another() -> None:
    passing: set[str] = set()
    failing: set[str] = set()
    for case in ALL_CASES:
        tests = {rule["id"]: rule["when"] for rule in case.document["rules"] if "when" in rule}
        for rule, (verdict, because, *_) in case.said["expect"].get("verdicts", {}).items():
            if verdict == "applied" and rule in tests:
                passing |= _keys(tests[rule])
            failing.add(because)
        passing |= {
            key for rule, *_ in case.said["expect"].get("effects", []) if rule in tests for key in _keys(tests[rule])
        }
        passing |= _keys_that_gave(case)
    # `event` isn't considered at purchases, nor other rules at events, so it fails only beside other conditions.
    assert CONDITIONS - passing == set()
    assert CONDITIONS - failing == {"event", "all"}


def _keys_that_gave(case: Case) -> set[str]:
    """The conditions of a case that gave all that its rules of units can give: a sum of powers of two says which."""
    units = {
        rule["give"]["units"]: _keys(rule["when"])
        for rule in case.document["rules"]
        if "when" in rule and set(rule["give"]) == {"units"}
    }
    accrued = case.said["expect"].get("totals", {}).get("accrued", {}).get("points", 0)
    is_telling = sorted(units) == [2**power for power in range(len(units))]
    return set().union(*(keys for each, keys in units.items() if accrued & each)) if is_telling else set()


def _keys(when: dict[str, Any]) -> set[str]:
    ((key, value),) = when.items()
    inside = value if key in {"all", "any"} else [value] if key == "not" else []
    return {key}.union(*(_keys(each) for each in inside))


def test_every_way_to_cut_an_effect_and_every_word_of_a_coupon_has_a_case() -> None:
    words = {effect[4] for case in ALL_CASES for effect in case.said["expect"].get("effects", [])}
    cut = {word.partition(":")[0] for word in words if word is not None}
    # Without uses left nothing is given: these two are told by verdicts.
    uses = {verdict[1] for case in ALL_CASES for verdict in case.said["expect"].get("verdicts", {}).values()} & {
        "customer_uses",
        "uses",
    }
    assert cut | uses == {
        *("min_price", "best_line", "receipt", "customer", "customer_uses"),
        *("budget", "uses", "pool", "pieces", "cap"),
    }
    coupons = {coupon[1] for case in ALL_CASES for coupon in case.said["expect"].get("coupons", [])}
    assert coupons == {word.value for word in CouponWord}


def test_every_algorithm_has_a_draw_that_wins_and_one_that_does_not() -> None:
    seen = set()
    for case in ALL_CASES:
        rules = {rule["id"]: rule for rule in case.document["rules"] if rule["kind"] == "random_reward"}
        if len(rules) == 1 and "standing" in case.said:
            ((_, rule),) = rules.items()
            won = bool(case.said["expect"].get("totals", {}).get("accrued"))
            seen.add((rule["give"]["draw"]["algorithm"], won))
    assert seen == {(algorithm.value, won) for algorithm in Algorithm for won in (False, True)}


def test_every_key_of_a_selection_a_limit_and_a_cap_has_a_case() -> None:
    rules = [rule for case in ALL_CASES for rule in case.document["rules"]]
    on = {key for rule in rules for key in rule.get("on", {})}
    assert on == {"sku", "category", "brand", "tag", "price", "discounted", "exclude", "units"}
    excluded = {key for rule in rules for key in rule.get("on", {}).get("exclude", {})}
    assert excluded == {"sku", "category", "brand", "tag"}
    limits = {key for rule in rules for key in rule.get("limit", {})}
    assert limits == {"receipt", "customer", "budget", "uses"}
    periods = {rule["limit"]["customer"].get("period") for rule in rules if "customer" in rule.get("limit", {})}
    assert periods == {None, "day", "week", "month", "year"}
    caps = [cap for case in ALL_CASES for cap in case.document.get("caps", [])]
    assert {key for cap in caps for key in cap} == {"id", "wallet", "per", "period", "by", "depth", "max"}


def test_every_key_of_units_every_base_and_every_bound_of_redemption_has_a_case() -> None:
    units = [
        rule["on"]["units"] for case in ALL_CASES for rule in case.document["rules"] if "units" in rule.get("on", {})
    ]
    assert {(key, value if isinstance(value, str) else "") for terms in units for key, value in terms.items()} == {
        ("every", ""),
        ("take", ""),
        ("times", ""),
        ("which", "cheapest"),
        ("which", "dearest"),
        ("per", "receipt"),
        ("per", "line"),
    }
    assert {case.document["accrual"]["base"] for case in ALL_CASES if "accrual" in case.document} == set(Base)
    bounds = {
        terms["bound_by"]
        for case in ALL_CASES
        for terms in case.said["expect"].get("redeem", {}).values()
        if "bound_by" in terms
    }
    assert bounds == {"max_share", "lines_room", "available", "min_paid", "strength", "step", "min_units"}
