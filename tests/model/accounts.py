"""What the books remember: purchases as they were decided, and customers with their lots and debts."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction

from tests.model.arithmetic import Json, half_up
from tests.model.lots import Lot


@dataclass
class Purchase:
    """`lines` are the decided ones by id with `qty` and `returned`; `spent` has the lots that paid, in their order."""

    number: int
    customer: str | None
    at: datetime
    lines: dict[str, Json]
    spent: dict[str, list[tuple[Lot, int]]]
    taken_back: Counter[str] = field(default_factory=Counter)  # Units posted, by wallet.
    given_back: Counter[str] = field(default_factory=Counter)

    def share(self, line_id: str) -> Fraction:
        """How much of a line has come back, of 1."""
        line = self.lines[line_id]
        return Fraction(line["returned"]) / Fraction(line["qty"])

    def due_of_line(self, line_id: str) -> Json:
        """What a line owes by now: half-up of what it paid, accrued and redeemed times the share returned so far."""
        line, share = self.lines[line_id], self.share(line_id)
        return {
            "refund": half_up(line["paid"] * share),
            "taken_back": {wallet: half_up(units * share) for wallet, units in line["accrued"].items()},
            "given_back": {wallet: half_up(units * share) for wallet, units in line["redeemed_units"].items()},
        }

    def due(self, what: str, wallet: str) -> int:
        """Units of a wallet to be `taken_back` or `given_back` by now, over all lines."""
        return sum(int(self.due_of_line(line_id)[what].get(wallet, 0)) for line_id in self.lines)

    @property
    def refunded(self) -> int:
        return sum(int(self.due_of_line(line_id)["refund"]) for line_id in self.lines)

    @property
    def is_all_back(self) -> bool:
        return all(line["returned"] == line["qty"] for line in self.lines.values())


@dataclass
class Customer:
    birthday: str | None = None
    tier: str | None = None
    lots: list[Lot] = field(default_factory=list)
    debts: Counter[str] = field(default_factory=Counter)
