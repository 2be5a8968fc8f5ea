"""Points that were accrued together and expire together."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from app.domain.identifiers import LotId, TxId

_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(slots=True)
class Lot:
    """Units of one wallet. Mutable: it lives only while a round holds its customer.

    `is_pending` says where the ledger has it posted; what the clock says is `active_at`. `expires_at` None: never.
    `held` are units that open holds have set aside, beside those that remain.
    """

    id: LotId
    wallet: str
    tx_id: TxId
    remaining: int
    active_at: datetime
    expires_at: datetime | None
    is_pending: bool
    held: int = 0
    is_new: bool = False
    is_changed: bool = False

    def has_expired(self, now: datetime) -> bool:
        """Expiry holds at its instant."""
        return self.expires_at is not None and self.expires_at <= now

    @property
    def is_born_dead(self) -> bool:
        """It ends before it begins: pending until then, it never becomes active."""
        return self.expires_at is not None and self.expires_at <= self.active_at

    def next_change(self) -> datetime | None:
        """The next instant at which time changes this lot; None: never, or nothing is left in it."""
        if not self.remaining:
            return None
        if self.is_pending:
            return min(self.active_at, self.expires_at or _NEVER)
        return self.expires_at


def spending_order(lots: Iterable[Lot]) -> list[Lot]:
    """Earliest expiry first, never-expiring last, then earlier activation, then id."""
    return sorted(lots, key=lambda lot: (lot.expires_at or _NEVER, lot.active_at, lot.id))
