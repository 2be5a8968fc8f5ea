"""The wiring of the jobs' process: what `app.jobs` has its duties done with."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from app.clock import DatabaseClock
from app.config import Settings
from app.deed_log import log_on
from app.flows.erase_customer import TidyErasures
from app.flows.ledger_roots import LedgerRoots
from app.flows.ports_audit import DrawsCheck
from app.flows.publish_program import ProgramShelf
from app.flows.relay import Relay
from app.flows.self_audit import SelfAudit
from app.flows.sweep import Sweep
from app.flows.watch_tills import WatchTills
from app.keyring import Keyring
from app.storage.engine import Database
from app.storage.erasures import ErasuresDatabase
from app.storage.feed import FeedDatabase
from app.storage.housekeeping import Housekeeping
from app.storage.ledger import LedgerDatabase
from app.storage.queue import QueueDatabase
from app.storage.reads import ReadsDatabase
from app.storage.roots import RootsDatabase
from app.storage.self_audit import SelfAuditDatabase
from app.telemetry import METRICS
from app.wiring import Watch, snapshots_of
from app.wiring_abuse import till_watch


@dataclass(frozen=True, slots=True)
class Background:
    """What the jobs' process works with."""

    database: Database
    queue: QueueDatabase
    housekeeping: Housekeeping
    relay: Relay
    roots: LedgerRoots
    sweep: Sweep
    audit: SelfAudit
    tills: WatchTills
    erasures: TidyErasures


@asynccontextmanager
async def open_background(
    settings: Settings,
    keyring: Keyring,
    *,
    database_url: str,
    redis_url: str | None,
    check_draws: DrawsCheck | None = None,
) -> AsyncIterator[Background]:
    """All that is done beside the tills. Raises DatabaseGone, UnsafeDatabase.

    Args:
        check_draws: recomputes the draws of a day; None: nobody does.
    """
    database = Database(database_url, allow_unsafe=settings.allow_unsafe_database)
    await database.open()
    snapshots = snapshots_of(keyring, database, redis_url)
    housekeeping = Housekeeping(database)
    try:
        async with log_on(database, part="jobs") as log:
            yield Background(
                database=database,
                queue=QueueDatabase(database),
                housekeeping=housekeeping,
                relay=Relay(FeedDatabase(database)),
                roots=LedgerRoots(RootsDatabase(database)),
                sweep=Sweep(
                    LedgerDatabase(database),
                    housekeeping=housekeeping,
                    programs=ProgramShelf(ReadsDatabase(database), clock=DatabaseClock()),
                    snapshots=snapshots,
                ),
                audit=SelfAudit(
                    SelfAuditDatabase(database),
                    snapshots=snapshots,
                    watch=Watch(METRICS),
                    ticks=time.monotonic,
                    draws=check_draws,
                    log=log,
                ),
                tills=till_watch(
                    settings, database, programs=ProgramShelf(ReadsDatabase(database), clock=DatabaseClock())
                ),
                erasures=TidyErasures(ErasuresDatabase(database)),
            )
    finally:
        await snapshots.close()
        await database.close()
