"""How much one customer may do in a local day: purchases, redemptions, and what both are worth.

Counted in the customer's own row (`Memory.pace`), under the customer's lock or revision, so the limits are exact
whatever the concurrency. A return or release gives nothing back: what is limited is how often and how much is tried.
Purchases made without connection are facts, and are neither refused nor counted; nor are rewards for acts, whose rules
have limits of their own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from uuid import UUID

from app.domain.counters import Count, period_of, used
from app.domain.ledger.books import Book
from app.domain.program import Period, Program
from app.domain.rejections import Rejected, Rejection

DAY, MILLISECOND = timedelta(days=1), timedelta(milliseconds=1)
ACCRUALS, REDEMPTIONS, ACCRUED, REDEEMED = "accruals", "redemptions", "accrued", "redeemed"


@dataclass(frozen=True, slots=True)
class Velocity:
    """A day's limits, 0: none. `accrued` and `redeemed` are minor units: units × the wallet's value."""

    accruals: int = 0
    redemptions: int = 0
    accrued: int = 0
    redeemed: int = 0

    @property
    def is_on(self) -> bool:
        return bool(self.accruals or self.redemptions or self.accrued or self.redeemed)

    def check(
        self, pace: Mapping[str, Count], day: str, *, accrued: int | None, redeemed: int
    ) -> list[tuple[str, str, int]]:
        """What a purchase (`accrued` None: a redemption without one) that is worth so many minor units adds to the
        day's counters (`app.domain.counters.advance`). Raises `Rejected(VELOCITY_LIMIT)`.
        """
        amounts = {
            ACCRUALS: int(accrued is not None),
            ACCRUED: accrued or 0,
            REDEMPTIONS: int(redeemed > 0),
            REDEEMED: redeemed,
        }
        uses = []
        for name, limit in self._limits().items():
            amount = amounts[name]
            if limit and amount:
                if used(pace, name, day) + amount > limit:
                    raise Rejected(
                        Rejection.VELOCITY_LIMIT,
                        "The customer has reached a limit of this day.",
                        facts={"limit": name, "allowed": limit, "requested": amount},
                    )
                uses.append((name, day, amount))
        return uses

    def _limits(self) -> Mapping[str, int]:
        return {
            ACCRUALS: self.accruals,
            REDEMPTIONS: self.redemptions,
            ACCRUED: self.accrued,
            REDEEMED: self.redeemed,
        }


NO_LIMITS = Velocity()


class OverPace(Rejected):
    """`velocity_limit`: whose day it is, and how long it still lasts."""

    def __init__(self, rejected: Rejected, customer: UUID, *, wait_ms: int) -> None:
        facts = {**rejected.facts, "retry_after_ms": wait_ms}
        super().__init__(rejected.rejection, rejected.detail, rejected.faults, facts)
        self.customer = customer


def check_pace(
    velocity: Velocity,
    book: Book,
    program: Program,
    *,
    now: datetime,
    accrued: Mapping[str, int] | None,
    redeemed: Mapping[str, int],
) -> list[tuple[str, str, int]]:
    """What a purchase or a redemption (`accrued` None), in units by wallet, adds to the customer's day: counted
    (`app.domain.counters.advance`) once nothing refuses it any more. Raises `OverPace`.
    """
    if not velocity.is_on:
        return []
    today = now.astimezone(program.timezone).date()
    try:
        return velocity.check(
            book.memory.pace,
            period_of(Period.DAY, today),
            accrued=None if accrued is None else _worth(accrued, program),
            redeemed=_worth(redeemed, program),
        )
    except Rejected as rejected:
        tomorrow = datetime.combine(today + DAY, time(), program.timezone)
        raise OverPace(rejected, book.customer_id, wait_ms=(tomorrow - now) // MILLISECOND) from None


def _worth(units: Mapping[str, int], program: Program) -> int:
    """In minor units; what can't be redeemed counts as 1 a unit."""
    return sum(count * max(1, program.wallets[wallet].value) for wallet, count in units.items())
