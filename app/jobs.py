"""The background jobs' process: posts what time has brought, makes the coming months' partitions.

Nothing depends on it: balances count activation and expiry at their instant, and a default partition takes what no
month takes.
"""

import asyncio
import time

import structlog

from app.config import Settings
from app.flows.failures import Conflict, DatabaseBusy, DatabaseGone
from app.flows.sweep import BATCH, Sweep
from app.keyring import Keyring
from app.wiring import open_sweep

IDLE_SECONDS = 5.0  # Between looks that found nothing.
HOUSE_SECONDS = 6 * 3600.0

_log = structlog.get_logger("app.jobs")


async def run(settings: Settings, keyring: Keyring, database_url: str, redis_url: str | None) -> None:
    """Run until cancelled; a database that is away is waited for."""
    async with open_sweep(settings, keyring, database_url=database_url, redis_url=redis_url) as sweep:
        kept_house_at = float("-inf")
        while True:
            try:
                if time.monotonic() - kept_house_at > HOUSE_SECONDS:
                    await sweep.keep_house()
                    kept_house_at = time.monotonic()
                is_more = await _sweep(sweep)
            except (DatabaseGone, DatabaseBusy, Conflict) as error:
                _log.warning("job_failed", job="sweep", error=type(error).__name__)
                is_more = False
            await asyncio.sleep(0 if is_more else IDLE_SECONDS)


async def _sweep(sweep: Sweep) -> bool:
    """Whether there may be more to do at once."""
    done = await sweep.run_once()
    if done:
        _log.info("swept", customers=done)
    return done >= BATCH
