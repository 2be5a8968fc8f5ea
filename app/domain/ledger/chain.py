"""The hash over each posting, chained by customer: changing, removing or inserting one breaks every later link.

`hash_n = SHA-256(hash_{n-1} ∥ canonical form of transaction n)`. The canonical form is RFC 8785 JSON; for what stands
here (ASCII keys, integers below 2^53, strings) that is exactly what orjson writes with sorted keys, and a test holds it
against the reference library.
"""

from datetime import UTC, datetime
from hashlib import sha256

import orjson

from app.domain.identifiers import NOBODY
from app.domain.ledger.postings import Posting, entry_id


def utc_microseconds(moment: datetime) -> str:
    """`2026-11-21T09:00:00.000000Z`."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")[:-6] + "Z"


def canonical(posting: Posting) -> bytes:
    """The columns of `audit_tx` without `hash` and `created_at`, and the rows of `audit_entry` in their order."""
    tx_id = str(posting.tx_id)
    customer_id = None if posting.customer_id == NOBODY else str(posting.customer_id)
    origin = posting.origin
    return orjson.dumps(
        {
            "tx_id": tx_id,
            "kind": posting.kind,
            "idempotency_key": origin.idempotency_key,
            "shop": origin.shop,
            "terminal": origin.terminal,
            "receipt": origin.receipt,
            "customer_id": customer_id,
            "version": posting.version,
            "parent_tx": str(posting.parent_tx) if posting.parent_tx else None,
            "program": origin.program,
            "at": utc_microseconds(posting.at),
            "entries": [
                {
                    "entry_id": entry_id(posting.tx_id, seq),
                    "tx_id": tx_id,
                    "account": entry.account,
                    "customer_id": customer_id,
                    "wallet": entry.wallet,
                    "amount": entry.amount,
                    "lot_id": str(entry.lot_id) if entry.lot_id else None,
                    "rule": entry.rule,
                }
                for seq, entry in enumerate(posting.entries, start=1)
            ],
        },
        option=orjson.OPT_SORT_KEYS,
    )


def next_hash(head: bytes, posting: Posting) -> bytes:
    return sha256(head + canonical(posting)).digest()
