"""The model of pricing against figures worked out by hand from the contract."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.model import strategies
from tests.model.arithmetic import Json, half_up, number, spread
from tests.model.candidates import room
from tests.model.examples import examples
from tests.model.pricing import Refused, decide

NOON = datetime(2026, 11, 21, 9, tzinfo=UTC)  # 12:00 in Moscow.


def program(*rules: Json, **more: Any) -> Json:
    return {
        "currency": "RUB",
        "timezone": "Europe/Moscow",
        "wallets": {"points": {"value": 100}},
        "rules": [{"id": f"r{i}", **rule} for i, rule in enumerate(rules)],
        **more,
    }


def decided(document: Json, *lines: Json, available: int = 0, redeem: Json | None = None, **more: Any) -> Any:
    basket = {"lines": [{"id": str(i), "qty": 1, **line} for i, line in enumerate(lines)]}
    customer = {
        "tier": None,
        "purchases": 0,
        "last_purchase_at": None,
        "birthday": None,
        "available": {"points": available},
    }
    visit = {"shop": "S1", "channel": "pos", "at": NOON, "identified_by": "card", **more}
    return decide(document, basket, customer=customer, redeem=redeem or {}, **visit)


def discounts(document: Json, *lines: Json) -> list[int]:
    return [line["discount"] for line in decided(document, *lines)["lines"]]


def discount(**give: Any) -> Json:
    return {"kind": "discount", "give": give}


def test_the_contracts_own_example() -> None:
    """Section 3: 25,800 gross, 50 points of value 100 redeemed, 10 accrued; 77 would have been allowed."""
    document = program(
        {"kind": "bonus", "give": {"percent": "5"}}, redemption={"wallets": ["points"], "max_share": "0.30"}
    )
    answer = decided(document, {"qty": 2, "price": 12_900, "min_price": 9_000}, available=1_200, redeem={"points": 50})
    assert answer["totals"] == {
        "gross": 25_800,
        "discount": 0,
        "redeemed": 5_000,
        "paid": 20_800,
        "redeemed_units": {"points": 50},
        "accrued": {"points": 10},
    }
    terms = answer["redeem"]["wallets"]["points"]
    assert (terms["max_units"], terms["max_money"]) == (77, 7_740)
    assert terms["terms"] == {"max_share": 7_740, "lines_room": 7_800, "available": 120_000, "min_paid": 25_800}
    assert answer["lines"][0]["prices"] == [{"qty": 2, "price": 10_400}]


def test_buy_two_the_third_free() -> None:
    third_free = {**discount(percent="100"), "on": {"units": {"every": 3, "take": 1}}}
    assert discounts(program(third_free), {"qty": 2, "price": 300}, {"price": 100}) == [0, 100]
    assert discounts(program(third_free), {"qty": 7, "price": 100}) == [200]
    assert discounts(program(third_free), {"qty": "2.9", "price": 100}) == [0]  # Whole units only.


def test_ties_take_the_earlier_line_and_worthless_units_are_not_counted() -> None:
    half_off = {**discount(percent="50"), "on": {"units": {"every": 2, "take": 1}}}
    assert discounts(program(half_off), {"price": 100}, {"price": 100}) == [50, 0]
    assert discounts(program(half_off), {"price": 0}, {"price": 100}) == [0, 0]


def test_the_dearest_units_at_most_so_many_groups() -> None:
    terms = {"every": 2, "take": 1, "times": 1, "which": "dearest"}
    assert discounts(
        program({**discount(percent="10"), "on": {"units": terms}}), {"qty": 3, "price": 100}, {"qty": 2, "price": 200}
    ) == [
        0,
        20,
    ]


def test_percent_is_rounded_once_on_the_total() -> None:
    """10 % of 35 is 3.5, half-up 4; shares 0.5, 1, 2 and the one left over goes to the largest remainder."""
    assert discounts(program(discount(percent="10")), {"price": 5}, {"price": 10}, {"price": 20}) == [1, 1, 2]


def test_spreading_fixes_lines_at_their_room_and_shares_the_rest_anew() -> None:
    """80 over 100, 100, 200 is 20, 20, 40; the first has room for 10; 70 over 100 and 200 is 23 1/3 and 46 2/3."""
    assert spread(80, {0: 100, 1: 100, 2: 200}, {0: 10, 1: 100, 2: 200}) == {0: 10, 1: 23, 2: 47}
    lines = ({"price": 100, "min_price": 90}, {"price": 100}, {"price": 200})
    assert discounts(program(discount(amount=80)), *lines) == [10, 23, 47]
    assert discounts(program(discount(amount=1_000)), *lines) == [10, 100, 200]


@pytest.mark.parametrize(
    ("give", "expected"),
    [
        ({"amount": 5_000}, 900),
        ({"amount_each": 200}, 600),
        ({"amount_each": 700}, 900),  # Beyond the line's room it is lost.
        ({"unit_price": 250}, 150),
        ({"unit_price": 400}, 0),
        ({"price": 700}, 200),
        ({"price": 1_000}, 0),  # Never a surcharge.
        ({"steps": [{"min": 500, "percent": "10"}, {"min": 900, "amount": 333}, {"min": 901, "percent": "50"}]}, 333),
        ({"steps": [{"min": 901, "percent": "50"}]}, 0),
    ],
)
def test_what_discounts_give_on_three_units_of_300(give: Json, expected: int) -> None:
    assert discounts(program(discount(**give)), {"qty": 3, "price": 300}) == [expected]


def test_each_group_costs_a_price_together() -> None:
    pair = {**discount(price=250), "on": {"units": {"every": 2}}}
    assert sum(discounts(program(pair), {"qty": 5, "price": 200})) == 300
    assert sum(discounts(program(pair), {"qty": 2, "price": 100}, {"qty": 2, "price": 200})) == 150


@pytest.mark.parametrize(
    ("combine", "expected"),
    [
        ("all", [100 + 90, 0 + 20]),
        ("sum", [100 + 100, 0 + 20]),
        ("best", [100, 20]),
        ("best_line", [100, 20]),
        ("first", [100, 0]),
        ("once", [100, 20]),
    ],
)
def test_how_lanes_combine(combine: str, expected: list[int]) -> None:
    """1,000 of A and 200 of B; 10 % of A, then 10 % of all."""
    document = program(
        {**discount(percent="10"), "on": {"sku": ["A"]}, "priority": 1},
        discount(percent="10"),
        lanes=[{"id": "one", "combine": combine}],
    )
    assert discounts(document, {"sku": "A", "price": 1_000}, {"sku": "B", "price": 200}) == expected


def test_once_closes_the_units_that_a_rule_took() -> None:
    free = {**discount(percent="100"), "on": {"units": {"every": 2, "take": 1}}}
    document = program(free, discount(percent="10"), lanes=[{"id": "one", "combine": "once"}])
    assert discounts(document, {"qty": 3, "price": 100}) == [100 + 10]


def test_accruals_are_floored_on_what_was_paid_and_multiplied_by_later_lanes() -> None:
    document = program(
        {"kind": "bonus", "give": {"percent": "5"}},
        {"kind": "bonus", "give": {"per": {"amount": 1_000, "units": 3}}},
        {"kind": "bonus", "lane": "later", "give": {"multiply": "1.5"}},
        lanes=[{"id": "base", "combine": "all"}, {"id": "later", "combine": "all"}],
    )
    answer = decided(document, {"price": 5_900}, {"price": 2_000, "no": ["accrue"]})
    assert [effect["given"] for effect in answer["effects"]] == [2, 15, 8]  # 2.95, 5 × 3, 8.5
    assert [line["accrued"] for line in answer["lines"]] == [{"points": 25}, {}]


def test_redeemed_units_follow_the_redeemed_money() -> None:
    answer = decided(program(), {"price": 300, "min_price": 200}, {"price": 900}, available=9, redeem={"points": "max"})
    assert [line["redeemed"] for line in answer["lines"]] == [100, 800]
    assert [line["redeemed_units"] for line in answer["lines"]] == [{"points": 1}, {"points": 8}]


@pytest.mark.parametrize(
    ("redemption", "units", "code"),
    [
        ({}, 11, "insufficient_points"),
        ({"max_share": "0.5"}, 6, "redeem_limit_exceeded"),
        ({"min_paid": 501}, 5, "redeem_limit_exceeded"),
        ({"step": 5}, 3, "validation_error"),
        ({"strength": {"card": 2}}, 3, "confirmation_required"),
        ({"min_units": 11}, 10, "redeem_limit_exceeded"),
    ],
)
def test_redemptions_that_are_refused(redemption: Json, units: int, code: str) -> None:
    answer = decided(program(redemption=redemption), {"price": 1_000}, available=10, redeem={"points": units})
    assert answer.code == code


# --- properties -------------------------------------------------------------------------------------------------------


@examples(150)
@given(st.data())
def test_every_decision_adds_up(data: st.DataObject) -> None:
    document, at = data.draw(strategies.programs()), data.draw(strategies.moments())
    basket = data.draw(strategies.baskets())
    answer = decide(
        document,
        basket,
        customer=data.draw(strategies.customers(document, at=at)),
        shop="S1",
        channel="pos",
        at=at,
        redeem=data.draw(st.one_of(st.just({}), strategies.redeem_requests(document))),
        identified_by="card",
    )
    if isinstance(answer, Refused):
        return
    for sent, line in zip(basket["lines"], answer["lines"], strict=True):
        assert line["gross"] - line["discount"] - line["redeemed"] == line["paid"] >= 0
        assert sum(part.get("amount", 0) for part in line["parts"]) == line["discount"]
        assert line["discount"] + line["redeemed"] <= max(room(sent, line["gross"]), 0)
        assert sum(pair.get("amount", pair["qty"] * pair.get("price", 0)) for pair in line["prices"]) == line["paid"]
    effects = answer["effects"]
    assert sum(each["given"] for each in effects if each["kind"] == "discount") == answer["totals"]["discount"]
    assert sum(each["given"] for each in effects if "wallet" in each) == sum(answer["totals"]["accrued"].values())
    value = {name: terms["value"] for name, terms in document["wallets"].items()}
    units = answer["totals"]["redeemed_units"]
    assert sum(value[name] * count for name, count in units.items()) == answer["totals"]["redeemed"]


@examples(300)
@given(
    st.dictionaries(st.integers(0, 5), st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=1),
    st.integers(0, 200),
)
def test_spreading_loses_nothing_and_stays_in_the_rooms(lines: dict[int, tuple[int, int]], total: int) -> None:
    weights = {key: weight for key, (weight, _) in lines.items()}
    rooms = {key: space for key, (_, space) in lines.items()}
    parts = spread(total, weights, rooms)
    assert sum(parts.values()) == min(total, sum(rooms.values()))
    assert all(0 <= parts[key] <= rooms[key] for key in lines)


def test_half_up_and_numbers_are_exact() -> None:
    assert [half_up(number(text)) for text in ("0.5", "1.499", "2.5", "2.001")] == [1, 1, 3, 2]
