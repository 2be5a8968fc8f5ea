"""Which processors a process may run on.

Where there are as many workers as processors, each worker stays on one. The kernel, which moves what sleeps and wakes a
thousand times a second as it thinks best, had two of them on one of two processors often enough: at half of what the
service can, ten pairs of runs, half of all purchases were answered in 7 ms instead of 9, and 99 of 100 in 24 instead of
39. With fewer workers there is room to move them to, and with more there is nothing to gain.

What a worker starts inherits its processor, and what calculates for long mustn't stay there: threads of its pool and
processes beside it run anywhere again (`run_anywhere`).
"""

import contextlib
import os
import sys
from collections.abc import Sequence

_OURS = "KOPILKA_PROCESSORS"  # Those of the whole service, in a worker that stays on one.


def for_each(workers: int) -> list[int]:
    """A processor for each of so many workers; none where they may run on any."""
    if workers == 1 or sys.platform != "linux":
        return []
    ours = sorted(os.sched_getaffinity(0))
    return ours if len(ours) == workers else []


def tell_children(processors: Sequence[int]) -> None:
    """What workers started from now on know the whole service's processors by."""
    if processors:
        os.environ[_OURS] = ",".join(map(str, processors))
    else:
        os.environ.pop(_OURS, None)


def keep_on(pid: int, processor: int) -> None:
    """A process that has no threads yet stays there, with all that it starts. Nothing where it has ended, or where the
    processor is no longer ours.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.sched_setaffinity(pid, {processor})


def run_anywhere() -> None:
    """This thread, with all that it starts, may run on all processors of the service."""
    if sys.platform == "linux" and (told := os.environ.get(_OURS)):
        with contextlib.suppress(OSError):
            os.sched_setaffinity(0, {int(processor) for processor in told.split(",")})


def here() -> int:
    """How many processors this thread may run on."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
