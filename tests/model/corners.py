"""Stories that chance seldom tells: what meets a debt, a lot that ended, a return of which something was let go.

Each is a program and its operations, as `busy.stories` draws them; one customer, a line of price 100 unless said.
"""

from typing import Any

from tests.model.arithmetic import Json

DAY = 24 * 60


def program(give: Json | None = None, **terms: Any) -> Json:
    return {
        "currency": "RUB",
        "timezone": "UTC",
        "wallets": {"points": terms},
        "rules": [{"id": "base", "kind": "bonus", "give": give or {"units": 10}}],
    }


def buys(*, days: int = 0, redeem: int = 0, late: int = 0, qty: int = 1, price: int = 100, lines: int = 1) -> Json:
    return {
        "op": "purchase",
        "days": days,
        "customer": 0,
        "minutes_late": late * DAY,
        "basket": {"lines": [{"id": str(i + 1), "qty": qty, "price": price} for i in range(lines)]},
        "redeem": {"points": redeem} if redeem else {},
        "shop": "S1",
        "channel": "pos",
        "identified_by": "card",
    }


def holds(*, coupons: tuple[str, ...] = (), ttl_hours: int = 2, **more: Any) -> Json:
    """The basket of `buys`."""
    sold = buys(**more)
    return {**sold, "op": "hold", "ttl_seconds": ttl_hours * 3_600, "basket": {**sold["basket"], "coupons": [*coupons]}}


def captures(place: int, **lines: int) -> Json:
    """All, or so much of the named lines: `line1=2`."""
    wanted = [{"id": name.removeprefix("line"), "qty": qty} for name, qty in lines.items()]
    return {"op": "capture", "days": 0, "hold": place, "lines": wanted or None}


def returns(purchase: int, *, days: int = 0, line: str | None = None, qty: int | str = 1) -> Json:
    lines = None if line is None else [{"id": line, "qty": qty}]
    return {"op": "return", "days": days, "purchase": purchase, "lines": lines}


def moves(points: int, *, days: int = 0, op: str = "adjust") -> Json:
    how = {"identified_by": "card"} if op == "redeem" else {}
    return {"op": op, "days": days, "customer": 0, "wallet": "points", "points": points, **how}


CORNERS: dict[str, tuple[Json, list[Json]]] = {
    "a debt, met by points that are over when they arrive": (
        program(activate_after_days=1, expire_after_days=10),
        [buys(), moves(10, days=1, op="redeem"), returns(0), buys(late=20), buys(late=10)],
    ),
    "a debt, met by points that end before they begin": (
        program(activate_after_days=14, expire_after_days=10),
        [buys(), returns(0, days=10), buys(days=10, late=20), buys(late=12), buys()],
    ),
    "a debt, met by points that come back to a lot that has ended": (
        program(expire_after_days=10),
        [moves(50), buys(days=2, redeem=50), buys(days=1), moves(20, op="redeem"), returns(1), returns(0, days=7)],
    ),
    "a debt, met in part by one lot after the other": (
        program(activate_after_days=14),
        [
            *[buys(days=1), buys(days=1), buys(days=1), moves(10, days=12, op="redeem"), returns(0)],
            *[moves(3, days=0), buys(days=1, qty=2), returns(1), returns(3, days=14, line="1")],
        ],
    ),
    "a debt, met by points that become active while nobody buys": (
        program({"units_each": 10}, activate_after_days=14),
        [buys(), moves(10, days=14, op="redeem"), buys(qty=3), returns(0)],
    ),
    "what was let go is taken at the next return": (
        program({"units_each": 5}, debt="clamp"),
        [
            *[buys(lines=3, qty=3), moves(40, op="redeem"), returns(0, line="2"), returns(0, line="1", qty="0.5")],
            *[moves(4), returns(0, line="1"), moves(30), returns(0, line="3"), returns(0)],
        ],
    ),
    "a purchase paid from many lots comes back in many parts": (
        program(expire_after_days=10),
        [
            *[moves(3), moves(5, days=1), moves(7, days=1), buys(days=1, redeem=15, qty=7)],
            *[
                returns(0, line="1", days=days, qty=qty)
                for days, qty in ((0, 1), (1, 2), (6, 1), (1, "2.5"), (1, "0.5"))
            ],
        ],
    ),
}

LUCKY: Json = {
    "id": "r1",
    "kind": "random_reward",
    "when": {"coupon": ["SUMMER"]},
    "give": {"draw": {"algorithm": "independent", "chance": "1", "prizes": [{"id": "p", "weight": 1, "units": 5}]}},
}
CAP: Json = {"id": "c0", "wallet": "points", "per": "customer", "period": "year", "max": 30}
CODES_GIVEN: Json = {"id": "r0", "kind": "reward", "give": {"coupon": "POOL-A"}, "on": {"units": {"every": 3}}}
POOL: Json = {"A-1": {"pool": "POOL-A"}, "A-2": {"pool": "POOL-A"}}


def lucky(on_return: str) -> Json:
    """A prize and a bonus under one cap; whether there is a prize depends on a code."""
    rules = [{"id": "r0", "kind": "bonus", "give": {"units": 20}}, {**LUCKY, "on_return": on_return}]
    return {**program(), "rules": rules, "caps": [CAP]}


def codes(**made: Json) -> Json:
    return {"op": "codes", "days": 0, "codes": made}


# The same with codes and luck, as `whole.stories` draws them.
HOLD_CORNERS: dict[str, tuple[Json, list[Json]]] = {
    f"a captured prize that {word} shares a cap with a bonus that comes back": (
        lucky(word),
        [codes(SUMMER={}), holds(coupons=("SUMMER",)), captures(0), returns(0), buys()],
    )
    for word in ("keep", "take_back")
} | {
    "a code that the basket sends isn't given out by it": (
        {
            **program(),
            "rules": [CODES_GIVEN, {"id": "r1", "kind": "bonus", "give": {"units": 9}, "when": {"coupon": ["POOL-A"]}}],
        },
        [codes(**POOL), holds(qty=6, coupons=("A-1",)), buys(days=1, qty=6), returns(1), buys(qty=3)],
    ),
    "what is captured brings units and costs none": (
        program({"percent": "1"}),
        [codes(), moves(1), holds(redeem=1, lines=2, price=1, qty=7), captures(0, line1=1), returns(0, line="1")],
    ),
}
