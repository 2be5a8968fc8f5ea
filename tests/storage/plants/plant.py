"""One error that somebody with all rights plants in the filled books, and what the audit must say to it.

`check` is the one that the error is for, `at` the customer and transaction it must name; `also` is what follows from it
and can't be kept apart. Nothing else may be said.
"""

from dataclasses import dataclass, field

from app.domain.ledger.audit import Check


@dataclass(frozen=True, slots=True)
class Plant:
    """`sql` and `at` name ids of `Books` with a colon."""

    sql: str
    check: Check
    at: tuple[str | None, str | None]
    also: set[Check] = field(default_factory=set)
