"""The page: what it shows of given runs, that it escapes, that nothing is fetched."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from loadtest import report as page
from loadtest.report import WIDTH, bars_of_latency, bars_of_rates, bars_of_ratios, page_of, stacks_of
from loadtest.results import Machine, Ratio, Report, Run, Spread, summarise, with_summaries

MACHINE = Machine(
    cores=2, model="<b>Fast & old</b>", memory_mib=24_000, flush_us=18.4, python="3.11.2", postgres="18.1"
)
RATIOS = (
    Ratio(name="accrue ÷ pgbench TPC-B", value=Spread(0.5, 0.4, 0.6), rounds=3, goal=1.0),
    Ratio(name="quote ÷ accrue", value=Spread(1.6, 1.5, 1.7), rounds=3, goal=1.5),
    Ratio(name="day ÷ accrue", value=Spread(1.1, 1.0, 1.2), rounds=1),
    Ratio(name="open loop, p99 ms", value=Spread(31.0, 30.0, 33.0), rounds=3, goal=25.0, is_lower_better=True),
)
US = {"service": 400.0, "postgres": 150.0, "valkey": 10.0, "generator": 25.0}


def run(rate: float, **more: Any) -> Run:
    given: dict[str, Any] = {
        "scenario": "accrue",
        "system": "kopilka",
        "repeat": 0,
        "seconds": 6.0,
        "rate": rate,
        "statuses": {"201": int(rate * 6)},
        "p50_ms": 5.0,
        "p99_ms": 20.0,
        "max_ms": 60.0,
        "processor_us": US,
        "others_share": 0.02,
        "connections": 64,
    }
    return Run(**{**given, **more})


def pgbench(rate: float, **more: Any) -> Run:
    missing: dict[str, Any] = {"p50_ms": None, "p99_ms": None, "max_ms": None}
    return run(
        rate, system="pgbench", scenario="tpc-b", connections=16, processor_us={"postgres": 120.0}, **missing, **more
    )


RUNS = (
    run(1000.0),
    run(1200.0, repeat=1),
    pgbench(2000.0),
    run(100.0, system="textbook", processor_us={"service": 7000.0}),
    run(500.0, offered=498.0, p99_ms=31.0),
)
DROPPED = (run(700.0, others_share=0.3, note="dropped: others used 30%"),)
REPORT = with_summaries(
    Report(
        made_at="2026-11-22T07:30:00+00:00",
        version="1.2.3",
        machine=MACHINE,
        settings={"workers": "2", "pgbench": "-M prepared -c 16"},
        runs=RUNS,
        dropped=DROPPED,
    ),
    RATIOS,
)


class Reader(HTMLParser):
    """All elements, their attributes and texts; every element that has to be is closed."""

    VOID = frozenset({"meta", "rect", "path"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def read(text: str) -> Reader:
    reader = Reader()
    reader.feed(text)
    reader.close()
    assert not reader.open
    return reader


def test_the_page_is_whole_and_fetches_nothing() -> None:
    reader = read(page_of(REPORT))
    assert not [value for name, value in reader.attributes if name in {"src", "href", "xlink:href"}]
    assert not re.search(r"https?:|@import|url\(", page_of(REPORT))


def test_what_a_report_holds_is_escaped() -> None:
    text = page_of(replace(REPORT, runs=(replace(RUNS[0], note="<script>alert(1)</script>"), *RUNS[1:])))
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert "<b>Fast" not in text
    assert "<b>Fast & old</b>" in read(text).text


def test_met_and_not_met_are_words() -> None:
    met = {bar.label: (bar.kind, bar.verdict) for bar in bars_of_ratios(RATIOS)}
    assert met == {
        "accrue ÷ pgbench TPC-B": ("missed", "missed"),
        "quote ÷ accrue": ("met", "reached"),
        "day ÷ accrue": ("plain", ""),
        "open loop, p99 ms": ("missed", "missed"),
    }
    text = read(page_of(REPORT)).text
    assert "1 of 3 goals are reached." in text
    assert "goal at most 25; 30.00 to 33.00 in 3 rounds" in text


def test_bars_are_medians_with_their_spread_on_one_scale() -> None:
    bars = {bar.label: bar for bar in bars_of_rates(REPORT.summaries)}
    ours = bars["accrue, 64 connections"]
    assert (ours.value, ours.length, ours.low, ours.high) == ("1\u202f100/s", 550, 500, 600)
    assert bars["pgbench tpc-b, 16 connections"].length == WIDTH
    assert not [label for label in bars if "open" in label]


def test_stacks_lie_end_to_end_and_the_textbook_s_is_cut() -> None:
    stacks = {stack.label: stack for stack in stacks_of(REPORT.summaries)}
    ours = stacks["accrue, 64 connections"]
    assert [role for role, *_ in ours.parts] == ["service", "postgres", "valkey", "generator"]
    for (_, begin, length, _), (_, following, _, _) in zip(ours.parts, ours.parts[1:], strict=False):
        assert begin + length == following
    assert (ours.value, ours.parts[-1][1] + ours.parts[-1][2], ours.is_cut) == ("585 µs", WIDTH, False)
    assert stacks["textbook accrue, 64 connections"].is_cut
    assert "goes on beyond the chart" in page_of(REPORT)


def test_an_open_loop_shows_its_percentiles_against_the_goals() -> None:
    summary = next(one for one in REPORT.summaries if one.case.is_open)
    bars = {bar.label: bar for bar in bars_of_latency(summary, RATIOS)}
    assert bars["99 of 100 within"].verdict == "missed: goal 25 ms"
    assert bars["half of all answers within"].verdict == ""
    assert bars["the slowest"].length == WIDTH
    assert "498 a second" in page_of(REPORT)


def test_dropped_runs_stand_in_the_table_and_say_so() -> None:
    text = page_of(REPORT)
    assert text.count('<tr class="dropped">') == 1
    assert "1 run was dropped" in text
    rows = page.rows_of(REPORT)
    assert [row.mark for row in rows] == ["", "", "", "", "", "dropped"]
    assert rows[-1].note == "dropped: others used 30%"


@pytest.mark.parametrize("wrong", [0, 7])
def test_wrong_answers_can_t_be_overlooked(wrong: int) -> None:
    text = read(page_of(replace(REPORT, runs=(replace(RUNS[0], wrong=wrong), *RUNS[1:])))).text
    assert ("7 answers were wrong." in text) is bool(wrong)


def test_a_benchmark_that_measured_nothing_has_a_page() -> None:
    empty = replace(REPORT, runs=(), dropped=(), ratios=(), summaries=())
    assert "Nothing was measured that could be compared." in read(page_of(empty)).text


def test_where_processor_time_is_not_known_there_is_no_chart_of_it() -> None:
    unknown = tuple(replace(one, processor_us={}) for one in RUNS)
    report = replace(REPORT, runs=unknown, dropped=(), summaries=summarise(unknown))
    assert "Processor time an answer" not in read(page_of(report)).text


def test_the_file_is_written_whole(tmp_path: Path) -> None:
    path = tmp_path / "made" / "report.html"
    page.write(REPORT, path)
    page.write(REPORT, path)
    assert path.read_text(encoding="utf-8") == page_of(REPORT)
    assert [file.name for file in path.parent.iterdir()] == ["report.html"]
