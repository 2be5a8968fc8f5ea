"""Lots of points, and taking from them in spending order (contract, section 4, "Lots")."""

from dataclasses import dataclass
from datetime import datetime

from tests.model.arithmetic import Json


@dataclass
class Lot:
    """Points of one wallet that came together. `id` is the order of making; `is_active`: they have become spendable."""

    id: int
    wallet: str
    remaining: int
    active_at: datetime
    expires_at: datetime | None
    purchase: int | None  # The purchase that made it.
    is_active: bool = False

    @property
    def spending_order(self) -> tuple[bool, float, datetime, int]:
        """Earliest expiry first, never-expiring last, then earlier activation, then id."""
        expiry = self.expires_at.timestamp() if self.expires_at else 0.0
        return (self.expires_at is None, expiry, self.active_at, self.id)

    def is_expired(self, now: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= now

    def ends_at(self, instant: datetime) -> bool:
        """Whether what is due of it then is its end, not its beginning."""
        return self.is_expired(instant) and (self.is_active or self.never_becomes_active)

    @property
    def never_becomes_active(self) -> bool:
        """It ends before it begins."""
        return self.expires_at is not None and self.expires_at <= self.active_at

    def shown(self) -> Json:
        return {"remaining": self.remaining, "active_at": self.active_at, "expires_at": self.expires_at}


def take(lots: list[Lot], units: int) -> list[tuple[Lot, int]]:
    """Take up to `units` from `lots`, in the order they come; says how many from each."""
    taken = []
    for lot in lots:
        part = min(units, lot.remaining)
        if part:
            lot.remaining -= part
            units -= part
            taken.append((lot, part))
    return taken


def units_of(taken: list[tuple[Lot, int]]) -> int:
    return sum(part for _, part in taken)
