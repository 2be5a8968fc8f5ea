"""What a back-test costs a basket, without the database. Run by hand: `python -m tests.domain.backtest.bench_trial`.

Baskets of five lines bought by 500 customers through a month, stored by the service's own writers, are read back and
decided by a program of 50 rules: promotions of articles, sub-categories and brands, steps on the receipt, coupons,
points by tier, bonuses with limits and a cap of cashback. About ten rules are touched by a basket, three or four apply;
the first line printed says how many. The bound is 5,000 baskets a second and core, reading the rows included.
"""

import gc
import os
import sys
from datetime import datetime, timedelta
from random import Random
from statistics import median
from time import process_time
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from app.domain.backtest.past import PastRow, read_past
from app.domain.backtest.trial import Trial
from app.domain.customer import CustomerFacts
from app.domain.programs import read_program
from app.domain.rules.evaluate import compile_program
from tests.domain.backtest.purchases import VERSION, Shop

ROUNDS, BASKETS, CUSTOMERS = 9, 4_000, 500
GOAL = 5_000  # Baskets a second and core.
ARTICLES, BRANDS = 2_000, 80
BEGAN = datetime.fromisoformat("2026-11-01T08:00:00+03:00")


def _skus(first: int) -> list[str]:
    return [f"a{place}" for place in range(first * 20, first * 20 + 20)]


def rules() -> list[dict[str, Any]]:
    """50 of them."""
    shelf, cart, base, extra = ({"lane": lane} for lane in ("shelf", "cart", "base", "extra"))
    off, more = {"kind": "discount"}, {"kind": "bonus"}
    month = {"customer": {"max": 500, "period": "month"}}
    return [
        *({**shelf, **off, "on": {"sku": _skus(at)}, "give": {"percent": str(10 + at)}} for at in range(10)),
        *({**shelf, **off, "on": {"category": [f"c{at}/s0"]}, "give": {"percent": "7"}} for at in range(5)),
        *({**shelf, **off, "on": {"brand": [f"b{at}"]}, "give": {"percent": "8"}} for at in range(3)),
        *(
            {**shelf, **off, "when": {"tier": ["gold"]}, "on": {"category": [f"c{at}"]}, "give": {"percent": "5"}}
            for at in (8, 9)
        ),
        {**cart, **off, "give": {"steps": [{"min": 400_000, "percent": "3"}, {"min": 600_000, "percent": "5"}]}},
        {**cart, **off, "when": {"payment": {"method": "own-card", "min": 1}}, "give": {"percent": "2"}},
        {**cart, **off, "on": {"sku": _skus(12), "units": {"every": 3, "take": 1}}, "give": {"percent": "100"}},
        {**cart, **off, "give": {"bundle": {"skus": ["a270", "a271"], "price": 19_900}}},
        *({**cart, **off, "when": {"coupon": [f"CODE{at}"]}, "give": {"amount": 5_000}} for at in range(6)),
        {**base, **more, "give": {"percent": "1"}},
        {**base, **more, "when": {"tier": ["silver"]}, "give": {"percent": "3"}},
        {**base, **more, "when": {"tier": ["gold"]}, "give": {"percent": "5"}},
        *({**extra, **more, "on": {"category": [f"c{at}/s1"]}, "give": {"percent": "4"}} for at in range(8)),
        *(
            {**extra, **more, "on": {"sku": _skus(15 + at)}, "give": {"units_each": 10}, "limit": month}
            for at in range(5)
        ),
        {**extra, **more, "when": {"birthday": {"before": 3, "after": 3}}, "give": {"multiply": "2"}},
        {**extra, **more, "when": {"purchase_number": {"every": 5}}, "give": {"units": 50}},
        {**extra, "kind": "cashback", "on": {"category": ["c7"]}, "give": {"percent": "2"}},
        {**extra, "kind": "cashback", "when": {"segment": ["new"]}, "give": {"percent": "1"}},
    ]


