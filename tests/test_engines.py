"""The embedded engines, with real servers: who owns them, who finds them, and what a killed owner leaves behind."""

import asyncio
import contextlib
import json
import os
import pwd
import shutil
import signal
import site
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import asyncpg
import pytest

from app.config import Settings
from app.engines import EngineFailed, engines_for, running_engines, throwaway_engines
from app.engines.places import Places, engine_account, sockets_directory
from app.engines.postgres import Postgres
from app.engines.process import is_alive
from app.engines.programs import PostgresPrograms, find_postgres, reachable_postgres
from app.engines.valkey import valkey_answers

ROOT = Path(__file__).parent.parent
SECONDS_MAX = 30.0

# Uses the engines of a DATA_DIR until its standard input ends.
HOLDER = """
import json, sys
from app.config import Settings
from app.engines import engines_for
settings = Settings.read(data_dir=sys.argv[1])
with engines_for(settings, say=lambda _: None, lasting=sys.argv[2] == "lasting") as addresses:
    print(json.dumps({"owner": addresses.owner_url, "redis": addresses.redis_url}), flush=True)
    sys.stdin.read()
"""


def everybodys_python() -> str | None:
    """An interpreter like this one that the account nobody can run; None unless we are root and there is one."""
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for candidate in (sys.executable, f"/usr/bin/{name}", f"/usr/local/bin/{name}"):
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            subprocess.run([candidate, "-c", ""], user="nobody", extra_groups=[], check=True, cwd="/")
            return candidate
    return None


AS_ROOT = os.geteuid() == 0
EVERYBODYS_PYTHON = everybodys_python()


class Holder:
    """A process of its own that uses the engines of a DATA_DIR."""

    def __init__(self, data_dir: Path, *, lasting: bool = True, user: str | None = None) -> None:
        environment = {key: value for key, value in os.environ.items() if key not in {"DATABASE_URL", "REDIS_URL"}}
        self.process = subprocess.Popen(
            [
                EVERYBODYS_PYTHON or "" if user else sys.executable,
                "-c",
                HOLDER,
                str(data_dir),
                "lasting" if lasting else "brief",
            ],
            cwd=ROOT,
            env=environment | {"PYTHONPATH": os.pathsep.join([str(ROOT), *site.getsitepackages()])},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            user=user,
            group=pwd.getpwnam(user).pw_gid if user else None,
            extra_groups=[] if user else None,
        )

    def addresses(self) -> dict[str, str]:
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            assert self.process.stderr
            pytest.fail(self.process.stderr.read().decode())
        return dict(json.loads(line))

    def end(self) -> int:
        """Lets it finish, and waits until it has."""
        with contextlib.suppress(BrokenPipeError):
            self.process.communicate(timeout=SECONDS_MAX)
        return self.process.returncode

    def kill(self) -> None:
        self.process.kill()
        self.end()


@pytest.fixture
def holders() -> Iterator[Callable[..., Holder]]:
    """Starts holders, and ends those that are left."""
    started: list[Holder] = []

    def start(*arguments: object, **options: object) -> Holder:
        started.append(Holder(*arguments, **options))  # type: ignore[arg-type]
        return started[-1]

    yield start
    for holder in started:
        if holder.process.poll() is None:
            holder.kill()
        for stream in (holder.process.stdin, holder.process.stdout, holder.process.stderr):
            if stream:
                stream.close()


def settings(data_dir: Path) -> Settings:
    return Settings(data_dir=data_dir, database_url=None, redis_url=None)


def ask(url: str, question: str) -> object:
    async def answer() -> object:
        connection = await asyncpg.connect(url, timeout=5)
        try:
            return await connection.fetchval(question)
        finally:
            await connection.close()

    with asyncio.Runner() as runner:
        return runner.run(answer())


def record(data_dir: Path) -> SimpleNamespace:
    return SimpleNamespace(**json.loads((data_dir / "engines.json").read_bytes()))


def owner_in_record(data_dir: Path) -> int | None:
    with contextlib.suppress(OSError):
        return int(record(data_dir).owner)
    return None


def until(holds: Callable[[], bool], *, what: str) -> None:
    give_up = time.monotonic() + SECONDS_MAX
    while not holds():
        assert time.monotonic() < give_up, f"never came true: {what}"
        time.sleep(0.02)


