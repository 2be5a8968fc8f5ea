"""How long whoever comes now would wait, and who is sent away at once because of it.

Requests are answered about in the order in which they came. So what the longest waiting ones have waited is what a new
one has before it; beyond `WAIT_SECONDS_MAX`, or beyond the till's own patience, a "no" at once is worth more than an
answer that comes when the customer has left. It costs a tenth of an answer (no key, no body, no statement), so that a
flood leaves the processor to those who were let in, and the queue is as long after a flood as `WAIT_SECONDS_MAX` is.
The same holds while the database says nothing: after a second nobody new begins to wait for it.

No rate is set or learned: it follows from the waiting itself, whatever the machine. So it counts only who waits for us:
not who is still sending a body or slowly taking an answer, whom a caller could make as many as it likes; nor calls that
take seconds by their nature (`Operation.is_long`), whose waiting says nothing of a till's.
"""

from itertools import islice

from app.domain.rejections import Rejected, Rejection

WAIT_SECONDS_MAX = 1.0  # A till's cashier takes that for an answer; half of what a queued write may wait in all.
# So few are no crowd, whatever they wait for: their connections are all that they take.
CROWD_MIN = 64
# A few slow requests (a huge basket, a prize draw) say nothing of the others' wait.
SLOW_ONES = 8


class Crowd:
    """The requests that are being answered, in the order in which they came. Times are the event loop's seconds."""

    def __init__(self) -> None:
        self._arrived: dict[object, float] = {}

    def enter(self, request: object, *, now: float) -> float:
        """Let it in; returns the seconds that it will wait, as far as one can tell.

        Raises:
            Rejected: `overloaded`.
        """
        ahead = 0.0
        if len(self._arrived) >= CROWD_MIN:
            ahead = now - next(islice(self._arrived.values(), SLOW_ONES, None))
            if ahead > WAIT_SECONDS_MAX:
                retry = {"retry_after_ms": int(ahead * 1_000)}
                raise Rejected(Rejection.OVERLOADED, "Too many requests are waiting.", facts=retry)
        self._arrived[request] = now
        return ahead

    def come_back(self, request: object, *, now: float) -> None:
        """One that was let in before is waiting for us again."""
        self._arrived[request] = now

    def leave(self, request: object) -> None:
        """Nothing where it was not let in, or waits for somebody else."""
        self._arrived.pop(request, None)
