"""The end of a run on the screen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from loadtest.receipts.money import shown
from loadtest.till.report import DISAGREEMENTS_SHOWN, Report, as_json

Data = Mapping[str, Any]


def print_report(report: Report, *, console: Console) -> None:
    """Tables of what was read, what was sent and what it brought; then `verify` and one line of judgement."""
    data = as_json(report)
    console.print(_read_table(data, title=f"Read from {report.file}"))
    console.print(_receipts_table(data))
    console.print(_sent_table(data))
    console.print(_value_table(data))
    for text in report.tally.disagreements[:DISAGREEMENTS_SHOWN]:
        _say(console, f"disagreement: {text}")
    if report.audit is not None:
        _say(console, f"verify (exit code {report.audit.code}):\n{report.audit.output}")
    if report.halted is not None:
        _say(console, f"stopped early: {report.halted}")
    _say(console, _judgement(report))


def _say(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column(columns[0])
    for column in columns[1:]:
        table.add_column(column, justify="right")
    return table


def _read_table(data: Data, *, title: str) -> Table:
    read = data["read"]
    table = _table(title, "lines by treatment", "lines", f"money, {data['currency']}", "of it returned")
    for treatment, counts in read["lines"].items():
        matched = shown(counts["matched"]) if "return" in treatment else ""
        table.add_row(treatment, f"{counts['lines']:,}", shown(counts["money"]), matched)
    for fault, count in read["unreadable"].items():
        table.add_row(f"left out: {fault}", f"{count:,}", "?", "")
    table.add_section()
    table.add_row("rows read", f"{read['rows']:,}", "", "")
    table.add_row("rows without a treatment", f"{read['rows_without_treatment']:,}", "", "")
    if read["notes"]:
        table.add_section()
    for note, count in read["notes"].items():
        table.add_row(f"noted: {note}", f"{count:,}", "", "")
    return table


def _receipts_table(data: Data) -> Table:
    money = f"money, {data['currency']}"
    table = _table("Receipts read", "receipts by treatment", "receipts", "lines", money, "of it returned")
    receipts = data["read"]["receipts"]
    for treatment, counts in receipts.items():
        matched = shown(counts["matched"]) if treatment.startswith("cancellation") else ""
        table.add_row(treatment, f"{counts['receipts']:,}", f"{counts['lines']:,}", shown(counts["money"]), matched)
    table.add_section()
    total = sum(counts["receipts"] for counts in receipts.values())
    table.add_row("receipts read", f"{total:,}", f"{sum(c['lines'] for c in receipts.values()):,}", "", "")
    return table


def _sent_table(data: Data) -> Table:
    sent = data["sent"]
    sorts = ("customers", "purchases", "returns")
    table = _table(f"Sent to {data['url']}", "requests", *sorts, "all")

    def row(name: str, counts: list[int], *, is_shown_at_zero: bool = True) -> None:
        if any(counts) or is_shown_at_zero:
            table.add_row(name, *(f"{count:,}" for count in counts), f"{sum(counts):,}")

    row("planned", [sent[sort]["planned"] for sort in sorts])
    row("accepted", [sent[sort]["accepted"] for sort in sorts])
    for group, label in (("refused", "refused"), ("impossible", "not possible"), ("without_answer", "no answer")):
        for code in sorted({code for sort in sorts for code in sent[sort][group]}):
            row(f"{label}: {code}", [sent[sort][group].get(code, 0) for sort in sorts])
    row("held back behind one without answer", [sent[s]["held_back"] for s in sorts], is_shown_at_zero=False)
    row("not sent", [sent[sort]["not_sent"] for sort in sorts], is_shown_at_zero=False)
    table.add_section()
    row("of all answers: replayed", [sent[sort]["replayed"] for sort in sorts])
    table.add_row("attempts repeated", "", "", "", f"{data['repeats']:,}")
    table.add_row("found posted on a repeat", "", "", "", f"{data['found_posted_on_repeat']:,}")
    return table


def _value_table(data: Data) -> Table:
    table = _table("Brought", "what", "value")
    for name, wallets in data["points"].items():
        for wallet, units in wallets.items() or (("points", 0),):
            table.add_row(f"{wallet} {name.replace('_', ' ')}", f"{units:,}")
    table.add_row("purchases that redeemed", f"{data['sent']['purchases']['redeemed_on']:,}")
    table.add_section()
    for name, minor in data["money"].items():
        table.add_row(f"money: {name}", shown(minor))
    table.add_section()
    speed = data["speed"]
    table.add_row("connections", f"{data['connections']}")
    table.add_row("answers", f"{speed['answers']:,}")
    table.add_row("answers a second", f"{speed['answers_per_second']:,}")
    table.add_row("seconds", _thousandths(speed["elapsed_us"] // 1000))
    for name, latency in speed["latency_us"].items():
        table.add_row(f"latency {name}, ms", "–" if latency is None else _thousandths(latency))
    return table


def _thousandths(value: int) -> str:
    return f"{value // 1000:,}.{value % 1000:03d}"


def _judgement(report: Report) -> str:
    if not report.tally.is_definite or report.halted is not None:
        return "NOT WHOLE: some receipts have no definite outcome; the same command goes on where this run ended"
    if report.census.missing_rows():
        return "NOT WHOLE: some rows have no treatment"
    if not report.is_audit_wanted:
        return "WHOLE: every receipt has a definite outcome; verify was not run"
    if report.is_good:
        return "WHOLE: every receipt has a definite outcome, and verify found nothing"
    return "NOT CLEAN: every receipt has a definite outcome, but verify has findings or could not run"
