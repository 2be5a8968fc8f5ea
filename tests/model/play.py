"""Plays a sequence of operations (`sequences.operations`) on the model's books; the pattern for any other driver."""

from collections.abc import Callable
from datetime import date, datetime, timedelta

from tests.model.arithmetic import Json
from tests.model.books import Books
from tests.model.holds import Holds
from tests.model.redemption import Refused

ACTS_SHOP = "S1"
Outcome = Json | Refused | None  # None: left out, since the purchase it is about was refused.


def customer_ids(operations: list[Json]) -> list[str]:
    """Everyone whom the sequence names, by the names the books know them by."""
    return sorted({str(each["customer"]) for each in operations if each.get("customer") is not None})


class Player:
    """The books of everyone whom the sequence names; `perform` its operations in their order.

    A held basket takes a place among the purchases too, which is empty until it is captured.
    """

    def __init__(
        self, program: Json, operations: list[Json], *, secret_of: Callable[[date], bytes] | None = None
    ) -> None:
        self.books = Holds(program, secret_of=secret_of)
        self.purchases: list[Outcome] = []  # What each purchase was answered.
        self.holds: list[Outcome] = []  # What each hold was answered.
        self.places: list[int | None] = []  # Of each hold's basket among the purchases.
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
            case "hold" | "hold_points" | "capture" | "release":
                return self._about_hold(operation, now)
            case "return":
                return self._return(operation, now)
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

    def _return(self, operation: Json, now: datetime) -> Outcome:
        about = self.purchases[operation["purchase"]]
        if about is None or isinstance(about, Refused):
            return None
        return self.books.return_lines(about["purchase"], lines=operation["lines"], now=now)

    def _about_hold(self, operation: Json, now: datetime) -> Outcome:
        books, op = self.books, operation["op"]
        if op == "hold":
            outcome: Outcome = books.hold(
                None if operation["customer"] is None else str(operation["customer"]),
                basket=operation["basket"],
                redeem=operation["redeem"],
                visit={
                    "at": at_of(operation, now),
                    **{name: operation[name] for name in ("shop", "channel", "identified_by")},
                },
                ttl_seconds=operation["ttl_seconds"],
                now=now,
                receipt=receipt_of(operation, len(self.purchases)),
            )
            self._note_hold(outcome, len(self.purchases))
            self.purchases.append(None)
            return outcome
        if op == "hold_points":
            outcome = books.hold_points(
                str(operation["customer"]),
                **{name: operation[name] for name in ("wallet", "points", "ttl_seconds", "identified_by")},
                now=now,
            )
            self._note_hold(outcome, None)
            return outcome
        place = operation["hold"]
        about = self.holds[place]
        if about is None or isinstance(about, Refused):
            return None
        if op == "release":
            return books.release(about["hold"], now=now)
        outcome, basket = books.capture(about["hold"], lines=operation["lines"], now=now), self.places[place]
        if basket is not None and not isinstance(outcome, Refused):
            self.purchases[basket] = outcome
        return outcome

    def _note_hold(self, outcome: Outcome, place: int | None) -> None:
        self.holds.append(outcome)
        self.places.append(place)


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
