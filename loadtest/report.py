"""A benchmark as a page: bars that are read at a glance, every run in a table, nothing fetched from anywhere.

Mako is here already, with the migrations; every value is escaped by its filter. Charts are inline SVG, one a row, a
thousand wide and stretched to the page, so that a phone shows them as a desk does. What a colour says, a word says too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mako.template import Template  # type: ignore[import-untyped]

from loadtest.results import ROLES, Ratio, Report, Role, Run, Spread, Summary

_TEMPLATE = Template(  # noqa: S702 - "h" escapes every value
    filename=str(Path(__file__).with_name("report.html.mako")), default_filters=["h"], strict_undefined=True
)
WIDTH = 1000
# Of a figure that meets its goal, misses it, has none: its colour's name, and the word beside it.
KINDS: Mapping[bool | None, str] = {True: "met", False: "missed", None: "plain"}
WORDS: Mapping[bool | None, str] = {True: "reached", False: "missed", None: ""}
PERCENTILES = {"p50": "half of all answers within", "p99": "99 of 100 within", "max": "the slowest"}
_THIN = "\N{NARROW NO-BREAK SPACE}"


@dataclass(frozen=True, slots=True)
class Bar:
    """One row of a chart. `length`, `low`, `high` and `goal` are places of 0..`WIDTH`."""

    label: str
    value: str
    detail: str
    length: int
    low: int
    high: int
    kind: str = "kopilka"
    goal: int | None = None
    verdict: str = ""


@dataclass(frozen=True, slots=True)
class Stack:
    """One row of stacked parts: role, where it begins, how long it is, µs."""

    label: str
    value: str
    parts: tuple[tuple[Role, int, int, str], ...]
    is_cut: bool = False  # It ends beyond the chart.


@dataclass(frozen=True, slots=True)
class Row:
    """A run in the table."""

    cells: tuple[str, ...]
    case: str
    mark: str
    note: str


def write(report: Report, path: Path) -> None:
    """Keeps a report as a page; whoever opens the file sees a whole one or the one before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(".new")
    aside.write_text(page_of(report), encoding="utf-8")
    aside.replace(path)


def page_of(report: Report) -> str:
    """The page's text."""
    text: str = _TEMPLATE.render(
        report=report,
        width=WIDTH,
        roles=ROLES,
        headline=headline_of(report),
        ratios=bars_of_ratios(report.ratios),
        rates=bars_of_rates(report.summaries),
        stacks=stacks_of(report.summaries),
        open_loops=[
            (one.case.label, bars_of_latency(one, report.ratios)) for one in report.summaries if one.case.is_open
        ],
        rows=rows_of(report),
        flushes=sorted({run.flush_ms for run in report.runs if run.flush_ms is not None}),
        offered=_between([run.offered for run in report.runs if run.offered is not None]),
        count=count,
    )
    return text


def headline_of(report: Report) -> str:
    """As in `5 of 7 goals are reached.`"""
    verdicts = [ratio.is_met for ratio in report.ratios if ratio.is_met is not None]
    if not verdicts:
        return "No figure has a goal."
    return f"{sum(verdicts)} of {len(verdicts)} goals are reached."


def bars_of_ratios(ratios: Sequence[Ratio]) -> list[Bar]:
    """Each on a scale of its own, which ends where the largest of its values or its goal does."""
    bars = []
    for ratio in ratios:
        value = ratio.value
        scale = _scale(max(value.high, ratio.goal or 0.0) * 1.05)
        sign = "at most" if ratio.is_lower_better else "at least"
        goal = "no goal" if ratio.goal is None else f"goal {sign} {ratio.goal:g}"
        bars.append(
            Bar(
                label=ratio.name,
                value=f"{value.median:.2f}",
                detail=f"{goal}; {value.low:.2f} to {value.high:.2f} in {_times(ratio.rounds, 'round')}",
                length=scale(value.median),
                low=scale(value.low),
                high=scale(value.high),
                kind=KINDS[ratio.is_met],
                goal=None if ratio.goal is None else scale(ratio.goal),
                verdict=WORDS[ratio.is_met],
            )
        )
    return bars


