"""Where the benchmark stands: a service with engines of its own in a throwaway directory, a program, tills, customers.

`serve` is started as anybody would start it, with its jobs, and found by what it says. PostgreSQL's settings are those
that the service runs with anywhere, asked of the server itself: a stand on which an answered purchase could be lost is
no stand. It has the files of its log, as every server that has lived through some checkpoints: a new one makes each
while all commits wait (`app.engines.server_settings`), which would be measured in every run and happens once in a
server's life.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from app.abuse_settings import AbuseSettings
from app.engines.places import Places
from app.engines.postgres import SUPERUSER, database_url
from loadtest.furnishing import StandFailed, furnish
from loadtest.generator import ROOT
from loadtest.scenarios import Chain

__all__ = ["Stand", "StandFailed", "set_flush", "standing"]

START_SECONDS_MAX = 120.0
STOP_SECONDS_MAX = 30.0
DURABLE = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}

# As many files as the log grows to before old ones are free again. A switch does nothing where nothing was written.
_LIVE_THROUGH = """
do $$
begin
    for file in 1 .. pg_size_bytes(current_setting('max_wal_size'))
        / pg_size_bytes(current_setting('wal_segment_size'))
    loop
        perform pg_logical_emit_message(false, 'stand', ''), pg_switch_wal();
    end loop;
end
$$
"""

_ADDRESS = re.compile(r"answers on http://127\.0\.0\.1:(\d+)")


@dataclass(frozen=True, slots=True)
class Stand:
    """A service that answers. `database_url` is the superuser's; `chain_file` is what the generator reads."""

    port: int
    process: int
    database_url: str
    postgres: str  # its version
    chain: Chain
    chain_file: Path
    log: Path


@contextmanager
def standing(
    parent: Path, *, workers: int, customers: int, tell: Callable[[str], None], module: Sequence[str] = ("app",)
) -> Iterator[Stand]:
    """A stand in a directory of its own in `parent`; gone at the end. Raises `StandFailed`.

    module: what is run instead of `app`, with its first arguments.
    """
    parent.mkdir(parents=True, exist_ok=True)
    directory = Path(tempfile.mkdtemp(prefix="stand-", dir=parent))
    directory.chmod(0o711)  # Root's engines run as an account that has to pass.
    log = directory / "serve.log"
    try:
        with _served(directory, log, workers=workers, module=module) as (port, process):
            tell(f"the service answers on port {port} with {workers} worker(s)")
            yield asyncio.run(
                _made_ready(directory, log, port=port, process=process.pid, customers=customers, tell=tell)
            )
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def set_flush(url: str, flush_ms: float | None) -> None:
    """Makes each flush of PostgreSQL's log wait so long, whoever writes: what a disk that flushes in that time does.
    None: the disk as it is.

    `commit_delay` is slept by the backend that flushes, before it does, with the log's lock held; those that come
    meanwhile are flushed with it, as on a real disk.
    """
    asyncio.run(_set_flush(url, micros=0 if flush_ms is None else round(flush_ms * 1000)))


async def _set_flush(url: str, *, micros: int) -> None:
    connection = await asyncpg.connect(url)
    try:
        for name, value in (("commit_delay", micros), ("commit_siblings", 0)):
            change = f"SET {name} = {value}" if micros else f"RESET {name}"
            await connection.execute(f"ALTER SYSTEM {change}")
        await connection.execute("SELECT pg_reload_conf()")
        for _ in range(100):  # The postmaster reads it in its own time.
            if await connection.fetchval("SELECT setting FROM pg_settings WHERE name = 'commit_delay'") == str(micros):
                return
            await asyncio.sleep(0.05)
    finally:
        await connection.close()
    raise StandFailed(f"PostgreSQL didn't take commit_delay = {micros}")


@contextmanager
def _served(
    directory: Path, log: Path, *, workers: int, module: Sequence[str]
) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """`serve` in processes of its own: port and process."""
    environment = {name: value for name, value in os.environ.items() if name not in _OURS}
    environment |= {
        "DATA_DIR": str(directory / "data"),
        "WORKERS": str(workers),
        "PORT": "0",
        "HOST": "127.0.0.1",
        "LOG_FORMAT": "json",
    }
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", *module, "serve", "--with-jobs", "--with-parent"],
            cwd=ROOT,
            env=environment,
            stdout=out,
            stderr=out,
        )
    try:
        yield _port_of(process, log), process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


# Settings of the person's own service, which mustn't reach this one.
_OURS = frozenset(
    {"DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "SECRETS_FILE", "METRICS_DIR", "LOG_LEVEL"}
    | {name.upper() for name in AbuseSettings.model_fields}
)


def _port_of(process: subprocess.Popen[bytes], log: Path) -> int:
    """Waits until the service says where it answers."""
    give_up = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < give_up and process.poll() is None:
        if found := _ADDRESS.search(log.read_text(errors="replace")):
            return int(found[1])
        time.sleep(0.05)
    raise StandFailed(f"the service didn't start: {log.read_text(errors='replace')[-1000:]}")


async def _made_ready(
    directory: Path, log: Path, *, port: int, process: int, customers: int, tell: Callable[[str], None]
) -> Stand:
    """Checks the database, and furnishes what stands on it."""
    record = json.loads(Places(directory / "data").record.read_bytes())
    url = database_url(Path(record["sockets"]), user=SUPERUSER)
    version = await _durable_version(url)
    await _live_through(url)
    chain = await furnish(url, port=port, customers=customers, tell=tell)
    chain_file = directory / "chain.json"
    chain.write(chain_file)
    return Stand(
        port=port,
        process=process,
        database_url=url,
        postgres=version,
        chain=chain,
        chain_file=chain_file,
        log=log,
    )


async def _live_through(url: str) -> None:
    """The server's log filled once and a checkpoint, after which its files are used again."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(_LIVE_THROUGH)
        await connection.execute("checkpoint")
    finally:
        await connection.close()


async def _durable_version(url: str) -> str:
    """The server's version. Raises `StandFailed` where it could lose what it has answered."""
    connection = await asyncpg.connect(url)
    try:
        for name, wanted in DURABLE.items():
            found = await connection.fetchval(f"SHOW {name}")
            if found != wanted:
                raise StandFailed(f"PostgreSQL runs with {name} = {found}: nothing that is measured there counts")
        return str(await connection.fetchval("SHOW server_version"))
    finally:
        await connection.close()
