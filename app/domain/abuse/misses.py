"""The budget of look-up misses: how many wrong guesses a terminal and its shop have left.

Instants are seconds of any one clock. Windows slide, so nothing is gained at midnight.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

BURST_SECONDS = 300.0
DAY_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True)
class MissLimits:
    """Misses of one terminal in five minutes and in a day, and of one shop in a day; 0: no such limit."""

    burst: int
    day: int
    shop_day: int

    @property
    def is_on(self) -> bool:
        return bool(self.burst or self.day or self.shop_day)

    @property
    def most(self) -> int:
        """What a terminal without a miss has left."""
        return min(limit for limit in (self.burst, self.day, self.shop_day) if limit)

    @property
    def kept(self) -> int:
        """So many of the newest misses tell all that the limits ask for, and that one was too many."""
        return max(self.burst, self.day, self.shop_day) + 1


@dataclass(frozen=True, slots=True)
class Room:
    """How many misses are left (below 0: so many too many), and in how many seconds there is one more."""

    left: int
    wait: float


def room(limits: MissLimits, *, own: Sequence[float], shop: Sequence[float], now: float) -> Room:
    """own, shop: instants of the terminal's and of the shop's misses, ascending."""
    rooms = [
        _within(limit, instants, seconds=seconds, now=now)
        for limit, instants, seconds in (
            (limits.burst, own, BURST_SECONDS),
            (limits.day, own, DAY_SECONDS),
            (limits.shop_day, shop, DAY_SECONDS),
        )
        if limit
    ]
    return Room(min(each.left for each in rooms), max(each.wait for each in rooms))


def _within(limit: int, instants: Sequence[float], *, seconds: float, now: float) -> Room:
    count = len(instants) - bisect_right(instants, now - seconds)
    left = limit - count
    return Room(left, 0.0 if left > 0 else max(0.0, instants[-limit] + seconds - now))
