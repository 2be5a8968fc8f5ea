"""What the rules may know of the customer, and what of the name may be shown and stored."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

SHOWN_OF_NAME = 2


@dataclass(slots=True)  # Not frozen, as in basket.py.
class CustomerFacts:
    """A customer at the moment of a decision. `available` is by wallet, in units, with what time has brought already
    counted.

    `purchases` counts earlier purchases that were not fully returned; `last_purchase_at` is the latest of them.
    """

    id: str
    tier: str | None = None
    available: Mapping[str, int] = field(default_factory=dict)
    purchases: int = 0
    last_purchase_at: datetime | None = None
    birthday: date | None = None
    tags: frozenset[str] = frozenset()
    segments: frozenset[str] = frozenset()
    is_gift_card: bool = False  # A bearer's card: it pays, and nothing accrues to it.


def mask_name(name: str) -> str:
    """`Anna` is `An***`: enough for a cashier to ask, too little to learn; a short name loses its last letter too."""
    return name[: min(SHOWN_OF_NAME, max(len(name) - 1, 0))] + "***"
