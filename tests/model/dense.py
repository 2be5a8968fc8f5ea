"""Random programs in which every mechanic is there and every limit is tight: limits, caps, costs, bundles, rewards,
draws of all algorithms, coupons; and how things stand for them.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from tests.model import crowded
from tests.model.arithmetic import Json
from tests.model.crowded import MONEY, WALLETS
from tests.model.strategies import BONUSES, COMBINES, DISCOUNTS, some, units_terms

NOON = datetime(2026, 2, 10, 12, tzinfo=UTC)
PERIODS = ["day", "week", "month", "year", "ever"]
PATHS = ["drinks", "drinks/coffee", "drinks/tea", "food", "food/fish"]
POOLS = ["POOL-A", "POOL-B"]
CODES = ["SPRING", "SUMMER", "MINE-1", "A-1", "A-2", "B-1"]  # A- and B- are of the pools.
NAMED = ["spring", "SUMMER", "POOL-A", "POOL-B", "A-1"]
EVENTS = ["review", "signup"]
WHENS: list[Any] = [
    *[{"coupon": [name]} for name in NAMED],
    {"coupon": ["spring", "POOL-A"]},
    {"any": [{"coupon": ["SPRING"]}, {"tag": ["vip"]}]},
    {"all": [{"coupon": ["SUMMER"]}, {"not": {"coupon": ["A-1"]}}]},
    {"not": {"coupon": ["SPRING"]}},
    {"segment": ["new", "far"]},
    {"not": {"segment": ["new"]}},
    {"tag": ["vip"]},
    {"partner": ["p1", "p2"]},
    {"card_type": ["club"]},
    {"identified_by": ["phone"]},
    {"identified_by": ["id", "code"]},
    {"event": ["review"]},
    {"any": [{"event": ["signup"]}, {"tag": ["vip"]}]},
    {"not": {"event": ["review"]}},
]
BUNDLES = st.builds(
    lambda skus, price: {"skus": skus, "price": price},
    st.lists(st.sampled_from(["A", "B", "C"]), min_size=1, max_size=3),
    st.integers(0, 400),
)
KINDS = ["discount", "discount", "bonus", "bonus", "cashback", "reward", "random_reward", "random_reward"]
ALGORITHMS = ["independent", "bag", "pity", "paced", "balanced"]
CHANCES = ["0.3", "0.5", "0.97", "1"]


@st.composite
def programs(draw: st.DrawFn, *, start: datetime = NOON, kinds: list[str] | None = None, rules_max: int = 5) -> Json:
    """Campaigns begin ten days before `start` and last for seventy."""
    names = draw(st.sampled_from(WALLETS))
    value = {"points": draw(st.sampled_from([1, 7, 100])), "cashback": 1, "stamps": 0}
    lanes = [{"id": f"l{i}", "combine": draw(st.sampled_from(COMBINES))} for i in range(draw(st.integers(1, 2)))]
    chosen = kinds or draw(st.sampled_from([KINDS, KINDS, ["discount"], ["bonus", "cashback"], ["reward", "discount"]]))
    return {
        "currency": "RUB",
        "timezone": draw(st.sampled_from(["UTC", "Europe/Moscow", "Europe/Berlin"])),
        "wallets": {name: {"value": value[name]} for name in names},
        "redemption": {
            "wallets": [name for name in names if value[name]],
            "max_share": draw(st.sampled_from(["1", "0.5", "0.3"])),
            "step": draw(st.sampled_from([1, 1, 3])),
            **draw(st.sampled_from([{}, {}, {"strength": {"card": 20}}])),
        },
        "accrual": {"base": draw(st.sampled_from(["paid", "net", "gross"]))},
        "lanes": lanes,
        "caps": [draw(caps(i, names)) for i in range(draw(st.sampled_from([0, 1, 1, 2])))],
        "rules": [draw(rules(i, chosen, lanes, names, start)) for i in range(draw(st.integers(1, rules_max)))],
    }


@st.composite
def caps(draw: st.DrawFn, number: int, wallets: list[str]) -> Json:
    cap: Json = {
        "id": f"c{number}",
        "wallet": draw(st.sampled_from(wallets)),
        "per": draw(st.sampled_from(["customer", "program"])),
        "period": draw(st.sampled_from(PERIODS)),
        "max": draw(st.integers(1, 60)),
    }
    if draw(st.booleans()):
        cap |= {"by": "category", "depth": draw(st.sampled_from([1, 2]))}
    return cap


@st.composite
def rules(
    draw: st.DrawFn, number: int, kinds: list[str], lanes: list[Json], wallets: list[str], start: datetime
) -> Json:
    kind = draw(st.sampled_from(kinds))
    rule: Json = {
        "id": f"r{number}",
        "kind": kind,
        "lane": draw(st.sampled_from(lanes))["id"],
        "give": draw(gives(kind, wallets)),
        "priority": draw(st.integers(0, 1)),
    }
    on = draw(st.sampled_from(["all", "units", "units", "sku"]))
    if on == "units" and "bundle" not in rule["give"]:
        rule["on"] = {"units": draw(units_terms())}
    if on == "sku":
        rule["on"] = {"sku": draw(some(["A", "B", "C"]))}
    if draw(st.integers(0, 2)) == 0 and (when := draw(st.sampled_from(WHENS))):
        rule["when"] = when
        if "event" in str(when) and "not" not in when:
            rule |= {"kind": "bonus", "give": {"units": draw(st.integers(1, 50)), "wallet": wallets[0]}}
            rule.pop("on", None)
    if draw(st.booleans()):
        rule["limit"] = draw(limits(rule["kind"]))
    if rule["kind"] in ("discount", "reward") and draw(st.integers(0, 3)) == 0:
        rule["cost"] = {draw(st.sampled_from(wallets)): draw(st.integers(1, 15))}
    if rule["kind"] in ("reward", "random_reward") and draw(st.booleans()):
        rule["on_return"] = draw(st.sampled_from(["keep", "take_back"]))
    if rule["give"].get("draw", {}).get("algorithm") == "paced":
        rule |= {
            "from": (start - timedelta(days=10)).isoformat(),
            "until": (start + timedelta(days=60)).isoformat(),
        }
        rule.setdefault("limit", {})["budget"] = draw(st.integers(50, 400))
    return rule


@st.composite
def gives(draw: st.DrawFn, kind: str, wallets: list[str]) -> Json:
    if kind == "reward":
        return draw(st.sampled_from([{"gift": "MUG"}, {"coupon": "POOL-A"}, {"coupon": "POOL-B"}]))
    if kind == "random_reward":
        give: Json = {"draw": draw(draws(draw(st.sampled_from(ALGORITHMS))))}
    else:
        forms: Json = {
            "discount": {**DISCOUNTS, "bundle": BUNDLES},
            "bonus": BONUSES,
            "cashback": {"percent": BONUSES["percent"]},
        }[kind]
        name = draw(st.sampled_from(sorted(forms)))
        money = name in ("amount", "amount_each", "unit_price", "price")
        give = {name: draw(MONEY) if money else draw(forms[name])}
        if kind == "discount":
            return give
    return {**give, "wallet": draw(st.sampled_from(wallets))}


@st.composite
def limits(draw: st.DrawFn, kind: str) -> Json:
    """At least one bound, in the kind's own unit."""
    most = {"discount": 200, "reward": 3, "random_reward": 300}.get(kind, 50)
    bound = st.integers(1, most)
    limit: Json = {}
    for name in draw(st.lists(st.sampled_from(["receipt", "budget", "uses", "customer"]), min_size=1, unique=True)):
        limit[name] = draw(st.integers(1, 3)) if name == "uses" else draw(bound)
    if "customer" in limit:
        mine = draw(st.sampled_from([["max"], ["uses"], ["max", "uses"]]))
        limit["customer"] = {"period": draw(st.sampled_from(PERIODS))}
        limit["customer"] |= {name: draw(bound if name == "max" else st.integers(1, 3)) for name in mine}
    return limit


