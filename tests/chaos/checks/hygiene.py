"""Nothing is left behind, nobody waits in a circle, and a service never says 500."""

from tests.chaos.checks import Evidence, Violation, check
from tests.chaos.journal import Attempt

# By design: refusals of the contract, and what a till that mixes up its keys or comes too late is told.
EXPECTED = frozenset(
    {
        None, "hung up", "insufficient_points", "redeem_limit_exceeded", "idempotency_key_reused",
        "return_exceeds_purchase", "duplicate_receipt", "hold_expired", "hold_already_resolved", "request_in_progress",
        "validation_error", "not_found", "busy", "overloaded", "deadline_exceeded", "unavailable",
    }
)  # fmt: skip
AFTER_SECONDS = 6.0  # What a fault did may be answered so much later.


@check("no session is left in a transaction")
async def idle(evidence: Evidence) -> list[Violation]:
    return [Violation(each) for each in evidence.idle]


@check("no deadlocks")
async def deadlocks(evidence: Evidence) -> list[Violation]:
    return [Violation(f"{evidence.deadlocks} deadlocks")] if evidence.deadlocks else []


@check("the service never fails")
async def statuses(evidence: Evidence) -> list[Violation]:
    """No 500, no refusal that isn't in the contract for it; 503 `unavailable` only where something was broken."""
    found: list[Violation] = []
    for op in evidence.journal.ops:
        for attempt in op.attempts:
            if attempt.status == 500 or attempt.code not in EXPECTED:
                found.append(Violation(f"{attempt.status} {attempt.code}", (op.number,)))
            elif attempt.code == "unavailable" and not _is_during_a_fault(evidence, attempt):
                found.append(Violation("503 unavailable, and nothing was broken", (op.number,)))
    return found


def _is_during_a_fault(evidence: Evidence, attempt: Attempt) -> bool:
    return any(each.began <= attempt.ended <= each.ended + AFTER_SECONDS for each in evidence.strikes)


@check("nobody's books are frozen")
async def frozen(evidence: Evidence) -> list[Violation]:
    """The service's own audit found nothing either."""
    rows = await evidence.owner.fetch("select id::text as id from customers where frozen_at is not null")
    return [Violation(f"customer {row['id']} is frozen") for row in rows]
