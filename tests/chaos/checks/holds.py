"""Each hold ends once, by its time at the latest."""

from collections import defaultdict

from tests.chaos.checks import Evidence, Violation, check
from tests.chaos.journal import Op

_ENDS = """
select h.hold_id, h.state, h.resolved_tx, extract(epoch from h.expires_at)::float as expires,
    extract(epoch from t.created_at)::float as ended, extract(epoch from t.at)::float as ended_at,
    t.kind, t.parent_tx, t.idempotency_key,
    (select count(*) from audit_tx o where o.parent_tx = h.hold_id and o.kind in ('capture', 'release')) as ends
from (select distinct hold_id, state, resolved_tx, expires_at from audit_hold) h
left join audit_tx t on t.tx_id = h.resolved_tx
"""
_HELD = """
select b.customer_id, b.wallet, b.held, coalesce(h.amount, 0) as open from audit_balance b
left join (select customer_id, wallet, sum(amount) as amount from audit_hold where state = 'held' group by 1, 2) h
    using (customer_id, wallet)
where b.held <> coalesce(h.amount, 0)
"""
SOON_SECONDS = 0.05


@check("holds end once")
async def once(evidence: Evidence) -> list[Violation]:
    """One ending a hold, as its state says; captured and released before its time, expired at it and not before."""
    ops: dict[str, list[int]] = defaultdict(list)
    for op in evidence.journal.ops:
        if op.request.hold:
            ops[op.request.hold].append(op.number)
    found: list[Violation] = []
    for row in await evidence.owner.fetch(_ENDS):
        shown = tuple(ops[row["hold_id"]])
        evidence.counts[f"holds {row['state']}"] += 1
        wanted = 0 if row["state"] == "held" else 1
        if row["ends"] != wanted:
            found.append(Violation(f"hold {row['hold_id']} is {row['state']} and ended {row['ends']} times", shown))
            continue
        if wanted and not _is_in_time(row["state"], row["expires"], row["ended"], row["ended_at"]):
            text = f"hold {row['hold_id']} is {row['state']}: {row['ended'] - row['expires']:+.3f} s from its end"
            found.append(Violation(text, shown))
    return found


def _is_in_time(state: str, expires: float, ended: float, at: float) -> bool:
    if state == "expired":
        return ended >= expires and abs(at - expires) < SOON_SECONDS
    return ended < expires


@check("what is held is what open holds say")
async def sums(evidence: Evidence) -> list[Violation]:
    rows = await evidence.owner.fetch(_HELD)
    return [Violation(f"{row['customer_id']} {row['wallet']}: held {row['held']}, open {row['open']}") for row in rows]


@check("a hold's end is told once")
async def told(evidence: Evidence) -> list[Violation]:
    """One of capture and release is done; one that comes too late is told so, and not before its time."""
    by_hold: dict[str, list[Op]] = defaultdict(list)
    for op in evidence.journal.ops:
        if op.request.kind in {"capture", "release"} and op.request.hold:
            by_hold[op.request.hold].append(op)
    rows = await evidence.owner.fetch(
        "select distinct hold_id, extract(epoch from expires_at)::float as expires from audit_hold"
    )
    expires = {row["hold_id"]: row["expires"] for row in rows}
    found: list[Violation] = []
    for hold, ops in by_hold.items():
        done = [op for op in ops if op.is_good]
        if len(done) > 1:
            found.append(Violation(f"hold {hold} was ended {len(done)} times", tuple(op.number for op in done)))
        for op in ops:
            answer = op.answer
            if answer is None or answer.code != "hold_expired":
                continue
            if evidence.journal.wall(answer.ended) < expires.get(hold, 0.0):
                found.append(Violation(f"hold {hold} was called expired before its time", (op.number,)))
    return found
