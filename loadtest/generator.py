"""The load generator: a process of its own, `python -m loadtest.generator JOB`, with an event loop made of C.

Reads a job as JSON, loads the service, prints the outcome as JSON. It says what processor time it took itself, answers
included, since on one machine that is taken from the service.

Afterwards it checks what it was told: the versions of a few customers' acknowledged writes are all different and
without a gap, and the service's balance of each stands at the last one. Nobody else may write to them meanwhile.
"""

from __future__ import annotations

import gc
import json
import secrets
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import uvloop

from loadtest import machine
from loadtest.driver import ClosedLoop, Source, Tally
from loadtest.machine import Usage
from loadtest.open_loop import OpenLoop
from loadtest.results import Role
from loadtest.scenarios import Chain, Scenario, Shot
from loadtest.till.report import percentile
from loadtest.wire import Answer, head_of, request

HOST = "127.0.0.1"
# Purchases that are made first where the scenario repeats them.
HISTORY = 512
# More than a run and its drain take; a generator that hangs must not hang the benchmark.
SPARE_SECONDS = 60.0
ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Job:
    """What to do. `rate` None: closed loop over `connections`; else arrivals a second of an open loop, which begins
    with so many connections. `warm_up_seconds`: the same before it, uncounted. `is_audited`: the service keeps
    versions and tells them. `root`: the process below which all processes are the benchmark's. `lines` of a basket;
    `requests`: after so many it ends, before its time is up."""

    port: int
    chain: str  # a file
    scenario: str
    connections: int
    seconds: float
    seed: int
    root: int
    rate: float | None = None
    is_audited: bool = True
    lines: int = 5
    requests: int | None = None
    warm_up_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it. `seconds`: until the last answer; latencies in ms over all requests, None without any."""

    seconds: float
    right: int
    wrong: int
    unsent: int
    statuses: Mapping[str, int]
    p50_ms: float | None
    p99_ms: float | None
    max_ms: float | None
    processor_us: Mapping[Role, float]  # an answer; the generator's by its own clock
    others_share: float | None
    errors: tuple[str, ...]


class GeneratorFailed(Exception):
    """The generator itself ended badly; the text is the end of what it said."""


def generate(job: Job) -> Outcome:
    """Runs the generator as a process and waits for it. Raises `GeneratorFailed`."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", "loadtest.generator", json.dumps(asdict(job))],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=job.warm_up_seconds + job.seconds + SPARE_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise GeneratorFailed(f"no outcome within {error.timeout:.0f} s") from error
    if done.returncode != 0:
        raise GeneratorFailed(done.stderr.strip()[-1000:])
    document = json.loads(done.stdout)
    return Outcome(**{**document, "errors": tuple(document["errors"])})


async def perform(job: Job) -> Outcome:
    """The job, in this process."""
    chain = Chain.read(Path(job.chain))
    scenario = Scenario(job.scenario, chain, run=secrets.token_hex(4), seed=job.seed, lines=job.lines)
    if scenario.needs_history:
        await _make_history(scenario, job)
    source = scenario if job.requests is None else Some(scenario, job.requests)
    loop: ClosedLoop | OpenLoop
    if job.rate is None:
        loop = ClosedLoop(source, host=HOST, port=job.port)
    else:
        loop = OpenLoop(source, host=HOST, port=job.port, rate=job.rate, seed=job.seed)
    await loop.connect(job.connections)
    if job.warm_up_seconds:
        await loop.run(job.warm_up_seconds)
        loop.tally.begin_again()
    before, processor_began = machine.look(job.root), time.process_time()
    seconds = await loop.run(job.seconds)
    processor_seconds, usage = time.process_time() - processor_began, before.until(machine.look(job.root))
    loop.close()
    if job.is_audited:
        await _audit(loop.tally, chain, job)
    return _outcome(loop.tally, seconds=seconds, processor_seconds=processor_seconds, usage=usage)


