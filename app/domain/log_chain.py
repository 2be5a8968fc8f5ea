"""The hash over each row of the audit log, chained by the process that wrote it, as postings are by customer.

`hash_0 = SHA-256("kopilka audit log" LF instance)`, `hash_n = SHA-256(hash_{n-1} ∥ canonical form of row n)`. The
canonical form is RFC 8785 JSON of the row's columns without `instance` and `hash`; for what stands here (ASCII keys,
integers below 2^53, strings, true and false) that is what orjson writes with its keys sorted.
"""

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from uuid import UUID

import orjson

from app.domain.ledger.chain import utc_microseconds


def anchor(instance: str) -> bytes:
    """What a chain's first row follows."""
    return sha256(f"kopilka audit log\n{instance}".encode()).digest()


def link(
    previous: bytes,
    *,
    seq: int,
    row_id: UUID,
    at: datetime,
    texts: Mapping[str, str],
    details: Mapping[str, str | int | bool],
) -> bytes:
    """The hash of the row after the one whose hash is `previous`; `texts` are its columns of text by their names."""
    columns = {**texts, "seq": seq, "id": str(row_id), "at": utc_microseconds(at), "details": dict(details)}
    return sha256(previous + orjson.dumps(columns, option=orjson.OPT_SORT_KEYS)).digest()


def row_id_at(moment: datetime, luck: int) -> UUID:
    """A UUIDv7 whose order is that of the moments, to the microsecond; `luck` are 62 random bits."""
    seconds = int(moment.timestamp())
    milliseconds = seconds * 1_000 + moment.microsecond // 1_000
    fraction = moment.microsecond % 1_000 * 4  # Of the 4,096 that fit; each microsecond has one of its own.
    return UUID(int=milliseconds << 80 | 0x7 << 76 | fraction << 64 | 0b10 << 62 | luck & (2**62 - 1))


def first_id_at(moment: datetime) -> UUID:
    """The least id of that moment: what is older has lower ones."""
    return UUID(int=row_id_at(moment, 0).int & ~(0b11 << 62))
