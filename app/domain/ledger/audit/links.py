"""Versions and hashes: a posting is the next link of its customer's chain; nobody's postings are a chain each."""

from datetime import UTC, datetime
from hashlib import sha256

import orjson

from app.domain.ledger.audit.findings import Check, Notes
from app.domain.ledger.audit.rows import TxRow

GENESIS = bytes(32)


def canonical(tx: TxRow, *, customer: str | None) -> bytes:
    """RFC 8785 JSON of the columns of `audit_tx` without `hash` and `created_at`, and of the rows of `audit_entry`."""
    tx_id = tx.tx_id
    return orjson.dumps(
        {
            "at": _utc(tx.at),
            "customer_id": customer,
            "entries": [
                {
                    "account": account,
                    "amount": amount,
                    "customer_id": customer,
                    "entry_id": f"{tx_id}-{seq:06d}",
                    "lot_id": lot_id,
                    "rule": rule,
                    "tx_id": tx_id,
                    "wallet": wallet,
                }
                for seq, account, wallet, amount, lot_id, rule in tx.entries
            ],
            "idempotency_key": tx.idempotency_key,
            "kind": tx.kind,
            "parent_tx": tx.parent_tx,
            "program": tx.program,
            "receipt": tx.receipt,
            "shop": tx.shop,
            "terminal": tx.terminal,
            "tx_id": tx_id,
            "version": tx.version,
        }  # Members are written in the order of their names already.
    )


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")[:-6] + "Z"


class LinksAudit:
    """Follows one customer's chain; `version`, `head` and `posted_at` are those of the last posting."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self.version = 0
        self.head = GENESIS
        self.posted_at: datetime | None = None

    def post(self, tx: TxRow) -> None:
        notes = self._notes
        before = GENESIS if notes.customer is None else self.head
        expected = sha256(before + canonical(tx, customer=notes.customer)).digest()
        if expected != tx.hash:
            notes.add(Check.TX_HASH, tx.tx_id, expected=expected.hex(), found=tx.hash.hex())
        if notes.customer is None:
            return
        if tx.version != self.version + 1:
            notes.add(Check.TX_VERSION, tx.tx_id, expected=self.version + 1, found=tx.version)
        if self.posted_at is not None and tx.created_at < self.posted_at:
            notes.add(Check.TX_TIME, tx.tx_id, expected=f"{self.posted_at} or later", found=tx.created_at)
        self.version = tx.version
        self.head = tx.hash
        self.posted_at = tx.created_at
