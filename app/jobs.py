"""The background jobs' process: duties that are due again and again, shared with every other such process.

Nothing that a till is told depends on them: balances count activation, expiry and the end of holds at their instant,
and a default partition takes what no month takes. Each is safe to run twice and in two places.

A duty that fails says so once, by its name and the type of its error, and is tried again after a pause; so is the
database when it is away. A stop cancels what is under way, which the database rolls back.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from app.background import Background, open_background
from app.config import Settings
from app.draw_check import as_check
from app.flows.failures import Conflict, DatabaseBusy, DatabaseGone
from app.keyring import Keyring
from app.storage.timetable import Timed, Timetable
from app.vault import KeyringVault

PAUSES = (0.5, 1.0, 2.0, 5.0)
# A duty may hang on what nobody foresaw; every one that works ends in a fraction of this.
DUTY_SECONDS_MAX = 600.0
STOP_SECONDS_MAX = 6.0  # Of the ten that the process is given; then it ends all the same.
NOTE_SECONDS = 5.0  # How old the note that a duty ended well may be, so that one due every second isn't a write each.
# One turn of a duty that works in batches; what is left is done in its next one, maybe by another process.
BATCHES_MAX = 100
TIMETABLE = "timetable"  # What is said to have failed where the duties can't even be looked for.

_log = structlog.get_logger("app.jobs")


@dataclass(frozen=True, slots=True)
class Duty:
    """`when` is a cron expression in UTC whose sixth field is seconds; `run` says how much it did."""

    name: str
    when: str
    run: Callable[[], Awaitable[int | None]]


def duties(background: Background) -> tuple[Duty, ...]:
    """Everything that is done in the background, and how often it is looked for."""
    return (
        Duty("relay", "* * * * * *", background.relay.run_once),
        Duty("sweep", "* * * * * */5", lambda: _in_batches(background.sweep.run_once)),
        Duty("watch_tills", "* * * * * */5", background.tills.run_once),
        Duty("tidy_erasures", "* * * * * */5", lambda: _in_batches(background.erasures.run_once)),
        # It rests by itself, ten times as long as it has worked.
        Duty("self_audit", "* * * * * */2", lambda: _unsaid(background.audit.run_once)),
        Duty("roots", "* * * * *", background.roots.close_days),
        Duty("forget", "* * * * *", lambda: _in_batches(background.housekeeping.forget_old)),
        Duty("partitions", "17 * * * *", background.housekeeping.ensure_partitions),
        Duty("queue", "27 * * * *", lambda: background.queue.tidy(known=[each.name for each in duties(background)])),
    )


async def run(settings: Settings, keyring: Keyring, database_url: str, redis_url: str | None) -> None:
    """Run until cancelled; a database that is away is waited for. Raises UnsafeDatabase."""
    told = Told()
    while True:
        try:
            async with open_background(
                settings,
                keyring,
                database_url=database_url,
                redis_url=redis_url,
                check_draws=as_check(database_url, KeyringVault(keyring)),
            ) as background:
                await _keep_at_it(background, told)
        except (DatabaseGone, DatabaseBusy, Conflict) as error:
            await asyncio.sleep(told.failed(TIMETABLE, error))


async def _keep_at_it(background: Background, told: "Told") -> None:
    """Do what is due until cancelled. Raises DatabaseGone, DatabaseBusy, Conflict."""
    performing = [Performing(duty, background, told) for duty in duties(background)]
    timetable = Timetable(background.database, [Timed(each.duty.name, each.duty.when, each) for each in performing])
    running = asyncio.ensure_future(timetable.run())
    try:
        await asyncio.shield(running)
    finally:
        timetable.stop()
        for each in performing:
            each.cancel()
        _, late = await asyncio.wait({running}, timeout=STOP_SECONDS_MAX)
        if late:
            running.cancel()


class Told:
    """What was said of failures, so that each is said once, and how long to pause."""

    def __init__(self) -> None:
        self._failures: dict[str, tuple[str, int]] = {}

    def failed(self, name: str, error: Exception) -> float:
        """Seconds to pause before it is tried again."""
        kind = type(error).__name__
        last, times = self._failures.get(name, ("", 0))
        if kind != last:
            expected = isinstance(error, DatabaseGone | DatabaseBusy | Conflict | TimeoutError)
            _log.warning("duty_failed", duty=name, error=kind, exc_info=None if expected else error)
        self._failures[name] = (kind, times + 1)
        return PAUSES[min(times, len(PAUSES) - 1)]

    def worked(self, name: str) -> None:
        if name in self._failures:
            _, times = self._failures.pop(name)
            _log.info("duty_works_again", duty=name, failures=times)


class Performing:
    """One duty in this process."""

    def __init__(self, duty: Duty, background: Background, told: Told) -> None:
        self.duty = duty
        self._background = background
        self._told = told
        self._task: asyncio.Task[None] | None = None
        self._noted_at = float("-inf")

    def cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def __call__(self) -> None:
        """Its turn. After a failure the turn lasts as long as the pause, so that nobody else takes it meanwhile."""
        self._task = asyncio.current_task()
        try:
            async with asyncio.timeout(DUTY_SECONDS_MAX):
                done = await self.duty.run()
            await self._note()
        except Exception as error:  # noqa: BLE001 - whatever it is, the other duties go on
            await asyncio.sleep(self._told.failed(self.duty.name, error))
        else:
            self._told.worked(self.duty.name)
            self._told.worked(TIMETABLE)
            if done:
                _log.debug("duty_done", duty=self.duty.name, done=done)
        finally:
            self._task = None

    async def _note(self) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._noted_at >= NOTE_SECONDS:
            await self._background.queue.note_done(self.duty.name)
            self._noted_at = now


async def _unsaid(run_once: Callable[[], Awaitable[int]]) -> None:
    """Of what is never done a line a turn says nothing."""
    await run_once()


async def _in_batches(run_once: Callable[[], Awaitable[int]]) -> int:
    """Until a batch finds nothing; how much all did."""
    done = 0
    for _ in range(BATCHES_MAX):
        batch = await run_once()
        if not batch:
            break
        done += batch
    return done
