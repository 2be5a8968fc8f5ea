"""`make bench`: how many complete, durable purchases a second, beside the database's own benchmark and a textbook.

    stand      a service with engines of its own, the program of twenty rules, tills, customers
    rounds     in each: pgbench, purchases, the textbook, all one after another; some rounds the other scenarios, too
    open loop  as often, at half of the capacity, which is measured anew right before it: the machine changes. Then the
               server is vacuumed, so that the open loop isn't charged with what the bursts before it have left
    report     medians, spread, ratios round by round, a table, JSON, a chart

A run in which others used more than a tenth of the machine is dropped and made again, a few times. A wrong answer
anywhere ends the benchmark with exit code 1; a goal that is missed doesn't: it is printed.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Protocol

from rich.console import Console

from app.compiled_core import chosen_core
from app.telemetry.metrics import build_version
from loadtest import cases, database, machine, tables, textbook
from loadtest.cases import ACCRUE, ACCRUE_FEW, other
from loadtest.furnishing import OPENING_POINTS, StandFailed
from loadtest.generator import ROOT, GeneratorFailed, generate
from loadtest.measuring import OTHERS_MAX, Bench, quiet_run
from loadtest.program import program
from loadtest.report import write as write_chart
from loadtest.results import Case, Report, Run, read, with_summaries, write
from loadtest.stand import standing
from loadtest.textbook.serving import TextbookFailed

WARM_UP_SECONDS = 1.5
CHART = ROOT / "loadtest" / "report.html"


@dataclass(frozen=True, slots=True)
class Options:
    """The command line."""

    seconds: float
    repeats: int
    workers: int
    customers: int
    flush_ms: float | None
    others_max: float
    data: Path
    compare: Path | None


def read_options(argv: Sequence[str]) -> Options:
    """Parses a command line; argparse itself ends the program, code 2, for one that is none."""
    parser = argparse.ArgumentParser(prog="make bench", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="about a minute and a half, for a first look")
    parser.add_argument("--seconds", type=float, help="of a run (6; quick: 2.5)")
    parser.add_argument("--repeats", type=int, help="rounds (5; quick: 1)")
    parser.add_argument("--workers", type=int, default=2, help="of both services (2)")
    parser.add_argument("--customers", type=int, help="how many there are (10000; quick: 2000)")
    parser.add_argument("--flush-ms", type=float, default=1.5, help="of the disk that commit_delay stands for; 0: none")
    parser.add_argument(
        "--others-max", type=float, default=OTHERS_MAX, help="part of the machine; 1 drops no run (0.1)"
    )
    parser.add_argument("--data", type=Path, default=ROOT / ".bench", help="where reports are kept (.bench)")
    parser.add_argument("--compare", type=Path, help="an earlier report's JSON")
    given = parser.parse_args(argv)
    return Options(
        seconds=given.seconds or (2.5 if given.quick else 6.0),
        repeats=given.repeats or (1 if given.quick else 5),
        workers=given.workers,
        customers=given.customers or (2000 if given.quick else 10_000),
        flush_ms=given.flush_ms or None,
        others_max=given.others_max,
        data=given.data,
        compare=given.compare,
    )


def main(argv: Sequence[str]) -> int:
    """The exit code: 1 when an answer was wrong, or nothing could be measured."""
    options = read_options(argv)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # So that what was started is stopped.
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 180)
    began = time.monotonic()

    def tell(line: str) -> None:
        console.print(f"{time.monotonic() - began:5.0f} s  {line}", markup=False, highlight=False)

    try:
        old = read(options.compare) if options.compare else None
        report = perform(options, tell)
    except (StandFailed, GeneratorFailed, database.NoPgbench, TextbookFailed, ValueError, OSError) as error:
        console.print(f"the benchmark stopped: {error}", markup=False)
        return 1
    tables.show(report, console)
    if old is not None:
        tables.compare(report, old, console)
    for path in keep(report, options.data):
        console.print(f"kept: {path}", markup=False)
    return 1 if report.wrong else 0


def perform(options: Options, tell: Callable[[str], None]) -> Report:
    """The whole benchmark, without keeping anything."""
    with standing(options.data, workers=options.workers, customers=options.customers, tell=tell) as stand:
        facts = machine.facts(stand.log.parent, postgres=stand.postgres)
        tell(f"making pgbench's tables, scale {database.SCALE}")
        database.prepare(stand.database_url)
        tell("filling the textbook's database")
        serving = textbook.serve(
            stand.database_url, stand.chain, program(), workers=options.workers, points=OPENING_POINTS
        )
        with serving as textbook_port:
            bench = Bench(stand=stand, textbook_port=textbook_port, seconds=options.seconds)
            warm_up(bench, tell)
            runs, dropped = go_round(bench.measure, options, tell, tidy=partial(tidy, stand.database_url, tell))
    report = Report(
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        version=build_version(),
        machine=facts,
        settings=_settings(options),
        runs=tuple(runs),
        dropped=tuple(dropped),
    )
    return with_summaries(report, cases.ratios(runs, flush_ms=options.flush_ms))


def warm_up(bench: Bench, tell: Callable[[str], None]) -> None:
    """A moment of everything, so that nobody's first run pays for plans and caches that the others find made."""
    tell("warming up")
    short = replace(bench, seconds=WARM_UP_SECONDS)
    for case in (ACCRUE, cases.TEXTBOOK, other("quote")):
        outcome = generate(short.job(case, seed=-1))
        if outcome.wrong:
            raise StandFailed(f"{case.label}: {outcome.wrong} wrong answers, as {outcome.errors[0]}")


