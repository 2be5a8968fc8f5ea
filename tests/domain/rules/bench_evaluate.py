"""What one evaluation costs, in processor time. Run by hand: `python -m tests.domain.rules.bench_evaluate`.

1. A busy program: 20 rules of a chain, of which nearly all look at the basket, over random baskets of five lines; the
   same while points pay a part, and with quantities by weight. To stay below 75 microseconds.
2. A usual program: 20 rules over one basket of five lines. Twelve of the rules apply, single units and a multiplier
   among them; points pay a part and both wallets' terms are reckoned.
3. A basket of 20 lines and a program of which ten rules can apply: of 20 rules, then of 500. The others hang on other
   articles, categories, brands, tags, coupons and events. 500 rules have to stay below twice the 20.
4. The busy program over the largest basket, 500 lines.
"""

import sys
from collections.abc import Sequence
from datetime import date, datetime
from random import Random
from statistics import median
from time import process_time
from typing import Any

from app.compiled_core import chosen_core
from app.domain.basket import Basket, Channel, IdentifiedBy, Line, Payment, Visit
from app.domain.customer import CustomerFacts
from app.domain.programs import read_program
from app.domain.rules.evaluate import Asked, compile_program, evaluate

ROUNDS, ROUND_SECONDS = 25, 0.02

SHELVES = ("drinks", "dairy", "sweets", "bakery", "grocery", "meat")
BUSY: list[dict[str, Any]] = [
    *(
        {
            "lane": "shelf",
            "kind": "discount",
            "when": {"all": [{"basket_total": {"min": 1_000 * place}}, {"hours": {"from": "00:00", "to": "23:59"}}]}
            if place % 2
            else {"weekday": [1, 2, 3, 4, 5, 6, 7]},
            "on": {"category": [category]},
            "give": {"percent": str(3 + place)},
        }
        for place, category in enumerate(SHELVES, 1)
    ),
    {
        "lane": "sets",
        "kind": "discount",
        "on": {"category": ["sweets"], "units": {"every": 3, "take": 1}},
        "give": {"percent": "100"},
    },
    {"lane": "coupon", "kind": "discount", "when": {"coupon": ["SPRING"]}, "give": {"percent": "5"}},
    {"lane": "coupon", "kind": "discount", "when": {"tier": ["gold"]}, "give": {"percent": "2"}},
    {"lane": "coupon", "kind": "discount", "when": {"basket_total": {"min": 500_000}}, "give": {"amount": 5_000}},
    {"lane": "most", "kind": "bonus", "give": {"percent": "3"}},
    {"lane": "most", "kind": "bonus", "when": {"tier": ["silver", "gold"]}, "give": {"percent": "5"}},
    {"lane": "extra", "kind": "bonus", "on": {"category": ["drinks/coffee"]}, "give": {"multiply": "2"}},
    {
        "lane": "extra",
        "kind": "bonus",
        "on": {"brand": ["A", "B"]},
        "give": {"units_each": 2},
        "limit": {"customer": {"max": 1_000, "period": "month"}},
    },
    {"lane": "extra", "kind": "bonus", "when": {"birthday": {"before": 3, "after": 3}}, "give": {"percent": "10"}},
    {"lane": "extra", "kind": "bonus", "when": {"purchase_number": {"every": 10}}, "give": {"units": 100}},
    {"lane": "extra", "kind": "bonus", "when": {"days_since_last": {"min": 30}}, "give": {"units": 50}},
    {"lane": "most", "kind": "cashback", "when": {"payment": {"method": "card"}}, "give": {"percent": "1"}},
    {"lane": "extra", "kind": "bonus", "on": {"category": ["pets"]}, "give": {"per": {"amount": 10_000, "units": 1}}},
    {"lane": "extra", "kind": "bonus", "when": {"channel": ["online"]}, "give": {"percent": "1"}},
]
BUSY_LANES = [
    {"id": "shelf", "combine": "best_line"},
    {"id": "sets", "combine": "once"},
    {"id": "coupon", "combine": "best"},
    {"id": "most", "combine": "best"},
    {"id": "extra", "combine": "all"},
]
GOODS = (
    *("drinks/coffee", "dairy/milk", "sweets/chocolate", "bakery", "grocery/pasta"),
    *("meat", "fruit", "household", "pets", "drinks/tea"),
)


