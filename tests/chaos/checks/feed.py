"""The feed of events is the ledger: every committed transaction, nothing else, each customer's in order."""

from tests.chaos.checks import Evidence, Violation, check

SHOWN = 5
_WAITING = """
select tx_id, customer_id, version from audit_event where published_at is null and tx_id = any($1::text[])
"""
_STRAY = "select event_id from audit_event e where not exists (select from audit_tx t where t.tx_id = e.tx_id)"


@check("the feed has every transaction, in order")
async def feed(evidence: Evidence) -> list[Violation]:
    found: list[Violation] = []
    if evidence.feed is None:
        evidence.notes["the feed has every transaction, in order"] = "not measured: the service has no feed"
        return found
    if rows := await evidence.owner.fetch(_WAITING, sorted(evidence.posted)):
        found.append(Violation(f"{len(rows)} events are never published: {[tuple(row) for row in rows[:SHOWN]]}"))
    if rows := await evidence.owner.fetch(_STRAY):
        found.append(Violation(f"{len(rows)} events of no transaction: {[row['event_id'] for row in rows[:SHOWN]]}"))
    read = {event["tx_id"] for event in evidence.feed}
    committed = {row["tx_id"] for row in await evidence.owner.fetch("select tx_id from audit_tx")}
    if missing := evidence.posted - read:
        found.append(Violation(f"{len(missing)} transactions are not in the feed: {sorted(missing)[:SHOWN]}"))
    if strange := read - committed:
        found.append(Violation(f"{len(strange)} events of the feed are of no transaction: {sorted(strange)[:SHOWN]}"))
    at: dict[str, int] = {}
    for event in evidence.feed:
        customer = event["customer"]
        if customer is None:
            continue
        if event["version"] not in {at.get(customer, 0), at.get(customer, 0) + 1}:
            text = f"{customer}: version {event['version']} after {at.get(customer, 0)} at {event['position']}"
            found.append(Violation(text))
        at[customer] = event["version"]
    evidence.counts["events read in order"] += len(evidence.feed)
    return found
