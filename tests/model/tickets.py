"""Tickets and the algorithms of random rewards, in exact rationals (contract, section 4, "Draws").

A chance wins when the ticket over 2^64 is below it; all algorithms but the bag choose the prize by weight from the next
8 bytes. The bag's one ticket says which of its remaining slips is drawn: the prizes' in the document's order, then
blanks.
"""

import hmac
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from math import floor

from tests.model.arithmetic import Json, number

SPAN = 2**64
State = dict[str, int]


@dataclass(frozen=True)
class Luck:
    """A receipt's, on one day of the program by the service's clock."""

    secret: bytes
    day: date
    shop: str
    terminal: str
    number: str

    def ticket(self, rule: str) -> tuple[int, int]:
        """Whether, and which."""
        message = f"{rule}\n{self.shop}\n{self.terminal}\n{self.number}".encode()
        mac = hmac.new(self.secret, message, "sha256").digest()
        return int.from_bytes(mac[:8], "big"), int.from_bytes(mac[8:16], "big")


@dataclass
class Slip:
    """A draw that a whole return or the end of a hold has set free: the customer's next draw of the rule is this one
    again. It gives no more than the `most` units that it gave, however large the basket.
    """

    purchase: str
    day: date
    ticket: tuple[int, int]
    state: State = field(default_factory=dict)
    kept: bool = False
    most: int | None = None


def microseconds(moment: datetime) -> int:
    """Since 1970."""
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


CHANCE_PARTS = 10**15  # Chances with more parts are cut down to so many, so that any reader of JSON can check them.


def chance_of(rule: Json, state: State, costs: dict[str, int]) -> Fraction:
    """That a draw in this state wins, as it is recorded; `costs` are the prizes', in minor units."""
    chance = exact_chance(rule, state, costs)
    return chance if chance.denominator <= CHANCE_PARTS else Fraction(floor(chance * CHANCE_PARTS), CHANCE_PARTS)


def exact_chance(rule: Json, state: State, costs: dict[str, int]) -> Fraction:
    draw: Json = rule["give"]["draw"]
    match draw["algorithm"]:
        case "independent":
            return number(draw["chance"])
        case "bag":
            return Fraction(sum(slips_left(draw, state).values()), slips_of_bag_left(draw, state))
        case "pity":
            base, last = number(draw["chance"]), int(draw["guarantee_every"]) - 1
            return base + (1 - base) * Fraction(min(state["misses"], last), last)
        case "paced":
            budget = rule["limit"]["budget"]
            start, end = (microseconds(datetime.fromisoformat(rule[name])) for name in ("from", "until"))
            time_left = Fraction(end - state["at"], end - start)
            if time_left <= 0 or state["used"] >= budget:
                return Fraction(0)
            return clamped(number(draw["chance"]) * Fraction(budget - state["used"], budget) / time_left)
        case _:
            share = number(draw["share"])
            room = share / (1 - share) * state["plain"] - state["surprise"]
            mean = Fraction(
                sum(prize.get("weight", 1) * costs[prize["id"]] for prize in draw["prizes"]),
                sum(prize.get("weight", 1) for prize in draw["prizes"]),
            )
            return clamped(room / mean) if mean else Fraction(room > 0)


def clamped(chance: Fraction) -> Fraction:
    return max(Fraction(0), min(Fraction(1), chance))


def slips_left(draw: Json, state: State) -> dict[str, int]:
    """Of each prize in the present bag."""
    return {prize["id"]: prize.get("weight", 1) - state.get(f"taken/{prize['id']}", 0) for prize in draw["prizes"]}


def slips_of_bag_left(draw: Json, state: State) -> int:
    size: int = draw["size"]
    return size - state["serial"] % size


def drawn(draw: Json, ticket: tuple[int, int], state: State, chance: Fraction) -> Json | None:
    """The prize that luck alone gives, or none."""
    win, choice = ticket
    prizes: list[Json] = draw["prizes"]
    if draw["algorithm"] == "bag":
        weights = slips_left(draw, state)
        place = win * slips_of_bag_left(draw, state) // SPAN
    else:
        if not Fraction(win, SPAN) < chance:
            return None
        weights = {prize["id"]: prize.get("weight", 1) for prize in prizes}
        place = choice * sum(weights.values()) // SPAN
    for prize in prizes:
        if place < weights[prize["id"]]:
            return prize
        place -= weights[prize["id"]]
    return None
