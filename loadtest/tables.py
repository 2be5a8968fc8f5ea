"""What a person reads at the end: the cases, the goals, the comparison with an earlier report."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.table import Table

from loadtest.cases import GOALS
from loadtest.measuring import OTHERS_MAX
from loadtest.results import ROLES, Case, Ratio, Report, Run, Spread, Summary


def line_of(run: Run) -> str:
    """One run, while the benchmark goes on."""
    latency = f", p50 {run.p50_ms:.1f} ms, p99 {run.p99_ms:.1f} ms" if run.p50_ms and run.p99_ms else ""
    wrong = f", {run.wrong} WRONG: {run.note}" if run.wrong else ""
    return (
        f"{run.case.label}: {run.rate:,.0f}/s{latency}, {run.processor_us_in_all:.0f} µs of processor time each"
        f", others {run.others_share:.0%}{wrong}"
    )


def show(report: Report, console: Console) -> None:
    """Everything that a report has to say."""
    machine = report.machine
    console.print(
        f"\n{machine.cores} cores, {machine.model}; {machine.speed}; "
        f"PostgreSQL {machine.postgres}, Python {machine.python}; "
        + ", ".join(f"{name} {value}" for name, value in report.settings.items()),
        highlight=False,
    )
    console.print(_cases(report.summaries))
    console.print(_figures(ratio for ratio in report.ratios if ratio.goal is None))
    flushes = sorted({run.flush_ms for run in report.runs if run.flush_ms is not None})
    if flushes:
        console.print(
            f"flush {flushes[0]:g} ms: both systems on the same server with commit_delay, which stands for a disk that "
            "flushes in that time; it is not one.",
            highlight=False,
        )
    console.print(_told_of_others(report.others_most), highlight=False)
    if report.dropped:
        console.print(f"{len(report.dropped)} runs were dropped: others used too much of the machine.", highlight=False)
    for case in unmeasured(report):
        console.print(f"no quiet run of: {case.label}", highlight=False)
    console.print(_goals(report.ratios))
    if report.wrong:
        console.print(f"[bold red]{report.wrong} wrong answers[/bold red]", highlight=False)
        for run in (*report.runs, *report.dropped):
            if run.wrong:
                console.print(f"  {line_of(run)}", markup=False, highlight=False)


def _told_of_others(most: float) -> str:
    """What others did to the figures; `most`: the largest part of the machine that they used in a run that counts."""
    told = f"others used up to {most:.0%} of the machine in these runs"
    if most <= OTHERS_MAX:
        return f"{told}."
    return f"{told}: rates, latencies and goals say little, µs of processor time suffer least."


def unmeasured(report: Report) -> list[Case]:
    """Cases of which every run was dropped."""
    kept = {run.case for run in report.runs}
    return list(dict.fromkeys(run.case for run in report.dropped if run.case not in kept))


def compare(new: Report, old: Report, console: Console) -> None:
    """Each case that both reports have, new ÷ old."""
    table = Table("case", "before /s", "now /s", "now ÷ before", "µs before", "µs now", title="compared")
    before = {summary.case: summary for summary in old.summaries}
    for now in new.summaries:
        then = before.get(now.case)
        if then is None or not then.rate.median:
            continue
        table.add_row(
            now.case.label,
            f"{then.rate.median:,.0f}",
            f"{now.rate.median:,.0f}",
            f"{now.rate.median / then.rate.median:.2f}",
            f"{sum(then.processor_us.values()):.0f}",
            f"{sum(now.processor_us.values()):.0f}",
        )
    console.print(table)
    console.print(f"before: {old.machine.speed}; now: {new.machine.speed}.", highlight=False)


def _cases(summaries: Iterable[Summary]) -> Table:
    table = _right(
        "case", "runs", "/s", "min..max", "p50 ms", "p99 ms", "max ms", *(f"µs {role}" for role in ROLES), "µs"
    )
    for one in summaries:
        table.add_row(
            one.case.label,
            str(one.repeats),
            f"{one.rate.median:,.0f}",
            f"{one.rate.low:,.0f}..{one.rate.high:,.0f}",
            _milliseconds(one.p50_ms),
            _milliseconds(one.p99_ms),
            "" if one.max_ms is None else f"{one.max_ms:.0f}",
            *(f"{one.processor_us[role]:.0f}" for role in ROLES),
            f"{sum(one.processor_us.values()):.0f}",
        )
    return table


def _milliseconds(spread: Spread | None) -> str:
    return "" if spread is None else f"{spread.median:.1f}"


def _figures(ratios: Iterable[Ratio]) -> Table:
    table = _right("figure without a goal", "median of the rounds", "min..max", "rounds")
    for ratio in ratios:
        table.add_row(ratio.name, *_told(ratio))
    return table


def _goals(ratios: Iterable[Ratio]) -> Table:
    """Every goal, whether or not there is a figure for it."""
    table = _right("goal", "", "median of the rounds", "min..max", "rounds", "")
    judged = [ratio for ratio in ratios if ratio.goal is not None]
    for ratio in judged:
        sign = "≤" if ratio.is_lower_better else "≥"
        table.add_row(ratio.name, f"{sign} {ratio.goal:g}", *_told(ratio), "reached" if ratio.is_met else "MISSED")
    measured = {ratio.name for ratio in judged}
    for name in (name for name in GOALS if name not in measured):
        table.add_row(name, f"{'≤' if name.endswith(' ms') else '≥'} {GOALS[name]:g}", "", "", "", "not measured")
    return table


def _told(ratio: Ratio) -> tuple[str, str, str]:
    value = ratio.value
    return f"{value.median:.2f}", f"{value.low:.2f}..{value.high:.2f}", str(ratio.rounds)


def _right(*columns: str) -> Table:
    """A table whose columns, but the first, are numbers."""
    table = Table(*columns)
    for column in table.columns[1:]:
        column.justify = "right"
    return table
