"""What tills were told stands in the ledger, exactly so."""

from collections.abc import Iterator
from typing import Any

from tests.chaos.checks import Evidence, Violation, check
from tests.chaos.checks.books import Books, read_books, told
from tests.chaos.journal import Op

POSTING = ("accrue", "redeem", "return", "adjust", "event", "hold", "capture", "release", "offline")
CALM_TRIES_MAX = 3
CLOCK_SECONDS = 0.02  # By which two readings of one machine's clock may be apart.


def postings(op: Op) -> Iterator[dict[str, Any]]:
    """Each posting that a good answer tells of."""
    said = op.said
    if op.request.kind != "offline":
        yield said
        return
    for result in said["results"]:
        if result["status"] == 201:
            yield result["purchase"]


@check("acknowledged writes exist")
async def exist(evidence: Evidence) -> list[Violation]:
    """Transaction, customer and version as told; customers who were registered."""
    books = await read_books(evidence.owner)
    found: list[Violation] = []
    for op in evidence.journal.good(*POSTING):
        for posting in postings(op):
            evidence.counts["writes acknowledged"] += 1
            tx = books.txs.get(posting.get("tx_id", "-"))
            if tx is None:
                found.append(Violation(f"transaction {posting.get('tx_id')} was answered, isn't there", (op.number,)))
            elif op.request.customer and (tx.customer, tx.version) != (op.request.customer, posting["version"]):
                text = f"transaction {tx.tx_id} is version {tx.version} of {tx.customer}, and not as answered"
                found.append(Violation(text, (op.number,)))
    there = {row["id"] for row in await evidence.owner.fetch("select id::text as id from customers")}
    return found + [
        Violation(f"customer {op.said['id']} was registered and isn't there", (op.number,))
        for op in evidence.journal.good("register")
        if op.said["id"] not in there
    ]


@check("answers tell what was posted")
async def balances(evidence: Evidence) -> list[Violation]:
    """The balances of an answer are those of the ledger after its posting."""
    books = await read_books(evidence.owner)
    found: list[Violation] = []
    for op in evidence.journal.good(*POSTING):
        for posting in postings(op):
            tx = books.txs.get(posting.get("tx_id", "-"))
            if tx is None or tx.customer is None or not posting.get("balances"):
                continue
            posted = told(books.at(tx.customer, posting["version"]))
            if told(posting["balances"]) != posted:
                text = f"version {posting['version']}: told {told(posting['balances'])}, posted {posted}"
                found.append(Violation(text, (op.number,)))
    return found


@check("refusals are justified")
async def refusals(evidence: Evidence) -> list[Violation]:
    """Whoever was told what is available was told what it was at some moment of the call."""
    books = await read_books(evidence.owner)
    brief = {customer.id for customer in evidence.world.brief}
    found: list[Violation] = []
    for op in evidence.journal.writes():
        answer, customer = op.answer, op.request.customer
        if op.request.kind != "redeem" or answer is None or answer.code != "insufficient_points":
            continue
        if customer is None or customer in brief:
            continue
        said = op.said
        window = (evidence.journal.wall(op.began), evidence.journal.wall(answer.ended))
        seen = _available(books, customer, window)
        if said["available"] not in seen or said["requested"] <= said["available"]:
            text = f"refused {said['requested']} for want of more than {said['available']}, but there were {seen}"
            found.append(Violation(text, (op.number,)))
    return found


def _available(books: Books, customer: str, window: tuple[float, float]) -> set[int]:
    versions = books.of.get(customer, {})
    is_new = 1 not in versions or versions[1].committed + CLOCK_SECONDS >= window[0]
    return {0 for _ in range(is_new)} | {
        max(0, books.at(customer, version).get("points", {}).get("available", 0))  # A debt is nothing available.
        for version, tx in versions.items()
        if tx.committed <= window[1] + CLOCK_SECONDS
        and (version + 1 not in versions or versions[version + 1].committed + CLOCK_SECONDS >= window[0])
    }


@check("unknown outcomes became definite")
async def definite(evidence: Evidence) -> list[Violation]:
    """Each by repeating its key, in the calm within a few tries."""
    found: list[Violation] = []
    for op in evidence.journal.writes():
        late = [attempt for attempt in op.attempts if attempt.is_late]
        if op.was_unknown and op.answer is not None:
            evidence.counts["unknown outcomes made definite"] += 1
        if op.answer is None:
            found.append(Violation(f"never definite, {len(late)} tries in the calm", (op.number,)))
        elif sum(not attempt.is_definite for attempt in late) >= CALM_TRIES_MAX:
            found.append(Violation(f"definite only after {len(late)} tries in the calm", (op.number,)))
    return found
