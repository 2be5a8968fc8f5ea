"""Conditions that can't hold together are found; those that can never are called impossible."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.basket import Basket, Channel, IdentifiedBy, Line, Payment, Visit
from app.domain.customer import CustomerFacts
from app.domain.programs import read_program
from app.domain.rules.conditions import compile_when
from app.domain.rules.facts import Facts
from tests.domain.programs.lint.kit import document, told

Json = dict[str, Any]


def total(**bounds: int) -> Json:
    return {"basket_total": bounds}


NEVER: list[Any] = [
    {"all": [{"tier": ["silver"]}, {"tier": ["gold"]}]},
    {"all": [{"tier": ["gold"]}, {"not": {"tier": ["silver", "gold"]}}]},
    {"not": {"any": [{"tier": ["gold"]}, {"not": {"tier": ["gold"]}}]}},
    {"all": [{"any": [{"tier": ["silver"]}, {"shop": ["A"]}]}, {"tier": ["gold"]}, {"shop": ["B"]}]},
    {"all": [{"channel": ["pos"]}, {"channel": ["online"]}]},
    {"not": {"channel": ["pos", "online"]}},
    {"all": [{"shop": ["A", "B"]}, {"shop": ["B", "C"]}, {"not": {"shop": ["B"]}}]},
    {"all": [{"partner": ["a"]}, {"partner": ["b"]}]},
    {"all": [{"identified_by": ["phone"]}, {"identified_by": ["id"]}]},
    {"all": [{"segment": ["sleeping"]}, {"not": {"segment": ["sleeping", "vip"]}}]},
    {"all": [{"tag": ["a", "b"]}, {"not": {"tag": ["a"]}}, {"not": {"tag": ["b"]}}]},
    {"all": [{"card_type": ["club"]}, {"not": {"card_type": ["club"]}}]},
    {"all": [{"coupon": ["pool-1"]}, {"not": {"coupon": ["POOL-1"]}}]},
    {"all": [total(min=1000), total(max=999)]},
    {"all": [total(min=1000, max=2000), {"not": total(min=500, max=1500)}, {"not": total(min=1501)}]},
    {"not": total(min=0)},
    {"all": [{"basket_has": {"min_amount": 1000}}, total(max=999)]},
    {"all": [{"basket_has": {"min_qty": 3}}, {"not": {"basket_has": {"min_qty": 3}}}]},
    {"all": [{"weekday": [1, 2]}, {"weekday": [3]}]},
    {"all": [{"weekday": [1, 2]}, {"not": {"weekday": [1, 2, 3]}}]},
    {"all": [{"hours": ["08:00", "12:00"]}, {"hours": ["12:00", "16:00"]}]},
    {"all": [{"hours": ["22:00", "06:00"]}, {"hours": ["06:00", "22:00"]}]},
    {"all": [{"hours": ["08:00", "12:00"]}, {"not": {"hours": ["07:00", "13:00"]}}]},
    {"all": [{"date": {"from": "2026-12-01"}}, {"date": {"until": "2026-11-30"}}]},
    {"all": [{"date": {"from": "2026-12-01", "until": "2026-12-05"}}, {"weekday": [7]}]},  # Tuesday to Saturday.
    {"all": [{"date": {"from": "2026-12-01"}}, {"not": {"date": {"from": "2026-01-01"}}}]},
    {"all": [{"birthday": {"before": 3}}, {"not": {"birthday": {"before": 7, "after": 0}}}]},
    {"all": [{"purchase_number": {"min": 5}}, {"purchase_number": {"max": 4}}]},
    {"all": [{"purchase_number": {"max": 5}}, {"purchase_number": {"every": 6}}]},
    {"all": [{"purchase_number": {"every": 4}}, {"not": {"purchase_number": {"every": 2}}}]},
    {"all": [{"purchase_number": {"min": 3, "every": 2, "max": 5}}, {"purchase_number": {"every": 3}}]},
    {"all": [{"days_since_last": {"min": 30}}, {"days_since_last": {"max": 29}}]},
    {"all": [{"days_since_last": {"min": 30}}, {"not": {"days_since_last": {"min": 10}}}]},
    {"all": [{"payment": {"method": "card", "min": 100}}, {"not": {"payment": {"method": "card"}}}]},
]
MAY: list[Any] = [
    {"not": {"tier": ["silver", "gold"]}},  # Nobody is in a tier who isn't known.
    {"all": [{"tier": ["gold"]}, {"not": {"tier": ["silver"]}}]},
    {"any": [{"all": [{"tier": ["silver"]}, {"tier": ["gold"]}]}, {"weekday": 1}]},
    {"all": [{"segment": ["a"]}, {"segment": ["b"]}]},
    {"all": [{"segment": ["a", "b"]}, {"not": {"segment": ["a"]}}]},
    {"all": [{"coupon": ["A"]}, {"coupon": ["B"]}]},
    {"not": {"shop": ["A"]}},
    {"all": [total(min=1000), {"not": total(min=1001, max=5000)}]},
    {"all": [{"basket_has": {"min_amount": 1000}}, total(max=1000)]},
    {"all": [{"hours": ["22:00", "06:00"]}, {"hours": ["05:59", "07:00"]}]},
    {"all": [{"date": {"from": "2026-12-01", "until": "2026-12-07"}}, {"weekday": [7]}]},
    {"all": [{"date": {"from": "2026-12-01"}}, {"not": {"date": {"until": "2026-12-31"}}}]},
    {"all": [{"purchase_number": {"every": 6}}, {"not": {"purchase_number": {"every": 4}}}]},
    {"all": [{"purchase_number": {"every": 2}}, {"not": {"purchase_number": {"max": 1000000}}}]},
    {"not": {"days_since_last": {"min": 0}}},  # Whoever was never here.
    {"all": [{"payment": {"method": "card"}}, {"not": {"payment": {"method": "card", "min": 100}}}]},
    {"all": [{"birthday": {"before": 7}}, {"not": {"birthday": {"before": 3}}}]},
]


@pytest.mark.parametrize("when", NEVER, ids=str)
def test_what_can_not_hold_together_is_told(when: Json) -> None:
    found = [each for each in told(document({"when": when})) if each[2] in {"never_true", "over"}]

    assert found == [("error", "/rules/0/when", "never_true")]


@pytest.mark.parametrize("when", MAY, ids=str)
def test_what_can_hold_together_is_not(when: Json) -> None:
    assert "never_true" not in [code for _, _, code in told(document({"when": when}))]


def test_too_many_ways_are_not_looked_into() -> None:
    pair = {"any": [{"tier": ["gold"]}, {"shop": ["A"]}]}
    when = {"all": [*[pair] * 12, {"channel": ["pos"]}, {"channel": ["online"]}]}

    assert told(document({"when": when})) == []


# --- against the rules themselves: what held once isn't impossible ---------------------------------------------------

LEAVES = (
    st.builds(lambda names: {"tier": names}, st.lists(st.sampled_from(["silver", "gold"]), min_size=1, max_size=2))
    | st.builds(lambda names: {"shop": names}, st.lists(st.sampled_from("AB"), min_size=1, max_size=2))
    | st.builds(lambda names: {"segment": names}, st.lists(st.sampled_from("xy"), min_size=1, max_size=2))
    | st.builds(lambda name: {"channel": [name]}, st.sampled_from(["pos", "online"]))
    | st.builds(lambda low, more: total(min=low, max=low + more), st.integers(0, 3), st.integers(0, 2))
    | st.builds(lambda days: {"weekday": days}, st.lists(st.integers(1, 7), min_size=1, max_size=6))
    | st.builds(lambda a, b: {"hours": [f"{a:02}:00", f"{(a + b) % 24:02}:00"]}, st.integers(0, 23), st.integers(1, 23))
    | st.builds(lambda a, b: {"date": {"from": f"2026-12-{a:02}", "until": f"2026-12-{a + b:02}"}},
                st.integers(1, 9), st.integers(0, 9))
    | st.builds(lambda a, b: {"birthday": {"before": a, "after": b}}, st.integers(0, 5), st.integers(0, 5))
    | st.builds(lambda a, b: {"purchase_number": {"min": a, "every": b}}, st.integers(1, 4), st.integers(1, 4))
    | st.builds(lambda a: {"purchase_number": {"max": a}}, st.integers(1, 4))
    | st.builds(lambda a, b: {"days_since_last": {"min": a, "max": a + b}}, st.integers(0, 5), st.integers(0, 5))
    | st.builds(lambda m: {"payment": {"method": "card", "min": m}}, st.integers(0, 3))
    | st.just({"basket_has": {"min_amount": 2}})
    | st.just({"identified_by": ["phone"]})
)  # fmt: skip
WHENS = st.recursive(
    LEAVES,
    lambda inner: (
        st.builds(lambda each: {"not": each}, inner)
        | st.builds(
            lambda name, each: {name: each}, st.sampled_from(["all", "any"]), st.lists(inner, min_size=1, max_size=4)
        )
    ),
    max_leaves=8,
)


@st.composite
def sales(draw: st.DrawFn) -> tuple[Basket, CustomerFacts | None, Visit]:
    at = datetime(2026, 12, 1, tzinfo=UTC) + timedelta(hours=draw(st.integers(0, 24 * 18)))
    price = draw(st.integers(0, 6))
    basket = Basket(lines=(Line("1", 1_000, price),), payments=(Payment("card", draw(st.integers(0, 4))),))
    customer = CustomerFacts(
        id="ann",
        tier=draw(st.sampled_from([None, "silver", "gold"])),
        purchases=draw(st.integers(0, 12)),
        last_purchase_at=draw(st.none() | st.just(at - timedelta(days=draw(st.integers(0, 12))))),
        birthday=draw(st.none() | st.just(date(1990, 12, 5))),
        segments=draw(st.sets(st.sampled_from("xy")).map(frozenset)),
    )
    visit = Visit(
        at=at,
        channel=draw(st.sampled_from(list(Channel))),
        shop=draw(st.sampled_from("ABC")),
        identified_by=draw(st.none() | st.sampled_from(list(IdentifiedBy))),
    )
    return basket, draw(st.none() | st.just(customer)), visit


@settings(max_examples=300, deadline=None)
@given(WHENS, st.lists(sales(), min_size=1, max_size=8))
def test_what_held_once_is_never_called_impossible(
    when: Json, seen: list[tuple[Basket, CustomerFacts | None, Visit]]
) -> None:
    source = document({"when": when})
    program = read_program(source)
    test = compile_when(program.rules[0].when, program)

    if any(test(Facts(program, *sale)) is None for sale in seen):
        assert not [code for _, _, code in told(source) if code in {"never_true", "over"}]
