"""`make growth`: what stays as fast as it was while everything grows, and what grows with what.

    customers   10,000 and 1,000,000, brought in by `load`: two services side by side, run in turn
    history     customers who have bought 10,000 times: some spend what they get, some keep it all
    rules       10 and 500, of which a basket meets as many
    lines       5, 50 and 500 of a basket: processor time a line
    memory      of a worker, over as many requests as an hour of a busy shop's
    bytes       that a purchase adds, table by table, and of the write-ahead log

Each factor is the median over rounds of neighbouring runs: what grew over what did not. Where the machine isn't quiet
both suffer.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import httpx
from rich.console import Console
from rich.table import Table

from app.keyring import open_keyring
from app.vault import KeyringVault
from loadtest import machine
from loadtest.furnishing import OPENING_POINTS, profile
from loadtest.generator import ROOT, GeneratorFailed, Job, Outcome, generate
from loadtest.program import with_rules
from loadtest.scenarios import Chain, Customer
from loadtest.stand import Stand, StandFailed, standing
from loadtest.whereabouts import ids_of

FLAT = 0.9
MEMORY_MAX_MIB = 150
CONNECTIONS = 64
SAMPLE_MAX = 100_000  # Customers of the million that come to the tills; all of them would fill the generator.
VETERANS = 4  # Customers with a long history, of each kind.
LINES = (5, 50, 500)
DAY_REQUESTS = 180_000  # Of the scenario `day`: an hour at fifty a second.

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Factor:
    """What grew over what did not; `goal` is the least that will do, None where the figure only informs."""

    what: str
    value: float
    goal: float | None = None
    note: str = ""

    @property
    def is_met(self) -> bool:
        return self.goal is None or self.value >= self.goal


@dataclass(slots=True)
class Growth:
    """All that was found. `bytes` are those that a purchase adds, by table, `wal` of the log; `memory` MiB of a worker
    before the requests of the hour and after each quarter of them.
    """

    factors: list[Factor] = field(default_factory=list)
    line_us: dict[int, float] = field(default_factory=dict)
    memory: list[float] = field(default_factory=list)
    bytes: dict[str, float] = field(default_factory=dict)
    loaded_a_second: float = 0.0
    wrong: int = 0


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
class Place:
    """A service, and who comes to it."""

    stand: Stand
    chain: Chain
    directory: Path

    def run(self, scenario: str, options: Options, *, lines: int = 5, requests: int | None = None) -> Outcome:
        chain_file = self.directory / f"chain-{abs(hash(self.chain)):x}.json"
        if not chain_file.exists():
            self.chain.write(chain_file)
        return generate(
            Job(
                port=self.stand.port,
                chain=str(chain_file),
                scenario=scenario,
                connections=CONNECTIONS,
                seconds=options.seconds if requests is None else 3600.0,
                seed=1,
                root=os.getpid(),
                lines=lines,
                requests=requests,
            )
        )

    def of(self, people: Sequence[Customer]) -> Place:
        """The same service, and only these come."""
        return replace(self, chain=replace(self.chain, customers=tuple(people)))


def perform(options: Options, tell: Tell) -> Growth:
    growth = Growth()
    with ExitStack() as stack:
        small, large = (
            _place(stack, options, growth, count, tell) for count in (min(10_000, options.customers), options.customers)
        )
        _memory(small, growth, options, tell)
        for scenario in ("accrue", "quote", "balance"):
            label = f"{scenario}: {len(small.chain.customers):,} to {options.customers:,} customers"
            _compare(label, small, large, scenario, growth, options, tell)
        _histories(small, growth, options, tell)
        _lines(small, growth, options, tell)
        _bytes(small, growth, options, tell)
        _rules(small, growth, options, tell)
    return growth


def _place(stack: ExitStack, options: Options, growth: Growth, count: int, tell: Tell) -> Place:
    stand = stack.enter_context(standing(options.data, workers=1, customers=0, tell=tell))
    directory = stand.log.parent
    source = directory / "customers.csv"
    with source.open("w") as file:
        file.write("phone,card,name,birthday,points:points\n")
        for place in range(count):
            told = profile(place)
            row = (told["phone"], told["card"], told["name"], told["birthday"], str(OPENING_POINTS))
            file.write(",".join(row) + "\n")
    tell(f"loading {count:,} customers")
    began = time.monotonic()
    environment = os.environ | {"DATA_DIR": str(directory / "data")}
    done = subprocess.run(
        [sys.executable, "-m", "app", "load", str(source)],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise StandFailed(done.stderr[-1000:])
    seconds = time.monotonic() - began
    growth.loaded_a_second = count / seconds
    tell(f"loaded, {growth.loaded_a_second:,.0f} a second")
    source.unlink()
    step = max(1, count // SAMPLE_MAX)
    profiles = [profile(place) for place in range(0, count, step)]
    keyring = open_keyring(directory / "data" / "secrets.json", data_dir=directory / "data")
    ids = asyncio.run(ids_of(stand.database_url, KeyringVault(keyring), [each["phone"] for each in profiles]))
    people = tuple(
        Customer(id=one, phone=each["phone"], card=each["card"]) for one, each in zip(ids, profiles, strict=True)
    )
    return Place(stand, replace(stand.chain, customers=people), directory)


def _compare(
    what: str, before: Place, after: Place, scenario: str, growth: Growth, options: Options, tell: Tell, *,
    goal: float | None = FLAT,
) -> None:  # fmt: skip
    """Runs in turn; the factor is the median of the rounds' ratios of rates."""
    ratios, rates = [], []
    for _ in range(options.repeats):
        first, second = before.run(scenario, options), after.run(scenario, options)
        growth.wrong += first.wrong + second.wrong
        pair = first.right / first.seconds, second.right / second.seconds
        rates.append(pair)
        ratios.append(pair[1] / pair[0])
    note = f"{statistics.median(a for a, _ in rates):,.0f} to {statistics.median(b for _, b in rates):,.0f} a second"
    growth.factors.append(Factor(what, statistics.median(ratios), goal, note))
    tell(f"{what}: {growth.factors[-1].value:.2f} ({note})")


