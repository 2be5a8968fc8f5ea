"""What one evaluation costs. Run by hand: `python -m tests.domain.rules.bench_evaluate`.

1. 20 rules over a basket of five lines. Twelve of the rules apply, single units and a multiplier among them; points
   pay a part and both wallets' terms are reckoned. DESIGN's budget is 300 microseconds of Python for a whole purchase.
2. A basket of 20 lines and a program of which ten rules can apply: of 20 rules, then of 500. The others hang on other
   articles, categories, brands, tags, coupons and events. 500 rules have to stay below 300 microseconds and below
   twice the 20.
"""

import sys
from collections.abc import Callable
from datetime import date, datetime
from statistics import median
from time import perf_counter
from typing import Any

from app.domain.basket import Basket, Channel, IdentifiedBy, Line, Payment, Visit
from app.domain.customer import CustomerFacts
from app.domain.decision import Decision
from app.domain.programs import read_program
from app.domain.rules.evaluate import compile_program, evaluate

ROUNDS, CALLS = 15, 300

RULES: list[dict[str, Any]] = [
    {"lane": "shelf", "kind": "discount", "on": {"category": ["drinks"]}, "give": {"percent": "10"}},
    {"lane": "shelf", "kind": "discount", "when": {"tier": ["gold"]}, "give": {"percent": "5"}},
    {"lane": "shelf", "kind": "discount", "on": {"sku": ["s3"]}, "give": {"amount_each": 500}},
    {"lane": "shelf", "kind": "discount", "on": {"brand": ["none"]}, "give": {"percent": "15"}},
    {"lane": "shelf", "kind": "discount", "on": {"sku": ["s4", "s9"]}, "give": {"unit_price": 9_900}},
    {"lane": "cart", "kind": "discount", "when": {"basket_total": {"min": 10_000_000}}, "give": {"amount": 5_000}},
    {"lane": "cart", "kind": "discount", "when": {"weekday": [6, 7]}, "give": {"percent": "3"}},
    {
        "lane": "cart",
        "kind": "discount",
        "on": {"category": ["food"], "units": {"every": 3, "take": 1}},
        "give": {"percent": "10"},
    },
    {"lane": "cart", "kind": "discount", "when": {"hours": ["08:00", "10:00"]}, "give": {"percent": "2"}},
    {"lane": "cart", "kind": "discount", "on": {"tag": ["own"]}, "give": {"percent": "2"}},
    {"lane": "base", "kind": "bonus", "give": {"percent": "5"}},
    {"lane": "base", "kind": "bonus", "when": {"tier": ["silver"]}, "give": {"percent": "3"}},
    {"lane": "base", "kind": "bonus", "give": {"per": {"amount": 10_000, "units": 1}}},
    {"lane": "base", "kind": "bonus", "on": {"category": ["drinks"]}, "give": {"percent": "7"}},
    {"lane": "extra", "kind": "bonus", "when": {"birthday": {"before": 7, "after": 7}}, "give": {"units": 100}},
    {"lane": "extra", "kind": "bonus", "on": {"sku": ["s1"]}, "give": {"units_each": 10}},
    {"lane": "extra", "kind": "bonus", "when": {"weekday": [6]}, "give": {"multiply": "2"}},
    {"lane": "extra", "kind": "cashback", "when": {"channel": ["online"]}, "give": {"percent": "2"}},
    {"lane": "extra", "kind": "cashback", "on": {"category": ["drinks/coffee"]}, "give": {"percent": "2"}},
    {
        "lane": "extra",
        "kind": "bonus",
        "when": {"all": [{"shop": ["S1", "S2"]}, {"basket_total": {"min": 1_000}}]},
        "give": {"units": 50},
    },
]
DOCUMENT = {
    "currency": "RUB",
    "timezone": "Europe/Moscow",
    "wallets": {"points": {"value": 100}, "cashback": {}},
    "redemption": {"wallets": ["points", "cashback"], "max_share": "0.30"},
    "tiers": [{"id": "bronze", "from": 0}, {"id": "silver", "from": 1_000}, {"id": "gold", "from": 5_000}],
    "lanes": [
        {"id": "shelf", "combine": "best_line"},
        {"id": "cart", "combine": "all"},
        {"id": "base", "combine": "best"},
        {"id": "extra", "combine": "all"},
    ],
    "rules": [{"id": f"r{place}", **rule} for place, rule in enumerate(RULES)],
}
BASKET = Basket(
    lines=(
        Line("1", 2_000, 12_900, "s1", category="drinks/coffee", brand="x", min_price=9_000),
        Line("2", 1_000, 5_600, "s2", category="food/bread", brand="y"),
        Line("3", 345, 45_000, "s3", category="food/meat"),
        Line("4", 3_000, 11_900, "s4", category="food/milk", tags=frozenset(["own"])),
        Line("5", 1_000, 99_900, "s5", category="home", brand="x"),
    ),
    payments=(Payment("card", 1_000),),
)
CUSTOMER = CustomerFacts("c1", "gold", {"points": 1_200, "cashback": 5_000}, purchases=3, birthday=date(1990, 11, 20))
VISIT = Visit(datetime.fromisoformat("2026-11-21T12:00:00+03:00"), Channel.POS, "S1", IdentifiedBy.CARD)

