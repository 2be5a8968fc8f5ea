"""Budgets, coupons and stocks are never exceeded; a receipt has one draw."""

from app.domain.counters import rule_budget
from tests.chaos.checks import Evidence, Violation, check
from tests.chaos.program import BUDGET, CODE_USES, CODES, STOCK

# What purchases, open holds and other acts took of the program's counters and coupons, less what was given back.
TAKEN = """
with taken as (
    select uses, is_all_back from purchases
    union all select uses, false from acts
    union all select uses, false from holds where state = 'held'
)
select c ->> 'name' as name, sum((c ->> 'amount')::bigint - coalesce((c ->> 'given_back')::bigint, 0))::bigint as used
from taken cross join lateral jsonb_array_elements(uses -> 'counts') c where c ->> 'scope' = 'program' group by 1
union all
select 'coupon ' || (c #>> '{}'), count(*) from taken cross join lateral jsonb_array_elements(uses -> 'coupons') c
where not is_all_back group by 1
"""
_PRIZES = """
select d ->> 'rule' as rule, d ->> 'prize' as prize, count(*) as n
from purchases p cross join lateral jsonb_array_elements(p.draws) d
where not p.is_all_back group by 1, 2
"""
_TWICE = """
select shop, terminal, receipt, count(*) from audit_tx where receipt is not null group by 1, 2, 3 having count(*) > 1
"""


@check("budgets, coupons and stocks hold")
async def hold(evidence: Evidence) -> list[Violation]:
    found: list[Violation] = []
    used = {row["name"]: row["used"] for row in await evidence.owner.fetch(TAKEN)}
    happy = used.get(rule_budget("happy"), 0)
    if happy > BUDGET:
        found.append(Violation(f"the budget of {BUDGET} gave {happy}"))
    for code in CODES:
        times = used.get(f"coupon {code}", 0)
        evidence.counts["coupons used"] += times
        if times > CODE_USES:
            found.append(Violation(f"coupon {code} of {CODE_USES} uses was used {times} times"))
    for row in await evidence.owner.fetch(_PRIZES):
        evidence.counts["draws"] += row["n"]
        if row["prize"] == "tv" and row["n"] > STOCK:
            found.append(Violation(f"{row['n']} pieces of a stock of {STOCK} were won"))
    evidence.notes["budgets, coupons and stocks hold"] = (
        f"the budget gave {happy:,} of {BUDGET:,}; "
        f"{evidence.counts['coupons used']} of {CODE_USES * len(CODES)} uses of coupons"
    )
    return found


@check("a receipt has one draw")
async def one_draw(evidence: Evidence) -> list[Violation]:
    """Whatever was repeated: one transaction a receipt, and every answer of it tells the same ticket."""
    found = [Violation(f"receipt {tuple(row)}") for row in await evidence.owner.fetch(_TWICE)]
    tickets: dict[tuple[str, str], str] = {}
    for op in evidence.journal.good("accrue"):
        for draw in op.said["draws"]:
            where = (op.request.body["receipt"]["number"], draw["rule"])
            if tickets.setdefault(where, draw["ticket"]) != draw["ticket"]:
                found.append(Violation(f"receipt {where[0]} has two tickets of {where[1]}", (op.number,)))
    return found