def _histories(place: Place, growth: Growth, options: Options, tell: Tell) -> None:
    people = place.chain.customers
    fresh = place.of(people[:VETERANS])
    for kind, scenario, first in (("spenders", "redeem", VETERANS), ("keepers", "accrue", 2 * VETERANS)):
        veterans = place.of(people[first : first + VETERANS])
        count = options.purchases * VETERANS
        tell(f"{kind}: {VETERANS} customers buy {options.purchases:,} times each")
        growth.wrong += veterans.run(scenario, options, requests=count).wrong
        for each in ("accrue", "redeem", "quote", "balance"):
            _compare(f"{each}: {options.purchases:,} purchases of {kind}", fresh, veterans, each, growth, options, tell)


def _lines(place: Place, growth: Growth, options: Options, tell: Tell) -> None:
    """Processor time of service and database a purchase by its lines; linear: the slope doesn't grow."""
    for lines in LINES:
        outcome = place.run("accrue", options, lines=lines)
        growth.wrong += outcome.wrong
        growth.line_us[lines] = outcome.processor_us["service"] + outcome.processor_us["postgres"]
        tell(f"{lines} lines: {growth.line_us[lines]:,.0f} µs a purchase")
    small, middle, large = LINES
    first = (growth.line_us[middle] - growth.line_us[small]) / (middle - small)
    then = (growth.line_us[large] - growth.line_us[middle]) / (large - middle)
    note = f"{first:.1f} µs a line, then {then:.1f}"
    growth.factors.append(Factor(f"linear in lines, {small} to {large}", first / then, FLAT, note))


_SIZES = """
select coalesce(parent.relname, c.relname) as name, sum(pg_total_relation_size(c.oid))::bigint as bytes
from pg_class c join pg_namespace n on n.oid = c.relnamespace
left join pg_inherits i on i.inhrelid = c.oid left join pg_class parent on parent.oid = i.inhparent
where c.relkind = 'r' and n.nspname = 'public' group by 1
"""


