"""Workers' sockets: connections are spread over them, nobody else gets the address, a dead one's tills find others. And
their processors: one each, where there are as many, and PostgreSQL's processes for small rounds beside them.
"""

import asyncio
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import asyncpg
import httpx
import pytest

from app import processors
from app.workers import is_well, put_aside, spread
from tests.kit import Desk, LiveService, Stage, live, small_program

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere workers share one socket")

MANY = 128


@pytest.fixture
def ports() -> Iterator[list[socket.socket]]:
    """The sockets of two workers."""
    port = _bound(("127.0.0.1", 0))
    port.listen(MANY)
    two = spread(port, 2)
    yield two
    for each in two:
        each.close()


def _bound(address: tuple[str, int]) -> socket.socket:
    """As a service takes its port."""
    port = socket.socket()
    port.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        port.bind(address)
    except OSError:
        port.close()
        raise
    return port


def _connect(ports: list[socket.socket]) -> list[int]:
    """How many of many connections come to each of the sockets that listen."""
    with ExitStack() as open_ones:
        for _ in range(MANY):
            open_ones.enter_context(socket.create_connection(ports[0].getsockname()))
        return [_taken(port) for port in ports]


def _taken(port: socket.socket) -> int:
    port.setblocking(False)
    taken = 0
    while True:
        try:
            connection, _ = port.accept()
        except BlockingIOError:
            return taken
        connection.close()
        taken += 1


def test_connections_are_spread_over_the_workers(ports: list[socket.socket]) -> None:
    # The kernel chooses by hash: of 128 fewer than 32 would come to one of two once in 10^8 times.
    taken = _connect(ports)
    assert sum(taken) == MANY
    assert min(taken) >= MANY // 4


def test_one_worker_keeps_the_socket_that_was_taken() -> None:
    with _bound(("127.0.0.1", 0)) as port:
        port.listen()
        assert spread(port, 1) == [port]
        assert not port.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT)


def test_another_service_can_not_take_the_address(ports: list[socket.socket]) -> None:
    with pytest.raises(OSError, match="in use"):
        _bound(ports[0].getsockname())
    ports[0].shutdown(socket.SHUT_RDWR)  # Not even while a worker is dead.
    with pytest.raises(OSError, match="in use"):
        _bound(ports[0].getsockname())


def test_what_comes_while_a_worker_is_dead_goes_to_the_others(ports: list[socket.socket]) -> None:
    ports[1].shutdown(socket.SHUT_RDWR)
    with ExitStack() as open_ones:
        for _ in range(MANY):
            open_ones.enter_context(socket.create_connection(ports[0].getsockname()))
        assert _taken(ports[0]) == MANY
    ports[1].listen(MANY)
    assert min(_connect(ports)) >= MANY // 4


def test_a_socket_that_was_put_aside_twice_serves_its_next_worker(ports: list[socket.socket]) -> None:
    """As where a worker died, and the next one could not start."""
    one, other = ports
    other.close()
    for _ in range(2):
        put_aside(one)
    one.listen(MANY)
    with socket.create_connection(one.getsockname()) as till:
        answerer, _ = one.accept()
        with answerer:
            till.sendall(b"?")
            assert answerer.recv(1) == b"?"
            answerer.sendall(b"!")
            assert till.recv(1) == b"!"


def test_a_worker_that_dies_while_it_is_asked_is_known_dead_at_once() -> None:
    theirs, ours = multiprocessing.Pipe()  # Both ends stay open here, as with the supervisor: no end is seen.
    worker = multiprocessing.get_context("spawn").Process(target=time.sleep, args=(300,))
    worker.start()
    asked: Any = SimpleNamespace(process=worker, parent_conn=ours, child_conn=theirs)
    end = threading.Timer(0.3, worker.kill)
    end.start()
    began = time.monotonic()
    assert not is_well(asked, seconds=60.0)
    assert time.monotonic() - began < 30.0
    end.join()
    worker.join()
    theirs.send(True)
    assert not is_well(asked, seconds=60.0)  # An answer of before means nothing.


