"""The background jobs as a process: running them, and keeping that process alive beside the service."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from app.config import Settings
from app.engines import engines_for
from app.engines.process import child_command, end
from app.keyring import open_keyring
from app.stopping import stopped_by_signal
from app.weak_secrets import check_secrets

# Tills come first: where all cores are busy a job gets a tenth of what a worker gets. With the self-audit's slices it
# took two busy cores from 2,280 purchases a second to 2,760 (128 tills, medians of three pairs of runs).
NICE = 10
# A job in progress is finished or rolled back in this time; it is safe to run again.
STOP_STEPS = ((signal.SIGTERM, 10.0), (signal.SIGKILL, 5.0))
RESTART_PAUSES = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
# A process that was asked to end has most likely got the signal that the whole group got: the service is about to stop
# too, as soon as its last requests are answered.
ASKED_CODES = frozenset({0, -signal.SIGTERM, -signal.SIGINT, 128 + signal.SIGINT})
ASKED_SECONDS = 12.0
# A process that ran this long had nothing to do with how it started.
STEADY_SECONDS = 60.0


def run_jobs(settings: Settings, *, say: Callable[[str], None]) -> None:
    """Runs the jobs in this process until SIGTERM or SIGINT, which end its start cleanly too."""
    import uvloop  # Not above: whoever only keeps the process alive has no loop.

    from app.schema import check_durability, prepare_schema

    check_secrets(settings, say=say)
    os.nice(NICE)
    with stopped_by_signal(), engines_for(settings, say=say, lasting=True) as addresses:
        prepare_schema(addresses, say=say)
        check_durability(addresses, allow_unsafe=settings.allow_unsafe_database)
        keyring = open_keyring(settings.secrets_path, data_dir=settings.data_dir)

        async def until_stopped() -> None:
            from app import jobs

            running = asyncio.ensure_future(jobs.run(settings, keyring, addresses.database_url, addresses.redis_url))
            loop = asyncio.get_running_loop()
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, running.cancel)
            with contextlib.suppress(asyncio.CancelledError):
                await running

        uvloop.run(until_stopped())  # The loop that the service runs on.


@contextmanager
def jobs_beside(*, say: Callable[[str], None]) -> Iterator[None]:
    """A process `jobs` of our own group, with our environment, for as long as the block lasts."""
    keeper = _JobsKeeper(say=say)
    keeper.start()
    try:
        yield
    finally:
        keeper.stop()


class _JobsKeeper(threading.Thread):
    """Starts the process, and again when it dies. The kernel ends a child with the thread that started it, this one."""

    def __init__(self, *, say: Callable[[str], None]) -> None:
        super().__init__(name="jobs", daemon=True)
        self._say = say
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Returns when the process has ended."""
        self._stopping.set()
        self.join()

    def run(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            started = time.monotonic()
            command = child_command(
                [sys.executable, "-m", "app", "jobs"], directory=Path.cwd(), account=None, death_signal=signal.SIGTERM
            )
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, env=os.environ)
            while process.poll() is None and not self._stopping.wait(0.2):
                pass
            if self._stopping.is_set():
                end(process, STOP_STEPS)
                return
            if process.returncode in ASKED_CODES and self._stopping.wait(ASKED_SECONDS):
                return
            failures = 0 if time.monotonic() - started > STEADY_SECONDS else failures + 1
            pause = RESTART_PAUSES[min(failures, len(RESTART_PAUSES) - 1)]
            self._say(f"the jobs' process has ended ({process.returncode}); it starts again in {pause:.0f} s")
            self._stopping.wait(pause)
