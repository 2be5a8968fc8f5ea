"""The benchmark as a command: rounds, what is printed, what is kept, the exit code."""

import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from loadtest import bench, tables
from loadtest.bench import Options, go_round, main, read_options
from loadtest.cases import ACCRUE, ACCRUE_FEW, OPEN, PGBENCH, capacity, ratios, round_of
from loadtest.furnishing import StandFailed
from loadtest.results import Case, Report, Run, read, with_summaries, write
from tests.loadtest.bench_samples import pgbench, report, run

OPTIONS = read_options(["--quick", "--repeats", "2"])


def of_case(case: Case, *, repeat: int, others_share: float = 0.0) -> Run:
    offered = 500.0 if case.is_open else None
    made = run(case.scenario, system=case.system, repeat=repeat, others_share=others_share, offered=offered)
    return replace(made, connections=case.connections, flush_ms=case.flush_ms)


class Machine:
    """Measures at once; `noisy` cases are disturbed every time, others the first time of all."""

    def __init__(self, *noisy: Case) -> None:
        self.noisy = noisy
        self.calls: list[Case] = []
        self.tidied: list[int] = []

    def tidy(self) -> None:
        """`tidied`: after how many runs."""
        self.tidied.append(len(self.calls) - 1)  # The first was disturbed, and made again.

    def measure(self, case: Case, *, repeat: int, before: Sequence[Run]) -> Run:
        self.calls.append(case)
        if case.is_open:
            assert any((one.case, one.repeat) == (ACCRUE, repeat) for one in before)
        is_first = len(self.calls) == 1
        return of_case(case, repeat=repeat, others_share=0.5 if is_first or case in self.noisy else 0.0)