def owner_of(pid: int) -> int:
    """The user id that a process runs as."""
    return int(subprocess.check_output(["ps", "-o", "uid=", "-p", str(pid)], text=True))


def answers(url: str) -> bool:
    with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return ask(url, "SELECT 1") == 1
    return False


def test_engines_start_keep_their_data_and_leave_nothing_running(tmp_path: Path) -> None:
    with engines_for(settings(tmp_path / "data"), say=print) as addresses:
        assert addresses.embedded
        ask(addresses.owner_url, "CREATE TABLE kept AS SELECT 42 AS n")
        sockets = Path(record(tmp_path / "data").sockets)
        assert valkey_answers(sockets)
        pids = record(tmp_path / "data").postgres, record(tmp_path / "data").valkey
    assert not any(is_alive(pid) for pid in pids)
    assert not sockets.parent.exists()
    with engines_for(settings(tmp_path / "data"), say=print) as addresses:
        assert ask(addresses.owner_url, "SELECT n FROM kept") == 42


def test_an_embedded_database_is_durable_and_has_no_tcp_port(tmp_path: Path) -> None:
    with engines_for(settings(tmp_path), say=print) as addresses:
        for name, value in {
            "fsync": "on",
            "full_page_writes": "on",
            "synchronous_commit": "on",
            "listen_addresses": "",
            "shared_preload_libraries": "pg_stat_statements",
            "data_checksums": "on",
        }.items():
            assert ask(addresses.owner_url, f"SELECT current_setting('{name}')") == value, name
        assert ask(addresses.owner_url, "SELECT lower('КОПИЛКА')") == "копилка"


def test_a_second_command_uses_the_engines_of_the_first(tmp_path: Path, holders: Callable[..., Holder]) -> None:
    first = holders(tmp_path)
    expected = first.addresses()
    with engines_for(settings(tmp_path), say=print) as addresses:
        assert addresses.owner_url == expected["owner"]
        assert record(tmp_path).owner == first.process.pid
    assert answers(expected["owner"])  # a guest that leaves stops nothing
    assert first.end() == 0


def test_two_first_starts_at_once_share_one_database(tmp_path: Path, holders: Callable[..., Holder]) -> None:
    both = [holders(tmp_path / "data") for _ in range(2)]
    first, second = (holder.addresses() for holder in both)
    assert first == second
    assert answers(first["owner"])
    assert [holder.end() for holder in both] == [0, 0]


def test_a_killed_owner_leaves_no_server_and_the_next_start_works(
    tmp_path: Path, holders: Callable[..., Holder]
) -> None:
    owner = holders(tmp_path)
    ask(owner.addresses()["owner"], "CREATE TABLE kept AS SELECT 42 AS n")
    before = record(tmp_path)
    owner.kill()
    if sys.platform == "linux":
        until(lambda: not is_alive(before.postgres), what="PostgreSQL has ended with its owner")
        until(lambda: not is_alive(before.valkey), what="Valkey has ended with its owner")
    with engines_for(settings(tmp_path), say=print) as addresses:
        assert ask(addresses.owner_url, "SELECT n FROM kept") == 42


def test_a_command_that_stays_takes_over_when_the_owner_is_killed(
    tmp_path: Path, holders: Callable[..., Holder]
) -> None:
    owner = holders(tmp_path)
    address = owner.addresses()["owner"]
    guest = holders(tmp_path)
    assert guest.addresses()["owner"] == address
    owner.kill()
    until(lambda: owner_in_record(tmp_path) == guest.process.pid, what="the guest has taken over")
    assert answers(address)
    assert guest.end() == 0


def test_a_command_that_stays_does_not_settle_on_engines_that_are_about_to_end(
    tmp_path: Path, holders: Callable[..., Holder]
) -> None:
    brief = holders(tmp_path, lasting=False)
    brief.addresses()
    staying = holders(tmp_path)
    time.sleep(0.5)
    assert record(tmp_path).owner == brief.process.pid
    brief.end()
    staying.addresses()
    assert record(tmp_path).owner == staying.process.pid
    assert staying.end() == 0


