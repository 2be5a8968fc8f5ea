"""`make growth`: what stays as fast as it was while everything grows, and what grows with what.

    customers   10,000 and 1,000,000, brought in by `load`: two services side by side, run in turn, the same number of
                visitors at both and each of them read once before; beside it a figure of the cold cache, everybody's
                first visit
    history     customers who have bought 10,000 times: some spend what they get, some keep it all. They pay with a few
                points, as whoever is new to the shop; and beside it a figure of paying with all that may be, for which
                a keeper spends some ten old lots where a newcomer has hardly one
    rules       10 and 500, of which a basket meets as many
    lines       5, 50 and 500 of a basket: processor time a line
    memory      of a worker, over as many requests as an hour of a busy shop's
    bytes       that a purchase adds, table by table, and of the write-ahead log

How each is measured says `growing.py`. Where the machine isn't quiet both sides suffer. An interrupted run prints what
it has found and keeps nothing; its services and their data are gone, and earlier outcomes are as they were.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import count, repeat
from pathlib import Path

from rich.console import Console

from app.compiled_core import chosen_core
from app.progress import progress_bar
from loadtest.database import NoPgbench
from loadtest.factors import FLAT, Growth, show
from loadtest.generator import ROOT, GeneratorFailed
from loadtest.growing import BYTES_SECONDS, LINES, VETERANS, Growing
from loadtest.measuring import WARM_UP_SECONDS
from loadtest.place import Place, Tell, settle
from loadtest.stand import StandFailed, standing

VISITORS = 10_000
DAY_REQUESTS = 180_000  # Of the scenario `day`: an hour at fifty a second.
DAY_PARTS = 4
HISTORY_PART = 10_000  # Purchases of a long history that are made before a line says so.
# What a step takes, for the bar: of a load's customers and of requests a second; starting a generator or a service.
LOADED_A_SECOND, REQUESTS_A_SECOND = 6_000, 1_500
START_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Options:
    seconds: float
    repeats: int
    customers: int
    purchases: int
    day_requests: int
    data: Path


def read_options(argv: Sequence[str]) -> Options:
    parser = argparse.ArgumentParser(prog="make growth", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=4.0, help="of a run (4)")
    parser.add_argument("--repeats", type=int, default=3, help="rounds (3)")
    parser.add_argument("--customers", type=int, default=1_000_000, help="of the large service (1000000)")
    parser.add_argument("--purchases", type=int, default=10_000, help="of a long history (10000)")
    parser.add_argument("--day-requests", type=int, default=DAY_REQUESTS, help=f"for memory ({DAY_REQUESTS})")
    parser.add_argument("--data", type=Path, default=ROOT / ".bench", help="where the outcome is kept (.bench)")
    return Options(**vars(parser.parse_args(argv)))


@dataclass(frozen=True, slots=True)
class Step:
    """`seconds`: about what it takes."""

    what: str
    seconds: float
    do: Callable[[], None]


class Course:
    """All steps, in order. The services stand while the `stack` is open."""

    def __init__(self, stack: ExitStack, options: Options, growth: Growth, tell: Tell) -> None:
        self._stack, self._options, self._growth, self._tell = stack, options, growth, tell
        self._growing = Growing(growth, seconds=options.seconds, repeats=options.repeats, tell=tell)
        self._places: list[Place] = []
        self._groups = self._of_few()
        self._veterans: dict[str, Place] = {}

    def steps(self) -> Iterator[Step]:
        options, few = self._options, min(VISITORS, self._options.customers)
        run = options.seconds + WARM_UP_SECONDS + START_SECONDS
        compared = 2 * options.repeats * run
        growth = f"{few:,} to {options.customers:,} customers"
        for each in (few, options.customers):
            seconds = 10 * START_SECONDS + each / LOADED_A_SECOND
            yield Step(f"loading {each:,} customers", seconds, partial(self._settle, each, visitors=few))
        what = f"quote, everybody's first visit: {growth}"
        yield Step(what, 2 * few / REQUESTS_A_SECOND, partial(self._visit, what))
        for scenario in ("accrue", "quote", "balance"):
            what = f"{scenario}: {growth}"
            yield Step(what, compared, partial(self._compare_sizes, what, scenario))
        for part in range(DAY_PARTS):
            what = f"memory over a day's requests, part {part + 1} of {DAY_PARTS}"
            requests = options.day_requests // DAY_PARTS
            yield Step(what, requests / REQUESTS_A_SECOND, partial(self._remember, requests))
        yield Step("memory", 0.0, self._growing.judge_memory)
        yield from self._histories("spenders", "redeem", compared=compared)
        yield from self._histories("keepers", "accrue", compared=compared)
        yield Step("lines of a basket", len(LINES) * run, lambda: self._growing.lines(self._small))
        yield Step("bytes of a purchase", BYTES_SECONDS, lambda: self._growing.bytes(self._small))
        yield Step("rules", 2 * compared, lambda: self._growing.rules(self._small))

    def _histories(self, kind: str, scenario: str, *, compared: float) -> Iterator[Step]:
        purchases = self._options.purchases
        parts = max(1, purchases * VETERANS // HISTORY_PART)
        portion = purchases * VETERANS // parts
        for part in range(parts):
            what = f"{VETERANS} {kind} buy {purchases:,} times each, part {part + 1} of {parts}"
            yield Step(what, portion / REQUESTS_A_SECOND, partial(self._buy, kind, scenario, portion))
        yield Step(f"vacuum after the {kind}", 3.0, lambda: self._growing.vacuum(self._small))
        for each, goal in (("accrue", FLAT), ("pay", FLAT), ("redeem", None), ("quote", FLAT), ("balance", FLAT)):
            what = f"{each}: {purchases:,} purchases of {kind}"
            yield Step(what, compared, partial(self._compare_histories, what, kind, each, goal=goal))

    def _settle(self, customers: int, *, visitors: int) -> None:
        stand = self._stack.enter_context(standing(self._options.data, workers=1, customers=0, tell=self._tell))
        place, self._growth.loaded_a_second = settle(stand, count=customers, visitors=visitors, tell=self._tell)
        self._growing.vacuum(place)
        self._places.append(place)
        self._tell(f"loaded, {self._growth.loaded_a_second:,.0f} a second")

    def _visit(self, what: str) -> None:
        small, large = self._places
        self._growing.first_visits(what, small, large)

    def _compare_sizes(self, what: str, scenario: str) -> None:
        small, large = self._places
        self._growing.compare(what, repeat(small), large, scenario)

    def _remember(self, requests: int) -> None:
        self._growing.memory(self._small, requests=requests)

    def _buy(self, kind: str, scenario: str, purchases: int) -> None:
        if kind not in self._veterans:
            self._veterans[kind] = next(self._groups)
        self._growing.buy(self._veterans[kind], scenario, count=purchases)

    def _compare_histories(self, what: str, kind: str, scenario: str, *, goal: float | None) -> None:
        self._growing.compare(what, self._groups, self._veterans[kind], scenario, goal=goal)

    @property
    def _small(self) -> Place:
        return self._places[0]

    def _of_few(self) -> Iterator[Place]:
        """The smaller service with some few customers, always others, counted from the last: on a day the first come by
        far the most often, so nobody among them has a short history.
        """
        people = self._small.chain.customers[::-1]
        for first in count(0, VETERANS):
            yield self._small.of([people[(first + place) % len(people)] for place in range(VETERANS)])


def perform(options: Options, growth: Growth, tell: Tell) -> None:
    """The whole course; what is found is added to `growth` as it is found."""
    with ExitStack() as stack:
        steps = list(Course(stack, options, growth, tell).steps())
        bar = stack.enter_context(progress_bar("growing", is_shown=sys.stderr.isatty()))
        task = bar.add_task("seconds", total=sum(step.seconds for step in steps))
        for number, step in enumerate(steps, 1):
            tell(f"{number} of {len(steps)}: {step.what}")
            step.do()
            bar.update(task, advance=step.seconds)


def main(argv: Sequence[str]) -> int:
    """The exit code: 1 when an answer was wrong or nothing could be measured, 130 when it was interrupted; a factor
    that is missed is printed.
    """
    options, began = read_options(argv), time.monotonic()
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 180)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # So that what was started is stopped.
    core = chosen_core()  # The services', too: same sources, same environment.
    growth = Growth(core=core.form if core.form == "compiled" else f"{core.form} ({core.because})")

    def tell(line: str) -> None:
        console.print(f"{time.monotonic() - began:5.0f} s  {line}", markup=False, highlight=False)

    try:
        perform(options, growth, tell)
    except (StandFailed, GeneratorFailed, NoPgbench, OSError) as error:
        console.print(f"growth stopped: {error}", markup=False)
        return 1
    except KeyboardInterrupt:
        show(growth, console)
        console.print("interrupted: this is a part, and isn't kept")
        return 130
    show(growth, console)
    console.print(f"kept: {keep(growth, options.data)}", markup=False)
    return 1 if growth.wrong else 0


def keep(growth: Growth, data: Path) -> Path:
    """As JSON; whoever reads the file sees a whole one."""
    kept = data / f"growth-{datetime.now(UTC):%Y%m%dT%H%M%S}.json"
    aside = kept.with_suffix(".new")
    aside.write_text(json.dumps(asdict(growth), indent=2) + "\n")
    return aside.replace(kept)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
