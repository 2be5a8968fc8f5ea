"""What a benchmark measures, in which order, and the goals that its figures are held against."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
# It begins with so many connections, and opens more when all are busy: none is in it that waits for others' turns.
OPEN = Case(system="kopilka", scenario="accrue", connections=FEW, is_open=True)
# Half of what the service can do is where a chain would begin to buy another machine.
OPEN_SHARE = 0.5

# Balances come before quotes and look-ups: they bring everybody into the cache, where only reads bring anybody in.
_OTHERS = ("hot", "balance", "quote", "lookup", "redeem", "replay", "day")
_BY_PGBENCH = f"accrue, {MANY} connections ÷ pgbench TPC-B"
_BY_TEXTBOOK = f"accrue, {MANY} connections ÷ textbook, {TEXTBOOK_CONNECTIONS} connections"
_OPEN_P50, _OPEN_P99 = (f"open loop at half of the capacity, {percentile} ms" for percentile in ("p50", "p99"))
# Least rates of one case by another, most milliseconds. Other figures are told without a goal.
GOALS: Mapping[str, float] = {
    _BY_PGBENCH: 1.0,
    _BY_TEXTBOOK: 12.0,
    "quote ÷ accrue": 1.5,
    "balance ÷ accrue": 2.5,
    "hot ÷ accrue": 0.4,
    _OPEN_P50: 8.0,
    _OPEN_P99: 25.0,
}


def other(scenario: str) -> Case:
    return replace(ACCRUE, scenario=scenario)


def round_of(repeat: int, *, repeats: int, flush_ms: float | None) -> list[Case]:
    """The cases of a round, the 0th is the first. What is compared stands close together.

    The scenarios beside `accrue` come in about three rounds of five; every other round goes backwards, so that nobody
    always comes after the same one. The open loops come after all rounds.
    """
    cases = [PGBENCH, ACCRUE_FEW, ACCRUE, TEXTBOOK]
    if flush_ms is not None:
        cases += [replace(case, flush_ms=flush_ms) for case in (PGBENCH, ACCRUE_FEW, ACCRUE)]
    if repeat % 2 == 0 or repeats == 1:
        cases += [other(scenario) for scenario in _OTHERS]
    return cases if repeat % 2 == 0 else cases[::-1]


def capacity(runs: Sequence[Run], *, repeat: int) -> float | None:
    """Purchases a second in that round, at the better number of connections; None before there is a run."""
    rates = (run.rate for run in runs if run.repeat == repeat and run.case in (ACCRUE_FEW, ACCRUE))
    return max(rates, default=None)


def ratios(runs: Sequence[Run], *, flush_ms: float | None) -> list[Ratio]:
    """Every figure that has a goal, and a few more; those without a run are left out. The goal by pgbench is for many
    tills, on either kind of disk."""
    found: list[Ratio | None] = []
    for flush in (None, flush_ms) if flush_ms is not None else (None,):
        below = replace(PGBENCH, flush_ms=flush)
        where = "" if flush is None else f", flush {flush:g} ms"
        for case in (ACCRUE_FEW, ACCRUE):
            name = f"accrue, {case.connections} connections ÷ pgbench TPC-B{where}"
            goal = GOALS[_BY_PGBENCH] if case == ACCRUE else None
            found.append(_ratio(runs, name, replace(case, flush_ms=flush), below, goal=goal))
    found.append(_ratio(runs, _BY_TEXTBOOK, ACCRUE, TEXTBOOK, goal=GOALS[_BY_TEXTBOOK]))
    for scenario in _OTHERS:
        name = f"{scenario} ÷ accrue"
        found.append(_ratio(runs, name, other(scenario), ACCRUE, goal=GOALS.get(name)))
    found.append(_latency(runs, _OPEN_P50, lambda run: run.p50_ms))
    found.append(_latency(runs, _OPEN_P99, lambda run: run.p99_ms))
    return [ratio for ratio in found if ratio is not None]


def _ratio(runs: Sequence[Run], name: str, above: Case, below: Case, *, goal: float | None) -> Ratio | None:
    values = round_ratios(runs, above, below)
    return Ratio(name=name, value=Spread.of(values), rounds=len(values), goal=goal) if values else None


def _latency(runs: Sequence[Run], name: str, figure: Callable[[Run], float | None]) -> Ratio | None:
    values = [value for run in runs if run.case == OPEN and (value := figure(run)) is not None]
    if not values:
        return None
    return Ratio(name=name, value=Spread.of(values), rounds=len(values), goal=GOALS[name], is_lower_better=True)