@st.composite
def draws(draw: st.DrawFn, algorithm: str) -> Json:
    prizes = [draw(prizes_(i)) for i in range(draw(st.integers(1, 3)))]
    made: Json = {"algorithm": algorithm, "prizes": prizes}
    if algorithm in ("independent", "pity", "paced"):
        made["chance"] = draw(st.sampled_from(CHANCES))
    if algorithm == "bag":
        made["size"] = sum(prize["weight"] for prize in prizes) + draw(st.integers(0, 3))
    if algorithm == "pity":
        made["guarantee_every"] = draw(st.integers(2, 4))
    if algorithm == "balanced":
        made |= {
            "share": draw(st.sampled_from(["0.3", "0.5", "0.9"])),
            "tolerance": draw(st.sampled_from(["0", "0.05"])),
        }
    return made


@st.composite
def prizes_(draw: st.DrawFn, number: int) -> Json:
    prize: Json = {"id": f"p{number}", "weight": draw(st.integers(1, 3))}
    prize |= draw(
        st.sampled_from(
            [{"units": 5}, {"units": 40}, {"percent": "10"}, {"percent": "0.1"}, {"gift": "TV"}, {"coupon": "POOL-A"}]
        )
    )
    if "gift" in prize or "coupon" in prize:
        prize["cost"] = draw(st.sampled_from([1, 50, 200]))
    if draw(st.booleans()):
        prize["stock"] = draw(st.integers(1, 2))
    return prize


