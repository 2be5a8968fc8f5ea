"""What a benchmark measured, as data: runs, what is made of them, and the JSON that it is kept in.

A *run* is one scenario against one system for some seconds. Runs that measured the same thing are one *case*; a case
has a median and a spread. A *ratio* compares two cases round by round, because a machine that is shared changes from
minute to minute and runs of one round are neighbours; its figure is the median of the rounds' ratios.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

System = Literal["kopilka", "textbook", "pgbench"]
Role = Literal["service", "postgres", "valkey", "generator"]
ROLES: tuple[Role, ...] = get_args(Role)
FORMAT = 1


@dataclass(frozen=True, slots=True)
class Case:
    """What a run measures. `flush_ms` None: the disk as it is, else what stands for one that flushes in that time.
    `is_open`: at a fixed rate of arrivals, else as fast as the answers come."""

    system: System
    scenario: str
    connections: int
    flush_ms: float | None = None
    is_open: bool = False

    @property
    def label(self) -> str:
        """As in `accrue, 64 connections, flush 1.5 ms`."""
        name = self.scenario if self.system == "kopilka" else f"{self.system} {self.scenario}"
        pace = "open loop" if self.is_open else f"{self.connections} connections"
        flush = "" if self.flush_ms is None else f", flush {self.flush_ms:g} ms"
        return f"{name}, {pace}{flush}"


@dataclass(frozen=True, slots=True)
class Run:
    """One run. `rate`: right answers a second; latencies None where a system doesn't say; `offered`: arrivals a second
    of an open loop, `unsent` of them found no free connection. `processor_us`: µs of processor time an answer.
    `others_share`: part of the whole machine (0..1) that processes outside the benchmark used."""

    scenario: str
    system: System
    repeat: int
    seconds: float
    rate: float
    statuses: Mapping[str, int]
    p50_ms: float | None
    p99_ms: float | None
    max_ms: float | None
    processor_us: Mapping[Role, float]
    others_share: float
    offered: float | None = None
    connections: int = 0
    flush_ms: float | None = None
    unsent: int = 0
    wrong: int = 0  # answers that were not expected, connections lost, balances that don't add up
    note: str = ""

    def __post_init__(self) -> None:
        if self.seconds <= 0 or self.rate < 0 or not 0 <= self.others_share <= 1:
            raise ValueError(f"not a run: {self.seconds} s, {self.rate}/s, others {self.others_share}")

    @property
    def case(self) -> Case:
        return Case(
            system=self.system,
            scenario=self.scenario,
            connections=self.connections,
            flush_ms=self.flush_ms,
            is_open=self.offered is not None,
        )

    @property
    def processor_us_in_all(self) -> float:
        return sum(self.processor_us.values())


@dataclass(frozen=True, slots=True)
class Spread:
    """Median, lowest and highest of the repeats."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Of one value or more."""
        return cls(median=statistics.median(values), low=min(values), high=max(values))


@dataclass(frozen=True, slots=True)
class Summary:
    """A case over its repeats."""

    case: Case
    repeats: int
    rate: Spread
    p50_ms: Spread | None
    p99_ms: Spread | None
    max_ms: float | None
    processor_us: Mapping[Role, float]  # medians


@dataclass(frozen=True, slots=True)
class Ratio:
    """One figure held against its goal, which is None where none is set. `is_lower_better`: latencies in ms."""

    name: str
    value: Spread
    rounds: int
    goal: float | None = None
    is_lower_better: bool = False

    @property
    def is_met(self) -> bool | None:
        """None: there is no goal."""
        if self.goal is None:
            return None
        return self.value.median <= self.goal if self.is_lower_better else self.value.median >= self.goal


@dataclass(frozen=True, slots=True)
class Machine:
    """Where it ran, and how fast it was that day: one and the same machine can be twice as slow the next.

    `flush_us`: median time of an fdatasync of one small append in the data directory. `wake_us`: median time until a
    process that waits on another processor runs. `read_ns`: a step through 64 MiB at random, the interpreter's part
    (some 30 ns) included. None in reports from before they were measured.
    """

    cores: int
    model: str
    memory_mib: int
    flush_us: float
    python: str
    postgres: str
    wake_us: float | None = None
    read_ns: float | None = None

    @property
    def speed(self) -> str:
        """As in `a flush takes 59 µs, a wake 39 µs, a read at random 190 ns`."""
        told = [f"a flush takes {self.flush_us:.0f} µs"]
        if self.wake_us is not None:
            told.append(f"a wake {self.wake_us:.0f} µs")
        if self.read_ns is not None:
            told.append(f"a read at random {self.read_ns:.0f} ns")
        return ", ".join(told)