@pytest.mark.parametrize("engine", ["postgres", "valkey"])
def test_an_engine_that_dies_is_started_again(tmp_path: Path, engine: str) -> None:
    told: list[str] = []
    with engines_for(settings(tmp_path), say=told.append) as addresses:
        before = getattr(record(tmp_path), engine)
        os.kill(before, signal.SIGKILL)
        until(lambda: getattr(record(tmp_path), engine) != before, what=f"{engine} runs again")
        assert answers(addresses.owner_url)
        assert valkey_answers(Path(record(tmp_path).sockets))
    assert any("ended unexpectedly" in line for line in told)


def test_a_stranger_with_the_number_of_a_dead_server_is_left_alone(tmp_path: Path) -> None:
    with engines_for(settings(tmp_path), say=print):
        pid_file = (tmp_path / "postgres" / "postmaster.pid").read_text().splitlines()
    stranger = subprocess.Popen(["/bin/sleep", "60"])
    try:
        # As a container's restart leaves it: the file of a killed server, its number given to somebody else.
        stale = tmp_path / "postgres" / "postmaster.pid"
        stale.write_text("\n".join([str(stranger.pid), *pid_file[1:]]) + "\n")
        if account := engine_account(tmp_path / "postgres"):
            os.chown(stale, account.uid, account.gid)
        with engines_for(settings(tmp_path), say=print) as addresses:
            assert answers(addresses.owner_url)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_data_directory_with_a_long_path_works(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["a-directory-with-a-rather-long-name"] * 5)
    with engines_for(settings(deep), say=print) as addresses:
        assert len(str(deep)) > 150
        assert answers(addresses.owner_url)


def test_sockets_are_never_put_into_a_directory_of_somebody_else(tmp_path: Path) -> None:
    places = Places(tmp_path)
    sockets = sockets_directory(places, None)
    squatted = sockets.parent
    squatted.chmod(0o777)  # as open as one that another user has made
    try:
        other = sockets_directory(places, None)
        assert other.parent != squatted
        assert other.parent.stat().st_mode & 0o022 == 0
        assert sockets_directory(places, None) == other  # and stays there
        other.rmdir()
        other.parent.rmdir()
    finally:
        sockets.rmdir()
        squatted.rmdir()


def test_a_cluster_of_another_version_is_refused_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "PG_VERSION").write_text("9\n")
    with (
        pytest.raises(EngineFailed, match="is of PostgreSQL 9, the programs at hand are of"),
        engines_for(settings(tmp_path), say=print),
    ):
        pass


def test_a_first_start_that_was_cut_off_leaves_no_half_cluster(tmp_path: Path) -> None:
    (tmp_path / "postgres.new").mkdir()
    (tmp_path / "postgres.new" / "PG_VERSION").write_text("18\n")
    with engines_for(settings(tmp_path), say=print) as addresses:
        assert answers(addresses.owner_url)


def test_a_named_database_is_passed_through_untouched(tmp_path: Path) -> None:
    named = Settings(
        data_dir=tmp_path / "data", database_url="postgresql://app@db/loyalty", redis_url="redis://cache:6379/0"
    )
    with engines_for(named, say=print) as addresses:
        assert addresses.database_url == addresses.owner_url == "postgresql://app@db/loyalty"
        assert addresses.redis_url == "redis://cache:6379/0"
        assert not addresses.embedded
    assert not (tmp_path / "data").exists()


def test_a_named_database_without_a_cache_gets_an_embedded_cache_only_where_one_is_needed(tmp_path: Path) -> None:
    named = Settings(data_dir=tmp_path / "data", database_url="postgresql://app@db/loyalty", redis_url=None)
    with engines_for(named, say=print, cache=False) as addresses:
        assert addresses.redis_url is None
    with engines_for(named, say=print) as addresses:
        assert valkey_answers(Path(record(tmp_path / "data").sockets))
        assert record(tmp_path / "data").postgres is None


async def test_engines_run_beside_an_event_loop(tmp_path: Path) -> None:
    async with running_engines(settings(tmp_path), say=print) as addresses:
        connection = await asyncpg.connect(addresses.owner_url)
        assert await connection.fetchval("SELECT 1") == 1
        await connection.close()


