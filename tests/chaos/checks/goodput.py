"""How soon it was well again: after a crowd, after a database that stood still, after a customer was locked."""

from bisect import bisect_left

from tests.chaos.checks import Evidence, Violation, check
from tests.chaos.faults.locks import FREE
from tests.chaos.schedule import QUIET_KINDS

BACK_SECONDS_MAX = 3.0
FREE_SECONDS_MAX = 6.0
SHARE = 0.8  # Of the rate before: a second's count of a few hundred calls, on a machine that others use too.
BEFORE_SECONDS, STEP_SECONDS, WINDOW_SECONDS, LOOK_SECONDS = 4.0, 0.1, 1.0, 10.0
RATE_MIN = 20.0  # Below it a second says nothing.
BACK = "goodput back after"


@check("goodput is back in 3 seconds")
async def back(evidence: Evidence) -> list[Violation]:
    found: list[Violation] = []
    for strike in evidence.strikes:
        if strike.kind not in QUIET_KINDS:
            continue
        before = _rate(evidence.journal.good_at, strike.began - BEFORE_SECONDS, strike.began)
        if before < RATE_MIN:
            continue
        steps = (strike.ended + step * STEP_SECONDS for step in range(int(LOOK_SECONDS / STEP_SECONDS)))
        when = next(
            (at for at in steps if _rate(evidence.journal.good_at, at, at + WINDOW_SECONDS) >= SHARE * before), None
        )
        strike.seconds["calls a second before"] = before
        strike.seconds[BACK] = LOOK_SECONDS if when is None else when - strike.ended
        if strike.seconds[BACK] > BACK_SECONDS_MAX:
            found.append(
                Violation(f"after {strike.kind}: {strike.seconds[BACK]:.1f} s to {SHARE:.0%} of {before:.0f}/s")
            )
    return found


def _rate(good_at: list[float], start: float, end: float) -> float:
    return (bisect_left(good_at, end) - bisect_left(good_at, start)) / (end - start)


@check("a locked customer is free in 6 seconds")
async def free(evidence: Evidence) -> list[Violation]:
    took = [strike.seconds[FREE] for strike in evidence.strikes if FREE in strike.seconds]
    return [Violation(f"free after {seconds:.1f} s") for seconds in took if seconds > FREE_SECONDS_MAX]


@check("writes are back in 3 seconds")
async def writes(evidence: Evidence) -> list[Violation]:
    """After each accident, once what it broke is there again: the first write that is done."""
    done = sorted(
        attempt.ended
        for op in evidence.journal.writes()
        for attempt in op.attempts
        if attempt.is_good and not attempt.is_replay and not attempt.is_late
    )
    found: list[Violation] = []
    worst = 0.0
    for strike in evidence.strikes:
        place = bisect_left(done, strike.ended)
        if place == len(done):
            continue
        waited = done[place] - strike.ended
        worst = max(worst, waited)
        if waited > BACK_SECONDS_MAX:
            found.append(Violation(f"after {strike.kind}: {waited:.1f} s"))
    evidence.notes["writes are back in 3 seconds"] = f"{worst:.2f} s at most"
    return found
