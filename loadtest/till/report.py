"""The end of a run as data: what `--json` writes and what the tables show. Money in minor units, latencies in µs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from loadtest.receipts.census import Census
from loadtest.till.audit import Audit
from loadtest.till.state import Fixed
from loadtest.till.tally import Outcomes, Tally

DISAGREEMENTS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Report:
    """Everything a run has to say. `audit`: None when `verify` wasn't run; `halted`: why it was stopped early."""

    file: str
    source: str
    currency: str
    url: str
    connections: int
    fixed: Fixed
    census: Census
    tally: Tally
    elapsed_us: int
    halted: str | None
    audit: Audit | None
    is_audit_wanted: bool

    @property
    def is_good(self) -> bool:
        """Every receipt has a definite outcome, every row a treatment, and `verify`, if wanted, found nothing."""
        is_audited = not self.is_audit_wanted or (self.audit is not None and self.audit.is_clean)
        return self.tally.is_definite and not self.census.missing_rows() and self.halted is None and is_audited


def as_json(report: Report) -> dict[str, Any]:
    """The report as a JSON document."""
    census, tally = report.census, report.tally
    return {
        "file": report.file,
        "source": report.source,
        "currency": report.currency,
        "url": report.url,
        "connections": report.connections,
        "fixed": {
            "timezone": report.fixed.timezone,
            "shift_days": report.fixed.shift_days,
            "redeem_every": report.fixed.redeem_every,
            "wallet": report.fixed.wallet,
        },
        "read": {
            "rows": census.rows,
            "rows_without_treatment": census.missing_rows(),
            "unreadable": {str(fault): count for fault, count in census.faults.items()},
            "receipts": {
                str(treatment): {"receipts": t.receipts, "lines": t.lines, "money": t.money, "matched": t.matched}
                for treatment, t in sorted(census.receipts.items())
            },
            "lines": {
                str(treatment): {"lines": t.lines, "money": t.money, "matched": t.matched}
                for treatment, t in sorted(census.lines.items())
            },
            "notes": {str(note): count for note, count in census.notes.items() if count},
        },
        "sent": {
            "customers": _outcomes(tally.registrations),
            "purchases": _outcomes(tally.purchases) | {"redeemed_on": tally.redemptions},
            "returns": _outcomes(tally.returns),
        },
        "points": {
            "issued": dict(tally.issued),
            "redeemed": dict(tally.redeemed),
            "taken_back": dict(tally.taken_back),
            "given_back": dict(tally.given_back),
        },
        "money": dict(tally.money),
        "repeats": tally.repeats,
        "found_posted_on_repeat": tally.found_posted,
        "disagreements": tally.disagreements,
        "speed": _speed(report),
        "halted": report.halted,
        "verify": None if report.audit is None else {"exit_code": report.audit.code, "output": report.audit.output},
        "good": report.is_good,
    }


def _outcomes(outcomes: Outcomes) -> dict[str, Any]:
    return {
        "planned": outcomes.planned,
        "accepted": outcomes.accepted,
        "replayed": outcomes.replayed,
        "refused": dict(outcomes.refused),
        "impossible": dict(outcomes.impossible),
        "without_answer": dict(outcomes.without_answer),
        "held_back": outcomes.held_back,
        "not_sent": outcomes.not_sent,
    }


def _speed(report: Report) -> dict[str, Any]:
    latencies = sorted(report.tally.latencies_us)
    answers = len(latencies)
    return {
        "answers": answers,
        "elapsed_us": report.elapsed_us,
        "answers_per_second": answers * 1_000_000 // max(report.elapsed_us, 1),
        "latency_us": {
            "p50": percentile(latencies, percent=50),
            "p95": percentile(latencies, percent=95),
            "p99": percentile(latencies, percent=99),
            "max": latencies[-1] if latencies else None,
        },
    }


def percentile(ordered: list[int], *, percent: int) -> int | None:
    """Nearest rank: the smallest value that `percent` per cent of all values don't exceed; None without values."""
    if not ordered:
        return None
    rank = -(-len(ordered) * percent // 100)
    return ordered[rank - 1]
