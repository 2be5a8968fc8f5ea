"""What the audit reads, as it stands in the database: nothing is refused here, since anything may be wrong with it.

Ids are text, as in the audit views; instants are in UTC. Named tuples, because there are millions of them.
"""

from datetime import datetime
from typing import NamedTuple


class EntryRow(NamedTuple):
    seq: int
    account: str
    wallet: str
    amount: int
    lot_id: str | None
    rule: str | None


class PurchaseRow(NamedTuple):
    """`lines` and `answer` are JSON; `answer` is what the till was told that day."""

    shop: str
    terminal: str
    program: int
    at: datetime
    lines: str
    is_all_back: bool
    answer: bytes


class TxRow(NamedTuple):
    """A transaction with its entries by their number, and with the purchase of its id where there is one."""

    version: int
    tx_id: str
    kind: str
    idempotency_key: str | None
    shop: str | None
    terminal: str | None
    receipt: str | None
    parent_tx: str | None
    program: int | None
    at: datetime
    created_at: datetime
    hash: bytes
    entries: list[EntryRow]
    purchase: PurchaseRow | None


class LotRow(NamedTuple):
    lot_id: str
    wallet: str
    tx_id: str
    remaining: int
    active_at: datetime
    expires_at: datetime | None
    is_pending: bool

    def next_change(self) -> datetime | None:
        """The next instant at which time changes this lot; None: never, or nothing is left in it."""
        if not self.remaining:
            return None
        if self.is_pending and (self.expires_at is None or self.active_at < self.expires_at):
            return self.active_at
        return self.expires_at


class CustomerRow(NamedTuple):
    """`balances` is JSON: available, pending, held and floor by wallet."""

    version: int
    head: bytes
    balances: str
    paid: int
    purchases: int
    units: int
    last_purchase_at: datetime | None
    due_at: datetime | None
    updated_at: datetime