# --- baskets, customers, visits ---------------------------------------------------------------------------------------


@st.composite
def baskets(draw: st.DrawFn) -> Json:
    basket = draw(crowded.baskets())
    for line in basket["lines"]:
        if draw(st.booleans()):
            line["category"] = draw(st.sampled_from(PATHS))
        if draw(st.integers(0, 5)) == 0:
            line["no"] = sorted({*line.get("no", []), draw(st.sampled_from(["coupon", "accrue", "discount"]))})
    if draw(st.booleans()):
        basket["coupons"] = draw(st.lists(st.sampled_from([*CODES, "spring ", "NEVER"]), min_size=1, max_size=3))
        basket["coupons"] = list({code.strip().upper(): code for code in basket["coupons"]}.values())
    return basket


@st.composite
def customers(draw: st.DrawFn) -> Json | None:
    if draw(st.integers(0, 9)) == 0:
        return None
    customer = draw(crowded.customers())
    more: Json = {
        "id": "ann",
        "tags": draw(st.sampled_from([(), ("vip",)])),
        "segments": draw(st.sampled_from([(), ("new",), ("old", "far")])),
        "is_gift_card": draw(st.integers(0, 15)) == 0,
    }
    return {**customer, **more}


@st.composite
def wishes(draw: st.DrawFn, program: Json) -> Json:
    """What is redeemed; most rules that have a cost are asked for."""
    names = program["redemption"]["wallets"]
    made: Json = draw(st.sampled_from([{}, dict.fromkeys(names[:1], "max"), dict.fromkeys(names[:1], 3)]))
    asked = {rule["id"]: pieces_of(rule, draw) for rule in program["rules"] if rule.get("cost") and draw(st.booleans())}
    return {**made, "rewards": asked} if asked else made


def pieces_of(rule: Json, draw: st.DrawFn) -> int:
    return draw(st.integers(1, 3)) if rule["kind"] == "reward" else 1


@st.composite
def visits(draw: st.DrawFn) -> Json:
    return {
        "shop": "S1",
        "channel": "pos",
        "at": NOON + timedelta(minutes=draw(st.sampled_from([0, 0, -60 * 24 * 3, 4]))),
        "identified_by": draw(st.sampled_from(["card", "phone", "code"])),
        "partner": draw(st.sampled_from([None, "p1", "p3"])),
        "card_types": draw(st.sampled_from([(), ("club",), ("other", "club")])),
    }
