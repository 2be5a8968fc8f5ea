"""The measurements of `make growth`, each a method that adds what it found. A comparison's factor is the median over
rounds of neighbouring runs: what grew over what did not.

Customers: the same number of visitors comes to both services, evenly spread over all whom it has. Each is read once
before (a quote), so that both caches are equally warm and the figure is what more customers cost, not what a first
visit does. That first visit is the figure of the cold cache, which has no goal: everybody is a different one, and
nobody was there before.

History: the veterans are held against as many new customers in each run, since a few of them have bought a thousand
times each when a run is over.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

import asyncpg
import httpx

from loadtest import machine
from loadtest.database import vacuum
from loadtest.factors import FLAT, Factor, Growth
from loadtest.generator import Outcome
from loadtest.place import Place, Tell
from loadtest.program import with_rules
from loadtest.stand import StandFailed

MEMORY_MAX_MIB = 150
VETERANS = 4  # Customers with a long history, of each kind.
LINES = (5, 50, 500)
BYTES_SECONDS = 10.0
COLD_PARTS = 3  # The visitors come in so many groups, to one service and the other in turn.


class Growing:
    """Adds to what was found. `seconds` of a run, `repeats` of a comparison."""

    def __init__(self, growth: Growth, *, seconds: float, repeats: int, tell: Tell) -> None:
        self._growth = growth
        self._seconds, self._repeats = seconds, repeats
        self._tell = tell

    def _counted(self, outcome: Outcome) -> Outcome:
        """Wrong answers are added up."""
        self._growth.wrong += outcome.wrong
        return outcome

    def first_visits(self, what: str, before: Place, after: Place) -> None:
        """Each visitor is read once, and both services are warm afterwards."""
        pairs = []
        for part in range(COLD_PARTS):
            few, many = (place.of(place.chain.customers[part::COLD_PARTS]) for place in (before, after))
            first = self._counted(few.run("visit", requests=len(few.chain.customers)))
            pairs.append((first, self._counted(many.run("visit", requests=len(many.chain.customers)))))
        self._add(what, pairs, goal=None)

    def compare(
        self, what: str, befores: Iterator[Place], after: Place, scenario: str, *, goal: float | None = FLAT
    ) -> None:
        """Runs in turn; `befores`: what did not grow, for each round."""
        pairs = []
        for before in islice(befores, self._repeats):
            first = self._counted(before.run(scenario, seconds=self._seconds))
            pairs.append((first, self._counted(after.run(scenario, seconds=self._seconds))))
        self._add(what, pairs, goal=goal)

    def _add(self, what: str, pairs: Sequence[tuple[Outcome, Outcome]], *, goal: float | None) -> None:
        """The factor of the rates; beside it what suffers least from others, µs of processor time an answer."""
        (rate, us), (rate_after, us_after) = map(_medians, zip(*pairs, strict=True))
        others = max(outcome.others_share or 0.0 for pair in pairs for outcome in pair)
        note = f"{rate:,.0f} to {rate_after:,.0f} a second, {us:,.0f} to {us_after:,.0f} µs; others up to {others:.0%}"
        factor = Factor(what, statistics.median(_rate(after) / _rate(first) for first, after in pairs), goal, note)
        self._growth.factors.append(factor)
        self._tell(f"{what}: {factor.value:.2f} ({note})")

    def buy(self, veterans: Place, scenario: str, *, count: int) -> None:
        """A part of a long history."""
        began = time.monotonic()
        self._counted(veterans.run(scenario, requests=count))
        self._tell(f"{count:,} purchases, {count / (time.monotonic() - began):,.0f} a second")

    def vacuum(self, place: Place) -> None:
        """What the server does by itself within minutes of a load, and many times over while a long history comes
        about: here it took half a minute.
        """
        vacuum(place.stand.database_url)

    def lines(self, place: Place) -> None:
        """Processor time of service and database a purchase by its lines; linear: the slope doesn't grow."""
        costs = self._growth.line_us
        for lines in LINES:
            outcome = self._counted(place.run("accrue", seconds=self._seconds, lines=lines))
            costs[lines] = outcome.processor_us["service"] + outcome.processor_us["postgres"]
            self._tell(f"{lines} lines: {costs[lines]:,.0f} µs a purchase")
        small, middle, large = LINES
        first = (costs[middle] - costs[small]) / (middle - small)
        then = (costs[large] - costs[middle]) / (large - middle)
        note = f"{first:.1f} µs a line, then {then:.1f}"
        self._growth.factors.append(Factor(f"linear in lines, {small} to {large}", first / then, FLAT, note))

    def bytes(self, place: Place) -> None:
        """What a purchase adds to the tables and to the log."""
        before, log_before = asyncio.run(_sizes(place.stand.database_url))
        outcome = self._counted(place.run("accrue", seconds=max(BYTES_SECONDS, self._seconds), warm=False))
        after, log_after = asyncio.run(_sizes(place.stand.database_url))
        added = {name: (after[name] - before.get(name, 0)) / outcome.right for name in after}
        added = {name: each for name, each in added.items() if each >= 1}
        self._tell(f"a purchase adds {sum(added.values()):,.0f} bytes to the tables")
        self._growth.bytes = added | {"write-ahead log": (log_after - log_before) / outcome.right}

    def memory(self, place: Place, *, requests: int) -> None:
        """A part of the hour; before the first one, what the worker has by then."""
        found = self._growth.memory
        if not found:
            found.append(machine.resident_mib(place.stand.process))
        self._counted(place.run("day", requests=requests))
        found.append(machine.resident_mib(place.stand.process))
        self._tell(f"a worker has {found[-1]:.0f} MiB")

    def judge_memory(self) -> None:
        """When all parts of the hour are over."""
        found = self._growth.memory
        most, middle = max(found), found[len(found) // 2]
        self._growth.factors += [
            Factor(
                f"memory of a worker under {MEMORY_MAX_MIB} MiB", MEMORY_MAX_MIB / most, 1.0, f"{most:.0f} MiB at most"
            ),
            Factor("memory flat over their second half", middle / found[-1], FLAT),
        ]

    def rules(self, place: Place) -> None:
        """Published in turn at the same service."""
        scenarios = ("accrue", "quote")
        rounds: list[list[list[Outcome]]] = []
        for _ in range(self._repeats):
            rounds.append([])
            for count in (10, 500):
                _publish(place, with_rules(count))
                rounds[-1].append([self._counted(place.run(each, seconds=self._seconds)) for each in scenarios])
        for at, scenario in enumerate(scenarios):
            self._add(f"{scenario}: 10 to 500 rules", [(few[at], many[at]) for few, many in rounds], goal=FLAT)


def _rate(outcome: Outcome) -> float:
    return outcome.right / outcome.seconds


def _medians(outcomes: Iterable[Outcome]) -> tuple[float, float]:
    """Right answers a second, and µs of processor time an answer."""
    pairs = [(_rate(outcome), sum(outcome.processor_us.values())) for outcome in outcomes]
    return statistics.median(rate for rate, _ in pairs), statistics.median(us for _, us in pairs)


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


def _publish(place: Place, document: Mapping[str, object]) -> None:
    headers = {"Authorization": f"Bearer {place.stand.chain.admin}"}
    with httpx.Client(base_url=f"http://127.0.0.1:{place.stand.port}", trust_env=False, timeout=60) as http:
        for method, path, body in (("PUT", "/v1/program/draft", document), ("POST", "/v1/program/publish", {})):
            key = {"Idempotency-Key": f"growth-{time.monotonic_ns()}"}
            answer = http.request(method, path, json=body, headers=headers | key)
            if not answer.is_success:
                raise StandFailed(f"{method} {path}: {answer.status_code} {answer.text[:1000]}")
