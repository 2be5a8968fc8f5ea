"""A stored hold as its end sees it: what it has set aside, and what a release gives back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app.domain.identifiers import CustomerId, LotId, TxId
from app.domain.ledger.purchase_states import PurchaseState


class HoldKind(StrEnum):
    PURCHASE = "purchase"
    REDEEM = "redeem"


class HoldState(StrEnum):
    HELD = "held"
    CAPTURED = "captured"
    RELEASED = "released"
    EXPIRED = "expired"


@dataclass(slots=True, eq=False)
class Hold:
    """Mutable: it lives only while a round holds its customer, or its own row where it has none.

    `id` is the posting that placed it, and the purchase's id too where a basket is held. `units` are (wallet, lot,
    units) in the order taken. `goods` are the lines, uses and draws of a held basket; None for a plain redemption.
    `resolved_tx` is the posting that ended it.
    """

    id: TxId
    customer_id: CustomerId
    kind: HoldKind
    shop: str
    program: int
    at: datetime
    expires_at: datetime
    units: Sequence[tuple[str, LotId, int]]
    goods: PurchaseState | None
    state: HoldState = HoldState.HELD
    resolved_tx: TxId | None = None

    @property
    def is_open(self) -> bool:
        return self.state is HoldState.HELD

    def has_ended(self, now: datetime) -> bool:
        """A hold ends at its instant, whoever looks."""
        return self.is_open and self.expires_at <= now

    def must_be_open(self) -> None:
        """Raises ValueError: the hold has ended before."""
        if not self.is_open:
            raise ValueError(f"hold {self.id} is {self.state}, by {self.resolved_tx}")
