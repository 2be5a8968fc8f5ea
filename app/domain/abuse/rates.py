"""A bucket of tokens, kept as one instant: when the bucket would be full again (the virtual scheduling algorithm).

Instants are seconds of any one clock.
"""

from dataclasses import dataclass

BURST_SECONDS = 5.0  # So many seconds' worth may come at once: a till that reconnects sends what has waited.

TICK = 1e-6  # What sums of seconds are off by is no reason to wait.


@dataclass(frozen=True, slots=True)
class Rate:
    """per_second: at least 1."""

    per_second: int

    def take(self, full_at: float, now: float) -> tuple[float, float]:
        """The bucket's new instant, and how many seconds to wait: 0 where there was a token. What is refused takes
        nothing.
        """
        start = max(full_at, now)
        wait = start + 1 / self.per_second - now - BURST_SECONDS
        return (full_at, wait) if wait > TICK else (start + 1 / self.per_second, 0.0)
