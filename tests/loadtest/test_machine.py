"""Processor time and others' share, from texts as /proc has them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from array import array
from pathlib import Path

import pytest

from loadtest import machine
from loadtest.machine import Look, by_role, look, read_machine, read_process

STAT = "cpu  3000 200 500 9000 300 7 93 40 11 0\ncpu0 1 2 3\nintr 5\n"
TICKS = 100


def process_stat(
    pid: int, name: str, parent: int, *, user: int, system: int = 0, ended: tuple[int, int] = (0, 0)
) -> str:
    before = f"{pid} ({name}) S {parent} 1 1 0 -1 4194560 100 0 0 0"
    return f"{before} {user} {system} {ended[0]} {ended[1]} 20 0 1 0 1234 0 0\n"


class Proc:
    """A directory like /proc."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def machine(self, text: str) -> None:
        (self.path / "stat").write_text(text)

    def process(self, pid: int, name: str, parent: int, arguments: str = "", **ticks: int) -> None:
        entry = self.path / str(pid)
        entry.mkdir(exist_ok=True)
        ended = (ticks.pop("ended_user", 0), ticks.pop("ended_system", 0))
        (entry / "stat").write_text(process_stat(pid, name, parent, ended=ended, **ticks))
        (entry / "cmdline").write_bytes(arguments.replace(" ", "\0").encode() + b"\0")

    def end(self, pid: int) -> None:
        for file in (self.path / str(pid)).iterdir():
            file.unlink()
        (self.path / str(pid)).rmdir()


@pytest.fixture
def proc(tmp_path: Path) -> Proc:
    """The benchmark is 10; the service 20 has a worker, jobs, and both engines below it; 90 is a stranger."""
    proc = Proc(tmp_path)
    proc.machine(STAT)
    proc.process(1, "init", 0, "/sbin/init", user=5)
    proc.process(10, "python", 1, "python -m loadtest.bench", user=100)
    proc.process(20, "python", 10, "python -m app serve --with-jobs", user=200, system=50)
    proc.process(21, "python", 20, "python -c spawn_main", user=1000)
    proc.process(22, "python", 20, "python -m app jobs", user=10)
    proc.process(30, "postgres", 20, "/x/bin/postgres -D .", user=40)
    proc.process(31, "postgres", 30, "postgres: loyalty_app", user=300, system=60)
    proc.process(40, "valkey-server", 20, "/x/valkey-server", user=70)
    proc.process(50, "python", 10, "python -m loadtest.generator {}", user=80)
    proc.process(60, "a (b) c", 10, "python -m loadtest.textbook", user=3)
    proc.process(90, "postgres", 1, "postgres -D elsewhere", user=7777)
    return proc


def test_processes_below_the_benchmark_count_by_role_and_strangers_dont(proc: Proc) -> None:
    found = look(10, proc=proc.path)
    assert found.ours == {"service": 200 + 50 + 1000 + 10 + 3, "postgres": 400, "valkey": 70, "generator": 180}


def test_a_name_may_hold_brackets_and_spaces() -> None:
    process = read_process(process_stat(7, "a (b) c", 3, user=4, system=5, ended=(6, 7)), b"x\0y\0")
    assert (process.name, process.parent, process.ticks, process.arguments[:2]) == ("a (b) c", 3, 22, (b"x", b"y"))


def test_the_machine_s_line_tells_work_steal_and_all_there_was() -> None:
    assert read_machine(STAT) == (3700, 40, 3000 + 200 + 500 + 9000 + 300 + 7 + 93 + 40)


def test_what_others_used_is_all_work_less_ours_with_what_the_host_took(proc: Proc) -> None:
    before = look(10, proc=proc.path)
    proc.process(21, "python", 20, "python -c spawn_main", user=1050)
    proc.process(31, "postgres", 30, "postgres: loyalty_app", user=310, system=70)
    # Work 100 more, of it 70 ours; 10 stolen; 200 in all.
    proc.machine("cpu  3080 200 520 9080 300 7 103 50 11 0\n")
    usage = before.until(look(10, proc=proc.path), ticks_a_second=TICKS)
    assert usage.others_share == (100 - 70 + 10) / 200
    assert usage.processor_seconds == {"service": 0.5, "postgres": 0.2, "valkey": 0.0, "generator": 0.0}
    assert usage.processor_us(1000) == {"service": 500.0, "postgres": 200.0, "valkey": 0.0, "generator": 0.0}
    assert usage.processor_us(0) == {}