async def test_tills_are_answered_while_a_killed_worker_is_replaced(stage: Stage) -> None:
    async with live(stage, workers=2) as service:
        # One that answers is enough for `live`; until both do, the supervisor is still about starting them.
        for _ in range(600):
            if "answers on http://" in service.log.read_text(errors="replace"):
                break
            await asyncio.sleep(0.05)
        else:
            raise AssertionError("the supervisor never said that it answers")
        dead, *_ = workers = _workers(service.process.pid)
        assert len(workers) == 2
        os.kill(dead, signal.SIGKILL)
        in_a_row = 0
        for _ in range(200):  # Each in a connection of its own. None waits for the next worker: it would be 2 s.
            async with httpx.AsyncClient(base_url=service.url, timeout=1.5) as http:
                try:
                    answer = await http.get("/health/live")
                except (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError):
                    # Cut off as the worker was found dead.
                    in_a_row = 0
                    continue
            assert answer.status_code == 200
            in_a_row += 1
            if in_a_row >= 20 and len(_workers(service.process.pid)) == 2:
                break
            await asyncio.sleep(0.05)
        assert in_a_row >= 20
        assert dead not in _workers(service.process.pid)


@pytest.mark.parametrize("pinned", ["true", "false"])
async def test_as_many_workers_as_processors_have_one_each_and_so_do_their_successors(
    stage: Stage, owner: asyncpg.Connection, pinned: str
) -> None:
    ours = os.sched_getaffinity(0)
    two = set(sorted(ours)[:2])
    one_each = [{processor} for processor in sorted(two)]
    os.sched_setaffinity(0, two)
    try:
        async with live(stage, workers=2, PIN_WORKERS=pinned) as service:
            expected = one_each if pinned == "true" and len(two) == 2 else [two, two]
            workers = _workers(service.process.pid)
            assert [os.sched_getaffinity(pid) for pid in workers] == expected
            os.kill(workers[0], signal.SIGKILL)
            after = workers
            for _ in range(200):
                after = _workers(service.process.pid)
                # The supervisor places a worker when it has started it, which is a moment after one can be seen.
                if len(after) == 2 and workers[0] not in after and _places(after) == expected:
                    break
                await asyncio.sleep(0.05)
            assert workers[0] not in after
            assert _places(after) == expected
            # All threads of a worker, and nothing but workers.
            assert all(os.sched_getaffinity(thread) == expected[1] for thread in _threads(workers[1]))
            assert os.sched_getaffinity(service.process.pid) == two
            await _sell(service, stage)
            beside = [place for place in await _places_of_backends(owner) if place != ours]
            assert all(place in one_each for place in beside)
            assert bool(beside) == (expected == one_each and _may_move(owner.get_server_pid()))
    finally:
        os.sched_setaffinity(0, ours)


def test_other_numbers_of_workers_run_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {4, 7})
    assert [processors.for_each(workers) for workers in (1, 2, 3)] == [[], [4, 7], []]


def test_a_thread_that_calculates_runs_anywhere_again(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = os.sched_getaffinity(0)

    def calculate() -> set[int]:
        processors.keep_on(threading.get_native_id(), min(ours))
        kept = os.sched_getaffinity(0)
        processors.run_anywhere()
        assert kept == {min(ours)}
        return os.sched_getaffinity(0)

    monkeypatch.delenv("KOPILKA_PROCESSORS", raising=False)
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(calculate).result() == {min(ours)}  # Of a service whose workers stay nowhere.
    processors.tell_children(sorted(ours))
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(calculate).result() == ours
    processors.tell_children([])
    assert "KOPILKA_PROCESSORS" not in os.environ


@pytest.fixture
def moved(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, set[int]]]:
    """Who is moved, and where; this is a worker that stays on processor 7."""
    moved: list[tuple[int, set[int]]] = []
    monkeypatch.setenv("KOPILKA_PROCESSORS", "4,7")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {7})
    monkeypatch.setattr(os, "sched_setaffinity", lambda pid, place: moved.append((pid, place)))
    return moved


