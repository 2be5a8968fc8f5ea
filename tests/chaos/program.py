"""What the shops of the run give: every kind of shared state is in it, and most of it runs out on the way."""

from typing import Any

LIFE_DAYS = 30  # Of points.
WAIT_DAYS = 1  # Of cashback, before it is active.
BUDGET = 3_000  # Units of the rule `happy`, far fewer than the run would use.
CODE_USES = 10
CODES = tuple(f"CODE-{letter}" for letter in "ABCDEFGHIJKL")
STOCK = 3  # Pieces of the prize `tv`.


def _bonus(rule: str, lane: str, give: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": rule, "kind": "bonus", "lane": lane, "give": give, **more}


PROGRAM: dict[str, Any] = {
    "currency": "RUB",
    "timezone": "Europe/Moscow",
    "wallets": {
        "points": {"value": 100, "expire_after_days": LIFE_DAYS},
        "cashback": {"value": 1, "activate_after_days": WAIT_DAYS, "expire_after_days": 60, "debt": "clamp"},
        "stamps": {"value": 0, "convert": {"every": 10, "into": "points", "units": 5}},
    },
    "redemption": {"wallets": ["points", "cashback"], "max_share": "0.5"},
    "tiers": [{"id": "plain", "from": 0}, {"id": "gold", "from": 300_000}],
    "lanes": [{"id": "shelf"}, {"id": "base"}, {"id": "extra"}],
    "rules": [
        {
            "id": "third",
            "kind": "discount",
            "lane": "shelf",
            "when": {"purchase_number": {"every": 3}},
            "give": {"percent": "10"},
        },
        _bonus("base", "base", {"per": {"amount": 1_000, "units": 1}}),
        _bonus("gold", "extra", {"multiply": "1.5"}, when={"tier": ["gold"]}),
        {"id": "back", "kind": "cashback", "lane": "extra", "give": {"percent": "2"}},
        _bonus("stamp", "extra", {"units": 1, "wallet": "stamps"}),
        _bonus("happy", "extra", {"units": 3}, limit={"budget": BUDGET}),
        _bonus("thrice", "extra", {"units": 2}, limit={"customer": {"uses": 3, "period": "day"}}),
        *(_bonus(code.lower(), "extra", {"units": 4}, when={"coupon": [code]}) for code in CODES),
        _bonus("review", "extra", {"units": 5}, when={"event": ["review"]}),
        {
            "id": "lucky",
            "kind": "random_reward",
            "give": {
                "draw": {
                    "algorithm": "independent",
                    "chance": "0.2",
                    "prizes": [
                        {"id": "small", "weight": 80, "units": 20},
                        {"id": "tv", "weight": 20, "gift": "TV", "stock": STOCK},
                    ],
                }
            },
        },
    ],
}
