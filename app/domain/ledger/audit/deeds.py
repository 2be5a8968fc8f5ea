"""The audit log's chains: that rows are numbered, follow from one another, and end no earlier than others have seen.

The canonical form is built anew here by the standard library, from the columns as they stand.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import NamedTuple

from app.domain.ledger.audit.findings import Check, Finding

_HEAD = re.compile("([1-9][0-9]{0,17}) ([0-9a-f]{64})")
_SEQ_MAX = 2**53 - 1
_TEXT_LENGTH_MAX = 200


class DeedRow(NamedTuple):
    """A row of the log; `details` is its JSON."""

    instance: str
    seq: int
    id: str
    at: datetime
    actor_kind: str
    actor: str
    action: str
    object: str
    outcome: str
    ip: str
    request_id: str
    details: str
    hash: bytes


class KeptHead(NamedTuple):
    """The last row of a chain as `by` saw it once."""

    instance: str
    seq: int
    hash: bytes
    by: str


def heads_named(by: str, details: str) -> Iterator[KeptHead]:
    """The heads that a row names. What is no head in it the service hasn't written: the row's hash tells."""
    for instance, told in _read(details).items():
        if match := _HEAD.fullmatch(str(told)):
            yield KeptHead(instance, int(match[1]), bytes.fromhex(match[2]), by)


class DeedsAudit:
    """Rows are handed in by chain and place; `heads` are all that anybody has kept."""

    def __init__(self, heads: Iterable[KeptHead]) -> None:
        self._heads: dict[tuple[str, int], list[KeptHead]] = {}
        for head in heads:
            self._heads.setdefault((head.instance, head.seq), []).append(head)
        self._before: DeedRow | None = None

    def row(self, row: DeedRow) -> Iterator[Finding]:
        before = self._before if self._before is not None and self._before.instance == row.instance else None
        self._before = row
        place = before.seq + 1 if before else 1
        if row.seq != place:
            yield _finding(Check.LOG_PLACE, row, expected=f"place {place}", found=f"place {row.seq}")
        else:
            # From the stored hash before it: one changed row is one finding, and not one for each later row. Behind a
            # gap nothing can be said of it.
            previous = before.hash if before else sha256(f"kopilka audit log\n{row.instance}".encode()).digest()
            expected = sha256(previous + _canonical(row)).digest()
            if row.hash != expected:
                yield _finding(Check.LOG_HASH, row, expected=expected.hex(), found=row.hash.hex())
        if not _is_formed(row):
            yield _finding(Check.LOG_FORM, row, expected="a row as the service writes", found="another")
        if before and row.at <= before.at:
            yield _finding(Check.LOG_TIME, row, expected=f"later than {before.at}", found=row.at)
        for head in self._heads.pop((row.instance, row.seq), ()):
            if head.hash != row.hash:
                yield _finding(Check.LOG_HEAD, row, expected=f"{head.hash.hex()} ({head.by})", found=row.hash.hex())

    def close(self) -> Iterator[Finding]:
        """Heads that stand in no chain."""
        for (instance, seq), heads in sorted(self._heads.items()):
            for head in heads[:1]:  # Each hour's row may name it.
                expected = f"{head.hash.hex()} ({head.by})"
                yield Finding(Check.LOG_HEAD, None, f"{instance}/{seq}", expected=expected, found="no such row")


def _canonical(row: DeedRow) -> bytes:
    columns: Mapping[str, object] = {
        "action": row.action,
        "actor": row.actor,
        "actor_kind": row.actor_kind,
        "at": row.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "details": _read(row.details),
        "id": row.id,
        "ip": row.ip,
        "object": row.object,
        "outcome": row.outcome,
        "request_id": row.request_id,
        "seq": row.seq,
    }
    return json.dumps(columns, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _is_formed(row: DeedRow) -> bool:
    """Whether any process of ours could have written it."""
    details = _read(row.details)
    texts = (row.instance, row.actor, row.action, row.object, row.ip, row.request_id, *details, *details.values())
    return row.seq <= _SEQ_MAX and (bool(details) or row.details == "{}") and all(map(_is_plain, texts))


def _is_plain(value: object) -> bool:
    if isinstance(value, str):
        return len(value) <= _TEXT_LENGTH_MAX and value.isprintable()
    return isinstance(value, int) and abs(value) <= _SEQ_MAX


def _read(details: str) -> dict[str, object]:
    """Nothing where it can't be read: nested too deeply, or with numbers of thousands of digits."""
    try:
        told: dict[str, object] = json.loads(details)
    except (ValueError, RecursionError):
        return {}
    return told


def _finding(check: Check, row: DeedRow, *, expected: object, found: object) -> Finding:
    return Finding(check, None, f"{row.instance}/{row.seq}", expected=str(expected), found=str(found))