def test_throwaway_engines_are_stopped_and_started_one_by_one() -> None:
    with throwaway_engines() as engines:
        assert answers(engines.database_url())
        ask(engines.database_url(), "CREATE TABLE kept AS SELECT 42 AS n")
        engines.postgres.kill()
        assert engines.postgres.pid is None
        assert not answers(engines.database_url())
        engines.postgres.start()
        assert ask(engines.database_url(), "SELECT n FROM kept") == 42
        engines.valkey.kill()
        assert not valkey_answers(Path(engines.redis_url.removeprefix("unix://")).parent)
        engines.valkey.start()
        assert valkey_answers(Path(engines.redis_url.removeprefix("unix://")).parent)
        pids = engines.postgres.pid, engines.valkey.pid
    assert not any(is_alive(pid) for pid in pids if pid)
    assert not engines.directory.exists()


def test_a_server_that_cannot_start_says_why_in_one_line(tmp_path: Path) -> None:
    with throwaway_engines() as engines:
        broken = Postgres(
            programs=find_postgres(major=None),
            cluster=engines.directory / "data" / "postgres",
            sockets=Path(engines.redis_url.removeprefix("unix://")).parent,
            log=tmp_path / "postgres.log",
            account=engine_account(engines.directory / "data" / "postgres"),
            settings={"shared_buffers": "nonsense"},
        )
        engines.postgres.stop()
        with pytest.raises(EngineFailed, match="shared_buffers") as refusal:
            broken.start()
        assert "\n" not in str(refusal.value)
        engines.postgres.start()


if AS_ROOT:  # Only root can give its servers to another account.

    @pytest.fixture
    def open_directory() -> Iterator[Path]:
        """A directory that every account can walk to; pytest's own are closed."""
        directory = Path(tempfile.mkdtemp(prefix="kopilka-test-", dir="/tmp"))
        directory.chmod(0o755)
        yield directory
        shutil.rmtree(directory)

    def test_root_may_keep_its_data_in_a_directory_closed_to_the_engines(tmp_path: Path) -> None:
        closed = tmp_path / "closed"
        closed.mkdir(mode=0o700)
        with engines_for(settings(closed / "data"), say=print) as addresses:
            assert answers(addresses.owner_url)
            for pid in (record(closed / "data").postgres, record(closed / "data").valkey):
                assert owner_of(pid) == pwd.getpwnam("nobody").pw_uid
        assert closed.stat().st_mode & 0o777 == 0o700

    def test_an_open_data_directory_is_used_by_its_own_name(open_directory: Path) -> None:
        with engines_for(settings(open_directory / "data"), say=print) as addresses:
            assert ask(addresses.owner_url, "SHOW data_directory") == str(open_directory / "data" / "postgres")

    def test_programs_that_the_engines_account_cannot_reach_are_copied_once(tmp_path: Path) -> None:
        account = engine_account(tmp_path / "none")
        found = find_postgres(major=None)
        closed = tmp_path / "closed"
        closed.mkdir(mode=0o700)
        for original in found.copied_together:
            shutil.copytree(original, closed / original.name, symlinks=True)
        inside = closed / found.directory.relative_to(found.copied_together[0].parent)
        together = tuple(closed / original.name for original in found.copied_together)
        hidden = PostgresPrograms(directory=inside, major=found.major, copied_together=together)
        copied = reachable_postgres(hidden, account=account, copies=tmp_path / "copies")
        again = reachable_postgres(hidden, account=account, copies=tmp_path / "copies")
        assert copied == again
        assert copied.directory.is_relative_to(tmp_path / "copies")
        assert str(found.major) in subprocess.check_output([copied.postgres, "--version"], text=True)


if EVERYBODYS_PYTHON:

    def test_an_ordinary_user_runs_the_engines_as_itself(open_directory: Path, holders: Callable[..., Holder]) -> None:
        nobody = pwd.getpwnam("nobody").pw_uid
        os.chown(open_directory, nobody, -1)
        ordinary = holders(open_directory / "data", user="nobody")
        assert answers(ordinary.addresses()["owner"])
        assert owner_of(record(open_directory / "data").postgres) == nobody
        assert ordinary.end() == 0
        # Root then goes on as the user that the cluster belongs to.
        with engines_for(settings(open_directory / "data"), say=print) as addresses:
            assert answers(addresses.owner_url)
            assert owner_of(record(open_directory / "data").postgres) == nobody
