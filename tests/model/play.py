"""Plays a sequence of operations (`sequences.operations`) on the model's books; the pattern for any other driver."""

from datetime import datetime, timedelta

from tests.model.arithmetic import Json
from tests.model.books import Books
from tests.model.redemption import Refused

Outcome = Json | Refused | None  # None: left out, since the purchase it is about was refused.


def customer_ids(operations: list[Json]) -> list[str]:
    """Everyone whom the sequence names, by the names the books know them by."""
    return sorted({str(operation["customer"]) for operation in operations if "customer" in operation})


def play(
    program: Json, operations: list[Json], *, start: datetime, clock: datetime | None = None
) -> tuple[Books, list[Outcome]]:
    """The books after the whole sequence, and what each operation was answered.

    Days pass from `start` on. Without `clock` the service's clock goes with them. With it the clock stands still there,
    as it nearly does over HTTP: only purchases are made at their own `at`, earlier than the clock, everything else
    happens now.
    """
    books = Books(program)
    for customer_id in customer_ids(operations):
        books.register(customer_id)
    at = start
    outcomes: list[Outcome] = []
    purchases: list[Outcome] = []
    for operation in operations:
        at += timedelta(days=operation["days"])
        outcome = perform(books, operation, purchases, at=at, now=clock or at)
        outcomes.append(outcome)
        if operation["op"] == "purchase":
            purchases.append(outcome)
    books.advance(clock or at)
    return books, outcomes


def perform(books: Books, operation: Json, purchases: list[Outcome], *, at: datetime, now: datetime) -> Outcome:
    """One operation; `purchases` are the outcomes of those before it."""
    match operation["op"]:
        case "purchase":
            return books.accrue(
                str(operation["customer"]),
                basket=operation["basket"],
                redeem=operation["redeem"],
                at=at,
                now=now,
                shop=operation["shop"],
                channel=operation["channel"],
                identified_by=operation["identified_by"],
            )
        case "return":
            about = purchases[operation["purchase"]]
            if about is None or isinstance(about, Refused):
                return None
            return books.return_lines(about["purchase"], lines=operation["lines"], now=now)
        case "redeem":
            return books.redeem(
                str(operation["customer"]), wallet=operation["wallet"], points=operation["points"], at=now
            )
        case "adjust":
            return books.adjust(
                str(operation["customer"]), wallet=operation["wallet"], points=operation["points"], at=now
            )
        case other:
            raise ValueError(f"unknown operation {other}")