async def _sizes(url: str) -> tuple[dict[str, int], int]:
    """Bytes by table, indexes and out-of-line values with them; bytes of log written so far."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("checkpoint")
        sizes = {row["name"]: row["bytes"] for row in await connection.fetch(_SIZES)}
        return sizes, int(await connection.fetchval("select pg_current_wal_lsn() - '0/0'::pg_lsn"))
    finally:
        await connection.close()


def _bytes(place: Place, growth: Growth, options: Options, tell: Tell) -> None:
    before, log_before = asyncio.run(_sizes(place.stand.database_url))
    outcome = place.run("accrue", replace(options, seconds=max(10.0, options.seconds)))
    after, log_after = asyncio.run(_sizes(place.stand.database_url))
    growth.wrong += outcome.wrong
    growth.bytes = {name: (after[name] - before.get(name, 0)) / outcome.right for name in after}
    growth.bytes = {name: each for name, each in growth.bytes.items() if each >= 1}
    growth.bytes["write-ahead log"] = (log_after - log_before) / outcome.right
    tell(f"a purchase adds {sum(growth.bytes.values()) - growth.bytes['write-ahead log']:,.0f} bytes to the tables")


def _memory(place: Place, growth: Growth, options: Options, tell: Tell) -> None:
    growth.memory.append(machine.resident_mib(place.stand.process))
    for _ in range(4):
        growth.wrong += place.run("day", options, requests=options.day_requests // 4).wrong
        growth.memory.append(machine.resident_mib(place.stand.process))
        tell(f"a worker has {growth.memory[-1]:.0f} MiB")
    most = max(growth.memory)
    growth.factors.append(Factor(f"memory of a worker under {MEMORY_MAX_MIB} MiB", MEMORY_MAX_MIB / most, 1.0,
                                 f"{most:.0f} MiB at most"))  # fmt: skip
    growth.factors.append(Factor("memory flat over their second half", growth.memory[2] / growth.memory[4], FLAT))


def _rules(place: Place, growth: Growth, options: Options, tell: Tell) -> None:
    """Published in turn at the same service."""
    ratios: dict[str, list[float]] = {"accrue": [], "quote": []}
    for _ in range(options.repeats):
        rates: dict[str, list[float]] = {name: [] for name in ratios}
        for count in (10, 500):
            _publish(place, with_rules(count))
            for scenario, found in rates.items():
                outcome = place.run(scenario, options)
                growth.wrong += outcome.wrong
                found.append(outcome.right / outcome.seconds)
        for scenario, (few, many) in rates.items():
            ratios[scenario].append(many / few)
    for scenario, found in ratios.items():
        growth.factors.append(Factor(f"{scenario}: 10 to 500 rules", statistics.median(found), FLAT))
        tell(f"{scenario}: 10 to 500 rules: {growth.factors[-1].value:.2f}")


def _publish(place: Place, document: Mapping[str, object]) -> None:
    headers = {"Authorization": f"Bearer {place.stand.chain.admin}"}
    with httpx.Client(base_url=f"http://127.0.0.1:{place.stand.port}", trust_env=False, timeout=60) as http:
        for method, path, body in (("PUT", "/v1/program/draft", document), ("POST", "/v1/program/publish", {})):
            key = {"Idempotency-Key": f"growth-{time.monotonic_ns()}"}
            answer = http.request(method, path, json=body, headers=headers | key)
            if not answer.is_success:
                raise StandFailed(f"{method} {path}: {answer.status_code} {answer.text[:1000]}")


def show(growth: Growth, console: Console) -> None:
    table = Table("what grew", "factor", "goal", "met", "")
    for each in growth.factors:
        goal, met = ("", "") if each.goal is None else (f"≥ {each.goal:g}", "yes" if each.is_met else "NO")
        table.add_row(each.what, f"{each.value:.2f}", goal, met, each.note)
    console.print(table)
    sizes = Table("bytes a purchase adds", "")
    for name, added in sorted(growth.bytes.items(), key=lambda pair: -pair[1]):
        sizes.add_row(name, f"{added:,.0f}")
    console.print(sizes)
    console.print(f"loaded {growth.loaded_a_second:,.0f} customers a second")


def main(argv: Sequence[str]) -> int:
    """The exit code: 1 when an answer was wrong or nothing could be measured; a factor that is missed is printed."""
    options, console, began = read_options(argv), Console(highlight=False), time.monotonic()

    def tell(line: str) -> None:
        console.print(f"{time.monotonic() - began:5.0f} s  {line}", markup=False, highlight=False)

    try:
        growth = perform(options, tell)
    except (StandFailed, GeneratorFailed, OSError) as error:
        console.print(f"growth stopped: {error}", markup=False)
        return 1
    show(growth, console)
    kept = options.data / f"growth-{datetime.now(UTC):%Y%m%dT%H%M%S}.json"
    kept.write_text(json.dumps(asdict(growth), indent=2))
    console.print(f"kept: {kept}", markup=False)
    return 1 if growth.wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
