"""`make chaos`: SEED=…, SECONDS=… of load, OPS=… at least, PLANTS=1 for the planted bugs; exit code 0 clean, 1 broken,
2 not measured.
"""

import asyncio
import os
import random
import signal
import sys
from collections.abc import Coroutine
from typing import Any, TypeVar

from tests.chaos import planted
from tests.chaos.plan import full
from tests.chaos.report import report
from tests.chaos.run import run

T = TypeVar("T")


def main() -> int:
    seed = int(os.environ.get("SEED") or random.SystemRandom().randrange(1, 10**6))
    say(f"seed {seed}")
    if os.environ.get("PLANTS"):
        return asyncio.run(_stoppable(planted.run_all(seed, names=os.environ["PLANTS"], say=say)))
    seconds, ops = float(os.environ.get("SECONDS") or 215), int(os.environ.get("OPS") or 25_000)
    outcome = asyncio.run(_stoppable(run(full(seed, seconds=seconds, ops=ops), say=say)))
    for line in report(outcome):
        say(line)
    if not outcome.is_clean:
        return 1
    return 0 if outcome.is_measured else 2


async def _stoppable(work: Coroutine[Any, Any, T]) -> T:
    """Asked to end, it ends as by Ctrl-C: with everything that was started, and with the disks taken away."""
    task = asyncio.ensure_future(work)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await task


def say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - the report is for people


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.exit(130)
