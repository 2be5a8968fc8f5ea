"""Watching the tills, beside them: a job that reads the feed on and raises alerts.

A batch is one transaction: the watchers' lock, the next events of the feed, the habits of their tills, the alerts, and
how far it came. Killed half-way it has done nothing; run twice it finds nothing. Nothing here is on a till's path, and
where no limit is declared nothing is read at all. What is declared later is learned from the feed's beginning; alerts
are raised for the last days only.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from app.domain.abuse.tills import Habits, TillEvent, TillLimits, watch
from app.flows.ports import Programs
from app.flows.ports_alerts import Raised, WatchStore

BATCH = 1_000  # Some 30 ms of a transaction that nobody waits for.
BATCHES_MAX = 50
RAISED_FOR = timedelta(days=2)


class WatchTills:
    def __init__(self, store: WatchStore, *, programs: Programs, limits: TillLimits) -> None:
        self._store = store
        self._programs = programs
        self._limits = limits

    async def run_once(self) -> int:
        """How many alerts it has raised or counted. Raises DatabaseGone, DatabaseBusy, Conflict."""
        if not self._limits.is_on or (program := await self._programs.current()) is None:
            return 0
        done = 0
        for _ in range(BATCHES_MAX):
            raised, is_more = await self._batch(str(program.program.timezone))
            done += raised
            if not is_more:
                break
        return done

    async def _batch(self, zone: str) -> tuple[int, bool]:
        async with self._store.watching() as tx:
            taken = await tx.take_lock()
            if taken is None:
                return 0, False
            position, now = taken
            reached, events = await tx.read(after=position, limit=BATCH, zone=zone)
            if reached == position:
                return 0, False
            tills = sorted({(event.shop, event.terminal) for event in events})
            habits = {till: Habits() for till in tills} | dict(await tx.habits(tills))
            raised = _together(
                [each for event in events for each in self._of(event, habits[event.shop, event.terminal], now=now)]
            )
            await tx.raise_alerts(raised)
            await tx.keep(reached, habits)
            return len(raised), reached - position >= BATCH

    def _of(self, event: TillEvent, habits: Habits, *, now: datetime) -> list[Raised]:
        suspicions = watch(habits, event, self._limits)
        if event.at < now - RAISED_FOR:
            return []
        return [
            Raised(each.kind, event.shop, event.terminal, each.customer, event.at.date(), each.facts, event.tx_id)
            for each in suspicions
        ]


def _together(raised: Sequence[Raised]) -> list[Raised]:
    """Each kind, till, customer and day once, with how often."""
    found: dict[object, Raised] = {}
    for each in raised:
        key = (each.kind, each.shop, each.terminal, each.customer, each.day)
        first = found.get(key)
        found[key] = each if first is None else replace(first, times=first.times + 1, facts=each.facts)
    return list(found.values())
