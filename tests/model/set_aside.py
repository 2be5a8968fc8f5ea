"""Programs under which a hold has much to set aside: points that come and go soon, rewards that cost points, codes,
limits and caps that are nearly used up, draws, sets that convert.

`whole` draws anything; here most baskets redeem, win and count something.
"""

from datetime import datetime

from hypothesis import strategies as st

from tests.model import dense, whole
from tests.model.arithmetic import Json

LIVES = [None, None, 1, 2, 10, 31]
LIMITS: list[Json] = [
    {"budget": 400},
    {"customer": {"max": 90, "uses": 9, "period": "month"}},
    {"receipt": 70},
    {"uses": 3},
]


@st.composite
def programs(draw: st.DrawFn, *, start: datetime) -> Json:
    del start  # No campaign of these has dates.
    terms: Json = {
        "value": draw(st.sampled_from([1, 1, 10])),
        "activate_after_days": draw(st.sampled_from([0, 0, 0, 1])),
        "expire_after_days": draw(st.sampled_from(LIVES)),
        "expire_round": draw(st.sampled_from(["none", "none", "day"])),
        "debt": draw(st.sampled_from(["allow", "clamp"])),
    }
    stamps: Json = {"value": 0, "convert": {"every": 10, "into": "points", "units": draw(st.integers(1, 9))}}
    program: Json = {
        "currency": "RUB",
        "timezone": draw(st.sampled_from(["UTC", "Europe/Moscow", "Europe/Berlin"])),
        "wallets": {"points": terms, "stamps": stamps},
        "redemption": {"wallets": ["points"], "max_share": draw(st.sampled_from(["1", "0.5"]))},
        "accrual": {"base": draw(st.sampled_from(["paid", "net", "gross"]))},
        "lanes": [{"id": "l0", "combine": "all"}],
        "caps": [],
        "rules": [rule for rule in draw(rules()) if draw(st.integers(0, 3))],
    }
    if draw(st.booleans()):
        by: Json = draw(st.sampled_from([{}, {"by": "category", "depth": 1}]))
        per = draw(st.sampled_from(["customer", "program"]))
        program["caps"] = [{"id": "c0", "wallet": "points", "per": per, "period": "month", "max": 250, **by}]
    if draw(st.booleans()):
        program |= draw(whole.tiers())
    if not program["rules"]:
        program["rules"] = [bonus(0, {"percent": "20"})]
    return program


@st.composite
def rules(draw: st.DrawFn) -> list[Json]:
    on_return = st.sampled_from(["keep", "take_back"])
    return [
        {**bonus(0, {"percent": "20"}), "limit": draw(st.sampled_from(LIMITS))},
        {"id": "r1", "kind": "discount", "give": {"percent": "10"}, "limit": draw(st.sampled_from(LIMITS))},
        {"id": "r2", "kind": "reward", "give": {"gift": "MUG"}, "cost": {"points": 7}, "on_return": draw(on_return)},
        {"id": "r3", "kind": "reward", "give": {"coupon": "POOL-A"}, "on": {"units": {"every": 3}}},
        {
            "id": "r4",
            "kind": "random_reward",
            "give": {"draw": draw(dense.draws(draw(st.sampled_from(["independent", "bag", "pity", "balanced"]))))},
            "limit": draw(st.sampled_from(LIMITS)),
            "on_return": draw(on_return),
        },
        {"id": "r5", "kind": "discount", "give": {"amount": 77}, "when": {"coupon": ["SUMMER", "POOL-A"]}},
        bonus(6, {"units": draw(st.sampled_from([7, 25])), "wallet": "stamps"}),
        {"id": "r7", "kind": "discount", "give": {"amount": 50}, "cost": {"points": 5}},
        {**bonus(8, {"units": 11}), "when": {"event": ["review"]}},
        {**bonus(9, {"units_each": 2, "expire_after_days": 2}), "on": {"units": {"every": 2}}},
    ]


def bonus(number: int, give: Json) -> Json:
    return {"id": f"r{number}", "kind": "bonus", "give": give}
