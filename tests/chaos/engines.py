"""PostgreSQL and Valkey of our own: on small disks, durable, killed by the process, started again when they end.

Engines are started by threads that live as long as they do: the kernel ends a child with the thread that started it.
"""

import asyncio
import os
import shutil
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from app.engines import EngineFailed, Postgres, Valkey
from app.engines.pair import EnginePair
from app.engines.places import Places, engine_account, prepare_data_dir
from tests.chaos.disks import Disk
from tests.storm.stands import children_of

DATA_MB = 1_024
LOG_MB = 224
RESTART_SECONDS = 0.2

# Segments are recycled within few: a full disk is noticed soon. The moment of each commit is what answers and views are
# held against.
SETTINGS = {
    "track_commit_timestamp": "on",
    "shared_buffers": "64MB",
    "max_wal_size": "96MB",
    "min_wal_size": "32MB",
    "max_connections": "120",
    "log_min_messages": "error",
}


@dataclass(slots=True)
class Engines:
    """The pair, its disks, and what keeps it running. `is_down` by name: not to be started again."""

    pair: EnginePair
    data: Disk
    log: Disk
    is_down: set[str] = field(default_factory=set)
    crashes: int = 0
    _threads: dict[str, ThreadPoolExecutor] = field(default_factory=dict)

    @classmethod
    def prepare(cls, directory: Path) -> "Engines":
        data = Disk.mount(directory / "data", size_mb=DATA_MB)
        log = Disk.mount(directory / "wal", size_mb=LOG_MB)
        try:
            engines = cls(_prepared(data, log), data, log)
        except BaseException:
            data.unmount()
            log.unmount()
            raise
        engines._threads = {name: ThreadPoolExecutor(1, thread_name_prefix=name) for name in ("postgres", "valkey")}
        return engines

    @property
    def postgres(self) -> Postgres:
        if self.pair.postgres is None:
            raise EngineFailed("there is no PostgreSQL")
        return self.pair.postgres

    @property
    def valkey(self) -> Valkey:
        if self.pair.valkey is None:
            raise EngineFailed("there is no Valkey")
        return self.pair.valkey

    async def start(self, name: str) -> None:
        engine: Postgres | Valkey = self.postgres if name == "postgres" else self.valkey
        if not engine.is_running:
            await asyncio.get_running_loop().run_in_executor(self._threads[name], engine.start)

    async def keep_running(self) -> None:
        """Until cancelled; a full disk may keep PostgreSQL from starting for a while."""
        while True:
            for name, engine in (("postgres", self.postgres), ("valkey", self.valkey)):
                if not engine.is_running and name not in self.is_down:
                    await asyncio.sleep(RESTART_SECONDS)
                    with suppress(EngineFailed, OSError):
                        await self.start(name)
                    self.crashes += 1
            await asyncio.sleep(0.05)

    def postgres_pids(self) -> list[int]:
        pid = self.postgres.pid
        return [] if pid is None else [pid, *children_of(pid)]

    def valkey_pids(self) -> list[int]:
        return [self.valkey.pid] if self.valkey.pid else []

    def kill(self, pids: list[int]) -> None:
        _signal(pids, signal.SIGKILL)

    def stop(self) -> None:
        _signal([*self.postgres_pids(), *self.valkey_pids()], signal.SIGCONT)  # A frozen one doesn't hear.
        self.postgres.stop(at_once=True)
        self.pair.stop()
        for thread in self._threads.values():
            thread.shutdown(wait=False, cancel_futures=True)
        for disk in (self.data, self.log):
            disk.free()
            disk.unmount()


def _prepared(data: Disk, log: Disk) -> EnginePair:
    places = Places(data.path)
    prepare_data_dir(places.data_dir)
    pair = EnginePair.prepare(places, postgres=True, valkey=True, say=lambda _: None, flushed=False, settings=SETTINGS)
    _move_log(places, log)
    return pair


@contextmanager
def frozen(pids: list[int]) -> Iterator[None]:
    """The processes stand still for as long as the block lasts."""
    _signal(pids, signal.SIGSTOP)
    try:
        yield
    finally:
        _signal(pids, signal.SIGCONT)


def _signal(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def _move_log(places: Places, disk: Disk) -> None:
    """The write-ahead log onto a disk of its own."""
    if not disk.is_small:
        return
    before, after = places.cluster / "pg_wal", disk.path / "pg_wal"
    shutil.copytree(before, after)
    if account := engine_account(places.cluster):
        for path in (after, *after.rglob("*")):
            os.chown(path, account.uid, account.gid)
    shutil.rmtree(before)
    before.symlink_to(after)
    after.chmod(0o700)
