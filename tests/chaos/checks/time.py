"""What was tried in the calm: time's work with every job dead."""

from tests.chaos.checks import Evidence, Violation, check


@check("time needs no job")
async def alone(evidence: Evidence) -> list[Violation]:
    """Lots and holds end at their instant for whoever looks."""
    return [Violation(f"{name}: {what}") for name, what in evidence.probes.items()]
