"""Random stories under programs that have everything: tight limits, caps, coupons, draws, acts, sets that convert,
terms of rules' own, tiers whose windows end.
"""

from datetime import datetime

from hypothesis import strategies as st

from tests.model import dense, sequences
from tests.model.arithmetic import Json
from tests.model.strategies import some

DAYS = st.sampled_from([0, 0, 0, 0, 1, 2, 13, 14, 15, 31, 200, 365])
OPS = ("purchase",) * 7 + ("return",) * 4 + ("redeem", "adjust", "event", "event")
OPS_WITH_HOLDS = (*OPS, *sequences.HOLDS)
POOL_TERMS: st.SearchStrategy[Json] = st.sampled_from([{}, {"per_customer": 1}, {"uses_max": 2}])
DELAYS = [0, 0, 0, 1, 14]
LIVES = [None, None, 1, 10, 31, 365]


@st.composite
def programs(draw: st.DrawFn, *, start: datetime) -> Json:
    program: Json = draw(dense.programs(start=start))
    names: list[str] = list(program["wallets"])
    for name, terms in program["wallets"].items():
        terms |= {
            "activate_after_days": draw(st.sampled_from(DELAYS)),
            "expire_after_days": draw(st.sampled_from(LIVES)),
            "expire_round": draw(st.sampled_from(["none", "none", "day", "month"])),
            "debt": draw(st.sampled_from(["allow", "clamp"])),
        }
        later = names[names.index(name) + 1 :]  # So that units never come back.
        converts: bool = draw(st.booleans())
        if later and converts:
            into = draw(st.sampled_from(later))
            terms["convert"] = {
                "every": draw(st.sampled_from([5, 10, 30])),
                "into": into,
                "units": draw(st.integers(1, 9)),
            }
    if draw(st.booleans()):
        order: list[str] = draw(st.permutations(names))
        program["wallets"] = {name: program["wallets"][name] for name in order}
    if draw(st.booleans()):
        program |= draw(tiers())
    for rule in program["rules"]:
        if rule["kind"] in ("bonus", "cashback", "random_reward") and draw(st.integers(0, 3)) == 0:
            rule["give"] |= draw(own_terms())
        if "tiers" in program and "when" not in rule and draw(st.integers(0, 2)) == 0:
            rule["when"] = {"tier": draw(some(["t0", "t1", "t2"]))}
    return program


@st.composite
def own_terms(draw: st.DrawFn) -> Json:
    made: Json = {}
    if draw(st.booleans()):
        made["activate_after_days"] = draw(st.sampled_from([*DELAYS, None]))
    if draw(st.booleans()):
        made["expire_after_days"] = draw(st.sampled_from(LIVES))
    return made


@st.composite
def tiers(draw: st.DrawFn) -> Json:
    measure = draw(st.sampled_from(["paid", "purchases", "units"]))
    starts = {"paid": [0, 500, 2_000], "purchases": [0, 2, 4], "units": [0, 20, 80]}[measure]
    first = draw(st.sampled_from([0, 1]))  # From the first on somebody has none at all.
    return {
        "tiers": [{"id": f"t{i}", "from": max(start, first)} for i, start in enumerate(starts)],
        "tier_policy": {
            "measure": measure,
            "window": draw(st.sampled_from(["ever", "year", "rolling_365d"])),
            "down": draw(st.sampled_from(["never", "end_of_window", "end_of_window"])),
        },
    }


@st.composite
def codes(draw: st.DrawFn) -> Json:
    """The operation that makes codes: a few for all, one of somebody's, two pools; validity in days from then."""
    bounds: st.SearchStrategy[Json] = st.sampled_from(
        [{}, {}, {"uses_max": 2, "per_customer": 1}, {"uses_max": None}, {"end_in": 14}, {"start_in": 2}]
    )
    made: Json = {"SUMMER": draw(bounds), "MINE-1": {"customer": 0, **draw(bounds)}}
    if draw(st.booleans()):
        made["SPRING"] = draw(bounds)
    for pool, name in (("POOL-A", "A"), ("POOL-B", "B")):
        terms = draw(POOL_TERMS)
        made |= {f"{name}-{n + 1}": {"pool": pool, **terms} for n in range(draw(st.integers(0, 4)))}
    return {"op": "codes", "days": 0, "codes": made}


@st.composite
def baskets(draw: st.DrawFn) -> Json:
    basket = draw(dense.baskets())
    if draw(st.booleans()):  # Codes given out are used, too.
        basket["coupons"] = draw(st.lists(st.sampled_from([*dense.CODES, "A-3", "B-2"]), max_size=3, unique=True))
    return basket


def wishes(program: Json) -> st.SearchStrategy[Json]:
    return dense.wishes(program)


@st.composite
def stories(
    draw: st.DrawFn, *, start: datetime, size_max: int = 18, with_holds: bool = False
) -> tuple[Json, list[Json]]:
    program = draw(programs(start=start))
    customers = draw(st.sampled_from([1, 2]))
    operations = draw(
        sequences.operations(
            program,
            customers_max=customers,
            size_max=size_max,
            basket=baskets(),
            wishes=wishes,
            points=st.sampled_from([1, 3, 7, 20, 50]),
            ops=OPS_WITH_HOLDS if with_holds else OPS,
            days=DAYS,
        )
    )
    return program, [draw(codes()), *operations]
