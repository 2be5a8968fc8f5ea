"""Each mistake has its pointer, its code and a sentence; all of them are found at once."""

import json
import pickle
from typing import Any

import pytest

from app.domain.programs import ProgramInvalid, read_program
from app.domain.programs.reader import FAULTS_MAX
from app.domain.programs.show import show
from tests.domain.programs.documents import REMOVED, altered, full, least
from tests.domain.programs.mistakes import MISTAKES
from tests.domain.programs.mistakes_within import Case


def faults_of(document: object) -> list[tuple[str, str]]:
    """Pointer and code of each mistake."""
    with pytest.raises(ProgramInvalid) as caught:
        read_program(document)
    for fault in caught.value.faults:
        assert fault.message.endswith("."), fault
        assert 10 < len(fault.message) < 400, fault
        json.dumps([fault.pointer, fault.message]).encode()
        (fault.pointer + fault.message).encode()
    return [(fault.pointer, fault.code) for fault in caught.value.faults]


@pytest.mark.parametrize(
    "case",
    MISTAKES,
    ids=lambda case: ascii(f"{case[0][:60]} {'removed' if case[1] is REMOVED else show(case[1])}"),
)
def test_one_mistake_is_one_fault_at_its_place(case: Case) -> None:
    place, value, code = case[:3]
    expected = case[3] if len(case) == 4 else place

    assert faults_of(altered(place, value)) == [(expected, code)]


# The contract's own example, with each choice made.
EXAMPLE = """
{"currency": "RUB", "timezone": "Europe/Moscow",
 "wallets": {"points":   {"value": 100, "activate_after_days": 0, "expire_after_days": 365, "expire_round": "month",
                          "debt": "allow"},
             "stamps":   {"value": 0, "convert": {"every": 10, "into": "points", "units": 100}},
             "cashback": {"value": 1}},
 "redemption": {"wallets": ["points", "cashback"], "max_share": "0.30", "min_units": 0, "min_paid": 0, "step": 1,
                "strength": {"phone": 0, "card": null, "code": null}},
 "accrual": {"base": "paid"},
 "tiers": [{"id": "bronze", "from": 0}, {"id": "silver", "from": 1000000}, {"id": "gold", "from": 5000000}],
 "tier_policy": {"measure": "paid", "window": "year", "down": "end_of_window"},
 "lanes": [{"id": "shelf", "combine": "best_line"}, {"id": "coupon", "combine": "all"},
           {"id": "base", "combine": "best"}, {"id": "extra", "combine": "all"}],
 "caps": [{"id": "cashback-month", "wallet": "cashback", "per": "customer", "period": "month", "by": "category",
           "depth": 1, "max": 150000}],
 "rules": [{"id": "gold-10", "kind": "discount", "lane": "shelf", "priority": 10, "enabled": true, "from": null,
            "until": null, "title": {"en": "Gold 10 %", "ru": "Золото 10 %"},
            "when": {"all": [{"tier": ["gold"]}, {"basket_total": {"min": 100000}}]},
            "on": {"category": ["drinks"], "exclude": {"brand": ["Y"]}},
            "give": {"percent": "10"},
            "limit": {"receipt": 50000, "customer": {"max": 100000, "uses": 3, "period": "month"},
                      "budget": 10000000, "uses": 1000}}]}
"""


def test_the_contracts_example_reads() -> None:
    assert [rule.id for rule in read_program(json.loads(EXAMPLE)).rules] == ["gold-10"]


@pytest.mark.parametrize("document", [None, True, 1, 1.5, "program", []], ids=repr)
def test_a_document_is_an_object(document: object) -> None:
    assert faults_of(document) == [("", "wrong_type")]


def test_all_mistakes_are_found_at_once() -> None:
    document: Any = full()
    document["currency"] = "rub"
    document["tiers"][1] = {"id": "bronze", "from": -1, "colour": "grey"}
    document["rules"][0]["when"]["all"][0] = {"tier": ["gold", "vip"]}
    document["rules"][0]["when"]["all"][5] = {"hours": ["9", "9"]}
    document["rules"][1] = {"id": "each", "kind": "prize", "give": {"gift": "A"}, "priority": "1"}

    assert sorted(faults_of(document)) == [
        ("/currency", "wrong_form"),
        ("/rules/0/when/all/0/tier/1", "unknown_reference"),
        ("/rules/0/when/all/5/hours/0", "wrong_form"),
        ("/rules/0/when/all/5/hours/1", "wrong_form"),
        ("/rules/1/kind", "not_one_of"),
        ("/rules/1/priority", "wrong_type"),
        ("/rules/2/id", "duplicate"),
        ("/tiers/1/colour", "unknown_field"),
        ("/tiers/1/from", "out_of_range"),
        ("/tiers/1/from", "wrong_order"),
        ("/tiers/1/id", "duplicate"),
    ]


