"""What the program's counters and codes say is what was taken of them."""

from tests.chaos.checks import Evidence, Violation, check
from tests.chaos.checks.limits import TAKEN

_SAID = "select name, used from counters union all select 'coupon ' || code, uses from coupons"


@check("counters say what was taken")
async def counted(evidence: Evidence) -> list[Violation]:
    """Also of limits that were never reached: an update that was lost would be seen only then."""
    taken = {row["name"]: row["used"] for row in await evidence.owner.fetch(TAKEN)}
    said = {row["name"]: row["used"] for row in await evidence.owner.fetch(_SAID)}
    return [
        Violation(f"{name}: {said.get(name, 0)} counted, {used} taken")
        for name, used in sorted(taken.items())
        if said.get(name, 0) != used
    ]
