"""What a customer's row remembers, against what the customer's purchases and acts took and left.

Followed as it came about, by version: counters within their period, slips that whole returns left and later draws took
over, and the days and years that tiers look through. What is over may be gone from the row; when exactly depends on the
zone of a program, so a day's grace is given.
"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

import orjson

from app.domain.counters import precedes
from app.domain.ledger.audit.counters import shown
from app.domain.ledger.audit.findings import Check, Notes
from app.domain.ledger.audit.uses import UseRow
from app.domain.ledger.memory import DAYS_KEPT, is_over, path_from_document
from app.domain.program import Window

_AHEAD = timedelta(hours=14)  # Of UTC, where the day begins first.
_KEPT = "kept"


class _Stored(NamedTuple):
    """The row's memory; slips are (day, ticket, choice, kept) by (rule, purchase)."""

    counts: dict[str, tuple[str, int]]
    slips: dict[tuple[str, str], tuple[str, str, str, bool]]
    windows: dict[str, list[int]]


class MemoryAudit:
    """Uses, draws and measures are handed in by version; then `close`."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._counts: dict[str, tuple[str, int]] = {}
        self._left: dict[tuple[str, str], tuple[str, str, str, bool]] = {}
        self._taken: set[tuple[str, str]] = set()
        self._windows: dict[str, list[int]] = {}  # By year or day.

    def use(self, use: UseRow) -> None:
        """One of the customer's counters."""
        period, total = self._counts.get(use.name, (use.period, 0))
        rest = use.amount - use.given_back
        if period == use.period:
            self._counts[use.name] = (period, max(0, total + rest))
        elif use.amount > 0 and not precedes(use.period, period):
            self._counts[use.name] = (use.period, rest)

    def draw(self, tx_id: str, text: str, *, is_all_back: bool) -> None:
        """The draws of a purchase, as they are stored."""
        try:
            for draw in orjson.loads(text):
                rule, prize = draw["rule"], draw["prize"]
                if draw["slip_of"] is not None:
                    self._taken.add((rule, draw["slip_of"]))
                if is_all_back:
                    was_kept = draw["because"] == _KEPT or (draw["keeps"] and prize is not None)
                    self._left[rule, tx_id] = (draw["day"], draw["ticket"], draw["choice"], was_kept)
        except (KeyError, TypeError, ValueError):
            self._notes.add(Check.PURCHASE_DRAWS, tx_id, expected="draws", found="something else")

    def measure(self, window: Window, day: date, *, paid: int, purchases: int, units: int) -> None:
        """What a purchase still counts for in the window of the program that decided it."""
        if window is Window.EVER:
            return
        bucket = self._windows.setdefault(str(day.year) if window is Window.YEAR else day.isoformat(), [0, 0, 0])
        bucket[0] += paid
        bucket[1] += purchases
        bucket[2] += units

    def close(self, text: str, posted_at: datetime) -> None:
        """`text` is the row's memory, `posted_at` the time of the last posting."""
        stored = _read(text)
        if stored is None:
            self._notes.add(Check.CUSTOMER_MEMORY, None, expected="counters, slips, windows", found="something else")
            return
        today = (posted_at + _AHEAD).date()
        for name in self._counts.keys() | stored.counts.keys():
            expected, found = self._counts.get(name), stored.counts.get(name)
            if expected != found and not (found is None and expected and _is_gone(expected, today)):
                said = shown(name, *expected) if expected else f"{name}: none"
                self._notes.add(
                    Check.CUSTOMER_COUNTER, None, expected=said, found=shown("", *found) if found else "none"
                )
        left = {key: slip for key, slip in self._left.items() if key not in self._taken}
        _compare(self._notes, Check.CUSTOMER_SLIPS, left, stored.slips)
        windows = {key: sums for key, sums in self._windows.items() if key in stored.windows or _is_kept(key, today)}
        _compare(self._notes, Check.CUSTOMER_WINDOW, _without_zeros(windows), _without_zeros(stored.windows))


def _read(text: str) -> _Stored | None:
    if text == "{}":
        return _Stored({}, {}, {})
    try:
        memory = orjson.loads(text)
        stored = _Stored(
            counts={name: (period, used) for name, (period, used) in memory.get("counts", {}).items()},
            slips={
                (rule, purchase): (day, ticket, choice, kept)
                for rule, slips in memory.get("slips", {}).items()
                for purchase, day, ticket, choice, _, kept, _ in slips
            },
            windows={**memory.get("years", {}), **memory.get("days", {})},
        )
        if until := memory.get("tier_until"):
            datetime.fromisoformat(until)
        path_from_document(memory.get("tier_path", ()))
    except (AttributeError, TypeError, ValueError):
        return None
    return stored


def _is_gone(count: tuple[str, int], today: date) -> bool:
    period, used = count
    return not used or is_over(period, today)


def _is_kept(window: str, today: date) -> bool:
    """Whether a year or a day is sure to be remembered yet."""
    if len(window) == 4:
        return int(window) >= today.year - 1
    return window > (today - timedelta(days=DAYS_KEPT - 1)).isoformat()


def _without_zeros(windows: Mapping[str, list[int]]) -> dict[str, list[int]]:
    return {key: sums for key, sums in windows.items() if any(sums)}


def _compare(notes: Notes, check: Check, expected: Mapping[Any, Any], found: Mapping[Any, Any]) -> None:
    for key in expected.keys() | found.keys():
        one, other = expected.get(key), found.get(key)
        if one != other:
            name = key if isinstance(key, str) else " ".join(key)
            notes.add(check, None, expected=f"{name}: {one or 'none'}", found=other or "none")
