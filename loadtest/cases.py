"""What a benchmark measures, in which order, and the goals that its figures are held against."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from loadtest.results import Case, Ratio, Run, Spread, round_ratios

# The service is shown with few and with many tills at once; pgbench gets the clients that it is usually given.
FEW, MANY = 64, 128
TEXTBOOK_CONNECTIONS = 64
PGBENCH_CONNECTIONS = 16

PGBENCH = Case(system="pgbench", scenario="tpc-b", connections=PGBENCH_CONNECTIONS)
TEXTBOOK = Case(system="textbook", scenario="accrue", connections=TEXTBOOK_CONNECTIONS)
ACCRUE_FEW = Case(system="kopilka", scenario="accrue", connections=FEW)
ACCRUE = Case(system="kopilka", scenario="accrue", connections=MANY)
OPEN = Case(system="kopilka", scenario="accrue", connections=FEW, is_open=True)
# Half of what the service can do is where a chain would begin to buy another machine.
OPEN_SHARE = 0.5

_OTHERS = ("hot", "quote", "balance", "lookup", "redeem", "replay", "day")
# Of a scenario's rate `÷ accrue`; the others are told without a goal.
_GOALS_BY_ACCRUE = {"hot": 0.4, "quote": 1.5, "balance": 2.5}
GOAL_PGBENCH, GOAL_TEXTBOOK = 1.0, 12.0
GOAL_P50_MS, GOAL_P99_MS = 8.0, 25.0


def other(scenario: str) -> Case:
    return replace(ACCRUE, scenario=scenario)


def round_of(repeat: int, *, repeats: int, flush_ms: float | None) -> list[Case]:
    """The cases of a round, the 0th is the first. What is compared stands close together.

    The scenarios beside `accrue` come in about three rounds of five; every other round goes backwards, so that nobody
    always comes after the same one.
    """
    cases = [PGBENCH, ACCRUE_FEW, ACCRUE, TEXTBOOK]
    if flush_ms is not None:
        cases += [replace(case, flush_ms=flush_ms) for case in (PGBENCH, ACCRUE_FEW, ACCRUE)]
    if repeat % 2 == 0 or repeats == 1:
        cases += [*(other(scenario) for scenario in _OTHERS), OPEN]
    return cases if repeat % 2 == 0 else cases[::-1]


def capacity(runs: Sequence[Run]) -> float | None:
    """Purchases a second, the median at the better number of connections; None before there is a run."""
    medians = [
        Spread.of(rates).median
        for case in (ACCRUE_FEW, ACCRUE)
        if (rates := [run.rate for run in runs if run.case == case])
    ]
    return max(medians, default=None)


def ratios(runs: Sequence[Run], *, flush_ms: float | None) -> list[Ratio]:
    """Every figure that has a goal, and a few more; those without a run are left out."""
    found: list[Ratio | None] = []
    for flush in (None, flush_ms) if flush_ms is not None else (None,):
        below = replace(PGBENCH, flush_ms=flush)
        where = "" if flush is None else f", flush {flush:g} ms"
        for case in (ACCRUE_FEW, ACCRUE):
            name = f"accrue, {case.connections} connections ÷ pgbench TPC-B{where}"
            found.append(_ratio(runs, name, replace(case, flush_ms=flush), below, goal=GOAL_PGBENCH))
    name = f"accrue, {MANY} connections ÷ textbook, {TEXTBOOK_CONNECTIONS} connections"
    found.append(_ratio(runs, name, ACCRUE, TEXTBOOK, goal=GOAL_TEXTBOOK))
    for scenario in _OTHERS:
        goal = _GOALS_BY_ACCRUE.get(scenario)
        found.append(_ratio(runs, f"{scenario} ÷ accrue", other(scenario), ACCRUE, goal=goal))
    found.append(_latency(runs, "open loop at half of the capacity, p50 ms", lambda run: run.p50_ms, goal=GOAL_P50_MS))
    found.append(_latency(runs, "open loop at half of the capacity, p99 ms", lambda run: run.p99_ms, goal=GOAL_P99_MS))
    return [ratio for ratio in found if ratio is not None]


def _ratio(runs: Sequence[Run], name: str, above: Case, below: Case, *, goal: float | None) -> Ratio | None:
    values = round_ratios(runs, above, below)
    return Ratio(name=name, value=Spread.of(values), rounds=len(values), goal=goal) if values else None


def _latency(runs: Sequence[Run], name: str, figure: Callable[[Run], float | None], *, goal: float) -> Ratio | None:
    values = [value for run in runs if run.case == OPEN and (value := figure(run)) is not None]
    if not values:
        return None
    return Ratio(name=name, value=Spread.of(values), rounds=len(values), goal=goal, is_lower_better=True)
