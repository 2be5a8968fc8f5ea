"""`python -m app jobs` in a process of its own, for tests."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import orjson

from tests.kit import Stage

STOP_SECONDS_MAX = 10.0  # What the process that keeps it alive gives it.


@dataclass(frozen=True, slots=True)
class JobsAtWork:
    process: subprocess.Popen[bytes]
    log: Path

    def stop(self) -> int:
        """Asks it to end; the exit code. Raises `subprocess.TimeoutExpired` where it takes too long."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=STOP_SECONDS_MAX)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(timeout=10)

    def lines(self, event: str) -> list[dict[str, object]]:
        """Its log lines of one kind."""
        lines = [orjson.loads(line) for line in self.log.read_bytes().splitlines() if line.startswith(b"{")]
        return [line for line in lines if line["event"] == event]


@contextmanager
def jobs_of(stage: Stage, *, name: str = "jobs", **env: str) -> Iterator[JobsAtWork]:
    """The process, started; gone at the end."""
    log = stage.data_dir / f"{name}.log"
    environment = {
        **os.environ,
        "DATABASE_URL": stage.database_url,
        "DATABASE_OWNER_URL": stage.owner_url,
        "REDIS_URL": stage.redis_url,
        "DATA_DIR": str(stage.data_dir),
        "LOG_FORMAT": "json",
        **env,
    }
    with log.open("ab") as out:
        process = subprocess.Popen([sys.executable, "-m", "app", "jobs"], env=environment, stdout=out, stderr=out)
    jobs = JobsAtWork(process, log)
    try:
        yield jobs
    finally:
        if process.poll() is None:
            jobs.kill()


async def until(holds: Callable[[], Awaitable[bool]], *, what: str, seconds: float = 30.0) -> float:
    """How long it took to come true."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    while not await holds():
        assert loop.time() < began + seconds, f"never came true: {what}"
        await asyncio.sleep(0.1)
    return loop.time() - began
