"""Random input in which much happens to points: short-lived lots, debts, baskets that points pay for, many returns.

`strategies` draws the whole language and so seldom a purchase that redeems what another brought; here most do.
"""

from hypothesis import strategies as st

from tests.model import sequences
from tests.model.arithmetic import Json

NAMES = [["points"], ["points", "cashback"], ["cashback", "points"]]
ZONES = ["Europe/Moscow", "UTC", "Asia/Kolkata", "Europe/Berlin", "America/New_York"]  # Two change their clocks.
GIVES: list[Json] = [{"percent": "50"}, {"percent": "12.5"}, {"units": 7}, {"per": {"amount": 100, "units": 3}}]
TIERS: Json = {"tiers": [{"id": "t0", "from": 0}, {"id": "t1", "from": 10}, {"id": "t2", "from": 2_000}]}
REDEMPTIONS: list[Json] = [{}, {}, {"max_share": "0.5"}, {"step": 5}, {"strength": {"phone": 20, "card": None}}]


@st.composite
def programs(draw: st.DrawFn, *, after: Json | None = None) -> Json:
    """Rules that give to whoever buys; `after` is the version before it, whose wallets and tiers keep their names."""
    names = list(after["wallets"]) if after else draw(st.sampled_from(NAMES))
    program: Json = {
        "currency": "RUB",
        "timezone": draw(st.sampled_from(ZONES)),
        "wallets": {name: draw(terms(name)) for name in names},
        "redemption": {"wallets": names, **draw(st.sampled_from(REDEMPTIONS))},
        "accrual": {"base": draw(st.sampled_from(["paid", "net", "gross"]))},
    }
    if after:
        program.update({name: after[name] for name in ("tiers", "tier_policy") if name in after})
    elif draw(st.booleans()):
        measure = draw(st.sampled_from(["paid", "purchases", "units"]))
        program.update(TIERS, tier_policy={"measure": measure})
    count = draw(st.integers(1, 3))
    program["rules"] = [draw(rules(i, names, tiers="tiers" in program)) for i in range(count)]
    return program


def terms(name: str) -> st.SearchStrategy[Json]:
    """Of one wallet; where life is shorter than the delay, points end before they begin."""
    return st.fixed_dictionaries(
        {
            "value": st.sampled_from([1, 1, 10]) if name == "points" else st.just(1),
            "activate_after_days": st.sampled_from([0, 0, 0, 1, 14, 40]),
            "expire_after_days": st.sampled_from([None, None, 1, 10, 14, 15, 31, 365]),
            "debt": st.sampled_from(["allow", "allow", "clamp"]),
        }
    )


@st.composite
def rules(draw: st.DrawFn, number: int, wallets: list[str], *, tiers: bool) -> Json:
    if draw(st.integers(0, 4)) == 0:
        return {"id": f"r{number}", "kind": "discount", "give": {"percent": "10"}}
    give = {**draw(st.sampled_from(GIVES)), "wallet": draw(st.sampled_from(wallets))}
    rule: Json = {"id": f"r{number}", "kind": "bonus", "give": give}
    if tiers and draw(st.integers(0, 2)) == 0:
        rule["when"] = {"tier": draw(st.sampled_from([["t1"], ["t0", "t2"]]))}
    elif draw(st.integers(0, 3)) == 0:
        rule["when"] = draw(
            st.sampled_from([{"purchase_number": {"max": 2}}, {"days_since_last": {"max": 13}}, {"channel": ["pos"]}])
        )
    return rule


@st.composite
def baskets(draw: st.DrawFn) -> Json:
    lines = [
        {
            "id": str(i + 1),
            "qty": draw(st.sampled_from([1, 1, 2, 3, 7, "0.5", "2.345"])),
            "price": draw(st.sampled_from([20, 100, 333, 1_000])),
        }
        for i in range(draw(st.integers(1, 3)))
    ]
    return {"lines": lines}


def wishes(program: Json) -> st.SearchStrategy[Json]:
    """Mostly the most of a wallet or of all, which is never refused; now and then units that may not be there."""
    names = list(program["wallets"])
    most = [{}, dict.fromkeys(names, "max"), {names[0]: "max"}, {names[-1]: "max"}]
    return st.sampled_from([*most, *most, {names[0]: 5}, {names[-1]: 20}])


BASKETS = baskets()
POINTS = st.sampled_from([1, 3, 7, 7, 20, 50])
OPS = ("purchase",) * 6 + ("return",) * 5 + ("redeem", "adjust") * 2


def operations(program: Json, *, later: Json | None = None, with_holds: bool = False) -> st.SearchStrategy[list[Json]]:
    return st.sampled_from([1, 1, 2]).flatmap(
        lambda customers: sequences.operations(
            program,
            later=later,
            customers_max=customers,
            size_max=18,
            basket=BASKETS,
            wishes=wishes,
            points=POINTS,
            ops=(*OPS, *sequences.HOLDS) if with_holds else OPS,
        )
    )


@st.composite
def stories(draw: st.DrawFn) -> tuple[Json, list[Json]]:
    """A program and what happens under it; now and then a later version is published on the way."""
    program = draw(programs())
    later = draw(programs(after=program)) if draw(st.integers(0, 3)) == 0 else None
    return program, draw(operations(program, later=later))
