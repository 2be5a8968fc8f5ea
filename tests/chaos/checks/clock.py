"""There is one clock, the database's, however wrong an instance's own may be. Here it is this machine's too."""

from collections.abc import Iterator
from datetime import datetime

from tests.chaos.checks import Evidence, Violation, check
from tests.chaos.journal import Op

SLACK_SECONDS = 0.1
_EXPIRES = "select distinct hold_id, extract(epoch from expires_at)::float as expires from audit_hold"


@check("holds go by the one clock")
async def one_clock(evidence: Evidence) -> list[Violation]:
    """A hold lasts as long as was asked, from a moment of its call; none is captured by a call made after its end."""
    expires = {row["hold_id"]: row["expires"] for row in await evidence.owner.fetch(_EXPIRES)}
    return [*_misplaced(evidence), *_late(evidence, expires)]


def _misplaced(evidence: Evidence) -> Iterator[Violation]:
    for op in evidence.journal.good("hold"):
        said = op.said.get("expires_at")
        if said is None or op.rival is not None:
            continue
        placed = datetime.fromisoformat(said).timestamp() - op.request.body["ttl_seconds"]
        first, last = evidence.journal.wall(op.began), evidence.journal.wall(_answered(op))
        if not first - SLACK_SECONDS <= placed <= last + SLACK_SECONDS:
            yield Violation(f"a hold was placed {placed - first:+.1f} s from its call", (op.number,))


def _late(evidence: Evidence, expires: dict[str, float]) -> Iterator[Violation]:
    for op in evidence.journal.good("capture"):
        late = evidence.journal.wall(op.began) - expires.get(op.request.hold or "", float("inf"))
        if late > SLACK_SECONDS:
            yield Violation(f"hold {op.request.hold} was captured {late:.1f} s after its end", (op.number,))


def _answered(op: Op) -> float:
    return op.answer.ended if op.answer else 0.0
