"""Balanced sets of entries, written at once and never changed.

None of it is a frozen dataclass: a purchase makes half a dozen of these values, and freezing costs each 1 µs.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from app.domain.identifiers import NOBODY, CustomerId, LotId, TxId
from app.domain.ledger.chart import Account, TxKind


class Entry(NamedTuple):
    """One signed amount on an account. Entries of `customer:*` name the lot they move; without one they are a debt."""

    account: Account
    wallet: str
    amount: int
    lot_id: LotId | None = None
    rule: str | None = None


def imbalance(entries: Iterable[Entry]) -> Mapping[str, int]:
    """Wallets whose entries don't sum to 0, with their sums."""
    sums: dict[str, int] = {}
    for entry in entries:
        sums[entry.wallet] = sums.get(entry.wallet, 0) + entry.amount
    return {wallet: total for wallet, total in sums.items() if total}


@dataclass(slots=True)
class Origin:
    """What a posting answers: the request's key and receipt. A posting made along the way has none of it."""

    idempotency_key: str | None = None
    shop: str | None = None
    terminal: str | None = None
    receipt: str | None = None
    program: int | None = None
    reason: str | None = None


@dataclass(slots=True)
class Posting:
    """Entries that belong together: for every wallet they sum to 0.

    `version` is the customer's after this posting (0 without a customer). `at` is the time of the deal, `created_at`
    the database's clock.
    """

    tx_id: TxId
    kind: TxKind
    customer_id: CustomerId
    version: int
    at: datetime
    created_at: datetime
    entries: tuple[Entry, ...]
    origin: Origin
    parent_tx: TxId | None = None

    def __post_init__(self) -> None:
        if drift := imbalance(self.entries):
            raise ValueError(f"unbalanced posting {self.tx_id}: {dict(drift)}")
        if (self.customer_id == NOBODY) != (self.version == 0):
            raise ValueError(f"posting {self.tx_id} of customer {self.customer_id} has version {self.version}")


def entry_id(tx_id: UUID | str, seq: int) -> str:
    """The entry's id as the audit views show it: its transaction and its place in it, so that text order is posting
    order.
    """
    return f"{tx_id}-{seq:06d}"