def shown(kept: Report) -> str:
    console = Console(file=io.StringIO(), width=200)
    tables.show(kept, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def summarised(*runs: Run, dropped: tuple[Run, ...] = ()) -> Report:
    return with_summaries(report(*runs, dropped=dropped), ratios(runs, flush_ms=1.5))


def test_the_command_line_has_a_quick_form_that_can_be_sized() -> None:
    whole, quick = read_options([]), read_options(["--quick"])
    assert (whole.seconds, whole.repeats, whole.customers, whole.flush_ms, whole.workers) == (6.0, 5, 10_000, 1.5, 2)
    assert (quick.seconds, quick.repeats, quick.customers) == (2.5, 1, 2000)
    assert read_options(["--quick", "--seconds", "3"]).seconds == 3.0
    assert read_options(["--flush-ms", "0"]).flush_ms is None
    with pytest.raises(SystemExit):
        read_options(["--seconds", "many"])


def test_rounds_measure_every_case_and_disturbed_runs_again() -> None:
    machine, told = Machine(), list[str]()
    runs, dropped = go_round(machine.measure, OPTIONS, told.append, tidy=machine.tidy)
    wanted = [case for repeat in range(2) for case in round_of(repeat, repeats=2, flush_ms=1.5)]
    wanted += [ACCRUE_FEW, ACCRUE, OPEN] * 2
    assert [one.case for one in runs] == wanted
    assert [one.case for one in dropped] == wanted[:1]
    assert {one.repeat for one in runs} == {0, 1, 2, 3}
    assert told[0] == "round 1 of 2"


def test_a_case_that_is_never_quiet_is_left_out_and_told() -> None:
    machine, told = Machine(PGBENCH), list[str]()
    runs, dropped = go_round(machine.measure, OPTIONS, told.append, tidy=machine.tidy)
    assert PGBENCH not in {one.case for one in runs}
    assert [one.case for one in dropped] == [PGBENCH] * 6
    assert told.count(f"{PGBENCH.label}: no quiet run in this round") == 2
    assert f"no quiet run of: {PGBENCH.label}" in shown(summarised(*runs, dropped=tuple(dropped)))


def test_an_open_loop_without_a_known_capacity_is_left_out() -> None:
    machine, told = Machine(ACCRUE, replace(ACCRUE, connections=64)), list[str]()
    runs, _ = go_round(machine.measure, replace(OPTIONS, repeats=1), told.append, tidy=machine.tidy)
    assert OPEN not in {one.case for one in runs}
    assert told[-1] == f"{OPEN.label}: left out, no quiet run told the capacity"


def test_each_open_loop_comes_right_after_the_runs_that_tell_the_capacity() -> None:
    machine, told = Machine(), list[str]()
    runs, _ = go_round(machine.measure, replace(OPTIONS, repeats=5), told.append, tidy=machine.tidy)
    wanted = [(case, repeat) for repeat in range(5, 10) for case in (ACCRUE_FEW, ACCRUE, OPEN)]
    assert [(one.case, one.repeat) for one in runs[-15:]] == wanted
    assert OPEN not in {one.case for one in runs[:-15]}
    assert machine.tidied == [len(runs) - left for left in (13, 10, 7, 4, 1)]
    assert f"open loop at half of the capacity of {capacity(runs, repeat=9):,.0f}/s" in told


def test_every_goal_is_named_with_its_figure_and_verdict() -> None:
    """The few tills have no goal by pgbench, and the mixed day none at all."""
    few, slow = run(connections=64, rate=800), run(connections=64, offered=450.0, p50_ms=7.5, p99_ms=25.5)
    runs = (run(rate=900), few, slow, pgbench(1000), run("quote", 1400), run("balance", 3000), run("day", 700))
    text = shown(summarised(*runs))
    closing = [line.split("│") for line in text[text.rindex("┃ goal") :].splitlines() if line.startswith("│")]
    verdicts = {cells[1].strip(): (cells[2].strip(), cells[3].strip(), cells[-2].strip()) for cells in closing}
    assert verdicts == {
        "accrue, 128 connections ÷ pgbench TPC-B": ("≥ 1", "0.90", "MISSED"),
        "quote ÷ accrue": ("≥ 1.5", "1.56", "reached"),
        "balance ÷ accrue": ("≥ 2.5", "3.33", "reached"),
        "open loop at half of the capacity, p50 ms": ("≤ 8", "7.50", "reached"),
        "open loop at half of the capacity, p99 ms": ("≤ 25", "25.50", "MISSED"),
        "accrue, 128 connections ÷ textbook, 64 connections": ("≥ 12", "", "not measured"),
        "hot ÷ accrue": ("≥ 0.4", "", "not measured"),
    }
    assert "accrue, 64 connections ÷ pgbench TPC-B" in text
    assert "day ÷ accrue" in text


def test_a_slower_disk_is_said_to_be_none() -> None:
    assert "stands for a disk" in shown(summarised(run(flush_ms=1.5)))
    assert "stands for a disk" not in shown(summarised(run()))


def test_reports_are_compared_case_by_case_and_so_are_their_machines() -> None:
    console = Console(file=io.StringIO(), width=200)
    now = summarised(run(rate=1200), run("quote", 5))
    now = replace(now, machine=replace(now.machine, wake_us=39.4, read_ns=187.5))
    tables.compare(now, summarised(run(rate=1000)), console)
    assert isinstance(console.file, io.StringIO)
    told = "before: a flush takes 18 µs; now: a flush takes 18 µs, a wake 39 µs, a read at random 188 ns."
    assert told in console.file.getvalue()
    rows = [line for line in console.file.getvalue().splitlines() if "connections" in line]
    assert len(rows) == 1
    assert [cell.strip() for cell in rows[0].split("│")[2:5]] == ["1,000", "1,200", "1.20"]


@pytest.fixture
def kept_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(bench, "CHART", tmp_path / "chart" / "report.html")
    monkeypatch.setattr("signal.signal", lambda *_: None)
    return tmp_path


def performs(monkeypatch: pytest.MonkeyPatch, made: Report | Exception) -> None:
    def perform(options: Options, tell: object) -> Report:
        assert options.repeats > 0
        assert callable(tell)
        if isinstance(made, Exception):
            raise made
        return made

    monkeypatch.setattr(bench, "perform", perform)


def test_a_report_is_kept_and_a_missed_goal_is_no_failure(kept_in: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = summarised(run(rate=100), pgbench(1000))
    performs(monkeypatch, made)
    assert main(["--data", str(kept_in / "data")]) == 0
    assert read(kept_in / "data" / "bench-20261122T070000.json") == made
    assert "<html" in (kept_in / "chart" / "report.html").read_text()


def test_one_wrong_answer_is_a_failure(
    kept_in: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    performs(monkeypatch, summarised(run(), pgbench(1000), dropped=(run(wrong=1, note="500 where 201 is right"),)))
    assert main(["--data", str(kept_in)]) == 1
    assert "1 WRONG: 500 where 201 is right" in capsys.readouterr().out


def test_what_stops_the_benchmark_is_a_line(
    kept_in: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    performs(monkeypatch, StandFailed("PostgreSQL runs with fsync = off"))
    assert main(["--data", str(kept_in)]) == 1
    assert "the benchmark stopped: PostgreSQL runs with fsync = off" in capsys.readouterr().out
    assert not list(kept_in.iterdir())


def test_a_file_to_compare_with_is_read_before_anything_is_measured(
    kept_in: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    performs(monkeypatch, RuntimeError("measured"))
    (kept_in / "old.json").write_text("{}")
    assert main(["--compare", str(kept_in / "old.json")]) == 1
    assert main(["--compare", str(kept_in / "none.json")]) == 1
    assert capsys.readouterr().out.count("the benchmark stopped") == 2
    write(summarised(run(rate=500)), kept_in / "old.json")
    performs(monkeypatch, summarised(run(rate=1000)))
    assert main(["--compare", str(kept_in / "old.json"), "--data", str(kept_in)]) == 0
    assert "2.00" in capsys.readouterr().out
