"""Whether the run has measured enough to say anything."""

from collections.abc import Iterator
from dataclasses import dataclass

from tests.chaos.checks import Evidence


@dataclass(frozen=True, slots=True)
class Covered:
    name: str
    seen: int
    floor: int
    why: str = ""

    @property
    def is_enough(self) -> bool:
        return self.seen >= self.floor


def coverage(evidence: Evidence) -> Iterator[Covered]:
    """One line a floor of the plan, and one a kind of accident that the plan wants and that didn't happen."""
    counts = evidence.counts
    struck = [strike for strike in evidence.strikes if strike.is_measured]
    counts["operations"] = len(evidence.journal.ops)
    counts["faults"] = len(struck)
    counts["offline receipts"] = sum(
        sum(result["status"] == 201 for result in op.said["results"]) for op in evidence.journal.good("offline")
    )
    for name, floor in evidence.plan.floors.items():
        yield Covered(name, counts[name], floor)
    for kind in sorted(evidence.plan.kinds_wanted - {strike.kind for strike in struck}):
        why = next((strike.hit for strike in evidence.strikes if strike.kind == kind), "there was no time for it")
        yield Covered(f"fault: {kind}", 0, 1, why)