def document() -> dict[str, Any]:
    return {
        "currency": "RUB",
        "timezone": "Europe/Moscow",
        "wallets": {"points": {"value": 100}, "cashback": {}},
        "redemption": {"max_share": "0.30"},
        "tiers": [{"id": "bronze", "from": 0}, {"id": "silver", "from": 1_000}, {"id": "gold", "from": 5_000}],
        "lanes": [
            {"id": "shelf", "combine": "best_line"},
            {"id": "cart", "combine": "all"},
            {"id": "base", "combine": "best"},
            {"id": "extra", "combine": "all"},
        ],
        "caps": [{"id": "cashback-month", "wallet": "cashback", "period": "month", "by": "category", "max": 150_000}],
        "rules": [{"id": f"r{place}", **rule} for place, rule in enumerate(rules())],
    }


def _line(luck: Random, place: int) -> dict[str, Any]:
    article = luck.randrange(ARTICLES)
    return {
        "id": str(place),
        "sku": f"a{article}",
        "name": f"Article number {article}",
        "category": f"c{article % 10}/s{article // 10 % 10}",
        "brand": f"b{article % BRANDS}",
        "qty": luck.choice((1, 1, 1, 1, 2, 3, "0.345", "1.5")),
        "price": luck.randrange(2_000, 90_000),
    }


def sold() -> list[PastRow]:
    """A month of purchases, decided by the first 40 rules; the same ones in every run."""
    luck = Random(7)
    past = document()
    shop = Shop(compile_program(read_program({**past, "rules": past["rules"][:40]})))
    bought = [0] * CUSTOMERS
    for place in range(BASKETS):
        whose = luck.randrange(CUSTOMERS)
        customer = CustomerFacts(
            id=str(UUID(int=whose + 1)),
            tier=("bronze", "bronze", "silver", "gold")[whose % 4],
            available={"points": luck.randrange(2_000), "cashback": 0},
            purchases=bought[whose],
            last_purchase_at=BEGAN if bought[whose] else None,
            segments=frozenset({"new"} if whose % 10 == 0 else ()),
        )
        bought[whose] += 1
        basket = {
            "lines": [_line(luck, number) for number in range(1, 6)],
            "payments": [{"method": "own-card" if luck.random() < 0.2 else "card", "amount": 100_000}],
            "coupons": [f"CODE{luck.randrange(6)}"] if luck.random() < 0.05 else [],
        }
        redeem = {"points": "max"} if luck.random() < 0.1 else None
        shop.sell(basket, customer, at=BEGAN + timedelta(minutes=10 * place), redeem=redeem)
    return shop.rows


def main() -> None:
    rows = sold()
    draft = read_program(document())
    zone = ZoneInfo("Europe/Moscow")
    gc.collect()
    gc.freeze()  # As a worker does.
    gc.disable()
    reading, deciding = [], []
    sums = None
    for _ in range(ROUNDS):
        trial = Trial(draft, values={VERSION: {"points": 100, "cashback": 1}})
        began = process_time()
        pasts = [read_past(row, zone) for row in rows]
        read = process_time()
        for past in pasts:
            trial.decide(past, {})
        reading.append(read - began)
        deciding.append(process_time() - read)
        sums = trial.close()
        gc.collect(0)
    if sums is None or sums.unreadable or sums.refused:
        raise SystemExit(f"the baskets are not what was meant: {sums}")
    applied = sum(pair.draft.baskets for pair in sums.rules.values())
    whole = sorted(one + other for one, other in zip(reading, deciding, strict=True))
    best, usual = (int(BASKETS / seconds) for seconds in (whole[0], median(whole)))
    sys.stdout.write(
        f"back-test: {len(draft.rules)} rules, baskets of {sums.lines // BASKETS} lines,"
        f" {applied * 10 // BASKETS / 10} rules apply; load {os.getloadavg()[0]:.1f}\n"
        f"  reading {min(reading) / BASKETS * 1e6:.0f} us, deciding {min(deciding) / BASKETS * 1e6:.0f} us at best\n"
        f"  {best:,} baskets a second and core at best, {usual:,} as a rule (goal {GOAL:,})\n"
    )


if __name__ == "__main__":
    main()
