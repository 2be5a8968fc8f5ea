"""Bugs about random rewards."""

import secrets

from app.domain.draws import luck
from app.domain.draws.luck import SPAN, Luck, Ticket
from tests.chaos.plants import plant


@plant(
    "draw-a-request",
    faults=["answers lost", "commits unanswered", "clients reset"],
    caught_by=["draws can be recomputed", "a receipt has one draw"],
    commands=["serve"],
)
def draw_a_request() -> None:
    """Each request draws anew, whatever its receipt: whoever repeats often enough wins.

    Receipts are unique and answers are kept, so a receipt still has one draw that stands. That it was the receipt's own
    only shows where tickets are computed once more.
    """

    def ticket(self: Luck, rule: str) -> Ticket:
        return Ticket(secrets.randbelow(SPAN), secrets.randbelow(SPAN))

    luck.Luck.ticket = ticket  # type: ignore[method-assign]
