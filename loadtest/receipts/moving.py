"""Moves a file's days so that its last receipt is from today, and writes times with the shop's zone.

Whole days only: a receipt of 12:26 stays one of 12:26 on the shop's clock, on either side of a change to summer time.
When the last receipt's hour hasn't come yet today, it becomes yesterday's: the API takes no time that lies ahead.
A local time that a change skipped (01:30 on that night in London) is the same instant counted on, 02:30; one that comes
twice is the first of the two.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Moving:
    """How local times of a file become instants."""

    zone: ZoneInfo
    days: int

    def instant(self, at: datetime) -> datetime:
        """The instant of a local time of the file, after moving, in the shop's zone."""
        if at.tzinfo is not None:
            raise ValueError(f"a local time has no zone: {at.isoformat()}")
        moved = (at + timedelta(days=self.days)).replace(tzinfo=self.zone)
        return moved.astimezone(UTC).astimezone(self.zone)

    def text(self, at: datetime) -> str:
        """RFC 3339 with offset, to the second."""
        return self.instant(at).isoformat(timespec="seconds")


def moving_to_today(last: datetime, *, zone: ZoneInfo, now: datetime) -> Moving:
    """The moving that brings `last` (local, without zone) to the day of `now` (an instant), or to the day before it."""
    today = now.astimezone(zone).date()
    moving = Moving(zone=zone, days=(today - last.date()).days)
    return moving if moving.instant(last) <= now else Moving(zone=zone, days=moving.days - 1)
