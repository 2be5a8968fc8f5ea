"""What a benchmark keeps and what it makes of its runs: medians, spread, ratios round by round, goals."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from loadtest.cases import ACCRUE, ACCRUE_FEW, OPEN, PGBENCH, capacity, other, ratios, round_of
from loadtest.results import Ratio, Spread, read, round_ratios, summarise, with_summaries, write
from tests.loadtest.bench_samples import pgbench, report, run


def test_a_report_comes_back_from_its_file_as_it_was(tmp_path: Path) -> None:
    runs = (pgbench(3000), run(note="«quiet»"), run(offered=500.5, unsent=3, wrong=1, flush_ms=1.5))
    kept = report(*runs, dropped=(run(others_share=0.4),))
    kept = with_summaries(kept, ratios(runs, flush_ms=1.5))
    path = tmp_path / "new" / "report.json"
    write(kept, path)
    assert read(path) == kept
    assert [entry.name for entry in path.parent.iterdir()] == ["report.json"]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 1}', '{"format": 99}', '{"format": 1, "runs": [{}]}'])
def test_a_file_that_is_no_report_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "other.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"report|Expecting"):
        read(path)


def test_a_report_with_a_field_too_many_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    write(report(run()), path)
    document = json.loads(path.read_text())
    document["runs"][0]["else"] = 1
    path.write_text(json.dumps(document))
    with pytest.raises(ValueError, match="not a report"):
        read(path)


@pytest.mark.parametrize("broken", [{"seconds": 0}, {"rate": -1.0}, {"others_share": 1.2}])
def test_nonsense_is_no_run(broken: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="not a run"):
        run(**broken)


def test_runs_of_one_case_become_a_median_and_a_spread() -> None:
    rates = (900.0, 1500.0, 1000.0)
    runs = [run(rate=rate, repeat=place, p50_ms=rate / 100) for place, rate in enumerate(rates)]
    summaries = summarise([*runs, run(connections=64), pgbench(3000)])
    assert [summary.case.label for summary in summaries] == [
        "accrue, 128 connections",
        "accrue, 64 connections",
        "pgbench tpc-b, 16 connections",
    ]
    assert summaries[0].rate == Spread(median=1000.0, low=900.0, high=1500.0)
    assert summaries[0].p50_ms == Spread(median=10.0, low=9.0, high=15.0)
    assert summaries[0].processor_us["service"] == 400.0
    assert (summaries[2].p50_ms, summaries[2].max_ms) == (None, None)


def test_a_ratio_is_the_median_of_the_rounds_ratios_not_the_ratio_of_medians() -> None:
    """The machine doubled its speed in the last round: for both."""
    runs = []
    for repeat, (ours, theirs) in enumerate([(900, 1000), (950, 1000), (2400, 2000)]):
        runs += [run(rate=ours, repeat=repeat), pgbench(theirs, repeat=repeat)]
    assert round_ratios(runs, ACCRUE, PGBENCH) == [0.9, 0.95, 1.2]
    found = {ratio.name: ratio for ratio in ratios(runs, flush_ms=None)}
    assert found["accrue, 128 connections ÷ pgbench TPC-B"].value == Spread(median=0.95, low=0.9, high=1.2)
    assert found["accrue, 128 connections ÷ pgbench TPC-B"].is_met is False


def test_a_round_without_one_of_the_two_gives_no_ratio() -> None:
    runs = [run(repeat=0), pgbench(500, repeat=1), run(repeat=2), pgbench(500, repeat=2)]
    assert round_ratios(runs, ACCRUE, PGBENCH) == [2.0]
    assert round_ratios(runs[:2], ACCRUE, PGBENCH) == []
    assert ratios(runs[:1], flush_ms=1.5) == []


def test_the_two_kinds_of_disk_are_never_mixed() -> None:
    runs = [run(rate=2000), pgbench(4000), run(rate=1500, flush_ms=1.5), pgbench(1000, flush_ms=1.5)]
    found = {ratio.name: ratio for ratio in ratios(runs, flush_ms=1.5)}
    as_it_is = found["accrue, 128 connections ÷ pgbench TPC-B"]
    slower = found["accrue, 128 connections ÷ pgbench TPC-B, flush 1.5 ms"]
    assert (as_it_is.value.median, as_it_is.is_met) == (0.5, False)
    assert (slower.value.median, slower.is_met) == (1.5, True)


def test_latencies_are_met_from_below() -> None:
    runs = [run(connections=64, offered=500.0, p50_ms=8.0, p99_ms=25.1)]
    found = {ratio.name: ratio.is_met for ratio in ratios(runs, flush_ms=None)}
    assert found == {
        "open loop at half of the capacity, p50 ms": True,
        "open loop at half of the capacity, p99 ms": False,
    }
    assert Ratio(name="no goal", value=Spread.of([1.0]), rounds=1).is_met is None


def test_the_capacity_is_the_better_closed_loop_of_a_round_on_the_disk_as_it_is() -> None:
    runs = [run(rate=rate, connections=64, repeat=repeat) for repeat, rate in enumerate((800.0, 1000.0, 5000.0))]
    assert capacity([], repeat=1) is None
    assert capacity(runs, repeat=3) is None
    assert capacity(runs, repeat=1) == 1000.0
    more = [run(rate=1200.0, repeat=1), run(rate=9000.0, flush_ms=1.5, repeat=1), run("hot", 8000.0, repeat=1)]
    assert capacity([*runs, *more], repeat=1) == 1200.0


def test_every_round_has_what_is_compared_side_by_side_and_some_have_the_rest() -> None:
    for repeat in range(5):
        cases = round_of(repeat, repeats=5, flush_ms=1.5)
        assert len(set(cases)) == len(cases)
        assert {PGBENCH, ACCRUE, ACCRUE_FEW, replace(PGBENCH, flush_ms=1.5), replace(ACCRUE, flush_ms=1.5)} <= set(
            cases
        )
        assert (other("quote") in cases) == (repeat in {0, 2, 4})
        assert OPEN not in cases
    assert not [case for case in round_of(0, repeats=1, flush_ms=None) if case.flush_ms is not None]
