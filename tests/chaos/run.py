"""One whole run: a site, a load, accidents, calm, checks."""

import asyncio
import time
import traceback
from collections.abc import AsyncIterator, Callable
from collections.abc import Set as AbstractSet
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import asyncpg

from tests.chaos.checks import Check, Evidence, Violation, all_checks
from tests.chaos.coverage import Covered, coverage
from tests.chaos.load import opened_shop
from tests.chaos.plan import Plan
from tests.chaos.schedule import strike_all
from tests.chaos.settle import heal, settle
from tests.chaos.site import Site, opened

SETTLE_SECONDS_MAX = 240.0
WATCH_SECONDS = 1.0
_LOST = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
_DEADLOCKS = "select deadlocks from pg_stat_database where datname = current_database()"


@dataclass(slots=True)
class Outcome:
    """seconds: by phase."""

    plan: Plan
    evidence: Evidence
    violations: dict[str, list[Violation]]
    covered: list[Covered]
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def is_clean(self) -> bool:
        return not any(self.violations.values())

    @property
    def is_measured(self) -> bool:
        return all(covered.is_enough for covered in self.covered)


async def run(plan: Plan, *, say: Callable[[str], None], without: AbstractSet[str] = frozenset()) -> Outcome:
    """without: names of checks that aren't asked. Raises what kept the run from going on; everything that was started
    is ended either way.
    """
    checks = {name: check for name, check in all_checks().items() if name not in without}
    began = time.monotonic()
    seconds: dict[str, float] = {}
    async with opened(plant=plan.plant) as site, opened_shop(site, plan) as load:
        seconds["opening"] = time.monotonic() - began
        evidence = Evidence(site, plan, load.world, load.journal, [], await site.owner())
        async with _watched(site, evidence):
            load.start()
            evidence.strikes += await strike_all(site, load, plan, say=say)
            await heal(load)
            await load.stop()
        seconds["load"] = time.monotonic() - began - sum(seconds.values())
        say(f"{len(load.journal.ops):,} calls in {seconds['load']:.0f} s; calm")
        await evidence.owner.close()
        evidence.owner = await site.owner()
        try:
            async with asyncio.timeout(SETTLE_SECONDS_MAX):
                await settle(evidence, load)
            seconds["calm"] = time.monotonic() - began - sum(seconds.values())
            violations = {name: await _judged(check, evidence) for name, check in checks.items()}
            seconds["checks"] = time.monotonic() - began - sum(seconds.values())
        finally:
            evidence.owner.terminate()
        evidence.counts["data MB"] = site.engines.data.used_mb
        return Outcome(plan, evidence, violations, list(coverage(evidence)), seconds)


async def _judged(check: Check, evidence: Evidence) -> list[Violation]:
    """What a check finds; one that can't even read the answers has found something too."""
    try:
        return await check(evidence)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        return [Violation(f"answers are of no known form: {error!r} at {where.name}, line {where.lineno}")]


@asynccontextmanager
async def _watched(site: Site, evidence: Evidence) -> AsyncIterator[None]:
    """Deadlocks are counted as they happen: a crash of PostgreSQL forgets them."""
    watching = asyncio.create_task(_watch(site, evidence))
    try:
        yield
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


async def _watch(site: Site, evidence: Evidence) -> None:
    before = 0
    while True:
        try:
            owner = await asyncpg.connect(site.stage.owner_url, timeout=2)
            try:
                now = int(await owner.fetchval(_DEADLOCKS, timeout=2))
            finally:
                owner.terminate()
            evidence.deadlocks += now - before if now >= before else now
            before = now
        except _LOST:
            pass
        await asyncio.sleep(WATCH_SECONDS)