def tidy(url: str, tell: Callable[[str], None]) -> None:
    """What is left of minutes at full load. Raises `NoPgbench`."""
    tell("vacuuming")
    for each in (url, database.at_database(url, database.DATABASE)):
        database.vacuum(each)


class Measure(Protocol):
    """As `Bench.measure`."""

    def __call__(self, case: Case, *, repeat: int, before: Sequence[Run]) -> Run: ...


def go_round(
    measure: Measure, options: Options, tell: Callable[[str], None], *, tidy: Callable[[], None]
) -> tuple[list[Run], list[Run]]:
    """All rounds, then the open loops: the runs that count, and those that were dropped."""
    runs: list[Run] = []
    dropped: list[Run] = []

    def add(case: Case, *, repeat: int, before: Sequence[Run]) -> None:
        run, noisy = quiet_run(
            partial(measure, case, repeat=repeat, before=before),
            others_max=options.others_max,
            tell=lambda run: tell(tables.line_of(run)),
        )
        dropped.extend(noisy)
        if run is None:
            tell(f"{case.label}: no quiet run in this round")
        else:
            runs.append(run)

    for repeat in range(options.repeats):
        tell(f"round {repeat + 1} of {options.repeats}")
        for case in cases.round_of(repeat, repeats=options.repeats, flush_ms=options.flush_ms):
            add(case, repeat=repeat, before=runs)
    for repeat in range(options.repeats, 2 * options.repeats):
        for case in (ACCRUE_FEW, ACCRUE):
            add(case, repeat=repeat, before=runs)
        if (capacity := cases.capacity(runs, repeat=repeat)) is None:
            tell(f"{cases.OPEN.label}: left out, no quiet run told the capacity")
            continue
        tidy()
        tell(f"open loop at half of the capacity of {capacity:,.0f}/s")
        add(cases.OPEN, repeat=repeat, before=runs)
    return runs, dropped


def keep(report: Report, data: Path) -> list[Path]:
    """Writes the report as JSON and as a chart; where to."""
    stamp = report.made_at.replace(":", "").replace("-", "")[:15]
    document = data / f"bench-{stamp}.json"
    write(report, document)
    write_chart(report, CHART)
    return [document, CHART]


def _settings(options: Options) -> dict[str, str]:
    core = chosen_core()  # The service's, too: same sources, same environment.
    return {
        "core": core.form if core.form == "compiled" else f"{core.form} ({core.because})",
        "workers": str(options.workers),
        "customers": str(options.customers),
        "seconds": f"{options.seconds:g}",
        "rounds": str(options.repeats),
        "others_max": f"{options.others_max:g}",
        "pgbench": f"-M prepared -c {database.CLIENTS} -j {database.THREADS}, scale {database.SCALE}",
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