def test_a_child_that_has_ended_counts_through_who_waited_for_it(proc: Proc) -> None:
    before = look(10, proc=proc.path)
    proc.end(50)
    proc.process(10, "python", 1, "python -m loadtest.bench", user=100, ended_user=95, ended_system=5)
    after = look(10, proc=proc.path)
    assert before.until(after, ticks_a_second=TICKS).processor_seconds["generator"] == (100 - 80) / TICKS


def test_without_proc_it_is_not_known_and_nothing_is_said_of_anybody(tmp_path: Path) -> None:
    found = look(10, proc=tmp_path / "nowhere")
    usage = found.until(look(10, proc=tmp_path / "nowhere"))
    assert (found.ours, usage.others_share, usage.processor_seconds, usage.processor_us(5)) == (None, None, {}, {})


def test_clocks_that_round_never_make_a_share_below_nothing() -> None:
    before = Look(at=0.0, ours=dict.fromkeys(("service", "postgres", "valkey", "generator"), 0), whole=100)
    after = Look(at=1.0, ours={"service": 90, "postgres": 0, "valkey": 0, "generator": 0}, busy=80, whole=200)
    assert before.until(after, ticks_a_second=TICKS).others_share == 0.0


def test_a_child_that_works_is_seen_here() -> None:
    before = look()
    subprocess.run([sys.executable, "-c", "import time\nwhile time.process_time() < 0.3: pass"], check=True)
    usage = before.until(look())
    if usage.others_share is None:  # This system has no /proc.
        assert usage.processor_seconds == {}
    else:
        assert 0.25 <= usage.processor_seconds["generator"] <= 5


def test_a_circle_of_parents_belongs_to_nobody_and_ends() -> None:
    processes = {
        pid: read_process(process_stat(pid, "x", parent, user=1), b"x\0") for pid, parent in ((2, 3), (3, 2), (10, 1))
    }
    assert by_role(processes, root=10) == {"service": 0, "postgres": 0, "valkey": 0, "generator": 1}


def test_the_facts_of_this_machine(tmp_path: Path) -> None:
    began = time.perf_counter()
    facts = machine.facts(tmp_path, postgres="18.1")
    assert facts.cores == os.cpu_count()
    assert facts.memory_mib > 100
    assert facts.model
    assert 0 < facts.flush_us < 1_000_000 * (time.perf_counter() - began)
    assert not list(tmp_path.iterdir())
    assert facts.wake_us is not None
    assert 0.1 < facts.wake_us < 1_000_000 * (time.perf_counter() - began)
    assert facts.read_ns is not None
    assert 1 < facts.read_ns < 100_000


def test_the_chain_through_memory_meets_every_place_once_and_is_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """A chain that fell into a short circle would be read from what is at hand."""
    met: list[int] = []

    class Watched(array):  # type: ignore[type-arg]
        def __getitem__(self, place: int) -> int:  # type: ignore[override]
            met.append(place)
            return int(super().__getitem__(place))

    monkeypatch.setattr(machine, "array", Watched)
    monkeypatch.setattr(machine, "MEMORY_BYTES", 1024 * 1024)
    monkeypatch.setattr(machine, "STEPS", 2_000)
    assert machine.read_ns() > 0
    assert len(set(met)) == len(met) == 2_000
    assert len({place * 8 // 64 for place in met}) == 2_000  # Each in a line of its own.


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="processors can't be chosen here")
def test_a_wake_is_measured_between_two_processors_and_leaves_this_one_where_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = os.sched_getaffinity(0)
    asked: list[tuple[bool, set[int]]] = []
    choose = os.sched_setaffinity

    def chosen(pid: int, to: set[int]) -> None:
        asked.append((pid == 0, set(to)))
        choose(pid, to)

    monkeypatch.setattr(os, "sched_setaffinity", chosen)
    assert (machine.wake_us() or 0) > 0
    assert os.sched_getaffinity(0) == before
    echo, mine = asked[:2]
    assert echo == (False, {max(before)})
    assert mine == (True, {min(before)})


def test_where_wakes_cant_be_tried_they_are_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_ECHO", "")  # Ends without an answer.
    assert machine.wake_us() is None