def _outcome(tally: Tally, *, seconds: float, processor_seconds: float, usage: Usage) -> Outcome:
    latencies = sorted(round(latency * 1_000_000) for latency in tally.latencies)

    def milliseconds(percent: int) -> float | None:
        micros = percentile(latencies, percent=percent)
        return None if micros is None else micros / 1000

    answers = sum(tally.statuses.values())
    return Outcome(
        seconds=seconds,
        right=tally.right,
        wrong=tally.wrong,
        unsent=tally.unsent,
        statuses={str(status): count for status, count in sorted(tally.statuses.items())},
        p50_ms=milliseconds(50),
        p99_ms=milliseconds(99),
        max_ms=milliseconds(100),
        processor_us={
            **usage.processor_us(answers),
            "generator": processor_seconds * 1_000_000 / max(answers, 1),
        },
        others_share=usage.others_share,
        errors=tuple(tally.errors),
    )


class Some:
    """The first few requests of a source."""

    def __init__(self, source: Source, count: int) -> None:
        self._source = source
        self._left = count

    def next(self, till: int) -> Shot | None:
        self._left -= 1
        return self._source.next(till) if self._left >= 0 else None

    def answered(self, till: int, shot: Shot, answer: Answer) -> bool:
        return self._source.answered(till, shot, answer)


class _Purchases:
    """A scenario's purchases, whatever else it does."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario

    def next(self, till: int) -> Shot | None:
        return self._scenario.purchase(till)

    def answered(self, till: int, shot: Shot, answer: Answer) -> bool:
        return self._scenario.answered(till, shot, answer)


async def _make_history(scenario: Scenario, job: Job) -> None:
    tally = await exhaust(Some(_Purchases(scenario), HISTORY), port=job.port, connections=job.connections)
    if tally.wrong:
        raise GeneratorFailed(f"the purchases to be repeated were not made: {tally.errors}")


async def exhaust(source: Source, *, port: int, connections: int, seconds_max: float = 600.0) -> Tally:
    """Sends all that a source has."""
    loop = ClosedLoop(source, host=HOST, port=port)
    await loop.connect(connections)
    await loop.run(seconds_max)
    loop.close()
    return loop.tally


class _Balances:
    """Asks for the balance of each customer that was written to, no older than the last acknowledged write."""

    def __init__(self, chain: Chain, last: Mapping[int, int]) -> None:
        self._requests = [
            Shot(
                request(head_of("GET", f"{_path(chain, place)}?min_version={last[place]}", key=chain.tills[0].key)), 200
            )
            for place in last
        ]
        self._versions = list(last.values())

    def next(self, till: int) -> Shot | None:  # noqa: ARG002 - any till may ask
        return self._requests.pop() if self._requests else None

    def answered(self, till: int, shot: Shot, answer: Answer) -> bool:  # noqa: ARG002 - one connection: in order
        version = self._versions.pop()
        return answer.status == 200 and json.loads(answer.body)["version"] == version


def _path(chain: Chain, place: int) -> str:
    return f"/v1/customers/{chain.customers[place].id}/balance"


async def _audit(tally: Tally, chain: Chain, job: Job) -> None:
    """Adds to the wrong answers what doesn't fit together."""
    for place, versions in tally.versions.items():
        if not is_without_gap(versions):
            tally.fail(
                f"customer {place}: versions of {len(versions)} writes reach from {min(versions)} to {max(versions)}"
            )
    last = {place: max(versions) for place, versions in tally.versions.items()}
    if last:
        asked = await exhaust(_Balances(chain, last), port=job.port, connections=1)
        for error in asked.errors:
            tally.fail(f"a balance isn't at its last acknowledged version: {error}")


def is_without_gap(versions: Sequence[int]) -> bool:
    """Whether they are n numbers in a row, in any order."""
    return len(set(versions)) == len(versions) == max(versions) - min(versions) + 1


def main(arguments: Sequence[str]) -> None:
    job = Job(**json.loads(arguments[0]))
    gc.disable()  # Nothing here is circular; a pause of ours would look like one of the service.
    outcome = uvloop.run(perform(job))
    sys.stdout.write(json.dumps(asdict(outcome)) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
