"""What a run has done and found, for people."""

from collections import Counter
from collections.abc import Iterator

from tests.chaos.checks import Violation
from tests.chaos.journal import Journal
from tests.chaos.run import Outcome

VIOLATIONS_SHOWN = 3
LINE_SHOWN = 900


def report(outcome: Outcome) -> Iterator[str]:
    """Tables of calls, accidents, checks and coverage; the first violation with its neighbours."""
    yield ""
    yield from _calls(outcome.evidence.journal)
    yield from _faults(outcome)
    yield from _checks(outcome)
    yield from _coverage(outcome)
    yield from _first(outcome)
    took = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in outcome.seconds.items())
    disks = outcome.evidence.counts
    yield f"{took}; {disks['data MB']} MB of data"
    yield verdict(outcome)


def verdict(outcome: Outcome) -> str:
    seed = f"seed {outcome.plan.seed}"
    if not outcome.is_clean:
        broken = [name for name, found in outcome.violations.items() if found]
        return f"BROKEN ({seed}): {'; '.join(broken)}"
    if not outcome.is_measured:
        short = [covered.name for covered in outcome.covered if not covered.is_enough]
        return f"not measured ({seed}): {', '.join(short)}"
    return f"clean ({seed})"


def _calls(journal: Journal) -> Iterator[str]:
    by_kind: dict[str, Counter[str]] = {}
    for (kind, outcome), times in journal.outcomes().items():
        by_kind.setdefault(kind, Counter())[outcome] += times
    attempts = Counter(op.request.kind for op in journal.ops for _ in op.attempts)
    yield f"{'CALL':18}{'CALLS':>8}{'SENT':>8}  OUTCOMES"
    for kind, outcomes in sorted(by_kind.items()):
        told = ", ".join(f"{name} {times:,}" for name, times in outcomes.most_common())
        yield f"{kind:18}{outcomes.total():>8,}{attempts[kind]:>8,}  {told}"
    yield f"{'all':18}{len(journal.ops):>8,}{attempts.total():>8,}"
    yield ""


def _faults(outcome: Outcome) -> Iterator[str]:
    yield f"{'FAULT':26}{'TIMES':>5}  MEASURED"
    strikes = outcome.evidence.strikes
    for kind in sorted({strike.kind for strike in strikes}):
        same = [strike for strike in strikes if strike.kind == kind]
        told = "; ".join(
            [f"not measured: {strike.hit}" for strike in same if not strike.is_measured]
            + [f"{name} {value:.1f}" for strike in same for name, value in strike.seconds.items()]
        )
        yield f"{kind:26}{sum(strike.is_measured for strike in same):>5}  {told}"
    yield f"{'all':26}{sum(strike.is_measured for strike in strikes):>5}"
    yield ""


def _checks(outcome: Outcome) -> Iterator[str]:
    yield f"{'CHECK':44}{'VIOLATIONS':>10}"
    for name, found in outcome.violations.items():
        yield f"{name:44}{len(found):>10,}  {outcome.evidence.notes.get(name, '')}"
    yield ""


def _coverage(outcome: Outcome) -> Iterator[str]:
    yield f"{'COVERAGE':44}{'SEEN':>8}{'FLOOR':>8}"
    for covered in outcome.covered:
        short = "" if covered.is_enough else f"  not measured {covered.why}"
        yield f"{covered.name:44}{covered.seen:>8,}{covered.floor:>8,}{short}"
    yield ""


def _first(outcome: Outcome) -> Iterator[str]:
    for name, found in outcome.violations.items():
        for violation in found[:VIOLATIONS_SHOWN]:
            yield f"{name}: {violation.text[:LINE_SHOWN]}"
    shown: Violation | None = next((v for found in outcome.violations.values() for v in found if v.ops), None)
    shown = next((v for found in outcome.violations.values() for v in found[:1]), None) if shown is None else shown
    if shown is not None and shown.ops:
        journal = outcome.evidence.journal
        yield f"the calls around it: {shown.text}"
        for op in journal.around(shown.ops[0]):
            mark = ">" if op.number in shown.ops else " "
            yield f"{mark} {journal.line(op)[:LINE_SHOWN]}"
        yield ""