def basket_of(lines: int, *, seed: int, coupons: tuple[str, ...] = (), is_weighed: bool = False) -> Basket:
    """A random basket of the busy chain; `is_weighed`: quantities have a fraction."""
    luck = Random(seed)
    return Basket(
        lines=tuple(
            Line(
                str(place),
                luck.randrange(1, 4) * 1_000 + (luck.randrange(1_000) if is_weighed else 0),
                luck.randrange(50, 900) * 100,
                f"sku{luck.randrange(2_000)}",
                category=luck.choice(GOODS),
                brand=luck.choice("ABCDEFG"),
            )
            for place in range(lines)
        ),
        coupons=coupons,
        payments=(Payment("card", 100),),
    )


FIVE = [basket_of(5, seed=seed) for seed in range(40)]
WITH_CODE = [basket_of(5, seed=seed, coupons=("spring", "NONE")) for seed in range(40)]
WEIGHED = [basket_of(5, seed=seed, is_weighed=True) for seed in range(40)]
LARGEST = [basket_of(500, seed=1)]

USUAL: list[dict[str, Any]] = [
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
}
LANES = [
    {"id": "shelf", "combine": "best_line"},
    {"id": "cart", "combine": "all"},
    {"id": "base", "combine": "best"},
    {"id": "extra", "combine": "all"},
]
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
REGULAR = CustomerFacts(
    "c2",
    "bronze",
    {"points": 1_200, "cashback": 500},
    purchases=12,
    last_purchase_at=datetime.fromisoformat("2026-11-18T19:30:00+03:00"),
    birthday=date(1980, 5, 17),
)
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


def document(rules: list[dict[str, Any]], lanes: list[dict[str, Any]]) -> dict[str, Any]:
    return {**DOCUMENT, "lanes": lanes, "rules": [{"id": f"r{place}", **rule} for place, rule in enumerate(rules)]}


class Case:
    """Baskets that one program decides; each round decides them all so often that it lasts `ROUND_SECONDS`."""

    def __init__(
        self,
        title: str,
        rules: list[dict[str, Any]],
        baskets: Sequence[Basket],
        *,
        redeem: Asked,
        lanes: list[dict[str, Any]] = LANES,
        customer: CustomerFacts = CUSTOMER,
    ) -> None:
        self.title, self.rules, self.baskets, self.redeem, self._customer = title, rules, baskets, redeem, customer
        self._program = compile_program(read_program(document(rules, lanes)))
        self._times = 1
        self._times = max(1, int(ROUND_SECONDS * 1e6 / (self.round() * len(baskets))))
        self.costs: list[float] = []

    def round(self) -> float:
        """Microseconds of processor time for one evaluation."""
        program, customer, redeem = self._program, self._customer, self.redeem
        began = process_time()
        for _ in range(self._times):
            for basket in self.baskets:
                evaluate(program, basket, customer=customer, visit=VISIT, redeem=redeem)
        return (process_time() - began) / (self._times * len(self.baskets)) * 1e6

    def told(self) -> str:
        rules, lines, best, usual = len(self.rules), len(self.baskets[0].lines), min(self.costs), median(self.costs)
        return f"{self.title}: {rules} rules, {lines} lines: {best:.0f} us at best, {usual:.0f} us as a rule"


def cases() -> list[Case]:
    busy: dict[str, Any] = {"lanes": BUSY_LANES, "customer": REGULAR}
    shelf = [Basket(lines=tuple(SHELF), payments=BASKET.payments)]
    points: Asked = {"points": 50}
    return [
        Case("busy", BUSY, FIVE, redeem={}, **busy),
        Case("busy, points pay", BUSY, FIVE, redeem=points, **busy),
        Case("busy, with codes", BUSY, WITH_CODE, redeem={}, **busy),
        Case("busy, by weight", BUSY, WEIGHED, redeem={}, **busy),
        Case("usual, points pay", USUAL, [BASKET], redeem=points),
        Case("ten can apply", TEN + [other(place) for place in range(10)], shelf, redeem=points),
        Case("ten can apply", TEN + [other(place) for place in range(490)], shelf, redeem=points),
        Case("busy, the largest", BUSY, LARGEST, redeem={}, **busy),
    ]


def main() -> None:
    sys.stdout.write(f"the core runs {chosen_core().form}: {chosen_core().because}\n")
    measured = cases()
    for _ in range(ROUNDS):  # In turns, so that what else the machine does is shared by all.
        for case in measured:
            case.costs.append(case.round())
    for case in measured:
        sys.stdout.write(case.told() + "\n")


if __name__ == "__main__":
    main()
