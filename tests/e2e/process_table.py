"""The machine's processes: of Linux from /proc, since slim images have no `ps`; elsewhere as `ps` tells them."""

import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
# In /proc/PID/stat, behind the name in brackets (it may hold spaces): state, parent … and the niceness.
STATE, PARENT, NICE = 0, 1, 16


@dataclass(frozen=True, slots=True)
class Process:
    pid: int
    parent: int
    nice: int
    is_zombie: bool
    command: str


def processes() -> list[Process]:
    return list(_of_proc() if (PROC / "self" / "stat").exists() else _of_ps())


def _of_proc() -> Iterator[Process]:
    for folder in PROC.iterdir():
        if folder.name.isdigit():
            with suppress(OSError):  # It has ended meanwhile.
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                yield Process(int(folder.name), int(fields[PARENT]), int(fields[NICE]), fields[STATE] == "Z", command)


def _of_ps() -> Iterator[Process]:
    command = ["ps", "-A", "-ww", "-o", "pid=,ppid=,ni=,stat=,args="]
    for row in subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines():
        pid, parent, nice, state, *words = row.split(None, 4)
        yield Process(int(pid), int(parent), int(nice), state.startswith("Z"), "".join(words))


def alive(*pids: int) -> list[Process]:
    return [each for each in processes() if each.pid in pids and not each.is_zombie]
