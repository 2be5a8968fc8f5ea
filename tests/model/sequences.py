"""Random sequences of operations: purchases, redemptions, adjustments, returns in any split, time passing (hypothesis).

JSON of the contract, so that the same sequence drives the model, the pure core and the HTTP API. An operation names
earlier ones by place: `{"op": "return", "purchase": 2}` is about the third purchase of the sequence; where that was
refused, the return is left out.
"""

from decimal import Decimal

from hypothesis import strategies as st

from tests.model.arithmetic import Json
from tests.model.strategies import CHANNELS, SHOPS, baskets, redeem_requests


@st.composite
def operations(draw: st.DrawFn, program: Json, *, customers_max: int = 2, size_max: int = 14) -> list[Json]:
    """A sequence. Every operation has `op`, `days` passed since the one before, and then:

    `purchase`: `customer`, `basket`, `redeem`, `shop`, `channel`, `identified_by` · `redeem` and `adjust`: `customer`,
    `wallet`, `points` · `return`: `purchase` (its place among purchases), `lines` as in the contract, or None for all
    that is left.
    """
    left: list[dict[str, Decimal]] = []  # What of each purchase can still come back.
    made: list[Json] = [
        {
            "op": "adjust",
            "days": 0,
            "customer": who,
            "wallet": wallet,
            "points": draw(st.sampled_from([20, 333, 5_000])),
        }
        for who in range(customers_max)
        for wallet in program["wallets"]
        if draw(st.sampled_from([True, True, False]))
    ]
    for _ in range(draw(st.sampled_from(range(2, size_max + 1)))):
        op = draw(st.sampled_from(["purchase", "purchase", "purchase", "return", "return", "redeem", "adjust"]))
        step: Json = {"op": op, "days": draw(st.sampled_from([0, 0, 0, 1, 2, 13, 14, 15, 31]))}
        if op == "purchase":
            basket = draw(baskets(lines_max=3))
            left.append({line["id"]: Decimal(str(line["qty"])) for line in basket["lines"]})
            step.update(
                customer=draw(st.integers(0, customers_max - 1)),
                basket=basket,
                redeem=draw(st.one_of(st.just({}), redeem_requests(program))),
                shop=draw(st.sampled_from(SHOPS)),
                channel=draw(st.sampled_from(CHANNELS)),
                identified_by=draw(st.sampled_from(["card", "phone", "card"])),
            )
        elif op == "return":
            if not left:
                continue
            place = draw(st.integers(0, len(left) - 1))
            step.update(purchase=place, lines=draw(return_lines(left[place])))
        else:
            points = draw(st.integers(1, 300))
            step.update(
                customer=draw(st.integers(0, customers_max - 1)), wallet=draw(st.sampled_from(list(program["wallets"])))
            )
            step["points"] = points if op == "redeem" or draw(st.booleans()) else -points
        made.append(step)
    return made


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


def quantity(value: Decimal) -> int | str:
    """As the contract writes it: an integer, or a decimal string."""
    return int(value) if value == int(value) else str(value.normalize())
