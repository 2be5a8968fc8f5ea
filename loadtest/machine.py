"""What the machine did between two moments: processor time of the benchmark's processes by role, and how much of the
whole machine others used, by which a run is kept or dropped. Read from /proc; where there is none (macOS) it is not
known.

A process belongs to the benchmark if it descends from the process that runs it. Children that have ended count through
whoever waited for them. Others' use is what all processes used, less ours, plus what the machine's host took away
(steal). Interrupts belong to nobody: most of them are our own packets.
"""

from __future__ import annotations

import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from array import array
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from loadtest.results import ROLES, Machine, Role

PROC = Path("/proc")
FLUSHES = 200  # A tenth of a second on a disk that takes half a millisecond.
WAKES = 2_000
MEMORY_BYTES = 64 * 1024 * 1024  # As a worker's objects are spread over; many times what a core keeps to itself.
STEPS = 200_000
_SERVICES = (b"app", b"loadtest.textbook", b"loadtest.sampling")  # As in `python -m app`.
_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Usage:
    """Between two looks. `processor_seconds` by role; `others_share` 0..1 of all cores, None where it isn't known."""

    seconds: float
    processor_seconds: Mapping[Role, float]
    others_share: float | None

    def processor_us(self, answers: int) -> dict[Role, float]:
        """µs of processor time an answer, by role; nothing for no answers."""
        if not answers:
            return {}
        return {role: 1_000_000 * spent / answers for role, spent in self.processor_seconds.items()}


@dataclass(frozen=True, slots=True)
class Look:
    """One moment; ticks since the processes and the machine began. `ours` None: there is no /proc."""

    at: float
    ours: Mapping[Role, int] | None
    busy: int = 0
    stolen: int = 0
    whole: int = 0

    def until(self, later: Look, *, ticks_a_second: int | None = None) -> Usage:
        """What happened from this look to the later one."""
        seconds = later.at - self.at
        if self.ours is None or later.ours is None:
            return Usage(seconds=seconds, processor_seconds={}, others_share=None)
        tick = ticks_a_second or os.sysconf("SC_CLK_TCK")
        spent = {role: max(0, later.ours[role] - self.ours[role]) for role in ROLES}
        others = later.busy - self.busy - sum(spent.values()) + later.stolen - self.stolen
        whole = later.whole - self.whole
        return Usage(
            seconds=seconds,
            processor_seconds={role: ticks / tick for role, ticks in spent.items()},
            others_share=min(1.0, max(0.0, others / whole)) if whole > 0 else 0.0,
        )


@dataclass(frozen=True, slots=True)
class Process:
    """One of /proc: its parent, its ticks with those of children it has waited for, and what it says it is."""

    parent: int
    ticks: int
    name: str
    arguments: tuple[bytes, ...]

    @property
    def role(self) -> Role | None:
        """None: as whoever started it."""
        if self.name.startswith("postgres") or self.arguments[:1] == (b"postgres",):
            return "postgres"
        if self.name.startswith(("valkey", "redis")):
            return "valkey"
        starts = zip(self.arguments, self.arguments[1:], strict=False)
        return "service" if any(flag == b"-m" and module in _SERVICES for flag, module in starts) else None


def look(root: int | None = None, *, proc: Path = PROC) -> Look:
    """Now: this process and all below it, or those of another root. The root itself is a generator of load."""
    at = time.monotonic()
    try:
        busy, stolen, whole = read_machine((proc / "stat").read_text())
    except OSError:
        return Look(at=at, ours=None)
    ours = by_role(read_processes(proc), root=os.getpid() if root is None else root)
    return Look(at=at, ours=ours, busy=busy, stolen=stolen, whole=whole)


def read_machine(text: str) -> tuple[int, int, int]:
    """Of /proc/stat: ticks that processes used, that the host took away, and all there were, over all cores."""
    user, nice, system, idle, waiting, hard, soft, stolen = map(int, text.splitlines()[0].split()[1:9])
    busy = user + nice + system
    return busy, stolen, busy + idle + waiting + hard + soft + stolen


def read_processes(proc: Path) -> dict[int, Process]:
    """Of all processes; those that end meanwhile are left out."""
    found: dict[int, Process] = {}
    for entry in proc.iterdir():
        if not entry.name.isdigit():
            continue
        try:
            stat = (entry / "stat").read_text()
            arguments = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        found[int(entry.name)] = read_process(stat, arguments)
    return found