SHELF = [
    Line(
        str(place),
        (1 + place % 3) * 1_000,
        4_900 + 700 * place,
        f"a{place}",
        category=("drinks/coffee", "food/bread", "food/milk", "home")[place % 4],
        brand=f"b{place % 6}",
        tags=frozenset(["own"]) if place % 5 == 0 else frozenset(),
        min_price=1_000 if place % 7 == 0 else 0,
    )
    for place in range(20)
]
TEN: list[dict[str, Any]] = [
    {"lane": "shelf", "kind": "discount", "on": {"category": ["drinks"]}, "give": {"percent": "10"}},
    {
        "lane": "shelf",
        "kind": "discount",
        "when": {"tier": ["gold"]},
        "on": {"brand": ["b1"]},
        "give": {"percent": "5"},
    },
    {"lane": "shelf", "kind": "discount", "on": {"sku": ["a3", "a7"]}, "give": {"amount_each": 500}},
    {"lane": "cart", "kind": "discount", "when": {"weekday": [6, 7]}, "on": {"tag": ["own"]}, "give": {"percent": "3"}},
    {
        "lane": "cart",
        "kind": "discount",
        "on": {"category": ["food/milk"], "units": {"every": 3, "take": 1}},
        "give": {"percent": "100"},
    },
    {"lane": "base", "kind": "bonus", "give": {"percent": "5"}},
    {"lane": "base", "kind": "bonus", "on": {"category": ["drinks"]}, "give": {"percent": "7"}},
    {"lane": "extra", "kind": "bonus", "on": {"sku": ["a1"]}, "give": {"units_each": 10}},
    {"lane": "extra", "kind": "cashback", "on": {"brand": ["b2"]}, "give": {"percent": "2"}},
    {"lane": "extra", "kind": "bonus", "when": {"shop": ["S1", "S2"]}, "give": {"units": 50}},
]


def other(place: int) -> dict[str, Any]:
    """A rule that this basket can't have anything to do with."""
    discount = {"lane": ("shelf", "cart")[place % 2], "kind": "discount", "give": {"percent": "5"}}
    bonus = {"lane": ("base", "extra")[place % 2], "kind": "bonus", "give": {"percent": "3"}}
    return (
        {**discount, "on": {"sku": [f"z{place}", f"y{place}"]}},
        {**bonus, "on": {"category": [f"toys/{place}"]}},
        {**discount, "on": {"brand": [f"n{place}"]}},
        {**bonus, "on": {"tag": [f"t{place}"]}},
        {**discount, "when": {"all": [{"tier": ["gold"]}, {"coupon": [f"CODE{place}"]}]}},
        {**bonus, "when": {"event": [f"e{place}"]}, "give": {"units": 5}},
    )[place % 6]


def document(rules: list[dict[str, Any]]) -> dict[str, Any]:
    return {**DOCUMENT, "rules": [{"id": f"r{place}", **rule} for place, rule in enumerate(rules)]}


def microseconds(call: Callable[[], object]) -> list[float]:
    """A call's cost in each round, the cheapest first."""
    costs = []
    for _ in range(ROUNDS):
        began = perf_counter()
        for _ in range(CALLS):
            call()
        costs.append((perf_counter() - began) / CALLS * 1e6)
    return sorted(costs)


def measure(title: str, rules: list[dict[str, Any]], basket: Basket) -> float:
    program = compile_program(read_program(document(rules)))

    def decide() -> Decision:
        return evaluate(program, basket, customer=CUSTOMER, visit=VISIT, redeem={"points": 50})

    costs = microseconds(decide)
    sys.stdout.write(
        f"{title}: {len(rules)} rules, {len(basket.lines)} lines, {len(decide().effects)} effects: "
        f"{costs[0]:.0f} us at best, {median(costs):.0f} us as a rule\n"
    )
    return costs[0]


def main() -> None:
    measure("a usual program", RULES, BASKET)
    shelf = Basket(lines=tuple(SHELF), payments=BASKET.payments)
    small = measure("ten can apply", TEN + [other(place) for place in range(10)], shelf)
    large = measure("ten can apply", TEN + [other(place) for place in range(490)], shelf)
    sys.stdout.write(f"500 rules cost {large / small:.2f} times 20 rules\n")


if __name__ == "__main__":
    main()
