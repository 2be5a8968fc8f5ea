"""A newcomer at a terminal: a clone of the project, a shell in it, a service started by what README says.

The clone's directory is a temporary one that links to this checkout's files, so commands work to the letter and neither
a developer's `.data` nor his `.venv` is touched. What differs from a real clone, and why:

- the environment is that of these tests, with the stamps of a set-up that is done: quick, and offline;
- port 8000 may be taken, so a free one stands for it;
- the sample of real receipts is cut to its first lines.
"""

import gzip
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from app.config import describe_settings
from tests.kit import free_port
from tests.readme import ROOT

SECONDS_MAX = 60.0  # A machine may be busy; nothing here waits for long otherwise.
SAMPLE = Path("loadtest/data/online_retail_sample.csv.gz")
SAMPLE_LINES = 400
ADDRESS = "127.0.0.1:8000"
READY = "Kopilka answers on "

_ASSIGNMENT = re.compile(r"(?P<name>[A-Z_]+)=")
_SETTINGS = {fact.name for fact in describe_settings()}
# `make test` hands these to whatever it starts.
_OF_MAKE = {"MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKEOVERRIDES"}


class Running:
    """A command that runs until it is stopped, in a process group of its own as in a terminal."""

    def __init__(self, command: str, *, directory: Path, environment: Mapping[str, str], log: Path) -> None:
        self.command = command
        self._log = log
        with log.open("wb") as out:
            self._process = subprocess.Popen(
                # A shell in between would end by the signal, and its exit code tell nothing of the command's.
                ["/bin/sh", "-c", f"exec env {command}"],
                cwd=directory,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    @property
    def said(self) -> str:
        return self._log.read_text(encoding="utf-8")

    def wait_for(self, beginning: str) -> str:
        """The first line that begins so."""

        def found() -> list[str]:
            return [line for line in self.said.splitlines() if line.startswith(beginning)]

        self.wait_until(lambda: bool(found()), what=f"it says {beginning!r}")
        return found()[0]

    def wait_until(self, holds: Callable[[], bool], *, what: str) -> None:
        """Fails if it ends, or too much time passes, before `holds` does."""
        give_up = time.monotonic() + SECONDS_MAX
        while not holds():
            assert self._process.poll() is None, f"{self.command} ended before {what}: {self.said[-2000:]}"
            assert time.monotonic() < give_up, f"{self.command} runs, but it isn't so that {what}: {self.said[-2000:]}"
            time.sleep(0.05)

    def stop(self, number: signal.Signals) -> int:
        """Sends the signal to all its processes, as Ctrl-C does; the exit code, minus a signal's number."""
        os.killpg(self._process.pid, number)
        return self._process.wait(SECONDS_MAX)

    def close(self) -> None:
        """Nothing of it is left, however it ended."""
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        self._process.wait(SECONDS_MAX)


class Newcomer:
    """Does what README says, in its order, and remembers the variables that were set on the way."""

    def __init__(self, home: Path) -> None:
        self.directory = home / "kopilka"
        self.exported: dict[str, str] = {}
        self.port = free_port()
        self._home = home
        self._variables: dict[str, str] = {}
        self._service: Running | None = None
        _clone(self.directory)

    def run(self, command: str) -> str:
        """What a command prints; it must succeed."""
        done = subprocess.run(
            ["/bin/sh", "-c", self._here(command)],
            cwd=self.directory,
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=SECONDS_MAX,
            check=False,
        )
        assert done.returncode == 0, f"{command}\nexit code {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def assign(self, command: str) -> str:
        """Runs `NAME=…` and keeps the variable for later commands; its value."""
        name = _ASSIGNMENT.match(command)
        assert name, command
        value = self.run(f'{command}\nprintf %s "${name["name"]}"')
        self._variables[name["name"]] = value
        return value

    def serve(self, command: str | None = None) -> str:
        """Has the service run as `command` starts it, stopping one that was started otherwise; the call it ends with.

        Without a command one that runs will do, else it is `make run`.
        """
        if self._service is None or command not in {None, self._service.command}:
            self.stop()
            self._service = self._start(command or "make run", self._environment(), name="service")
        self._service.wait_for(READY)
        return self._service.wait_for("curl ")

    def stop(self) -> None:
        """Ctrl-C in the service's terminal; it must end cleanly and leave no engines."""
        if self._service is None:
            return
        service, self._service = self._service, None
        try:
            service.stop(signal.SIGINT)
            assert "Traceback" not in service.said, service.said[-2000:]
            assert not (self.directory / ".data" / "engines.json").exists()
        finally:
            service.close()

    @contextmanager
    def another(self, command: str) -> Iterator[Running]:
        """A command that runs beside the service, on a port of its own, until the end of the block; then SIGTERM."""
        running = self._start(command, {**self._environment(), "PORT": str(free_port())}, name="another")
        try:
            yield running
            assert running.stop(signal.SIGTERM) == 0, running.said[-2000:]
        finally:
            running.close()

    def close(self) -> None:
        if self._service is not None:
            self._service.close()

    def _start(self, command: str, environment: Mapping[str, str], *, name: str) -> Running:
        return Running(command, directory=self.directory, environment=environment, log=self._home / f"{name}.log")

    def _here(self, command: str) -> str:
        return command.replace(ADDRESS, f"127.0.0.1:{self.port}")

    def _environment(self) -> dict[str, str]:
        """Ours without settings, with the newcomer's port and variables."""
        ours = {name: value for name, value in os.environ.items() if name not in _SETTINGS | _OF_MAKE}
        if ours.pop("PYTHONDONTWRITEBYTECODE", None):  # Compiling everything at each command takes most of its time.
            ours["PYTHONPYCACHEPREFIX"] = str(self._home / "compiled")
        return {**ours, "PORT": str(self.port), **self._variables, **self.exported}


def _clone(directory: Path) -> None:
    """The checkout's files by links, an environment that is set up, and a shorter sample."""
    directory.mkdir()
    for path in ROOT.iterdir():
        if not path.name.startswith(".") and path.name != "loadtest":
            (directory / path.name).symlink_to(path)
    (directory / SAMPLE).parent.mkdir(parents=True)
    for path in (ROOT / "loadtest").iterdir():
        if path.name not in {"data", "__pycache__"}:
            (directory / "loadtest" / path.name).symlink_to(path)
    lines = gzip.decompress((ROOT / SAMPLE).read_bytes()).splitlines(keepends=True)
    (directory / SAMPLE).write_bytes(gzip.compress(b"".join(lines[:SAMPLE_LINES])))
    python = directory / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    # Not a link: an environment is found by the path that its Python was started with.
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    for stamp in (".uv", ".runtime", ".development"):
        (directory / ".venv" / stamp).touch()
