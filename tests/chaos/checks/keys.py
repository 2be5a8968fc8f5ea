"""One key, one effect, one answer."""

from collections import Counter, defaultdict

from tests.chaos.checks import Evidence, Violation, check
from tests.chaos.journal import Attempt, Op

# Answers that stand for ever under their key; others say only how things were.
KEPT = frozenset({409})
REUSED = "idempotency_key_reused"


@check("a key has one effect")
async def one_effect(evidence: Evidence) -> list[Violation]:
    """In the ledger at most one transaction; none for a call that was refused."""
    rows = await evidence.owner.fetch(
        "select idempotency_key as key, count(*) as n from audit_tx where idempotency_key is not null group by 1"
    )
    effects = Counter({row["key"]: row["n"] for row in rows})
    by_key: dict[str, list[Op]] = defaultdict(list)
    for op in evidence.journal.writes():
        by_key[op.key].append(op)
    found: list[Violation] = []
    for key, ops in by_key.items():
        numbers = tuple(op.number for op in ops)
        good = [op for op in ops if op.is_good]
        wanted = 1 if good and "tx_id" in good[0].said else 0
        if len(good) > 1:
            found.append(Violation(f"two requests under key {key} were both done", numbers))
        if effects[key] > 1 or (effects[key] > wanted and all(op.answer for op in ops)):
            found.append(Violation(f"key {key} has {effects[key]} transactions, not {wanted}", numbers))
        if len(ops) > 1 and any(op.answer and op.answer.code == REUSED for op in ops):
            evidence.counts["same key, other request"] += 1
    return found


@check("replays are byte-equal")
async def replays(evidence: Evidence) -> list[Violation]:
    """However often it is asked, a call that was answered for good gets that answer."""
    found: list[Violation] = []
    for op in evidence.journal.writes():
        evidence.counts["sent more than once at once"] += op.width > 1
        evidence.counts["hung up on"] += any(attempt.code == "hung up" for attempt in op.attempts)
        final = [attempt for attempt in op.attempts if attempt.is_good or _is_kept(attempt)]
        evidence.counts["answers replayed"] += sum(attempt.is_replay for attempt in final)
        if len({(attempt.status, attempt.digest) for attempt in final}) > 1:
            found.append(Violation("answers differ", (op.number,)))
        good = next((attempt for attempt in op.attempts if attempt.is_good), None)
        if good and any(a.began > good.ended and a.is_definite and not a.is_good for a in op.attempts):
            found.append(Violation("it was done, then refused", (op.number,)))
    return found


@check("a key's state is what was answered")
async def states(evidence: Evidence) -> list[Violation]:
    """As `GET /v1/requests/{key}` tells it in the calm."""
    ops = evidence.journal.ops
    return [
        Violation(f"{said}, answered {ops[number].outcome()}", (number,)) for number, said in evidence.states.items()
    ]


def _is_kept(attempt: Attempt) -> bool:
    return attempt.status in KEPT and attempt.is_definite
