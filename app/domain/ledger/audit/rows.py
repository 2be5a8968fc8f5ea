"""What the audit reads, as it stands in the database: nothing is refused here, since anything may be wrong with it.

Ids are text, as in the audit views; instants are in UTC. Named tuples, because there are millions of them.
"""

from datetime import date, datetime
from typing import NamedTuple


class EntryRow(NamedTuple):
    seq: int
    account: str
    wallet: str
    amount: int
    lot_id: str | None
    rule: str | None


class PurchaseRow(NamedTuple):
    """`lines`, `answer`, `uses` and `draws` are JSON; `answer` is what the till was told that day. `day` is the local
    day on which tiers counted it; the three are None for what an earlier release sold, `uses` and `draws` also where
    there are none. `spent` is set of what was captured.
    """

    shop: str
    terminal: str
    program: int
    at: datetime
    lines: str
    is_all_back: bool
    answer: bytes
    uses: str | None = None
    draws: str | None = None
    day: date | None = None
    spent: str | None = None


class HoldRow(NamedTuple):
    """`units` and `spent` of a purchase are `[[wallet, lot, units], …]`; `lines`, `uses` and `draws` as of a purchase,
    of a held basket only.
    """

    kind: str
    shop: str
    terminal: str
    program: int
    at: datetime
    expires_at: datetime
    state: str
    resolved_tx: str | None
    units: str
    lines: str
    uses: str | None
    draws: str | None


class ActRow(NamedTuple):
    """Another act than a purchase. `uses` as of a purchase; an act draws nothing."""

    uses: str | None


class TxRow(NamedTuple):
    """A transaction with its entries by their number, and with the purchase, act or hold of its id where there is one.
    A capture has the purchase it made, a capture or release the hold it ended.
    """

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
    act: ActRow | None = None
    hold: HoldRow | None = None
    reason: str | None = None


class LotRow(NamedTuple):
    lot_id: str
    wallet: str
    tx_id: str
    remaining: int
    active_at: datetime
    expires_at: datetime | None
    is_pending: bool
    held: int = 0

    def next_change(self) -> datetime | None:
        """The next instant at which time changes this lot; None: never, or nothing is left in it."""
        if not self.remaining:
            return None
        if self.is_pending and (self.expires_at is None or self.active_at < self.expires_at):
            return self.active_at
        return self.expires_at


class CustomerRow(NamedTuple):
    """`balances` is JSON: available, pending, held and floor by wallet; `memory` too. `expire_after_days` is a gift
    card's own, None where it has none or the customer is no gift card.
    """

    version: int
    head: bytes
    balances: str
    paid: int
    purchases: int
    units: int
    last_purchase_at: datetime | None
    due_at: datetime | None
    updated_at: datetime
    memory: str = "{}"
    expire_after_days: int | None = None
    holds: int = 0


class CounterRow(NamedTuple):
    """One of the program's counters."""

    name: str
    period: str
    used: int
