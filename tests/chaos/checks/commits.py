"""Nobody is told of what isn't committed yet."""

from tests.chaos.checks import Evidence, Violation, check
from tests.chaos.checks.answers import POSTING, postings
from tests.chaos.checks.reads import READS

# PostgreSQL notes the moment of each commit before it is on disk; both clocks are this machine's.
_COMMITTED = """
select tx_id::text as tx_id, customer_id::text as customer, version,
    extract(epoch from pg_xact_commit_timestamp(xmin))::float as committed
from txs where xmin::text::bigint >= 3
"""
SLACK_SECONDS = 0.05


@check("nobody is told before the commit")
async def after(evidence: Evidence) -> list[Violation]:
    """No good answer, and nothing shown of a customer, is older than the commit of the posting that it tells of."""
    rows = await evidence.owner.fetch(_COMMITTED)
    by_tx = {row["tx_id"]: row["committed"] for row in rows}
    by_version = {(row["customer"], row["version"]): row["committed"] for row in rows}
    wall = evidence.journal.wall
    found: list[Violation] = []
    for op in evidence.journal.ops:
        good = min((attempt.ended for attempt in op.attempts if attempt.is_good), default=None)
        if good is None:
            continue
        if op.request.kind in POSTING:
            moments = [by_tx.get(posting.get("tx_id", "-")) for posting in postings(op)]
        elif op.request.kind in READS:
            moments = [by_version.get((op.request.customer, op.said.get("version")))]
        else:
            continue
        early = max((at - wall(good) for at in moments if at is not None), default=0.0)
        if early > SLACK_SECONDS:
            found.append(Violation(f"{op.request.kind}: answered {early:.3f} s before the commit", (op.number,)))
    return found
