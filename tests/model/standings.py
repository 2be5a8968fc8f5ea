"""Random states of the world for `dense` programs: counters between unused and used up, codes, slips of old draws."""

from collections import Counter
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from tests.model.arithmetic import Json
from tests.model.dense import CODES, NOON, PATHS, POOLS
from tests.model.tickets import SPAN, Luck, Slip
from tests.model.world import CUSTOMER, PROGRAM, World, period_of


@st.composite
def worlds(draw: st.DrawFn, program: Json) -> World:
    now = NOON + timedelta(minutes=draw(st.sampled_from([0, 0, 60 * 24 * 3])))
    world = World(now=now)
    world.counts = draw(counts(program, now))
    world.coupons = {code: draw(coupons(code, now)) for code in CODES if draw(st.integers(0, 2))}
    world.codes = {pool: [f"{pool}-{n}" for n in range(draw(st.integers(0, 4)))] for pool in POOLS}
    tickets = st.tuples(st.integers(0, SPAN - 1), st.integers(0, SPAN - 1))
    if draw(st.integers(0, 3)):
        world.luck = Luck(draw(st.binary(min_size=4, max_size=4)), now.date(), "S1", "T1", "R7")
    for rule in program["rules"]:
        if rule["kind"] == "random_reward" and draw(st.integers(0, 3)) == 0:
            state = draw(states(rule, now))
            kept = draw(st.booleans()) and rule.get("on_return") == "keep"
            slip = Slip("earlier", date(2026, 2, 9), draw(tickets), state, kept)
            world.slips[rule["id"]] = [slip, Slip("later", date(2026, 2, 10), (1, 1), state)]
    return world


@st.composite
def states(draw: st.DrawFn, rule: Json, now: datetime) -> dict[str, int]:
    """A state of the rule's algorithm as an earlier draw may have seen it."""
    terms = rule["give"]["draw"]
    match terms["algorithm"]:
        case "bag":
            return {"serial": terms["size"] * 2}
        case "pity":
            return {"misses": draw(st.integers(0, 3))}
        case "paced":
            at = now - timedelta(days=draw(st.integers(0, 9)))
            return {"used": draw(st.integers(0, 60)), "at": int(at.timestamp()) * 1_000_000}
        case "balanced":
            percents = any("percent" in prize for prize in terms["prizes"])
            base = {"base": draw(st.integers(0, 900))} if percents else {}
            return {"plain": draw(st.integers(0, 500)), "surprise": draw(st.integers(0, 300)), **base}
    return {}


@st.composite
def counts(draw: st.DrawFn, program: Json, now: datetime) -> Counter[Any]:
    """Counters somewhere between unused and used up, some of them of another period."""
    made: Counter[Any] = Counter()
    zone = ZoneInfo(program["timezone"])

    def used(scope: str, name: tuple[str, ...], most: int | None, period: str = "ever") -> None:
        if most is not None and draw(st.booleans()):
            made[scope, name, period_of(period, zone, now)] = draw(st.integers(0, most))

    for rule in program["rules"]:
        limit, id_ = rule.get("limit", {}), rule["id"]
        mine = limit.get("customer", {})
        used(CUSTOMER, ("max", id_), mine.get("max"), mine.get("period", "ever"))
        used(CUSTOMER, ("uses", id_), mine.get("uses"), mine.get("period", "ever"))
        used(PROGRAM, ("budget", id_), limit.get("budget"))
        used(PROGRAM, ("uses", id_), limit.get("uses"))
        if rule["kind"] == "random_reward":
            draw_counts(draw, rule, made)
    for cap in program["caps"]:
        for group in ["", *PATHS] if cap.get("by") else [""]:
            used(cap["per"], ("cap", cap["id"], group), cap["max"], cap["period"])
    for code in CODES:
        used(CUSTOMER, ("coupon", code), 2)
    return made


def draw_counts(draw: st.DrawFn, rule: Json, made: Counter[Any]) -> None:
    terms, id_ = rule["give"]["draw"], rule["id"]
    for prize in terms["prizes"]:
        if "stock" in prize:
            made[PROGRAM, ("stock", id_, prize["id"]), ""] = draw(st.integers(0, prize["stock"]))
    if terms["algorithm"] == "bag":
        serial = draw(st.integers(0, 2 * terms["size"]))
        made[PROGRAM, ("bag", id_), ""] = serial
        rest = serial % terms["size"]
        blanks = terms["size"] - sum(prize["weight"] for prize in terms["prizes"])
        for prize in terms["prizes"]:
            later = sum(each["weight"] for each in terms["prizes"][terms["prizes"].index(prize) + 1 :])
            taken = draw(st.integers(max(0, rest - blanks - later), min(rest, prize["weight"])))
            rest -= taken
            made[PROGRAM, ("bag", id_, prize["id"]), str(serial // terms["size"])] = taken
    if terms["algorithm"] == "pity":
        made[CUSTOMER, ("pity", id_), ""] = draw(st.integers(0, 3))
    if terms["algorithm"] == "balanced":
        made[PROGRAM, ("plain", id_), ""] = draw(st.integers(0, 500))
        made[PROGRAM, ("surprise", id_), ""] = draw(st.integers(0, 300))


@st.composite
def coupons(draw: st.DrawFn, code: str, now: datetime) -> Json:
    """A stored code, mostly good."""
    pool = {"A": "POOL-A", "B": "POOL-B"}.get(code[0]) if code[1] == "-" else None
    wrong: Json = draw(
        st.sampled_from(
            [{}] * 6
            + [
                {"start": now + timedelta(seconds=1)},
                {"start": now, "end": now + timedelta(seconds=1)},
                {"end": now},
                {"blocked": True},
                {"customer": "bob"},
                {"customer": "ann"},
                {"uses": 1},
                {"uses_max": None, "uses": 7},
                {"uses_max": 3, "uses": 2, "per_customer": 1},
                {"per_customer": 2},
            ]
        )
    )
    return {"pool": pool, "customer": None, "uses": 0, "uses_max": 1, "per_customer": None, **wrong}
