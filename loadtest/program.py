"""The program of the benchmark: twenty rules as a grocery chain has them, and the goods' categories that they speak of.

Of the twenty a usual basket meets some eight: a discount by category on most lines (`best_line`), every third of a kind
free, one of basket discounts, cashback by tier, multipliers, limits a customer, a birthday. Points expire a year
after they came, cashback never. Nothing here is left out to be fast: every phase of a decision has something to do.
"""

from __future__ import annotations

from typing import Any

CATEGORIES = (
    "drinks/coffee",
    "drinks/tea",
    "dairy/milk",
    "dairy/cheese",
    "sweets/chocolate",
    "bakery/bread",
    "grocery/pasta",
    "meat/poultry",
    "fruit/apples",
    "household/paper",
    "pets/cats",
)
BRANDS = ("A", "B", "C", "D", "E", "F", "G")
COUPON = "SPRING"

_BY_CATEGORY = (("drinks", "5"), ("dairy", "7"), ("sweets", "10"), ("bakery", "4"), ("grocery", "6"), ("meat", "8"))


def program() -> dict[str, Any]:
    """The document, as `PUT /v1/program/draft` takes it."""
    return {
        "currency": "RUB",
        "timezone": "Europe/Moscow",
        "wallets": {
            "points": {"value": 100, "expire_after_days": 365, "expire_round": "day"},
            "cashback": {"value": 1},
        },
        "redemption": {"wallets": ["points", "cashback"], "max_share": "0.30"},
        "tiers": [
            {"id": "bronze", "from": 0},
            {"id": "silver", "from": 1_000_000},
            {"id": "gold", "from": 50_000_000},
        ],
        "lanes": [
            {"id": "shelf", "combine": "best_line"},
            {"id": "sets", "combine": "once"},
            {"id": "basket", "combine": "best"},
            {"id": "base", "combine": "best"},
            {"id": "extra", "combine": "all"},
        ],
        "rules": [*_discounts(), *_accruals()],
    }


def with_rules(count: int) -> dict[str, Any]:
    """The same with ten of its rules, and so many in all: the others are of goods that nobody buys."""
    document = program()
    spring = next(rule for rule in _discounts() if rule["id"] == "spring")  # Codes that nobody knows would be misses.
    few = [*_discounts()[:5], spring, *_accruals()[:3], _accruals()[-1]]
    others = [
        {"id": f"article-{place}", "kind": "discount", "lane": "shelf", "on": {"sku": [f"nobody-buys-{place}"]},
         "give": {"percent": "5"}}
        for place in range(count - len(few))
    ]  # fmt: skip
    return {**document, "rules": [*few, *others]}


def _discounts() -> list[dict[str, Any]]:
    """Ten rules."""
    always = {"hours": {"from": "00:00", "to": "23:59"}}
    shelf = [
        {
            "id": f"shelf-{category}",
            "kind": "discount",
            "lane": "shelf",
            "when": {"all": [{"basket_total": {"min": 1000 * place}}, always]}
            if place % 2
            else {"weekday": [1, 2, 3, 4, 5, 6, 7]},
            "on": {"category": [category]},
            "give": {"percent": percent},
        }
        for place, (category, percent) in enumerate(_BY_CATEGORY, start=1)
    ]
    return [
        *shelf,
        {
            "id": "third-free",
            "kind": "discount",
            "lane": "sets",
            "on": {"category": ["sweets"], "units": {"every": 3, "take": 1}},
            "give": {"percent": "100"},
        },
        {
            "id": "spring",
            "kind": "discount",
            "lane": "basket",
            "when": {"coupon": [COUPON]},
            "give": {"percent": "5"},
        },
        {"id": "gold", "kind": "discount", "lane": "basket", "when": {"tier": ["gold"]}, "give": {"percent": "2"}},
        {
            "id": "big-basket",
            "kind": "discount",
            "lane": "basket",
            "when": {"basket_total": {"min": 500_000}},
            "give": {"amount": 5000},
        },
    ]


def _accruals() -> list[dict[str, Any]]:
    """Ten rules."""
    base: list[dict[str, Any]] = [
        {"id": "base", "kind": "bonus", "give": {"percent": "3"}},
        {"id": "silver", "kind": "bonus", "when": {"tier": ["silver", "gold"]}, "give": {"percent": "5"}},
    ]
    extra: list[dict[str, Any]] = [
        {"id": "coffee-twice", "kind": "bonus", "on": {"category": ["drinks/coffee"]}, "give": {"multiply": "2"}},
        {
            "id": "own-brands",
            "kind": "bonus",
            "on": {"brand": ["A", "B"]},
            "give": {"units_each": 2},
            "limit": {"customer": {"max": 1000, "period": "month"}},
        },
        {
            "id": "birthday",
            "kind": "bonus",
            "when": {"birthday": {"before": 3, "after": 3}},
            "give": {"percent": "10"},
        },
        {"id": "every-tenth", "kind": "bonus", "when": {"purchase_number": {"every": 10}}, "give": {"units": 100}},
        {"id": "welcome-back", "kind": "bonus", "when": {"days_since_last": {"min": 30}}, "give": {"units": 50}},
        {
            "id": "pets",
            "kind": "bonus",
            "on": {"category": ["pets"]},
            "give": {"per": {"amount": 10_000, "units": 1}},
        },
        {"id": "online", "kind": "bonus", "when": {"channel": ["online"]}, "give": {"percent": "1"}},
        {
            "id": "household-by-card",
            "kind": "cashback",
            "when": {"payment": {"method": "card"}},
            "on": {"category": ["household"]},
            "give": {"percent": "5", "wallet": "cashback"},
        },
    ]
    return [{**rule, "lane": "base"} for rule in base] + [{**rule, "lane": "extra"} for rule in extra]
