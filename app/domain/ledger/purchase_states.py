"""A stored purchase as returns see it: its lines, what it spent and took, and what has come back of it so far."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from app.domain.amounts import half_up
from app.domain.counters import Back, Scope
from app.domain.draws.records import DrawRecord
from app.domain.identifiers import LotId, TxId
from app.domain.ledger.lots import Lot


@dataclass(slots=True)
class LineState:
    """One bought line and what has come back of it so far. Units are by wallet."""

    id: str
    qty_milli: int
    paid: int
    accrued: Mapping[str, int]
    redeemed_units: Mapping[str, int]
    kept: Mapping[str, int] = field(default_factory=dict)  # The part of `accrued` that returns leave.
    cost_units: Mapping[str, Mapping[str, int]] = field(default_factory=dict)  # Of `redeemed_units`, by `CostBack`.
    returned_milli: int = 0
    refunded: int = 0
    taken_back: dict[str, int] = field(default_factory=dict)
    given_back: dict[str, int] = field(default_factory=dict)

    def share(self, whole: int) -> int:
        """The part of `whole` that belongs to what has come back so far."""
        return half_up(whole * self.returned_milli, self.qty_milli)

    def takeable(self, wallet: str) -> int:
        """What a whole return takes back."""
        return self.accrued.get(wallet, 0) - self.kept.get(wallet, 0)

    def giveable(self, wallet: str, *, costs_back: Collection[str]) -> int:
        """What is given back by now: the share of what paid and of discounts' costs, and the rewards' costs that
        `costs_back` names.
        """
        rewards, back = 0, 0
        for when, units in self.cost_units.items():
            rewards += units.get(wallet, 0)
            if when in costs_back:
                back += units.get(wallet, 0)
        return self.share(self.redeemed_units.get(wallet, 0) - rewards) + back


@dataclass(slots=True)
class UseState:
    """A `Use` of a stored purchase, and how much of it was given back so far."""

    scope: Scope
    name: str
    period: str
    amount: int
    back: Back
    by_line: Mapping[str, int]
    given_back: int = 0


@dataclass(slots=True)
class Uses:
    """What a purchase took that returns give back: counters; codes of coupons that were used; codes that were given out
    and go back with the goods.
    """

    counts: list[UseState] = field(default_factory=list)
    coupons: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()


@dataclass(slots=True)
class PurchaseState:
    """A stored purchase as returns see it. `spent` is (wallet, lot, units) in the order spent; `day` is the local day
    of the database's clock on which tiers counted it (None: of a release before that had windows). `posted_by` is the
    capture of a purchase that was held: the posting that made its lots.
    """

    tx_id: TxId
    lines: list[LineState]
    spent: Sequence[tuple[str, LotId, int]]
    uses: Uses = field(default_factory=Uses)
    draws: Sequence[DrawRecord] = ()
    day: date | None = None
    posted_by: TxId | None = None

    def has_made(self, lot: Lot) -> bool:
        """Whether the lot is of this purchase's accruals."""
        return lot.tx_id == (self.posted_by or self.tx_id)

    def owed(self, wallet: str) -> int:
        """Units that paid and were in no lot: of a receipt made without connection."""
        paid = sum(line.redeemed_units.get(wallet, 0) for line in self.lines)
        return paid - sum(units for spent_wallet, _, units in self.spent if spent_wallet == wallet)

    @property
    def is_all_back(self) -> bool:
        return all(line.returned_milli == line.qty_milli for line in self.lines)
