"""One run of a case, and what is done about runs that others disturbed."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from loadtest import database
from loadtest.cases import OPEN_SHARE, capacity
from loadtest.generator import Job, Outcome, generate
from loadtest.results import Case, Run, System
from loadtest.stand import Stand, set_flush

# A run is measured so often until nobody disturbs it; a machine that is never quiet must not hold the benchmark up.
TRIES_MAX = 3
# Of each run of ours and the textbook's, before what counts: connections are new, and queues have run dry.
WARM_UP_SECONDS = 0.5
OTHERS_MAX = 0.1  # Part of the machine that others may use in a run that counts.


@dataclass(frozen=True, slots=True)
class Bench:
    """What can be measured: the stand, and the textbook's port beside it."""

    stand: Stand
    textbook_port: int
    seconds: float

    def measure(self, case: Case, *, repeat: int, before: Sequence[Run]) -> Run:
        """One run. `before`: the runs so far, from which an open loop takes its rate.

        Raises `NoPgbench`, `GeneratorFailed`, `StandFailed`.
        """
        if case.flush_ms is None:
            return self._measure(case, repeat=repeat, before=before)
        set_flush(self.stand.database_url, case.flush_ms)
        try:
            return self._measure(case, repeat=repeat, before=before)
        finally:
            set_flush(self.stand.database_url, None)

    def _measure(self, case: Case, *, repeat: int, before: Sequence[Run]) -> Run:
        if case.system == "pgbench":
            seconds = max(1, round(self.seconds))
            url = self.stand.database_url
            return database.pgbench(url, seconds=seconds, repeat=repeat, flush_ms=case.flush_ms)
        rate = None
        if case.is_open:
            rate = OPEN_SHARE * (capacity(before, repeat=repeat) or 0)
            if not rate:
                raise ValueError("an open loop needs a capacity to be a part of")
        outcome = generate(self.job(case, seed=repeat, rate=rate))
        return run_of(case, outcome, repeat=repeat, offered=rate)

    def job(self, case: Case, *, seed: int, rate: float | None = None) -> Job:
        """What the generator has to do for a case of ours or the textbook's."""
        ports: Mapping[System, int] = {"kopilka": self.stand.port, "textbook": self.textbook_port}
        return Job(
            port=ports[case.system],
            chain=str(self.stand.chain_file),
            scenario=case.scenario,
            connections=case.connections,
            seconds=self.seconds,
            seed=seed,
            root=os.getpid(),
            rate=rate,
            is_audited=case.system == "kopilka",
            warm_up_seconds=WARM_UP_SECONDS,
        )


def run_of(case: Case, outcome: Outcome, *, repeat: int, offered: float | None) -> Run:
    """The generator's outcome as a run. Others' share that can't be known counts as none, and the note says so."""
    notes = [*outcome.errors]
    if outcome.others_share is None:
        notes.append("what others used of the machine is unknown here")
    if outcome.unsent:
        notes.append(f"{outcome.unsent} arrivals were never sent")
    return Run(
        scenario=case.scenario,
        system=case.system,
        repeat=repeat,
        seconds=outcome.seconds,
        rate=outcome.right / outcome.seconds,
        statuses=outcome.statuses,
        p50_ms=outcome.p50_ms,
        p99_ms=outcome.p99_ms,
        max_ms=outcome.max_ms,
        processor_us=outcome.processor_us,
        others_share=outcome.others_share or 0.0,
        offered=offered,
        connections=case.connections,
        flush_ms=case.flush_ms,
        unsent=outcome.unsent,
        wrong=outcome.wrong,
        note="; ".join(notes),
    )


def quiet_run(
    measure: Callable[[], Run], *, others_max: float, tell: Callable[[Run], None]
) -> tuple[Run | None, list[Run]]:
    """The first run in which others used no more than a part of the machine, and those that were dropped before it.

    None: there was no such run in `TRIES_MAX`. A run with wrong answers is kept: noise is no excuse for them.
    """
    dropped: list[Run] = []
    for _ in range(TRIES_MAX):
        run = measure()
        tell(run)
        if run.others_share <= others_max or run.wrong:
            return run, dropped
        dropped.append(replace(run, note=_joined(run.note, f"dropped: others used {run.others_share:.0%}")))
    return None, dropped


def _joined(*notes: str) -> str:
    return "; ".join(note for note in notes if note)
