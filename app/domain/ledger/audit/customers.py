"""One customer's books from the first posting to the last, and the stored row against what they come to."""

from collections.abc import Mapping, Sequence

import orjson

from app.domain.ledger.audit.counters import CountersAudit
from app.domain.ledger.audit.entries import EntriesAudit
from app.domain.ledger.audit.findings import Check, Finding, Notes
from app.domain.ledger.audit.holds import HoldsAudit
from app.domain.ledger.audit.links import LinksAudit
from app.domain.ledger.audit.lots import first_change
from app.domain.ledger.audit.memories import MemoryAudit
from app.domain.ledger.audit.purchases import PurchasesAudit
from app.domain.ledger.audit.purses import PurseState
from app.domain.ledger.audit.rows import CustomerRow, LotRow, TxRow
from app.domain.ledger.audit.terms import Terms
from app.domain.ledger.chart import TxKind

_OF_HOLDS: frozenset[str] = frozenset({TxKind.HOLD, TxKind.CAPTURE, TxKind.RELEASE})
_PURSE = ("available", "pending", "held", "floor")


class CustomerAudit:
    """Postings are handed in by version, all of one customer; then `close`.

    `customer` None: those of nobody, in any number. `row` None: the customer's row is missing. `terms` is by version of
    the program, None for one that can't be read. `counters` gathers what everyone took of the program's.
    """

    def __init__(
        self,
        customer: str | None,
        row: CustomerRow | None,
        *,
        lots: Sequence[LotRow],
        terms: Mapping[int, Terms | None],
        counters: CountersAudit,
    ) -> None:
        self._notes = Notes(customer)
        self._row = row
        self._lot_rows = lots
        self._terms = terms
        self._links = LinksAudit(self._notes)
        self._entries = EntriesAudit(self._notes, lots, terms)
        self._memory = MemoryAudit(self._notes)
        self._holds = HoldsAudit(self._notes)
        self._purchases = PurchasesAudit(
            self._notes, terms, entries=self._entries, memory=self._memory, counters=counters
        )
        if customer is not None and row is None:
            self._notes.add(Check.CUSTOMER_MISSING, None, expected="a customer of this id", found="none")

    def take_findings(self) -> list[Finding]:
        """What was found since the last time."""
        found, self._notes.findings = self._notes.findings, []
        return found

    def post(self, tx: TxRow) -> None:
        if tx.program is not None and self._terms.get(tx.program) is None:
            expected = f"program {tx.program} as this release reads it"
            self._notes.add(Check.TX_PROGRAM, tx.tx_id, expected=expected, found="none")
        self._links.post(tx)
        self._entries.post(tx)
        if tx.kind in _OF_HOLDS:
            self._holds.post(tx)
        self._purchases.post(tx)

    def close(self) -> None:
        self._entries.close(card_days=self._row.expire_after_days if self._row is not None else None)
        self._holds.close()
        self._purchases.close()
        if self._row is not None:
            self._check_links(self._row)
            self._check_balances(self._row)
            self._check_counters(self._row)
            self._check_due(self._row)
            self._memory.close(self._row.memory, self._links.posted_at or self._row.updated_at)

    def _check_links(self, row: CustomerRow) -> None:
        notes, links = self._notes, self._links
        notes.compare(Check.CUSTOMER_VERSION, None, expected=links.version, found=row.version)
        notes.compare(Check.CUSTOMER_HEAD, None, expected=links.head.hex(), found=row.head.hex())
        if links.posted_at is not None:
            notes.compare(Check.CUSTOMER_UPDATED, None, expected=str(links.posted_at), found=str(row.updated_at))

    def _check_balances(self, row: CustomerRow) -> None:
        stored = _read_balances(row.balances)
        if stored is None:
            self._notes.add(Check.CUSTOMER_BALANCE, None, expected="balances by wallet", found="something else")
            return
        for wallet in self._entries.purses.keys() | stored.keys():
            available, pending, held = self._entries.purses.get(wallet, PurseState()).units
            *sides, floor = stored.get(wallet, (0, 0, 0, 0))
            if sides != [available, pending, held]:
                self._notes.add(
                    Check.CUSTOMER_BALANCE,
                    None,
                    expected=_shown(wallet, available, pending, held),
                    found=_shown(wallet, *sides),
                )
            if floor != min(0, available):
                self._notes.add(Check.CUSTOMER_FLOOR, None, expected=f"{wallet}: {min(0, available)}", found=floor)

    def _check_counters(self, row: CustomerRow) -> None:
        notes, counted = self._notes, self._purchases
        notes.compare(Check.CUSTOMER_PAID, None, expected=counted.paid, found=row.paid)
        notes.compare(Check.CUSTOMER_PURCHASES, None, expected=counted.purchases, found=row.purchases)
        notes.compare(Check.CUSTOMER_HOLDS, None, expected=self._holds.open, found=row.holds)
        notes.compare(Check.CUSTOMER_UNITS, None, expected=counted.units, found=row.units)
        if counted.last_at != row.last_purchase_at:
            notes.add(Check.CUSTOMER_LAST_PURCHASE, None, expected=counted.last_at, found=row.last_purchase_at)

    def _check_due(self, row: CustomerRow) -> None:
        """Early is well, late is not: what is due would not be posted before the next request is decided."""
        instants = [each for each in (first_change(self._lot_rows), self._holds.due) if each is not None]
        first = min(instants, default=None)
        if first is not None and (row.due_at is None or row.due_at > first):
            self._notes.add(Check.CUSTOMER_DUE, None, expected=f"{first} or earlier", found=row.due_at or "never")


def _read_balances(text: str) -> dict[str, tuple[int, int, int, int]] | None:
    """Available, pending, held and floor by wallet; None where the balances are something else."""
    try:
        wallets = {wallet: tuple(purse[name] for name in _PURSE) for wallet, purse in orjson.loads(text).items()}
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
    if not all(type(units) is int for purse in wallets.values() for units in purse):
        return None
    return wallets


def _shown(wallet: str, available: int, pending: int, held: int) -> str:
    return f"{wallet}: {available} available, {pending} pending, {held} held"
