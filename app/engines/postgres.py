"""One embedded PostgreSQL: made once, started in the foreground as our child, reached over a Unix socket only.

Settings are given on the command line, so that a file edited in the cluster can't switch off what keeps answered
purchases: fsync, full_page_writes, synchronous_commit.

Whoever may open the socket is trusted (its directory is private to us and the engines' account); there is no TCP port.

When root keeps DATA_DIR in a closed directory (its home, a temporary one), the engines' account can't walk to the
cluster. The child is in the cluster before it drops root, and PostgreSQL is told that its data is in /proc/self/cwd:
the kernel follows that link without walking the path. Nothing has to be opened up for it.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from app.engines import process
from app.engines.places import Account, EngineFailed, can_pass_closed_parents, owned_directory, reachable
from app.engines.programs import PostgresPrograms
from app.engines.server_settings import (
    BUILTIN_LOCALE_SINCE,
    DURABLE_AND_SMALL,
    memory_mib,
    of_memory,
    of_version,
)

DATABASE = "kopilka"
SUPERUSER = "postgres"
APPLICATION_ROLE = "loyalty_app"

# Names the socket; nothing listens on it. The default of every client.
PORT = 5432

# Crash recovery replays at most max_wal_size or so; slow disks do some 20 MB/s of it.
START_SECONDS_MAX = 300.0
# Backends of a killed server leave within moments; the shared memory they hold keeps a new one from starting.
LEFTOVER_SECONDS_MAX = 15.0
# Fast shutdown writes a checkpoint of at most shared_buffers; after that an immediate one, which the log makes good.
STOP_STEPS = ((signal.SIGINT, 60.0), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 5.0))

_POLL_SECONDS = 0.005


class Postgres:
    """A cluster and, while it runs, its server. Not for several threads at once."""

    def __init__(
        self,
        *,
        programs: PostgresPrograms,
        cluster: Path,
        sockets: Path,
        log: Path,
        account: Account | None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        """settings: of the server, over the usual ones."""
        self._programs = programs
        self._cluster = cluster
        self._sockets = sockets
        self._log = log
        self._account = account
        self._settings = {**DURABLE_AND_SMALL, **of_memory(memory_mib()), **(settings or {})}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Of the server's first process while it runs."""
        return self._process.pid if self._process and self.is_running else None

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def is_made(self) -> bool:
        return (self._cluster / "PG_VERSION").exists()

    @property
    def major(self) -> int:
        return self._programs.major

    def url(self, *, user: str = SUPERUSER, database: str = DATABASE) -> str:
        return database_url(self._sockets, user=user, database=database)

    def make(self, *, flushed: bool = True) -> None:
        """A new cluster with the empty database, whole or not at all; flushed: on disk when this returns."""
        aside = self._cluster.with_name(self._cluster.name + ".new")
        if aside.exists():
            shutil.rmtree(aside)
        owned_directory(aside, self._account)
        data = self._data_argument(aside)
        newer = ["--data-checksums"]
        if self.major >= BUILTIN_LOCALE_SINCE:  # case of every alphabet, the same on every machine
            newer += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        options = ("-U", SUPERUSER, "--auth-local=trust", "--auth-host=reject", "-E", "UTF8", "--locale=C")
        unflushed = [] if flushed else ["--no-sync"]
        self._run([self._programs.initdb, "-D", data, *options, *newer, *unflushed], directory=aside)
        fsync = f"fsync={'on' if flushed else 'off'}"
        alone = [
            self._programs.postgres,
            "--single",
            "-D",
            data,
            "-c",
            fsync,
            "-c",
            "log_min_messages=error",
            "postgres",
        ]
        self._run(alone, directory=aside, text=f"CREATE DATABASE {DATABASE}\n")
        aside.rename(self._cluster)

    def start(self, *, say: Callable[[str], None] = lambda _: None) -> None:
        """Returns when the server takes connections; `EngineFailed` says why it doesn't."""
        self._settle_predecessor()
        give_up = time.monotonic() + LEFTOVER_SECONDS_MAX
        while True:
            for stale in (f".s.PGSQL.{PORT}", f".s.PGSQL.{PORT}.lock"):
                (self._sockets / stale).unlink(missing_ok=True)
            since = self._log.stat().st_size if self._log.exists() else 0
            started = self._process = process.spawn(
                self._command(),
                directory=self._cluster,
                account=self._account,
                death_signal=signal.SIGINT,
                log=self._log,
            )
            if self._becomes_ready(started, say=say):
                return
            complaint = process.last_complaint(self._log, since=min(since, self._log.stat().st_size))
            if "shared memory block" not in complaint or time.monotonic() > give_up:
                raise EngineFailed(f"PostgreSQL did not start: {complaint} (more in {self._log})")
            time.sleep(0.1)

    def stop(self, *, at_once: bool = False) -> None:
        """Ends sessions and the server; at_once: leaves the checkpoint to the recovery of the next start."""
        if self._process is not None:
            process.end(self._process, STOP_STEPS[1:] if at_once else STOP_STEPS)
            self._process = None

    def kill(self) -> None:
        """Ends the server's first process as a crash would, for fault drills; its backends notice and leave."""
        if self._process is not None:
            process.end(self._process, ((signal.SIGKILL, 5.0),))
            self._process = None

    def _run(self, program: list[str], *, directory: Path, text: str = "") -> None:
        process.run_to_end(program, directory=directory, account=self._account, text=text)

    def _data_argument(self, cluster: Path) -> str:
        if reachable(cluster, self._account):
            return str(cluster)
        if not can_pass_closed_parents():
            raise EngineFailed(
                f"DATA_DIR {cluster.parent} is closed to the account that runs PostgreSQL: choose another"
            )
        return "/proc/self/cwd"

    def _command(self) -> list[str]:
        settings = {**of_version(self.major), **self._settings}
        if self._programs.has_extension("pg_stat_statements"):
            settings.setdefault("shared_preload_libraries", "pg_stat_statements")
        settings |= {"unix_socket_directories": str(self._sockets), "port": str(PORT)}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return [self._programs.postgres, "-D", self._data_argument(self._cluster), *options]

    def _becomes_ready(self, started: subprocess.Popen[bytes], *, say: Callable[[str], None]) -> bool:
        """Waits for the line in which the server says so; False if it ended instead."""
        began = time.monotonic()
        patient = False
        while (waited := time.monotonic() - began) < START_SECONDS_MAX:
            if started.poll() is not None:
                return False
            lines = self._pid_file_lines()
            if len(lines) > 7 and lines[0] == str(started.pid) and lines[7].strip() == "ready":
                return True
            if waited > 3 and not patient:
                patient = True
                say("PostgreSQL is recovering from a crash; this takes a while")
            time.sleep(_POLL_SECONDS)
        self.stop()
        raise EngineFailed(f"PostgreSQL was not ready after {START_SECONDS_MAX:.0f} s (more in {self._log})")

    def _settle_predecessor(self) -> None:
        """Deals with the process that postmaster.pid names; the caller owns the engines, so none may run.

        One of our servers that outlived its owner is ended. A stranger that has got the number of a dead server would
        keep PostgreSQL from starting: then the file is made to name us, the parent, which PostgreSQL takes for dead.
        (Without the file it would no longer look for backends that still use the cluster's shared memory.)
        """
        lines = self._pid_file_lines()
        if not lines or not lines[0].lstrip("-").isdigit() or not process.is_alive(abs(int(lines[0]))):
            return
        pid = abs(int(lines[0]))
        command = process.command_line(pid)
        if "postgres" in command and str(self._cluster) in command:
            if not process.end_stranger(pid, STOP_STEPS):
                raise EngineFailed(f"an earlier PostgreSQL (process {pid}) does not stop")
        else:
            lines[0] = str(os.getpid())
            (self._cluster / "postmaster.pid").write_text("\n".join(lines) + "\n")

    def _pid_file_lines(self) -> list[str]:
        with contextlib.suppress(OSError):
            return (self._cluster / "postmaster.pid").read_text().splitlines()
        return []


def database_url(sockets: Path, *, user: str, database: str = DATABASE) -> str:
    """The address of a database of the server that has its socket in `sockets`."""
    return f"postgresql://{user}@/{database}?host={sockets}"


def cluster_major(cluster: Path) -> int | None:
    """The major version of the cluster there, None if there is no cluster."""
    with contextlib.suppress(OSError, ValueError):
        return int((cluster / "PG_VERSION").read_text().strip())
    return None
