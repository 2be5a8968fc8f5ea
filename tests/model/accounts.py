"""What the books remember: purchases as they were decided, and customers with their lots and debts."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction

from tests.model.arithmetic import Json, half_up
from tests.model.lots import Lot


@dataclass
class Line:
    """A bought line: what it paid, brought and cost in units by wallet, and what has come back of it so far.

    `taken_back` and `given_back` are posted units by wallet.
    """

    qty: Fraction
    paid: int
    accrued: dict[str, int]
    redeemed_units: dict[str, int]
    returned: Fraction = Fraction(0)
    taken_back: Counter[str] = field(default_factory=Counter)
    given_back: Counter[str] = field(default_factory=Counter)

    def due(self, whole: int) -> int:
        """What of `whole` belongs to the share that has come back by now."""
        return half_up(whole * self.returned / self.qty)

    @property
    def is_all_back(self) -> bool:
        return self.returned == self.qty


@dataclass
class Purchase:
    """`program` decided it; `spent` has by wallet the lots that paid, in their order."""

    number: int
    program: Json
    customer: str | None
    at: datetime
    lines: dict[str, Line]
    spent: dict[str, list[tuple[Lot, int]]] = field(default_factory=dict)

    @property
    def paid(self) -> int:
        return sum(line.paid for line in self.lines.values())

    @property
    def refunded(self) -> int:
        return sum(line.due(line.paid) for line in self.lines.values())

    @property
    def is_all_back(self) -> bool:
        return all(line.is_all_back for line in self.lines.values())

    def given_back(self, wallet: str) -> int:
        """Units posted so far, over all lines."""
        return sum(line.given_back[wallet] for line in self.lines.values())

    def taken_back(self, wallet: str) -> int:
        return sum(line.taken_back[wallet] for line in self.lines.values())


@dataclass
class Customer:
    birthday: str | None = None
    tier: str | None = None
    lots: list[Lot] = field(default_factory=list)
    debts: Counter[str] = field(default_factory=Counter)
