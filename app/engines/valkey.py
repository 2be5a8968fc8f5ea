"""One embedded Valkey: a cache on a Unix socket that keeps nothing on disk and forgets the least used when full."""

import contextlib
import signal
import socket
import subprocess
import time
from pathlib import Path

from app.engines import process
from app.engines.places import Account, EngineFailed

SOCKET_NAME = "valkey.sock"

START_SECONDS_MAX = 20.0
STOP_STEPS = ((signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0))

# A snapshot of a customer takes about 1 KB: room for the hundred thousand who shopped last.
_SETTINGS = (
    *("--port", "0"),
    *("--unixsocketperm", "700"),
    *("--save", ""),
    *("--appendonly", "no"),
    *("--maxmemory", "128mb"),
    *("--maxmemory-policy", "allkeys-lru"),
    *("--loglevel", "warning"),
    *("--daemonize", "no"),
)

_POLL_SECONDS = 0.005


class Valkey:
    """A server's place and, while it runs, its process. Not for several threads at once."""

    def __init__(self, *, program: Path, sockets: Path, log: Path, account: Account | None) -> None:
        self._program = program
        self._sockets = sockets
        self._log = log
        self._account = account
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Of the server while it runs."""
        return self._process.pid if self._process and self.is_running else None

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def url(self) -> str:
        return valkey_url(self._sockets)

    def start(self) -> None:
        """Returns when the server answers; `EngineFailed` says why it doesn't."""
        since = self._log.stat().st_size if self._log.exists() else 0
        self._process = process.spawn(
            [str(self._program), *_SETTINGS, "--unixsocket", str(self._sockets / SOCKET_NAME)],
            directory=self._sockets,
            account=self._account,
            death_signal=signal.SIGTERM,
            log=self._log,
        )
        give_up = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < give_up and self._process.poll() is None:
            if valkey_answers(self._sockets):
                return
            time.sleep(_POLL_SECONDS)
        self.stop()
        complaint = process.last_complaint(self._log, since=min(since, self._log.stat().st_size))
        raise EngineFailed(f"Valkey did not start: {complaint} (more in {self._log})")

    def stop(self) -> None:
        if self._process is not None:
            process.end(self._process, STOP_STEPS)
            self._process = None

    def kill(self) -> None:
        """Ends the server as a crash would, for fault drills."""
        if self._process is not None:
            process.end(self._process, ((signal.SIGKILL, 5.0),))
            self._process = None


def valkey_url(sockets: Path) -> str:
    """The address of the server that has its socket in `sockets`."""
    return f"unix://{sockets / SOCKET_NAME}"


def valkey_answers(sockets: Path) -> bool:
    """Whether a server answers there within a second."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(1.0)
        connection.connect(str(sockets / SOCKET_NAME))
        connection.sendall(b"PING\r\n")
        return connection.recv(16).startswith(b"+PONG")
    return False
