"""Random sequences of operations: purchases, redemptions, adjustments, returns in any split, time passing (hypothesis).

JSON of the contract, so that the same sequence drives the model, the pure core and the HTTP API. An operation names
earlier ones by place: `{"op": "return", "purchase": 2}` is about the third purchase of the sequence; where that was
refused, the return is left out.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from tests.model.arithmetic import Json
from tests.model.strategies import CHANNELS, SHOPS, baskets, redeem_requests

EVENTS = ["review", "review", "signup", "visit"]
HOLDS = ("hold",) * 5 + ("hold_points",) * 2 + ("capture",) * 6 + ("release",) * 2
OPS = ("purchase", "purchase", "purchase", "return", "return", "redeem", "adjust")
DAYS = st.sampled_from([0, 0, 0, 1, 2, 13, 14, 15, 31])
SOON = st.sampled_from([0, 0, 0, 0, 1, 2, 7])  # Days until a hold is ended by a call.
DAY = 24 * 60
# A till's clock runs a little ahead, or the receipt was made without connection days ago.
LATENESS = st.sampled_from([0, 0, 0, 0, 0, -4, DAY, 14 * DAY, 20 * DAY, 40 * DAY])
BASKETS = baskets(lines_max=3)
POINTS = st.integers(1, 300)
HOUR = 3_600
TTLS = st.sampled_from([900, 12 * HOUR, 24 * HOUR, 25 * HOUR, 48 * HOUR, 7 * 24 * HOUR, 7 * 24 * HOUR])
Wishes = Callable[[Json], st.SearchStrategy[Json]]


def redeem_or_not(program: Json) -> st.SearchStrategy[Json]:
    return st.one_of(st.just({}), redeem_requests(program))


@st.composite
def operations(
    draw: st.DrawFn,
    program: Json,
    *,
    later: Json | None = None,
    customers_max: int = 2,
    size_max: int = 14,
    basket: st.SearchStrategy[Json] = BASKETS,
    wishes: Wishes = redeem_or_not,
    points: st.SearchStrategy[int] = POINTS,
    ops: Sequence[str] = OPS,
    days: st.SearchStrategy[int] = DAYS,
) -> list[Json]:
    """A sequence; `wishes` are what purchases under a program ask to redeem.

    Every operation has `op`, `days` passed since the one before, and then:

    `purchase`: `customer` (None: nobody), `minutes_late` of its `at` behind the clock, `basket`, `redeem`, `shop`,
    `channel`, `identified_by` · `redeem`: `customer`, `wallet`, `points`, `identified_by` · `adjust`: `customer`,
    `wallet`, `points` · `return`: `purchase` (its place among purchases and held baskets), `lines` as in the contract,
    or None for all that is left · `event`: `customer`, `type`, `minutes_late` · `publish`: `program`, which is `later`,
    at most once · `hold`: what a purchase has, and `ttl_seconds` · `hold_points`: what `redeem` has, and `ttl_seconds`
    · `capture`: `hold` (its place among holds), `lines` likewise · `release`: `hold`.
    """
    left: list[dict[str, Decimal]] = []  # What of each purchase can still come back.
    held: list[dict[str, Decimal] | None] = []  # Of each hold what can be captured; None where it has no basket.
    made = draw(first_points(program, customers_max))
    size = draw(st.sampled_from(range(2, size_max + 1)))
    published_before = draw(st.integers(0, 2 * size)) if later is not None else None
    for place in range(size):
        if place == published_before and later is not None:
            made.append({"op": "publish", "days": 0, "program": later})
            program = later
        op = draw(st.sampled_from(ops))
        if (op == "return" and not left) or (op in ("capture", "release") and not held):
            continue
        step: Json = {"op": op, "days": draw(days)}
        if op in ("purchase", "hold"):
            step.update(draw(purchases(customers_max, basket, wishes(program))))
            left.append({line["id"]: Decimal(str(line["qty"])) for line in step["basket"]["lines"]})
        elif op in ("capture", "release"):
            step |= {"days": draw(SOON), **draw(ends(op, held))}
        elif op == "return":
            purchase = draw(st.sampled_from([*range(len(left)), 0, 0]))  # One of them comes back in many parts.
            step.update(purchase=purchase, lines=draw(return_lines(left[purchase])))
        elif op == "event":
            step.update(customer=draw(st.integers(0, customers_max - 1)), minutes_late=draw(LATENESS))
            step["type"] = draw(st.sampled_from(EVENTS))
        else:
            step.update(
                customer=draw(st.integers(0, customers_max - 1)),
                wallet=draw(st.sampled_from(list(program["wallets"]))),
                points=draw(points),
            )
            if op in ("redeem", "hold_points"):
                step["identified_by"] = draw(st.sampled_from(["card", "phone", "card"]))
            elif draw(st.integers(0, 2)) == 0:
                step["points"] *= -1
        if op in ("hold", "hold_points"):
            step["ttl_seconds"] = draw(TTLS)
            held.append(left[-1] if op == "hold" else None)
        made.append(step)
    return made


@st.composite
def first_points(draw: st.DrawFn, program: Json, customers_max: int) -> list[Json]:
    """Something to spend, for most of them in most wallets."""
    return [
        {"op": "adjust", "days": 0, "customer": who, "wallet": wallet, "points": points}
        for who in range(customers_max)
        for wallet in program["wallets"]
        if (points := draw(st.sampled_from([20, 333, 5_000, 0])))
    ]


@st.composite
def purchases(
    draw: st.DrawFn, customers_max: int, basket: st.SearchStrategy[Json], wishes: st.SearchStrategy[Json]
) -> Json:
    somebody = draw(st.integers(0, 15)) > 0
    return {
        "customer": draw(st.integers(0, customers_max - 1)) if somebody else None,
        "minutes_late": draw(LATENESS),
        "basket": draw(basket),
        "redeem": draw(wishes) if somebody else {},
        "shop": draw(st.sampled_from(SHOPS)),
        "channel": draw(st.sampled_from(CHANNELS)),
        "identified_by": draw(st.sampled_from(["card", "phone", "card"])) if somebody else None,
    }


@st.composite
def return_lines(draw: st.DrawFn, left: dict[str, Decimal]) -> list[Json] | None:
    """Some lines, in part or all that is left of them, now and then too much; `left` is brought up to date."""
    if draw(st.integers(0, 4)) == 0:
        left.update(dict.fromkeys(left, Decimal(0)))
        return None
    some_left = [name for name in sorted(left) if left[name]]
    names = draw(st.lists(st.sampled_from(some_left or sorted(left)), min_size=1, unique=True))
    back: dict[str, Decimal] = {}
    for name in names:
        milli = int(left[name] * 1_000)
        part = draw(st.sampled_from([milli, milli // 2, milli // 3, 1_000, 500, 1]))
        back[name] = Decimal(min(max(part, 1), milli) or 1) / 1_000
    if all(back[name] <= left[name] for name in names):
        left.update({name: left[name] - back[name] for name in names})
    return [{"id": name, "qty": quantity(back[name])} for name in names]


@st.composite
def ends(draw: st.DrawFn, op: str, held: list[dict[str, Decimal] | None]) -> Json:
    """Which hold a capture or a release is about, and what is captured of it."""
    place = draw(st.sampled_from([*range(len(held)), *[len(held) - 1] * 4]))
    return {"hold": place} if op == "release" else {"hold": place, "lines": draw(captured_lines(held[place]))}


@st.composite
def captured_lines(draw: st.DrawFn, held: dict[str, Decimal] | None) -> list[Json] | None:
    """Some lines of a held basket, in part or whole, or all; `held` becomes what can come back of it."""
    if held is None or draw(st.integers(0, 2)) == 0:
        return None
    stays = {}
    for name in draw(st.lists(st.sampled_from(sorted(held)), min_size=1, unique=True)):
        milli = int(held[name] * 1_000)
        stays[name] = Decimal(max(draw(st.sampled_from([milli, milli, milli // 2, milli // 3, 1_000, 1])), 1)) / 1_000
    if all(qty <= held[name] for name, qty in stays.items()):
        held.clear()
        held.update(stays)
    return [{"id": name, "qty": quantity(qty)} for name, qty in stays.items()]


def quantity(value: Decimal) -> Any:
    """As the contract writes it: an integer, or a decimal string."""
    return int(value) if value == int(value) else str(value.normalize())