def read_process(stat: str, arguments: bytes) -> Process:
    """Of a process's `stat` and `cmdline`; its name may hold brackets and spaces."""
    name = stat[stat.index("(") + 1 : stat.rindex(")")]
    fields = stat[stat.rindex(")") + 2 :].split()
    ticks = sum(map(int, fields[11:15]))  # user and system, its own and its ended children's
    return Process(parent=int(fields[1]), ticks=ticks, name=name, arguments=tuple(arguments.split(b"\0")))


def by_role(processes: Mapping[int, Process], *, root: int) -> dict[Role, int]:
    """Ticks of a root and all below it."""
    ticks = dict.fromkeys(ROLES, 0)
    for pid in processes:
        if role := _role_of(pid, processes, root=root):
            ticks[role] += processes[pid].ticks
    return ticks


def _role_of(pid: int, processes: Mapping[int, Process], *, root: int) -> Role | None:
    """The nearest role on the way up to the root; None where the way doesn't lead there."""
    nearest: Role | None = None
    for _ in processes:  # No way is longer; numbers that were given out anew meanwhile could make a circle of one.
        if pid not in processes:
            break
        if pid == root:
            return nearest or "generator"
        nearest = nearest or processes[pid].role
        pid = processes[pid].parent
    return None


def facts(directory: Path, *, postgres: str) -> Machine:
    """What this machine is, and how fast it is just now: its disk below a directory, wakes, memory. Takes a second."""
    return Machine(
        cores=os.cpu_count() or 1,
        model=_model(),
        memory_mib=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // _MIB,
        flush_us=flush_us(directory),
        python=platform.python_version(),
        postgres=postgres,
        wake_us=wake_us(),
        read_ns=read_ns(),
    )


def flush_us(directory: Path) -> float:
    """Median µs of making one block's append durable, as a database does it for its log."""
    took = []
    flush = getattr(os, "fdatasync", os.fsync)
    with tempfile.TemporaryFile(dir=directory, buffering=0) as file:
        for _ in range(FLUSHES):
            file.write(bytes(8192))
            began = time.perf_counter()
            flush(file.fileno())
            took.append(time.perf_counter() - began)
    return 1_000_000 * statistics.median(took)


_ECHO = "import os\nwhile byte := os.read(0, 1): os.write(1, byte)"


def wake_us() -> float | None:
    """Median µs from a byte written until a process that waits for it on another processor has read it; on the same one
    where there is no other, or no way to choose. None where that can't be tried.
    """
    try:
        return 1_000_000 * statistics.median(_round_trips()) / 2
    except OSError:
        return None


def _round_trips() -> list[float]:
    """Seconds each. Raises `OSError`."""
    here, there = _two_processors()
    took = []
    with subprocess.Popen([sys.executable, "-c", _ECHO], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as echo:
        if echo.stdin is None or echo.stdout is None:
            raise RuntimeError("a process without pipes")
        out, back = echo.stdin.fileno(), echo.stdout.fileno()
        with _on(there, process=echo.pid), _on(here):
            for _ in range(WAKES):
                began = time.perf_counter()
                os.write(out, b"?")
                if not os.read(back, 1):
                    raise BrokenPipeError("the other process has ended")
                took.append(time.perf_counter() - began)
    return took


def _two_processors() -> tuple[int | None, int | None]:
    if not hasattr(os, "sched_getaffinity"):
        return None, None
    processors = sorted(os.sched_getaffinity(0))
    return processors[0], processors[-1]


@contextmanager
def _on(processor: int | None, *, process: int = 0) -> Iterator[None]:
    """A process (0: this one) on one processor; None: wherever it was."""
    if processor is None:
        yield
        return
    before = os.sched_getaffinity(process)
    os.sched_setaffinity(process, {processor})
    try:
        yield
    finally:
        os.sched_setaffinity(process, before)


def read_ns() -> float:
    """ns of a step along a chain that goes through memory at random, as objects of a large process lie. No line is read
    twice, so a core has none of it at hand; what cores share may.
    """
    memory = array("Q", bytes(MEMORY_BYTES))
    lines = range(0, len(memory), len(memory) // (STEPS + 1))
    places = random.Random(0).sample(lines, STEPS + 1)
    for place, following in pairwise(places):
        memory[place] = following
    place = places[0]
    began = time.perf_counter()
    for _ in range(STEPS):
        place = memory[place]
    return 1_000_000_000 * (time.perf_counter() - began) / STEPS


def _model() -> str:
    try:
        lines = (PROC / "cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def resident_mib(process: int, *, proc: Path = PROC) -> float:
    """Memory that a process has in use, in MiB."""
    for line in (proc / str(process) / "status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise ValueError(f"process {process} doesn't say what memory it uses")