def bars_of_rates(summaries: Sequence[Summary]) -> list[Bar]:
    """Answers a second, all on one scale; an open loop's rate is given to it, so it has none here."""
    closed = [one for one in summaries if not one.case.is_open]
    scale = _scale(max((one.rate.high for one in closed), default=0.0))
    return [
        Bar(
            label=one.case.label,
            value=f"{count(one.rate.median)}/s",
            detail=f"{count(one.rate.low)} to {count(one.rate.high)} in {_times(one.repeats, 'run')}",
            length=scale(one.rate.median),
            low=scale(one.rate.low),
            high=scale(one.rate.high),
            kind=one.case.system,
        )
        for one in closed
    ]


def stacks_of(summaries: Sequence[Summary]) -> list[Stack]:
    """µs of processor time an answer, by role, all on one scale; those that nobody could measure are left out.

    The textbook's is ten times as long and ends beyond the chart, else nothing of the others could be seen.
    """
    known = [one for one in summaries if sum(one.processor_us.values())]
    scale = _scale(max((sum(one.processor_us.values()) for one in known if one.case.system != "textbook"), default=0.0))
    stacks = []
    for one in known:
        parts: list[tuple[Role, int, int, str]] = []
        begin = 0.0
        for role in ROLES:
            us = one.processor_us.get(role, 0.0)
            parts.append((role, scale(begin), scale(begin + us) - scale(begin), count(us)))
            begin += us
        stacks.append(
            Stack(
                label=one.case.label,
                value=f"{count(begin)} µs",
                parts=tuple(parts),
                is_cut=scale.is_beyond(begin),
            )
        )
    return stacks


def bars_of_latency(summary: Summary, ratios: Iterable[Ratio]) -> list[Bar]:
    """An open loop's percentiles, with the goals that speak of them."""
    spreads = {"p50": summary.p50_ms, "p99": summary.p99_ms, "max": None}
    if summary.max_ms is not None:
        spreads["max"] = Spread(median=summary.max_ms, low=summary.max_ms, high=summary.max_ms)
    known = {name: spread for name, spread in spreads.items() if spread is not None}
    goals = {name: _goal_of(name, ratios) for name in known}
    highest = [spread.high for spread in known.values()] + [goal for goal in goals.values() if goal is not None]
    scale = _scale(max(highest, default=0.0))
    bars = []
    for name, spread in known.items():
        goal = goals[name]
        is_met = None if goal is None else spread.median <= goal
        bars.append(
            Bar(
                label=PERCENTILES[name],
                value=f"{spread.median:.1f} ms",
                detail=f"{spread.low:.1f} to {spread.high:.1f} ms" if spread.low != spread.high else "",
                length=scale(spread.median),
                low=scale(spread.low),
                high=scale(spread.high),
                kind=KINDS[is_met],
                goal=None if goal is None else scale(goal),
                verdict="" if goal is None else f"{WORDS[is_met]}: goal {goal:g} ms",
            )
        )
    return bars


def _goal_of(percentile: str, ratios: Iterable[Ratio]) -> float | None:
    return next((one.goal for one in ratios if one.is_lower_better and f" {percentile} " in f" {one.name} "), None)


def rows_of(report: Report) -> list[Row]:
    """All runs: those that count as they were made, then those that were dropped."""
    kept = [_row(run, mark="wrong answers" if run.wrong else "") for run in report.runs]
    return kept + [_row(run, mark="dropped") for run in report.dropped]


def _row(run: Run, *, mark: str) -> Row:
    cells = (
        str(run.repeat + 1),
        count(run.rate),
        *("" if ms is None else f"{ms:.1f}" for ms in (run.p50_ms, run.p99_ms, run.max_ms)),
        *(_us(run.processor_us, role) for role in ROLES),
        f"{run.others_share:.0%}",
        count(run.wrong),
    )
    return Row(cells=cells, case=run.case.label, mark=mark, note=run.note)


def _us(times: Mapping[Role, float], role: Role) -> str:
    return count(times[role]) if role in times else ""


def count(number: float) -> str:
    """12345.6 is `12 346`, with a narrow space that doesn't break."""
    return f"{number:,.0f}".replace(",", _THIN)


def _between(values: Sequence[float]) -> str:
    """As in `980 to 1 020`."""
    ends = [count(min(values)), count(max(values))] if values else []
    return " to ".join(dict.fromkeys(ends))


def _times(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


class _scale:  # noqa: N801 - made once a chart and called like a function
    """Values to places: 0 is 0, `most` is `WIDTH`."""

    def __init__(self, most: float) -> None:
        self._most = most or 1.0

    def __call__(self, value: float) -> int:
        return min(WIDTH, max(0, int(WIDTH * value / self._most)))

    def is_beyond(self, value: float) -> bool:
        return value > self._most
