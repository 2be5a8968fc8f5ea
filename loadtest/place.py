"""A service into which customers were loaded, and those of them who come to its tills."""

from __future__ import annotations

import asyncio
import csv
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import asyncpg

from app.keyring import open_keyring
from app.vault import KeyringVault
from loadtest.furnishing import OPENING_POINTS, profile
from loadtest.generator import ROOT, Job, Outcome, generate
from loadtest.measuring import WARM_UP_SECONDS
from loadtest.scenarios import Chain, Customer
from loadtest.stand import Stand, StandFailed
from loadtest.whereabouts import ids_of

CONNECTIONS = 64
TOLD_SECONDS = 10.0  # Between two lines about a load that goes on.
REQUESTS_SECONDS_MAX = 1800.0  # For a number of requests; a service that takes so long is broken.

Tell = Callable[[str], None]

# By the statistics: counting the rows would be work beside the load.
_LOADED = "select n_tup_ins from pg_stat_user_tables where relname = 'customers'"


@dataclass(frozen=True, slots=True)
class Place:
    """A service, and who comes to it."""

    stand: Stand
    chain: Chain

    def run(
        self, scenario: str, *, seconds: float = 0.0, lines: int = 5, requests: int | None = None, warm: bool = True
    ) -> Outcome:
        """For so many seconds, after a moment that doesn't count unless not `warm`; or so many requests, all counted.

        Raises `GeneratorFailed`.
        """
        chain_file = self.stand.log.parent / f"chain-{abs(hash(self.chain)):x}.json"
        if not chain_file.exists():
            self.chain.write(chain_file)
        return generate(
            Job(
                port=self.stand.port,
                chain=str(chain_file),
                scenario=scenario,
                connections=CONNECTIONS,
                seconds=seconds if requests is None else REQUESTS_SECONDS_MAX,
                seed=1,
                root=os.getpid(),
                lines=lines,
                requests=requests,
                warm_up_seconds=min(WARM_UP_SECONDS, seconds) if warm and requests is None else 0.0,
            )
        )

    def of(self, people: Sequence[Customer]) -> Place:
        """The same service, and only these come."""
        return replace(self, chain=replace(self.chain, customers=tuple(people)))


def settle(stand: Stand, *, count: int, visitors: int, tell: Tell) -> tuple[Place, float]:
    """Loads customers into an empty stand; so many of them, evenly spread over all, come to its tills. And how many
    were loaded a second. Raises `StandFailed`.
    """
    directory = stand.log.parent
    source = directory / "customers.csv"
    with source.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("phone", "card", "name", "birthday", "points:points"))
        for place in range(count):
            told = profile(place)
            rows.writerow((told["phone"], told["card"], told["name"], told["birthday"], OPENING_POINTS))
    began = time.monotonic()
    _load(source, stand, count=count, tell=tell)
    seconds = time.monotonic() - began
    source.unlink()
    profiles = [profile(place * count // visitors) for place in range(visitors)]
    keyring = open_keyring(directory / "data" / "secrets.json", data_dir=directory / "data")
    ids = asyncio.run(ids_of(stand.database_url, KeyringVault(keyring), [each["phone"] for each in profiles]))
    people = tuple(
        Customer(id=one, phone=each["phone"], card=each["card"]) for one, each in zip(ids, profiles, strict=True)
    )
    return Place(stand, replace(stand.chain, customers=people)), count / seconds


def _load(source: Path, stand: Stand, *, count: int, tell: Tell) -> None:
    environment = os.environ | {"DATA_DIR": str(source.parent / "data")}
    said = source.with_suffix(".log")
    with said.open("wb") as out:
        command = [sys.executable, "-m", "app", "load", str(source)]
        loading = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=out)
        try:
            while not _has_ended(loading, within=TOLD_SECONDS):
                tell(f"{asyncio.run(_loaded(stand.database_url)):,} of {count:,} loaded")
        finally:
            loading.kill()
            loading.wait()
    if loading.returncode:
        raise StandFailed(said.read_text(errors="replace")[-1000:])


def _has_ended(process: subprocess.Popen[bytes], *, within: float) -> bool:
    try:
        process.wait(timeout=within)
    except subprocess.TimeoutExpired:
        return False
    return True


async def _loaded(url: str) -> int:
    connection = await asyncpg.connect(url)
    try:
        return int(await connection.fetchval(_LOADED) or 0)
    finally:
        await connection.close()
