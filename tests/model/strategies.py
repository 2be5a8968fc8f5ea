"""Random input: valid programs, baskets, and customers with what they redeem (hypothesis).

Everything is JSON of the contract, so that the same input drives the model, the pure core and the HTTP API.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from tests.model.arithmetic import Json

SKUS = ["A", "B", "C", "D"]
BRANDS = ["X", "Y"]
TAGS = ["own", "new"]
CATEGORIES = ["drinks", "drinks/coffee", "drinks/coffee/beans", "drinkware", "food", "food/fish"]
METHODS = ["card", "cash"]
SHOPS = ["S1", "S2"]
CHANNELS = ["pos", "online"]
COMBINES = ["all", "sum", "best", "best_line", "first", "once"]
PERCENTS = ["1", "3.5", "5", "10", "12.5", "33.333", "50", "100"]
PRICES = st.one_of(st.integers(1, 2_000), st.sampled_from([0, 1, 3, 99, 100, 101, 333, 12_900]))
AMOUNTS = st.one_of(st.integers(1, 3_000), st.sampled_from([1, 2, 7, 100, 5_000, 50_000]))
UNITS = st.integers(1, 50)


@st.composite
def optional(draw: st.DrawFn, fields: dict[str, st.SearchStrategy[Any]], *, at_least: int = 0) -> Json:
    """Some of `fields`, at least so many."""
    names = draw(st.lists(st.sampled_from(sorted(fields)), unique=True, min_size=at_least))
    return {name: draw(fields[name]) for name in sorted(names)}


def some(values: list[str]) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(values), min_size=1, max_size=2, unique=True)


@st.composite
def bounds(draw: st.DrawFn, low: int, high: int) -> Json:
    """`min`, `max`, or both in order."""
    first, second = sorted(draw(st.tuples(st.integers(low, high), st.integers(low, high))))
    return draw(st.sampled_from([{"min": first}, {"max": second}, {"min": first, "max": second}]))


LISTS: dict[str, st.SearchStrategy[Any]] = {
    "sku": some(SKUS),
    "category": some(CATEGORIES[:5]),
    "brand": some(BRANDS),
    "tag": some(TAGS),
}


@st.composite
def units_terms(draw: st.DrawFn) -> Json:
    every = draw(st.integers(1, 4))
    terms = draw(
        optional(
            {
                "take": st.integers(1, every),
                "times": st.integers(1, 3),
                "which": st.sampled_from(["cheapest", "dearest"]),
                "per": st.sampled_from(["receipt", "line"]),
            }
        )
    )
    return {"every": every, **terms}


ONE_OR_TWO = st.sampled_from([1, 1, 2])


@st.composite
def selections(draw: st.DrawFn) -> Json:
    """An `on` with few names, so that it often meets a line."""
    names = draw(
        st.lists(st.sampled_from([*LISTS, "price", "discounted", "exclude"]), unique=True, max_size=draw(ONE_OR_TWO))
    )
    made: Json = {name: draw(LISTS[name]) for name in names if name in LISTS}
    if "price" in names:
        made["price"] = draw(bounds(0, 2_000))
    if "discounted" in names:
        made["discounted"] = False
    if "exclude" in names:
        made["exclude"] = draw(optional(LISTS, at_least=1))
    if draw(st.booleans()):
        made["units"] = draw(units_terms())
    return made


LEAVES: dict[str, st.SearchStrategy[Any]] = {
    "channel": some(CHANNELS),
    "shop": some(SHOPS),
    "basket_total": bounds(0, 20_000),
    "basket_has": st.builds(
        lambda on, terms: {"on": on, **terms},
        optional(LISTS, at_least=1),
        optional({"min_qty": st.sampled_from([1, 2, 3, "1.5"]), "min_amount": AMOUNTS}),
    ),
    "weekday": st.lists(st.integers(1, 7), min_size=1, max_size=5, unique=True),
    "hours": st.sampled_from([["08:00", "12:00"], ["22:00", "06:00"], ["00:00", "15:30"], ["12:00", "23:59"]]),
    "date": st.sampled_from(
        [
            {"from": "2026-02-01"},
            {"until": "2026-03-31"},
            {"from": "2026-01-15", "until": "2026-01-15"},
            {"from": "2026-02-10", "until": "2026-05-05"},
        ]
    ),
    "purchase_number": st.one_of(bounds(1, 6), st.builds(lambda every: {"every": every}, st.integers(1, 4))),
    "days_since_last": bounds(0, 40),
    "birthday": optional({"before": st.integers(0, 20), "after": st.integers(0, 20)}, at_least=2),
    "payment": st.builds(
        lambda method, terms: {"method": method, **terms}, st.sampled_from(METHODS), optional({"min": AMOUNTS})
    ),
}


@st.composite
def conditions(draw: st.DrawFn, tiers: list[str], *, depth: int = 2) -> Json:
    """A `when`: one test, or tests of tests."""
    leaves = {**LEAVES, "tier": some(tiers)} if tiers else LEAVES
    names = sorted(leaves) + (["all", "any", "not"] if depth else [])
    name = draw(st.sampled_from(names))
    if name == "not":
        return {"not": draw(conditions(tiers, depth=depth - 1))}
    if name in ("all", "any"):
        return {name: draw(st.lists(conditions(tiers, depth=depth - 1), min_size=1, max_size=3))}
    return {name: draw(leaves[name])}


@st.composite
def steps(draw: st.DrawFn) -> list[Json]:
    starts = sorted(draw(st.lists(st.integers(0, 8_000), min_size=1, max_size=3, unique=True)))
    given = st.one_of(
        st.builds(lambda value: {"percent": value}, st.sampled_from(PERCENTS)),
        st.builds(lambda value: {"amount": value}, AMOUNTS),
    )
    return [{"min": start, **draw(given)} for start in starts]


DISCOUNTS: dict[str, st.SearchStrategy[Any]] = {
    "percent": st.sampled_from(PERCENTS),
    "amount": AMOUNTS,
    "amount_each": AMOUNTS,
    "unit_price": PRICES,
    "price": PRICES,
    "steps": steps(),
}
BONUSES: dict[str, st.SearchStrategy[Any]] = {
    "percent": st.sampled_from(PERCENTS),
    "per": st.builds(lambda amount, units: {"amount": amount, "units": units}, AMOUNTS, UNITS),
    "units": UNITS,
    "units_each": UNITS,
    "multiply": st.sampled_from(["1.5", "2", "3"]),
}


@st.composite
def rules(draw: st.DrawFn, number: int, lanes: list[Json], wallets: list[str], tiers: list[str]) -> Json:
    kind = draw(st.sampled_from(["discount", "bonus", "bonus", "cashback"]))
    gives = {"discount": DISCOUNTS, "bonus": BONUSES, "cashback": {"percent": BONUSES["percent"]}}[kind]
    rule: Json = {"id": f"r{number}", "kind": kind}
    if lanes:
        rule["lane"] = draw(st.sampled_from(lanes))["id"]
    name = draw(st.sampled_from(sorted(gives)))
    rule["give"] = {name: draw(gives[name])}
    needs_wallet = kind == "cashback" and "cashback" not in wallets
    if kind != "discount" and (needs_wallet or draw(st.booleans())):
        rule["give"]["wallet"] = draw(st.sampled_from(wallets))
    if draw(st.booleans()) and (on := draw(selections())):
        rule["on"] = on
    if draw(st.sampled_from([True, False, False])):
        rule["when"] = draw(conditions(tiers))
    if draw(st.booleans()):
        rule["priority"] = draw(st.integers(0, 3))
    if draw(st.integers(0, 9)) == 0:
        rule.update(draw(st.sampled_from(RARE)))
    return rule


RARE: list[Json] = [
    {"enabled": False},
    {"from": "2026-02-01T00:00:00+03:00"},
    {"until": "2026-03-01T12:00:00+00:00"},
    {"from": "2026-01-20T00:00:00Z", "until": "2026-04-01T00:00:00+03:00"},
]


WALLETS = [["points"], ["points", "cashback"], ["cashback", "stamps"], ["points", "stamps", "cashback"]]


@st.composite
def wallets(draw: st.DrawFn, names: list[str] | None = None) -> Json:
    """One to three; the first can be redeemed. Lots expire later than they activate."""
    made = {}
    for name in names or draw(st.sampled_from(WALLETS)):
        terms: Json = {"value": {"points": draw(st.sampled_from([1, 10, 100])), "cashback": 1, "stamps": 0}[name]}
        if draw(st.booleans()):
            terms["activate_after_days"] = draw(st.sampled_from([0, 1, 14]))
        if draw(st.booleans()):
            terms["expire_after_days"] = draw(st.sampled_from([15, 31, 365]))
        if draw(st.booleans()):
            terms["debt"] = draw(st.sampled_from(["allow", "clamp"]))
        made[name] = terms
    return made


@st.composite
def tiers(draw: st.DrawFn) -> Json:
    """`tiers` and `tier_policy`, or neither."""
    if not draw(st.booleans()):
        return {}
    starts = sorted(draw(st.lists(st.integers(1, 10_000), max_size=2, unique=True)))
    measure = draw(st.sampled_from(["paid", "purchases", "units"]))
    return {
        "tiers": [{"id": f"t{i}", "from": start} for i, start in enumerate([0, *starts])],
        "tier_policy": {"measure": measure, "window": "ever", "down": "never"},
    }


@st.composite
def programs(draw: st.DrawFn, *, rules_max: int = 7, after: Json | None = None) -> Json:
    """A valid document: small, with conditions, selections, lanes and wallets of every kind now and then; `dense` has
    what can be used up.

    `after` is the version before it: wallets and tiers keep their names, and tiers what they ask.
    """
    program: Json = {
        "currency": "RUB",
        "timezone": draw(st.sampled_from(["Europe/Moscow", "UTC", "Asia/Kolkata", "America/New_York"])),
        "wallets": draw(wallets(list(after["wallets"]) if after else None)),
    }
    spendable = [name for name, terms in program["wallets"].items() if terms["value"]]
    redemption = draw(
        optional(
            {
                "wallets": st.lists(st.sampled_from(spendable), min_size=1, unique=True),
                "max_share": st.sampled_from(["0.3", "0.333", "0.5", "1"]),
                "min_units": st.sampled_from([0, 2, 5]),
                "min_paid": st.sampled_from([0, 1, 500]),
                "step": st.sampled_from([1, 5, 10]),
                "strength": st.sampled_from([{"phone": 0}, {"phone": 20, "card": None}, {"card": 50, "code": None}]),
            }
        )
    )
    if redemption:
        program["redemption"] = redemption
    if draw(st.booleans()):
        program["accrual"] = {"base": draw(st.sampled_from(["paid", "net", "gross"]))}
    program.update(
        {name: after[name] for name in ("tiers", "tier_policy") if name in after} if after else draw(tiers())
    )
    named_tiers = [tier["id"] for tier in program.get("tiers", [])]
    lanes = [
        {"id": f"l{i}", "combine": each} for i, each in enumerate(draw(st.lists(st.sampled_from(COMBINES), max_size=4)))
    ]
    if lanes:
        program["lanes"] = lanes
    count = draw(st.sampled_from(range(1, rules_max + 1)))
    program["rules"] = [draw(rules(i, lanes, list(program["wallets"]), named_tiers)) for i in range(count)]
    return program


@st.composite
def quantities(draw: st.DrawFn) -> Any:
    """An integer or a decimal string; `"12"` is one too."""
    odd = ["0.5", "0.345", "1.5", "2.5", "2.001", "0.001", "3.999", "12"]
    return draw(st.one_of(st.integers(1, 7), st.sampled_from(odd), st.just(1)))


@st.composite
def lines(draw: st.DrawFn, number: int) -> Json:
    line: Json = {"id": str(number), "qty": draw(quantities()), "price": draw(PRICES)}
    line.update(
        draw(
            optional(
                {
                    "sku": st.sampled_from(SKUS),
                    "category": st.sampled_from(CATEGORIES),
                    "brand": st.sampled_from(BRANDS),
                    "tags": st.lists(st.sampled_from(TAGS), max_size=2, unique=True),
                    "list_price": st.integers(0, 2_000),
                }
            )
        )
    )
    if draw(st.integers(0, 2)) == 0:
        line["min_price"] = draw(
            st.one_of(st.just(line["price"]), st.integers(0, line["price"]), st.integers(0, 2_000))
        )
    if draw(st.integers(0, 4)) == 0:
        line["no"] = draw(
            st.lists(st.sampled_from(["discount", "accrue", "redeem", "coupon"]), min_size=1, unique=True)
        )
    return line


@st.composite
def baskets(draw: st.DrawFn, *, lines_max: int = 5) -> Json:
    count = draw(st.integers(1, lines_max))
    basket: Json = {"lines": [draw(lines(i + 1)) for i in range(count)]}
    if draw(st.booleans()):
        basket["payments"] = draw(
            st.lists(
                st.builds(
                    lambda method, amount: {"method": method, "amount": amount}, st.sampled_from(METHODS), AMOUNTS
                ),
                min_size=1,
                max_size=2,
            )
        )
    return basket


def moments() -> st.SearchStrategy[datetime]:
    """Whole minutes around the dates that the rules name."""
    return st.integers(0, 200 * 24 * 60).map(
        lambda minutes: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    )


@st.composite
def customers(draw: st.DrawFn, program: Json, *, at: datetime) -> Json | None:
    """What a decision may know of a customer (see `pricing.decide`), or nobody."""
    if draw(st.integers(0, 9)) == 0:
        return None
    earlier = draw(st.integers(0, 8))
    ago = timedelta(minutes=draw(st.integers(0, 45 * 24 * 60)))
    return {
        "tier": draw(st.sampled_from([tier["id"] for tier in program["tiers"]])) if program.get("tiers") else None,
        "purchases": earlier,
        "last_purchase_at": at - ago if earlier else None,
        "birthday": draw(st.sampled_from([None, "1990-01-03", "1985-12-28", "2000-02-29", "1970-03-20", "1999-05-01"])),
        "available": {name: draw(st.integers(-20, 3_000)) for name in program["wallets"]},
    }


@st.composite
def redeem_requests(draw: st.DrawFn, program: Json) -> Json:
    """The most, or so many units, of one wallet or two that a basket may be paid with."""
    named = program.get("redemption", {}).get("wallets", [next(iter(program["wallets"]))])
    wanted = draw(st.lists(st.sampled_from(named), min_size=1, unique=True))
    units = st.builds(lambda count, each: count * each, st.integers(0, 20), st.sampled_from([1, 5, 10]))
    return {name: draw(st.one_of(st.just("max"), units)) for name in wanted}
