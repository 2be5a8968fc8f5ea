"""The program's counters against what all purchases and acts took of them.

Purchases come by customer and not by time, so each counter is summed within the latest period of its kind: earlier ones
are over, and nobody gives anything back to them. Memory is one sum a counter, however many purchases there are.
"""

from collections.abc import Iterable

from app.domain.counters import precedes
from app.domain.ledger.audit.findings import Check, Finding
from app.domain.ledger.audit.rows import CounterRow
from app.domain.ledger.audit.uses import UseRow

_NONE = ("", 0)


class CountersAudit:
    """Uses are handed in in any order; then `close`. `rows` are the counters as they are stored."""

    def __init__(self, rows: Iterable[CounterRow]) -> None:
        self._rows = {name: (period, used) for name, period, used in rows}
        # By name, then by kind of period: a rule's period may be another one in a later version.
        self._sums: dict[str, dict[str, tuple[str, int]]] = {}

    def add(self, use: UseRow) -> None:
        kind, kinds = _kind_of(use.period), self._sums.setdefault(use.name, {})
        period, total = kinds.get(kind, (use.period, 0))
        if precedes(use.period, period) or not use.amount:  # What takes nothing begins no period.
            return
        kinds[kind] = (use.period, (total if use.period == period else 0) + use.amount - use.given_back)

    def close(self) -> list[Finding]:
        found = []
        for name in self._rows.keys() | self._sums.keys():
            stored, kinds = self._rows.get(name, _NONE), self._sums.get(name, {})
            if stored == _NONE:
                expected = max(kinds.values(), key=lambda each: each[1], default=_NONE)
            else:
                expected = kinds.get(_kind_of(stored[0]), (stored[0], 0))
            if not stored[1] and precedes(expected[0], stored[0]):
                continue  # Holds of a later period have begun it, and given all of it back: no purchase tells of them.
            if expected != stored and (expected[1] or stored[1]):
                found.append(
                    Finding(
                        Check.PROGRAM_COUNTER, None, None, expected=shown(name, *expected), found=shown("", *stored)
                    )
                )
        return sorted(found, key=lambda finding: finding.expected)


def shown(name: str, period: str, used: int) -> str:
    """`rule/x/budget: 5 in 2026-11`."""
    return (f"{name}: " if name else "") + f"{used}" + (f" in {period}" if period else "")


def _kind_of(period: str) -> str:
    return "number" if period.isdigit() else str(len(period))
