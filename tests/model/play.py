"""Plays a sequence of operations (`sequences.operations`) on the model's books; the pattern for any other driver."""

from collections.abc import Callable
from datetime import date, datetime, timedelta

from tests.model.arithmetic import Json
from tests.model.books import Books
from tests.model.redemption import Refused

ACTS_SHOP = "S1"
Outcome = Json | Refused | None  # None: left out, since the purchase it is about was refused.


def customer_ids(operations: list[Json]) -> list[str]:
    """Everyone whom the sequence names, by the names the books know them by."""
    return sorted({str(each["customer"]) for each in operations if each.get("customer") is not None})


class Player:
    """The books of everyone whom the sequence names; `perform` its operations in their order."""

    def __init__(
        self, program: Json, operations: list[Json], *, secret_of: Callable[[date], bytes] | None = None
    ) -> None:
        self.books = Books(program, secret_of=secret_of)
        self.purchases: list[Outcome] = []  # What each purchase was answered.
        for customer_id in customer_ids(operations):
            self.books.register(customer_id)

    def perform(self, operation: Json, *, now: datetime) -> Outcome:
        books = self.books
        match operation["op"]:
            case "purchase":
                outcome = books.accrue(
                    None if operation["customer"] is None else str(operation["customer"]),
                    basket=operation["basket"],
                    redeem=operation["redeem"],
                    at=at_of(operation, now),
                    now=now,
                    shop=operation["shop"],
                    channel=operation["channel"],
                    identified_by=operation["identified_by"],
                    receipt=receipt_of(operation, len(self.purchases)),
                )
                self.purchases.append(outcome)
                return outcome
            case "return":
                about = self.purchases[operation["purchase"]]
                if about is None or isinstance(about, Refused):
                    return None
                return books.return_lines(about["purchase"], lines=operation["lines"], now=now)
            case "redeem":
                return books.redeem(
                    str(operation["customer"]),
                    wallet=operation["wallet"],
                    points=operation["points"],
                    identified_by=operation["identified_by"],
                    at=now,
                )
            case "adjust":
                return books.adjust(
                    str(operation["customer"]), wallet=operation["wallet"], points=operation["points"], at=now
                )
            case "event":
                return books.act(
                    str(operation["customer"]),
                    event=operation["type"],
                    at=at_of(operation, now),
                    shop=ACTS_SHOP,
                    now=now,
                )
            case "codes":
                books.coupons |= {code: coupon_of(each, now) for code, each in operation["codes"].items()}
                return {}
            case "publish":
                books.publish(operation["program"])
                return {}
            case other:
                raise ValueError(f"unknown operation {other}")


def receipt_of(operation: Json, place: int) -> tuple[str, str]:
    """The terminal and the number of a purchase."""
    return f"T{operation['channel']}", operation.get("number", f"R{place}")


def coupon_of(each: Json, now: datetime) -> Json:
    """A code as it is stored: unused, its validity counted from when it was made."""
    whose, start, end = each.get("customer"), each.get("start_in"), each.get("end_in")
    return {
        "pool": each.get("pool"),
        "customer": None if whose is None else str(whose),
        "uses": 0,
        "uses_max": each.get("uses_max", 1),
        "per_customer": each.get("per_customer"),
        "start": None if start is None else now + timedelta(days=start),
        "end": None if end is None else now + timedelta(days=end),
    }


def at_of(operation: Json, now: datetime) -> datetime:
    """The time of a purchase's deal."""
    return now - timedelta(minutes=operation["minutes_late"])


def play(program: Json, operations: list[Json], *, start: datetime) -> tuple[Books, list[Outcome]]:
    """The books after the whole sequence, and what each operation was answered; days pass from `start` on."""
    player, now = Player(program, operations), start
    outcomes = []
    for operation in operations:
        now += timedelta(days=operation["days"])
        outcomes.append(player.perform(operation, now=now))
    player.books.advance(now)
    return player.books, outcomes