@pytest.mark.parametrize("part", ["tiers", "lanes"])
@pytest.mark.parametrize("value", ["gold", [{"name": "gold"}]], ids=["no list", "an element without id"])
def test_references_into_an_unreadable_part_are_not_judged(part: str, value: object) -> None:
    faults = faults_of({**full(), part: value})

    assert {pointer.split("/")[1] for pointer, _ in faults} == {part}


def test_a_program_without_lanes_has_none_that_a_rule_could_name() -> None:
    rule = {"id": "r", "kind": "discount", "lane": "shelf", "give": {"amount": 1}}

    assert faults_of({**least(), "rules": [rule]}) == [("/rules/0/lane", "unknown_reference")]


def test_each_circle_of_conversions_is_noted_once() -> None:
    wallets = {
        key: {"convert": {"every": 2, "into": into, "units": 1}}
        for key, into in {"a": "b", "b": "c", "c": "a", "d": "a", "e": "e", "f": "d"}.items()
    }

    assert faults_of({**least(), "wallets": wallets}) == [
        ("/wallets/c/convert/into", "circle"),
        ("/wallets/e/convert/into", "circle"),
    ]


def test_cashback_needs_its_wallet_or_another_by_name() -> None:
    rule = {"id": "r", "kind": "cashback", "give": {"percent": "5"}}

    assert faults_of({**least(), "rules": [rule]}) == [("/rules/0/give", "unknown_reference")]


def nested(levels: int) -> object:
    """Conditions that many levels deep."""
    when: object = {"weekday": [1]}
    for level in range(levels - 1):
        when = {"not": when} if level % 2 else {"all": [when]}
    return when


def test_conditions_are_at_most_eight_levels_deep() -> None:
    assert read_program(altered("/rules/0/when", nested(8))).rules[0].when is not None
    assert [code for _, code in faults_of(altered("/rules/0/when", nested(9)))] == ["too_deep"]
    assert [code for _, code in faults_of(altered("/rules/0/when", nested(900)))] == ["too_deep"]


def test_a_rule_has_at_most_two_hundred_conditions() -> None:
    half = {"any": [{"weekday": [1]}] * 99}  # With the two groups and the one around them: 201.

    read_program(altered("/rules/0/when", {"all": [half, {"any": [{"weekday": [1]}] * 98}]}))
    assert faults_of(altered("/rules/0/when", {"all": [half, half]})) == [("/rules/0/when/all/1/any/98", "too_long")]
    assert faults_of(altered("/rules/0/when", {"all": [half] * 3})) == [("/rules/0/when/all/1/any/98", "too_long")]


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("/wallets", {f"w{number}": {} for number in range(51)}),
        ("/tiers", [{"id": f"t{number}", "from": number} for number in range(101)]),
        ("/lanes", [{"id": f"l{number}"} for number in range(101)]),
        ("/caps", [{"id": f"c{number}", "wallet": "points", "max": 1} for number in range(101)]),
        ("/rules", [{"id": f"r{number}", "kind": "discount", "give": {"amount": 1}} for number in range(1001)]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_part_has_a_bound(place: str, value: object) -> None:
    assert (place, "too_long") in faults_of({**least(), place[1:]: value})


def test_reading_stops_after_a_thousand_mistakes() -> None:
    faults = faults_of({**least(), **{f"extra-{number}": 1 for number in range(5_000)}})

    assert faults[FAULTS_MAX - 1 :] == [("/extra-999", "unknown_field"), ("", "too_many_faults")]


def test_a_very_long_key_is_reported_at_its_object() -> None:
    assert faults_of({**least(), "x" * 100_000: 1}) == [("", "unknown_field")]


def test_half_characters_in_keys_can_still_be_told() -> None:
    assert faults_of({**least(), "a\ud800": 1}) == [("/a?", "unknown_field")]


def test_a_sentence_says_what_is_expected_and_what_was_found() -> None:
    with pytest.raises(ProgramInvalid) as caught:
        read_program(altered("/rules/0/give/percent", 10))

    assert caught.value.faults[0].message == (
        'Expected a percentage above 0 and at most 100 such as "10" or "2.5", as a string in quotes, '
        "found the number 10."
    )
    assert "/rules/0/give/percent" in str(caught.value)


def test_the_refusal_crosses_processes() -> None:
    with pytest.raises(ProgramInvalid) as caught:
        read_program({})

    received = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - our own bytes

    assert received.faults == caught.value.faults
