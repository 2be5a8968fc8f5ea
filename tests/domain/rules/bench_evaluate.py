"""What one evaluation costs: 20 rules over a basket of five lines. Run by hand: `python -m
tests.domain.rules.bench_evaluate`.

Twelve of the rules apply, single units and a multiplier among them; points pay a part and both wallets' terms are
reckoned. DESIGN's budget is 300 microseconds of Python for a whole purchase.
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


def microseconds(call: Callable[[], object]) -> list[float]:
    """A call's cost in each round, the cheapest first."""
    costs = []
    for _ in range(ROUNDS):
        began = perf_counter()
        for _ in range(CALLS):
            call()
        costs.append((perf_counter() - began) / CALLS * 1e6)
    return sorted(costs)


def main() -> None:
    program = compile_program(read_program(DOCUMENT))

    def decide() -> Decision:
        return evaluate(program, BASKET, customer=CUSTOMER, visit=VISIT, redeem={"points": 50})

    costs = microseconds(decide)
    sys.stdout.write(
        f"{len(RULES)} rules, {len(BASKET.lines)} lines, {len(decide().effects)} effects: "
        f"{costs[0]:.0f} us at best, {median(costs):.0f} us as a rule\n"
    )


if __name__ == "__main__":
    main()
