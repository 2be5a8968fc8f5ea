"""The audit log on a database, with its metrics: for the service, the jobs and commands."""

import getpass
import secrets
import time
from contextlib import AbstractAsyncContextManager

import structlog

from app.clock import DatabaseClock
from app.flows.audit_log import ChainedLog, open_log
from app.flows.ports import Clock
from app.flows.ports_audit_log import TEXT_LENGTH_MAX, ActorKind, AuditLog, Deed, Details, Outcome
from app.storage.audit_log import AuditLogDatabase
from app.storage.engine import Database
from app.telemetry import METRICS, Metrics, Thinned

_log = structlog.get_logger("app.audit_log")


class LogMetrics:
    """The port `LogWatch` on metrics and log; one warning a second, without data."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._faults = Thinned(_log, ticks=time.monotonic)

    def log_written(self, rows: int) -> None:
        self._metrics.log_rows.inc(rows)

    def log_fault(self, error: BaseException) -> None:
        self._metrics.log_faults.inc()
        self._faults.warning("audit_log_fault", error=type(error).__name__)

    def log_overflowed(self) -> None:
        self._metrics.log_overflows.inc()

    def log_head(self, *, instance: str, seq: int, head: str) -> None:
        _log.info("audit_log_head", instance=instance, seq=seq, head=head)


def log_on(database: Database, *, part: str, clock: Clock | None = None) -> AbstractAsyncContextManager[AuditLog]:
    """The log of this process, written until the block ends.

    Args:
        part: what the process is, as `serve`.
    """
    return open_log(
        ChainedLog(
            AuditLogDatabase(database),
            instance=database.instance,
            part=part,
            clock=clock or DatabaseClock(),
            watch=LogMetrics(METRICS),
            luck=secrets.randbits,
        )
    )


def command_deed(action: str, *, object: str = "", outcome: Outcome = Outcome.DONE, details: Details) -> Deed:  # noqa: A002 - a deed's word
    """What somebody did by a command: they are known by their account on this machine."""
    actor = "".join(filter(str.isprintable, _account()))[:TEXT_LENGTH_MAX]
    return Deed(ActorKind.OPERATOR, actor, action, object=object, outcome=outcome, details=details)


async def note_command(database_url: str, *deeds: Deed) -> None:
    """Note a command's deeds, on connections of its own.

    Raises:
        DatabaseGone, UnsafeDatabase
    """
    database = Database(database_url, allow_unsafe=True)
    await database.open()
    try:
        async with log_on(database, part=deeds[0].action) as log:
            for deed in deeds:
                await log.note(deed)
    finally:
        await database.close()


def _account() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # A container's user without a name.
        return "unknown"
