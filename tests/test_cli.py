"""The command line as a person or a supervisor uses it: real processes, real engines."""

import asyncio
import contextlib
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Empty, Queue

import asyncpg
import httpx
import pytest

from app.config import describe_settings
from app.engines import ThrowawayEngines
from app.engines.process import is_alive

ROOT = Path(__file__).parent.parent
SECONDS_MAX = 90.0  # a machine may be busy; nothing here waits for long otherwise


def environment(**settings: str) -> dict[str, str]:
    """This process's environment without settings of ours, and with these."""
    ours = {fact.name for fact in describe_settings()}
    return {name: value for name, value in os.environ.items() if name not in ours} | settings


def app(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "app", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=environment(**settings), capture_output=True, text=True, timeout=SECONDS_MAX, check=False
    )


def refusal(done: subprocess.CompletedProcess[str]) -> str:
    """The one line of a command that refused to start."""
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == 1, lines
    return lines[0]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(holds: Callable[[], bool], *, what: str, seconds: float = SECONDS_MAX) -> None:
    give_up = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < give_up, f"never came true: {what}"
        time.sleep(0.05)


class Service:
    """A running `serve`, its lines as they come."""

    def __init__(self, *arguments: str, port: int, **settings: str) -> None:
        self.base = f"http://127.0.0.1:{port}"
        self.lines: list[str] = []
        self._coming: Queue[str] = Queue()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "app", "serve", *arguments],
            cwd=ROOT,
            env=environment(PORT=str(port), **settings),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout
        with contextlib.suppress(ValueError):
            for line in self.process.stdout:
                self._coming.put(line.rstrip())

    def wait_for(self, beginning: str) -> str:
        """The first line from here on that begins so."""
        give_up = time.monotonic() + SECONDS_MAX
        while time.monotonic() < give_up:
            with contextlib.suppress(Empty):
                self.lines.append(self._coming.get(timeout=0.1))
                if self.lines[-1].startswith(beginning):
                    return self.lines[-1]
            if self.process.poll() is not None and self._coming.empty():
                break
        pytest.fail(f"no line {beginning!r} in {self.lines}")

    def answers(self, path: str = "/health/ready") -> bool:
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(self.base + path, timeout=5).status_code == 200
        return False

    def counted(self, path: str) -> float:
        """How many answers of it the metrics tell of."""
        lines = httpx.get(self.base + "/metrics", timeout=5).text.splitlines()
        totals = [line for line in lines if line.startswith("kopilka_requests_total") and path in line]
        return sum(float(total.split()[-1]) for total in totals)

    def members(self) -> list[int]:
        """Every process of the group but the first."""
        listed = subprocess.check_output(["ps", "-A", "-o", "pid=,pgid="], text=True)
        pairs = [tuple(map(int, line.split())) for line in listed.splitlines()]
        return [pid for pid, group in pairs if group == self.process.pid and pid != group]

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Sends the signal and waits; the exit code."""
        self.process.send_signal(number)
        return self.process.wait(timeout=SECONDS_MAX)

    def close(self) -> None:
        if self.process.poll() is None:
            self.stop()
        if self.process.stdout:
            self.process.stdout.close()


@pytest.fixture
def serve() -> Iterator[Callable[..., Service]]:
    """Starts services, and stops those that are left."""
    started: list[Service] = []

    def start(*arguments: str, port: int | None = None, **settings: str) -> Service:
        started.append(Service(*arguments, port=port or free_port(), **settings))
        return started[-1]

    yield start
    for service in started:
        service.close()


@pytest.fixture
def named_database(engines: ThrowawayEngines) -> str:
    """The address of an empty database of a server that runs already."""
    name = f"cli_{time.monotonic_ns()}"
    execute(engines.database_url(), f"CREATE DATABASE {name}")
    return engines.database_url(database=name)


def execute(url: str, *statements: str) -> None:
    async def run() -> None:
        connection = await asyncpg.connect(url)
        for statement in statements:
            await connection.execute(statement)
        await connection.close()

    with asyncio.Runner() as runner:
        runner.run(run())


def test_settings_lists_every_setting_with_its_default_and_meaning() -> None:
    done = app("settings")
    assert done.returncode == 0
    rows = {line.split()[0]: line for line in done.stdout.splitlines()}
    for fact in describe_settings():
        assert fact.meaning in rows[fact.name]
        assert (fact.default or "-") in rows[fact.name]


@pytest.mark.parametrize("command", [("serve",), ("jobs",), ("verify",), ("keys", "list")])
def test_a_bad_setting_stops_every_command_with_one_line_that_names_it(command: tuple[str, ...]) -> None:
    assert refusal(app(*command, AT_MAX_AGE_HOURS="soon")).startswith("setting AT_MAX_AGE_HOURS ")


def test_a_bad_option_is_told_by_the_name_of_its_setting() -> None:
    assert refusal(app("serve", "--port", "eighty")).startswith("setting PORT ")
    assert refusal(app("serve", "--workers", "0")).startswith("setting WORKERS ")


def test_a_port_in_use_is_one_line_and_nothing_is_started(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        told = refusal(app("serve", PORT=str(port), DATA_DIR=str(tmp_path / "data")))
    assert told == f"port {port} on 127.0.0.1 is in use: choose another with PORT or --port"
    assert not (tmp_path / "data").exists()


def test_a_host_that_is_none_is_one_line() -> None:
    assert refusal(app("serve", HOST="no.such.host.invalid", PORT="0")).startswith("setting HOST ")


@pytest.mark.parametrize("command", [("serve",), ("keys", "list"), ("migrate",)])
def test_an_unwritable_data_directory_is_one_line(command: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    place = tmp_path / "file" / "data"
    told = refusal(app(*command, DATA_DIR=str(place), PORT=str(free_port())))
    assert told == f"DATA_DIR {place} cannot be written: Not a directory"


def test_a_database_that_is_not_there_is_one_line_without_its_password() -> None:
    url = f"postgresql://kopilka:hunter2@127.0.0.1:{free_port()}/kopilka"
    for command in (("serve",), ("migrate",), ("keys", "list"), ("verify",)):
        told = refusal(app(*command, DATABASE_URL=url, REDIS_URL="redis://127.0.0.1:1/0", PORT=str(free_port())))
        assert told.startswith("the database postgresql://kopilka:***@127.0.0.1:")
        assert "hunter2" not in told


def test_a_named_database_is_migrated_by_migrate_only(
    named_database: str, tmp_path: Path, engines: ThrowawayEngines, serve: Callable[..., Service]
) -> None:
    settings = {"DATABASE_URL": named_database, "REDIS_URL": engines.redis_url, "DATA_DIR": str(tmp_path)}
    told = refusal(app("serve", PORT=str(free_port()), **settings))
    assert "behind this release" in told
    assert "`python -m app migrate`" in told
    assert app("migrate", **settings).returncode == 0
    assert app("migrate", **settings).returncode == 0  # a second time changes nothing
    service = serve(**settings)
    service.wait_for("Kopilka answers on ")
    assert service.answers()
    assert service.stop() == 0
    execute(named_database, "UPDATE alembic_version SET version_num = lpad((version_num::int + 1)::text, 4, '0')")
    service = serve(**settings)
    service.wait_for("warning: the database is one migration ahead")
    service.wait_for("Kopilka answers on ")
    assert service.stop() == 0
    execute(named_database, "UPDATE alembic_version SET version_num = lpad((version_num::int + 1)::text, 4, '0')")
    assert "2 migrations ahead of this release" in refusal(app("serve", PORT=str(free_port()), **settings))


def test_a_database_that_would_lose_answered_purchases_is_refused_unless_told_otherwise(
    named_database: str, tmp_path: Path, engines: ThrowawayEngines, serve: Callable[..., Service]
) -> None:
    settings = {"DATABASE_URL": named_database, "REDIS_URL": engines.redis_url, "DATA_DIR": str(tmp_path)}
    assert app("migrate", **settings).returncode == 0
    name = named_database.partition("@/")[2].partition("?")[0]
    execute(named_database, f"ALTER DATABASE {name} SET synchronous_commit = off")
    assert "synchronous_commit" in refusal(app("serve", PORT=str(free_port()), **settings))
    service = serve(**settings, ALLOW_UNSAFE_DATABASE="true")
    service.wait_for("Kopilka answers on ")
    assert service.stop() == 0


def test_keys_are_made_once_listed_and_revoked_with_engines_that_run_only_meanwhile(tmp_path: Path) -> None:
    made = app("keys", "create", "--role", "pos", "--shop", "S1", "--terminal", "T1", DATA_DIR=str(tmp_path))
    assert made.returncode == 0, made.stderr
    assert len(made.stdout.splitlines()) == 1
    key = json.loads(made.stdout)
    assert set(key) == {"id", "key", "role"}
    assert key["role"] == "pos"
    listed = app("keys", "list", DATA_DIR=str(tmp_path))
    assert [json.loads(line)["id"] for line in listed.stdout.splitlines()] == [key["id"]]
    assert key["key"] not in listed.stdout
    assert app("keys", "revoke", key["id"], DATA_DIR=str(tmp_path)).returncode == 0
    assert json.loads(app("keys", "list", DATA_DIR=str(tmp_path)).stdout)["revoked_at"]
    assert refusal(app("keys", "revoke", "none", DATA_DIR=str(tmp_path))) == "there is no key none"
    assert "--terminal" in refusal(app("keys", "create", "--role", "pos", "--shop", "S1", DATA_DIR=str(tmp_path)))
    assert not (tmp_path / "engines.json").exists()


def test_make_run_in_small_serves_with_workers_jobs_and_a_call_that_works(
    tmp_path: Path, serve: Callable[..., Service]
) -> None:
    service = serve("--with-jobs", "--with-demo", "--workers", "2", DATA_DIR=str(tmp_path))
    service.wait_for(f"Kopilka answers on {service.base}")
    words = shlex.split(service.wait_for("curl "))
    assert httpx.get(service.base + "/docs").status_code == 200
    headers = dict(word.split(": ", 1) for word, flag in zip(words[1:], words, strict=False) if flag == "-H")
    priced = httpx.post(words[2], headers=headers, content=words[words.index("-d") + 1])
    assert priced.status_code == 200, priced.text
    assert priced.json()["totals"]["gross"] == 25_800

    # Each request in a new connection, so that both workers answer; any of them tells for both.
    for _ in range(20):
        assert service.answers("/health/live")
    # An answer is counted after it has left, so the last ones a moment later.
    until(lambda: service.counted("/health/live") == 20, what="20 answers are counted", seconds=5)

    # A command finds the running engines.
    assert json.loads(app("keys", "create", "--role", "ops", DATA_DIR=str(tmp_path)).stdout)["role"] == "ops"
    members = service.members()
    assert len(members) >= 3  # two workers, the jobs
    assert service.stop(signal.SIGINT) == 0
    # Whoever waits for the others' pipe to close, as multiprocessing's tracker does, ends a moment after them.
    until(lambda: not any(is_alive(pid) for pid in members), what="everything has ended with it", seconds=5)
    assert not (tmp_path / "engines.json").exists()

    again = serve(DATA_DIR=str(tmp_path))
    assert again.wait_for("curl ") == " ".join([shlex.join(words).replace(service.base, again.base)])
    assert again.stop() == 0


def test_a_killed_service_leaves_nothing_behind_and_starts_again_on_its_port(
    tmp_path: Path, serve: Callable[..., Service]
) -> None:
    service = serve("--with-jobs", "--workers", "2", DATA_DIR=str(tmp_path))
    service.wait_for("Kopilka answers on ")
    engines = json.loads((tmp_path / "engines.json").read_bytes())
    members = [*service.members(), engines["postgres"], engines["valkey"]]
    service.stop(signal.SIGKILL)
    if sys.platform == "linux":
        until(lambda: not any(is_alive(pid) for pid in members), what="everything has ended with it", seconds=20)
    again = serve(port=int(service.base.rpartition(":")[2]), DATA_DIR=str(tmp_path))
    again.wait_for("Kopilka answers on ")
    assert again.answers()
    assert again.stop() == 0


def test_two_first_starts_at_once_share_one_data_directory_and_one_outlives_the_other(
    tmp_path: Path, serve: Callable[..., Service]
) -> None:
    first, second = (serve("--with-demo", DATA_DIR=str(tmp_path / "data")) for _ in range(2))
    for service in (first, second):
        service.wait_for("Kopilka answers on ")
        assert service.answers()
    owner = json.loads((tmp_path / "data" / "engines.json").read_bytes())["owner"]
    ends, stays = (first, second) if first.process.pid == owner else (second, first)
    assert ends.stop() == 0
    until(stays.answers, what="the other has taken the engines over")
    assert stays.stop() == 0


def test_a_stop_during_the_start_is_clean(tmp_path: Path, serve: Callable[..., Service]) -> None:
    service = serve(DATA_DIR=str(tmp_path))
    service.wait_for("making a PostgreSQL")
    assert service.stop() == 0
    until(lambda: not (tmp_path / "engines.json").exists(), what="the engines are gone")


def test_jobs_that_are_stopped_while_they_start_end_cleanly(tmp_path: Path) -> None:
    starting = subprocess.Popen(
        [sys.executable, "-m", "app", "jobs"],
        cwd=ROOT,
        env=environment(DATA_DIR=str(tmp_path)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with starting, contextlib.ExitStack() as end:
        end.callback(starting.kill)
        assert starting.stdout
        assert starting.stdout.readline().startswith("making a PostgreSQL")
        starting.terminate()
        said = starting.stdout.read()
        assert starting.wait(timeout=SECONDS_MAX) == 0, said
        assert "Traceback" not in said
    until(lambda: not (tmp_path / "engines.json").exists(), what="the engines are gone")


if sys.platform == "linux":  # Only there does the kernel tell a child of its parent's end.

    def test_a_service_told_so_stops_with_the_process_that_started_it(tmp_path: Path) -> None:
        port = free_port()
        # As make does: a process that starts the service and waits for it.
        starter = subprocess.Popen(
            ["/bin/sh", "-c", f'"{sys.executable}" -m app serve --with-parent & echo $!; wait'],
            cwd=ROOT,
            env=environment(PORT=str(port), DATA_DIR=str(tmp_path)),
            stdout=subprocess.PIPE,
            text=True,
        )
        assert starter.stdout
        pid = int(starter.stdout.readline())
        while not starter.stdout.readline().startswith("Kopilka answers on "):
            assert starter.poll() is None
        starter.kill()
        until(lambda: not is_alive(pid), what="the service has stopped")
        starter.communicate()
        assert not (tmp_path / "engines.json").exists()
