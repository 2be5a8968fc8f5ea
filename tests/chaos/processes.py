"""Processes of the service: started, killed, frozen, and started again when they die."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from app.engines.process import child_command

RESTART_SECONDS = 0.2
LOG_TAIL = 2_000


@dataclass(slots=True)
class Process:
    """`python -m tests.chaos.instance COMMAND`; `is_wanted` says that it is started again when it ends."""

    name: str
    command: str
    env: Mapping[str, str]
    log: Path
    plant: str | None = None
    skew: float = 0.0
    is_wanted: bool = True
    starts: int = 0
    _process: subprocess.Popen[bytes] | None = field(default=None)

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def is_missing(self) -> bool:
        return self.is_wanted and not self.is_running

    def start(self) -> None:
        """By the thread that is to outlive it: the kernel ends it with that."""
        words = [sys.executable, "-m", "tests.chaos.instance", self.command]
        if self.plant:
            words += ["--plant", self.plant]
        if self.skew:
            words += [f"--skew={self.skew}"]
        command = child_command(words, directory=Path.cwd(), account=None, death_signal=signal.SIGKILL)
        with self.log.open("ab") as out:
            self._process = subprocess.Popen(
                command,
                env={**os.environ, **self.env},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        self.starts += 1

    def signal(self, number: int) -> None:
        """To all of it."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait(timeout=10)

    def stop(self) -> None:
        """Asked to, then told to."""
        self.is_wanted = False
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        if self._process is not None:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=5)
        self.kill()

    def tail(self) -> str:
        return self.log.read_text(errors="replace")[-LOG_TAIL:] if self.log.exists() else ""


async def keep_running(processes: list[Process]) -> None:
    """Until cancelled: what has died and is wanted is started again."""
    while True:
        for process in processes:
            if process.is_missing:
                await asyncio.sleep(RESTART_SECONDS)
                if process.is_missing:  # Whoever killed it may have wanted it gone meanwhile.
                    process.start()
        await asyncio.sleep(0.05)