@dataclass(frozen=True, slots=True)
class Report:
    """A whole benchmark. `dropped`: runs that others disturbed; they count nowhere."""

    made_at: str  # RFC 3339
    version: str  # of the service
    machine: Machine
    settings: Mapping[str, str]
    runs: tuple[Run, ...]
    dropped: tuple[Run, ...] = ()
    ratios: tuple[Ratio, ...] = ()
    summaries: tuple[Summary, ...] = field(default=())

    @property
    def wrong(self) -> int:
        """Wrong answers in all runs, dropped ones too."""
        return sum(run.wrong for run in (*self.runs, *self.dropped))

    @property
    def others_most(self) -> float:
        """The largest part of the machine, 0..1, that others used in a run that counts."""
        return max((run.others_share for run in self.runs), default=0.0)


def summarise(runs: Iterable[Run]) -> tuple[Summary, ...]:
    """One summary a case, in the order in which the cases came first."""
    by_case: dict[Case, list[Run]] = {}
    for run in runs:
        by_case.setdefault(run.case, []).append(run)
    return tuple(_summary(case, same) for case, same in by_case.items())


def _summary(case: Case, runs: Sequence[Run]) -> Summary:
    def spread(values: Iterable[float | None]) -> Spread | None:
        known = [value for value in values if value is not None]
        return Spread.of(known) if known else None

    return Summary(
        case=case,
        repeats=len(runs),
        rate=Spread.of([run.rate for run in runs]),
        p50_ms=spread(run.p50_ms for run in runs),
        p99_ms=spread(run.p99_ms for run in runs),
        max_ms=max((run.max_ms for run in runs if run.max_ms is not None), default=None),
        processor_us={role: statistics.median(run.processor_us.get(role, 0.0) for run in runs) for role in ROLES},
    )


def round_ratios(
    runs: Sequence[Run], above: Case, below: Case, *, figure: Callable[[Run], float] = lambda run: run.rate
) -> list[float]:
    """`above` by `below` in each round that has both; where a round has one of them twice, its median."""

    def by_round(case: Case) -> dict[int, float]:
        values: dict[int, list[float]] = {}
        for run in runs:
            if run.case == case:
                values.setdefault(run.repeat, []).append(figure(run))
        return {repeat: statistics.median(of_round) for repeat, of_round in values.items()}

    upper, lower = by_round(above), by_round(below)
    return [upper[repeat] / lower[repeat] for repeat in sorted(upper.keys() & lower.keys()) if lower[repeat] > 0]


def write(report: Report, path: Path) -> None:
    """Keeps a report as JSON; whoever reads the file sees a whole one or the one before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(".new")
    aside.write_text(json.dumps({"format": FORMAT, **asdict(report)}, indent=1, ensure_ascii=False) + "\n")
    aside.replace(path)


def read(path: Path) -> Report:
    """A report kept by `write`. Raises ValueError for anything else."""
    try:
        return _report(json.loads(path.read_text()))
    except (KeyError, TypeError, AttributeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not a report of this benchmark: {error!r}") from error


def _report(document: dict[str, Any]) -> Report:
    if document.pop("format") != FORMAT:
        raise ValueError(f"a report of another format than {FORMAT}")
    return Report(
        **{
            **document,
            "machine": Machine(**document["machine"]),
            "runs": tuple(Run(**run) for run in document["runs"]),
            "dropped": tuple(Run(**run) for run in document["dropped"]),
            "ratios": tuple(Ratio(**{**one, "value": Spread(**one["value"])}) for one in document["ratios"]),
            "summaries": tuple(_read_summary(one) for one in document["summaries"]),
        }
    )


def _read_summary(document: dict[str, Any]) -> Summary:
    def spread(one: dict[str, float] | None) -> Spread | None:
        return None if one is None else Spread(**one)

    return Summary(
        **{
            **document,
            "case": Case(**document["case"]),
            "rate": Spread(**document["rate"]),
            "p50_ms": spread(document["p50_ms"]),
            "p99_ms": spread(document["p99_ms"]),
        }
    )


def with_summaries(report: Report, ratios: Sequence[Ratio]) -> Report:
    """The report with all that is made of its runs."""
    return replace(report, summaries=summarise(report.runs), ratios=tuple(ratios))
