"""Every case file: what the program says to the basket is what was worked out by hand."""

from typing import Any

import pytest

from app.domain.program import Base, Combine
from app.domain.rejections import Rejected
from tests.domain.rules.case_files import Case, only, read_cases, shown

ALL_CASES = list(read_cases())
MAPS = ("accrued", "redeemed_units")  # Compared whole: a wallet too many is a mistake.


@pytest.mark.parametrize("case", [pytest.param(case, id=case.id) for case in ALL_CASES])
def test_the_decision_is_the_one_worked_out_by_hand(case: Case) -> None:
    assert case.said["why"]
    expected = case.said["expect"]
    if (refusal := expected.get("rejected")) is not None:
        with pytest.raises(Rejected) as raised:
            case.decide()
        assert {
            "code": raised.value.rejection.value,
            "facts": dict(raised.value.facts),
            "faults": [[fault.pointer, fault.code] for fault in raised.value.faults],
        } == {"facts": {}, "faults": [], **refusal}
        return
    got = shown(case, case.decide())
    assert _cut(got, expected) == expected


def _cut(got: dict[str, Any], expected: dict[str, Any]) -> dict[str, Any]:
    cut: dict[str, Any] = only(got, expected)
    for whole, part in ((got["totals"], cut.get("totals", {})), *zip(got["lines"], cut.get("lines", []), strict=False)):
        part.update({name: whole[name] for name in MAPS if name in part})
    return cut


def test_case_names_are_unique() -> None:
    names = [case.id for case in ALL_CASES]
    assert len(names) == len(set(names))


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
    }
    assert seen == {(kind, key, on) for kind, names in keys.items() for key in names for on in (False, True)}


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
