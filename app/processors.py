"""Which processors a process may run on.

Where there are as many workers as processors, each worker stays on one. The kernel, which moves what sleeps and wakes a
thousand times a second as it thinks best, had two of them on one of two processors often enough: at half of what the
service can, ten pairs of runs, half of all purchases were answered in 7 ms instead of 9, and 99 of 100 in 24 instead of
39. With fewer workers there is room to move them to, and with more there is nothing to gain.

What a worker starts inherits its processor, and what calculates for long mustn't stay there: threads of its pool and
processes beside it run anywhere again (`run_anywhere`).

A server's process that works for one worker alone, and only while the worker waits for it, stays there too
(`keep_here`). Each of its answers wakes the worker, and on a virtual machine it takes 35 µs to wake what is on another
processor: a round trip over a pair of sockets takes 4 µs on one processor and 70 between two. Where PostgreSQL's
processes for small rounds stay beside their workers, at 900 purchases a second, eight pairs of runs, half of all
purchases were answered in 9.4 ms instead of 10.7, and 99 of 100 in 28 instead of 29; at full load nothing changed. Each
on the other worker's processor, half of all took 16 ms. What works on while its worker does something else, such as a
report, would be in its way there, and runs anywhere.

The price: what stays can't make way. With a stranger on half of one processor, five pairs, half of all were answered in
14.7 ms instead of 15.9, but 99 of 100 in 70 instead of 47. `PIN_WORKERS=false` lets all move.
"""

import contextlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

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


def keep_here(pid: int, *, parent: int) -> None:
    """Another process stays on the processor that this thread stays on, if `pid` is a child of `parent`. Nothing where
    this thread may run on several, where the service's workers stay nowhere, or where we may not move that process.

    Both are what a server's socket and the server itself say, which needn't be on this machine or may count processes
    otherwise, as in a container: `parent` is 0 then, or `pid` somebody else's number here.
    """
    if sys.platform != "linux" or parent < 1 or _OURS not in os.environ:
        return
    if len(beside := os.sched_getaffinity(0)) > 1:
        return
    with contextlib.suppress(OSError):
        status = Path(f"/proc/{pid}/status").read_bytes()  # A name with a line's end in it is written without.
        # The second has one number for each namespace: whose own number is another than ours has two.
        if b"\nPPid:\t%d\n" % parent in status and b"\nNSpid:\t%d\n" % pid in status:
            os.sched_setaffinity(pid, beside)


def here() -> int:
    """How many processors this thread may run on."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
