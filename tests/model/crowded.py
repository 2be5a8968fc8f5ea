"""Random input in which rules meet: few lanes, rules without conditions, prices that tie, little to redeem.

`strategies` draws the whole language and so seldom two rules on one line; here most of them are.
"""

from hypothesis import strategies as st

from tests.model.arithmetic import Json
from tests.model.strategies import BONUSES, COMBINES, DISCOUNTS, some, units_terms

WALLETS = [["points"], ["points", "cashback"], ["cashback", "points"], ["points", "stamps", "cashback"]]
MONEY = st.one_of(st.integers(1, 120), st.integers(1, 400))


@st.composite
def programs(draw: st.DrawFn) -> Json:
    names = draw(st.sampled_from(WALLETS))
    value = {"points": draw(st.sampled_from([1, 7, 100])), "cashback": 1, "stamps": 0}
    lanes = [{"id": f"l{i}", "combine": draw(st.sampled_from(COMBINES))} for i in range(draw(st.integers(1, 2)))]
    kinds = draw(st.sampled_from([["discount"], ["bonus", "cashback"], ["discount", "bonus", "cashback"]]))
    return {
        "currency": "RUB",
        "timezone": "UTC",
        "wallets": {name: {"value": value[name]} for name in names},
        "redemption": {
            "wallets": draw(st.permutations([name for name in names if value[name]])),
            "max_share": draw(st.sampled_from(["1", "0.5", "0.3", "0.77"])),
            "min_units": draw(st.sampled_from([0, 0, 3])),
            "min_paid": draw(st.sampled_from([0, 50])),
            "step": draw(st.sampled_from([1, 1, 3])),
            **draw(st.sampled_from([{}, {}, {"strength": {"card": 20}}])),
        },
        "accrual": {"base": draw(st.sampled_from(["paid", "net", "gross"]))},
        "lanes": lanes,
        "rules": [draw(rules(i, kinds, lanes, names)) for i in range(draw(st.integers(2, 4)))],
    }


@st.composite
def rules(draw: st.DrawFn, number: int, kinds: list[str], lanes: list[Json], wallets: list[str]) -> Json:
    kind = draw(st.sampled_from(kinds))
    gives = {"discount": DISCOUNTS, "bonus": BONUSES, "cashback": {"percent": BONUSES["percent"]}}[kind]
    name = draw(st.sampled_from(sorted(gives)))
    rule: Json = {
        "id": f"r{number}",
        "kind": kind,
        "lane": draw(st.sampled_from(lanes))["id"],
        "give": {name: draw(MONEY if name in ("amount", "amount_each", "unit_price", "price") else gives[name])},
        "priority": draw(st.integers(0, 1)),
    }
    if kind != "discount":
        rule["give"]["wallet"] = draw(st.sampled_from(wallets))
    on = draw(st.sampled_from(["all", "units", "units", "sku"]))
    if on == "units":
        rule["on"] = {"units": draw(units_terms())}
    if on == "sku":
        rule["on"] = {"sku": draw(some(["A", "B", "C"]))}
    if draw(st.integers(0, 6)) == 0:
        rule.setdefault("on", {})["discounted"] = False
    return rule


@st.composite
def baskets(draw: st.DrawFn) -> Json:
    return {"lines": [draw(lines(i + 1)) for i in range(draw(st.integers(2, 4)))]}


@st.composite
def lines(draw: st.DrawFn, number: int) -> Json:
    price = draw(st.one_of(st.sampled_from([100, 100, 50, 33, 200]), st.integers(1, 300)))
    line: Json = {
        "id": str(number),
        "qty": draw(st.sampled_from([1, 2, 3, 4, 5, "1.5", "2.345", "0.7"])),
        "price": price,
        "sku": draw(st.sampled_from(["A", "B", "C"])),
    }
    extra = draw(st.integers(0, 7))
    if extra < 2:
        line["min_price"] = draw(st.integers(0, price))
    if extra == 2:
        line["no"] = [draw(st.sampled_from(["discount", "accrue", "redeem"]))]
    return line


def customers() -> st.SearchStrategy[Json]:
    """Someone with a little in each wallet."""
    available = st.fixed_dictionaries(
        {"points": st.integers(0, 60), "cashback": st.integers(0, 300), "stamps": st.integers(0, 9)}
    )
    stranger = {"tier": None, "purchases": 0, "last_purchase_at": None, "birthday": None}
    return available.map(lambda units: {**stranger, "available": units})
