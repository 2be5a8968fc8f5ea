"""How many units a till without connection may take from a customer, until when.

An allowance is signed when the customer is looked up and names no one but the customer's id. It reserves nothing: what
two tills take at once is settled when their receipts come in. Its uses are counted under a counter of its own.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.domain.counters import Back, Scope, Use
from app.domain.program import Program


@dataclass(frozen=True, slots=True)
class Allowance:
    """`units` of `wallet` for one customer, from `since` until `until`."""

    id: UUID
    customer: UUID
    wallet: str
    units: int
    since: datetime
    until: datetime

    @property
    def counter(self) -> str:
        """The program's counter of its uses."""
        return f"allowance/{self.id}"

    def use(self, units: int) -> Use:
        """Nothing gives it back: a return doesn't make the allowance whole again."""
        return Use(Scope.PROGRAM, self.counter, "", units, Back.NEVER)

    def beyond(self, units: int, *, used: int) -> int:
        """How many of these units are more than what its earlier uses left."""
        return min(units, max(0, used + units - self.units))


def allowed_units(program: Program, *, available: int, strength: int | None, most: int) -> int:
    """Units that an allowance may have: no more than are available, than the identification allows (`strength` None:
    no limit) and than the service allows at `most`; whole steps, and none below the least that may be redeemed.
    """
    units = min(available, most) if strength is None else min(available, most, strength)
    units -= units % program.redemption.step
    return units if units > 0 and units >= program.redemption.min_units else 0
