"""`make profile`: where a request's microseconds go, layer by layer, for accrue, quote and balance.

The service runs with one worker that looks at itself (`loadtest.sampling`); tills in another process keep it busy. What
is shown is processor time of that worker a request; PostgreSQL, Valkey and the tills are other processes and told by
the benchmark.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from loadtest.generator import ROOT, GeneratorFailed, Job, generate
from loadtest.layers import DRIVER, GARBAGE, ORDER, layer_of_stack
from loadtest.stand import StandFailed, standing

SCENARIOS = ("accrue", "quote", "balance")
CORE = "app.domain.rules.evaluate"
HOTTEST = 25
WARM_UP_SECONDS = 1.5
WRITE_SECONDS_MAX = 10.0
NS_PER_US = 1_000
LOOP = "asyncio.runners:Runner.run"  # What called it, calls all.


@dataclass(frozen=True, slots=True)
class Profile:
    """One scenario; all times in µs of processor time a request."""

    scenario: str
    requests: int
    looks: int
    total_us: float
    layers: Mapping[str, float]
    statements: Mapping[str, float]
    selfs: Mapping[str, float]
    cumulative: Mapping[str, float]
    collections: tuple[int, ...]  # of the whole window, by generation

    @classmethod
    def of(cls, scenario: str, document: Mapping[str, Any], *, requests: int) -> Profile:
        """From what the sampler wrote about a window in which so many requests were answered."""
        layers: Counter[str] = Counter()
        selfs: Counter[str] = Counter()
        cumulative: Counter[str] = Counter()
        for weight, *stack in document["stacks"]:
            places = [(module, function) for module, function in stack]
            layers[layer_of_stack(places)] += weight
            names = [f"{module}:{function}" for module, function in places]
            if names:
                selfs[names[0]] += weight
            inside = names[: names.index(LOOP)] if LOOP in names else names
            for name in set(inside):
                cumulative[name] += weight
        layers[GARBAGE] += document["garbage_ns"]
        a_request = NS_PER_US * requests

        def each(times: Mapping[str, int]) -> dict[str, float]:
            return {name: ns / a_request for name, ns in times.items()}

        return cls(
            scenario=scenario,
            requests=requests,
            looks=document["looks"],
            total_us=document["total_ns"] / a_request,
            layers=each(layers),
            statements=each(document["statements"]),
            selfs=each(selfs),
            cumulative=each(cumulative),
            collections=tuple(document["collections"]),
        )


def table(profile: Profile) -> list[str]:
    """The lines that are printed for a scenario."""
    lines = [
        f"{profile.scenario}: {profile.total_us:.0f} µs of processor time a request in one worker",
        f"({profile.requests} requests, {profile.looks} looks)",
        "",
    ]
    for layer in ORDER:
        us = profile.layers.get(layer, 0.0)
        lines.append(_row(us, profile.total_us, layer))
        if layer == DRIVER:
            lines += [_row(us, profile.total_us, f"    {name}") for name, us in _most(profile.statements, HOTTEST)]
    lines += ["", f"collections by generation: {', '.join(map(str, profile.collections))}"]
    for title, times in (("by themselves", profile.selfs), ("with all they call", profile.cumulative)):
        lines += ["", f"the {HOTTEST} hottest functions, {title}:"]
        lines += [_row(us, profile.total_us, name) for name, us in _most(times, HOTTEST)]
    return lines


def _row(us: float, total_us: float, name: str) -> str:
    return f"{us:9.1f} µs {100 * us / total_us:5.1f} %  {name}"


def _most(times: Mapping[str, float], count: int) -> Iterable[tuple[str, float]]:
    return sorted(times.items(), key=lambda item: -item[1])[:count]


def is_compiled() -> bool:
    """Whether the rules are a compiled module: its functions then show as calls of whoever called into it."""
    spec = find_spec(CORE)
    return spec is not None and not str(spec.origin).endswith(".py")


def main(argv: Sequence[str]) -> int:
    """The exit code: 1 where nothing could be measured, or an answer was wrong."""
    parser = argparse.ArgumentParser(prog="make profile", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("scenarios", nargs="*", default=list(SCENARIOS), help="any of the benchmark's (accrue quote …)")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each scenario (10)")
    parser.add_argument("--connections", type=int, default=64, help="tills at once (64)")
    parser.add_argument("--customers", type=int, default=2000, help="how many there are (2000)")
    parser.add_argument("--data", type=Path, default=ROOT / ".bench", help="where the throwaway service lives (.bench)")
    options = parser.parse_args(argv)
    try:
        profiles, wrong = perform(options)
    except (StandFailed, GeneratorFailed, OSError) as error:
        print(f"the profile stopped: {error}")
        return 1
    print(f"the rules are {'compiled' if is_compiled() else 'plain Python'}")
    for profile in profiles:
        print("", *table(profile), sep="\n")
    return 1 if wrong else 0


def perform(options: argparse.Namespace) -> tuple[list[Profile], int]:
    """The profiles, and how many answers were wrong."""
    profiles, wrong = [], 0
    with tempfile.TemporaryDirectory() as directory:
        out = Path(directory, "looks")
        module = ("loadtest.sampling", str(out))
        with standing(options.data, workers=1, customers=options.customers, tell=print, module=module) as stand:
            for place, scenario in enumerate(options.scenarios, start=1):
                print(f"{scenario}: {options.seconds:g} s")
                job = Job(
                    port=stand.port,
                    chain=str(stand.chain_file),
                    scenario=scenario,
                    connections=options.connections,
                    seconds=WARM_UP_SECONDS,
                    seed=place,
                    root=os.getpid(),
                    is_audited=False,
                )
                generate(job)
                os.kill(stand.process, signal.SIGUSR1)
                outcome = generate(replace(job, seconds=options.seconds, seed=-place))
                os.kill(stand.process, signal.SIGUSR2)
                profiles.append(Profile.of(scenario, _read(Path(f"{out}.{place}")), requests=max(1, outcome.right)))
                wrong += outcome.wrong
    return profiles, wrong


def _read(path: Path) -> dict[str, Any]:
    give_up = time.monotonic() + WRITE_SECONDS_MAX
    while not path.exists():
        if time.monotonic() > give_up:
            raise StandFailed("the service did not write what it saw")
        time.sleep(0.05)
    document: dict[str, Any] = json.loads(path.read_bytes())
    return document


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
