"""No more comes back than was bought, in goods, points and money."""

from collections import defaultdict

from tests.chaos.checks import Evidence, Violation, check

_LINES = """
select purchase_id, line_id, qty, qty_returned, wallet, accrued, taken_back, redeemed, given_back
from audit_purchase_line where qty_returned > qty or taken_back > accrued or given_back > redeemed
"""


@check("returns stay within purchases")
async def within(evidence: Evidence) -> list[Violation]:
    ops: dict[str, list[int]] = defaultdict(list)
    for op in evidence.journal.good("return"):
        ops[op.said["purchase"]].append(op.number)
    return [
        Violation(f"line {tuple(row)}", tuple(ops[row["purchase_id"]])) for row in await evidence.owner.fetch(_LINES)
    ]


@check("refunds stay within what was paid")
async def refunds(evidence: Evidence) -> list[Violation]:
    """By what tills were told alone: money and quantities of all returns of a purchase."""
    bought: dict[str, tuple[int, dict[str, int]]] = {}
    for op in evidence.journal.good("accrue", "capture"):
        said = op.said
        if said.get("lines"):
            quantities = {line["id"]: sum(p["qty"] for p in line["prices"] or [{"qty": 0}]) for line in said["lines"]}
            bought[said["id"]] = (said["totals"]["paid"], quantities)
    money: dict[str, int] = defaultdict(int)
    pieces: dict[tuple[str, str], float] = defaultdict(float)
    shown: dict[str, list[int]] = defaultdict(list)
    for op in evidence.journal.good("return"):
        said = op.said
        money[said["purchase"]] += said["refund"]
        shown[said["purchase"]].append(op.number)
        for line in said["lines"]:
            pieces[said["purchase"], line["id"]] += float(line["qty"])
    found: list[Violation] = []
    for purchase, refunded in money.items():
        if purchase in bought and refunded > bought[purchase][0]:
            text = f"purchase {purchase}: {refunded} refunded of {bought[purchase][0]}"
            found.append(Violation(text, tuple(shown[purchase])))
    for (purchase, line), qty in pieces.items():
        if purchase in bought and qty > float(bought[purchase][1].get(line, 0)):
            text = f"purchase {purchase} line {line}: {qty} returned of {bought[purchase][1].get(line)}"
            found.append(Violation(text, tuple(shown[purchase])))
    return found