@pytest.fixture
def child() -> Iterator[int]:
    """A process of this one."""
    with subprocess.Popen(["sleep", "300"]) as process:
        yield process.pid
        process.kill()


def test_a_server_s_process_is_kept_beside_who_stays_on_one_processor(
    moved: list[tuple[int, set[int]]], child: int
) -> None:
    processors.keep_here(child, parent=os.getpid())
    assert moved == [(child, {7})]


def test_who_runs_anywhere_keeps_nobody_beside(
    moved: list[tuple[int, set[int]]], child: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {4, 7})
    processors.keep_here(child, parent=os.getpid())
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {7})  # A machine of one processor.
    monkeypatch.delenv("KOPILKA_PROCESSORS")
    processors.keep_here(child, parent=os.getpid())
    assert moved == []


def test_a_stranger_s_process_is_never_moved(moved: list[tuple[int, set[int]]], child: int) -> None:
    processors.keep_here(child, parent=os.getppid())
    processors.keep_here(os.getpid(), parent=os.getpid())
    processors.keep_here(1, parent=0)  # The first process has no parent, as a server that isn't here has no number.
    assert moved == []


def test_a_process_that_counts_otherwise_is_never_moved(
    moved: list[tuple[int, set[int]]], child: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where a container's server names one of its processes, and another of them has that number here."""
    status = Path(f"/proc/{child}/status").read_bytes()
    in_container = status.replace(b"NSpid:\t%d\n" % child, b"NSpid:\t%d\t45\n" % child)
    assert in_container != status
    monkeypatch.setattr(Path, "read_bytes", lambda _: in_container)
    processors.keep_here(child, parent=os.getpid())
    assert moved == []


def test_who_has_ended_or_may_not_be_moved_is_let_be(
    moved: list[tuple[int, set[int]]], child: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        moved.append((0, set()))
        raise PermissionError

    ended = subprocess.Popen(["true"])
    ended.wait()
    processors.keep_here(ended.pid, parent=os.getpid())
    assert moved == []
    monkeypatch.setattr(os, "sched_setaffinity", refuse)
    processors.keep_here(child, parent=os.getpid())
    assert moved == [(0, set())]


async def _sell(service: LiveService, stage: Stage) -> None:
    """One purchase, a small round of one of the workers."""
    async with httpx.AsyncClient(base_url=service.url) as http:
        await Desk(http, await stage.key("admin")).publish(small_program())
        till = Desk(http, await stage.key("pos", shop="S1", terminal="T1"))
        assert (await till.accrue(await till.register())).is_success


async def _places_of_backends(owner: asyncpg.Connection) -> list[set[int]]:
    """The processors of each of the server's processes that work for the service."""
    rows = await owner.fetch(
        "select pid from pg_stat_activity where datname = current_database() and application_name like 'kopilka/%'"
    )
    return [os.sched_getaffinity(row["pid"]) for row in rows]


def _may_move(pid: int) -> bool:
    """Not what is another account's, as root's engines are, unless root may all that it usually may."""
    try:
        os.sched_setaffinity(pid, os.sched_getaffinity(pid))
    except PermissionError:
        return False
    return True


def _places(workers: list[int]) -> list[set[int]]:
    """The processors of each, in their order."""
    return sorted((os.sched_getaffinity(pid) for pid in workers), key=min)


def _threads(process: int) -> list[int]:
    return [int(thread.name) for thread in Path(f"/proc/{process}/task").iterdir()]


def _workers(supervisor: int) -> list[int]:
    """The processes that uvicorn has started; multiprocessing's own helper isn't one."""
    children = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split()
    workers = []
    for pid in children:
        with suppress(OSError):  # It has ended meanwhile.
            if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes():
                workers.append(int(pid))
    return workers
