"""What the books remember: purchases as they were decided, and customers with their lots and debts."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction

from tests.model.arithmetic import Json, half_up
from tests.model.lots import Lot


@dataclass
class Purchase:
    """`lines` are the decided ones by id with `qty` and `returned`; `spent` says which lots paid, in the order they were spent."""

    number: int
    customer: str | None
    at: datetime
    lines: dict[str, Json]
    spent: dict[str, list[tuple[Lot, int]]]
    refunded: Counter[str] = field(default_factory=Counter)  # Money by line.
    taken_back: Counter[str] = field(default_factory=Counter)  # Units posted, by wallet.
    given_back: Counter[str] = field(default_factory=Counter)

    def share(self, line_id: str) -> Fraction:
        """How much of a line has come back, of 1."""
        line = self.lines[line_id]
        return Fraction(line["returned"]) / Fraction(line["qty"])

    def due(self, what: str, wallet: str) -> int:
        """Sum over lines of half-up of what was accrued (redeemed) times the share returned so far."""
        return sum(half_up(line[what].get(wallet, 0) * self.share(id_)) for id_, line in self.lines.items())

    @property
    def is_all_back(self) -> bool:
        return all(line["returned"] == line["qty"] for line in self.lines.values())


@dataclass
class Customer:
    birthday: str | None = None
    tier: str | None = None
    lots: list[Lot] = field(default_factory=list)
    debts: Counter[str] = field(default_factory=Counter)
