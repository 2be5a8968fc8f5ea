"""Every prefix of every account is at or above its floor."""

from tests.chaos.checks import Evidence, Violation, check
from tests.chaos.checks.books import read_books


@check("every prefix is above its floor")
async def floors(evidence: Evidence) -> list[Violation]:
    """Available points go below 0 only by a return, or by a receipt made offline that says so; nothing else ever."""
    books = await read_books(evidence.owner)
    indebted = {
        result["purchase"]["tx_id"]
        for op in evidence.journal.good("offline")
        for result in op.said["results"]
        if result["status"] == 201 and any((result.get("debt") or {}).values())
    }
    evidence.counts["offline debts"] += len(indebted)
    by_tx = {
        posting["tx_id"]: op.number
        for op in evidence.journal.writes()
        if op.is_good and isinstance(op.said, dict) and "tx_id" in op.said
        for posting in [op.said]
    }
    found: list[Violation] = []
    for customer, after in books.after.items():
        before: dict[str, int] = {}
        for version, purses in after.items():
            tx = books.of[customer][version]
            may_owe = tx.kind == "return" or tx.tx_id in indebted
            for wallet, purse in purses.items():
                fell = purse["available"] < min(0, before.get(wallet, 0))
                if purse["pending"] < 0 or purse["held"] < 0 or (fell and not may_owe):
                    text = f"{customer} version {version} ({tx.kind}): {wallet} {dict(purse)}"
                    found.append(Violation(text, (by_tx[tx.tx_id],) if tx.tx_id in by_tx else ()))
                before[wallet] = purse["available"]
            evidence.counts["redemptions"] += tx.kind == "redeem"
            evidence.counts["returns"] += tx.kind == "return"
            evidence.counts["activations and expiries of lots"] += tx.kind in {"activate", "expire"}
    return found
