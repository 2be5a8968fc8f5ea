"""A draft as a trial decides by it: without what only the whole program's use can cut.

Workers see a part of the customers each, and the past doesn't say what an earlier end would have left to later baskets.
So budgets, uses and stocks are reported, not cut: they are made so large that they never bind, and are still counted.
"""

from collections.abc import Sequence
from dataclasses import replace

from app.domain.counters import rule_budget
from app.domain.program import Algorithm, GiveCoupon, GiveDraw, Program, Rule, Scope

ENDLESS = 2**62
CODES_MAX = 100  # As many pieces as a rule may give on a receipt.
_CODES = tuple(f"back-test-{place}" for place in range(CODES_MAX))


def without_ends(draft: Program) -> Program:
    """Without the ends of budgets, uses, stocks and caps of the program. A `paced` draw keeps its budget, which its
    chance follows.
    """
    caps = tuple(cap if cap.per is Scope.CUSTOMER else replace(cap, max=ENDLESS) for cap in draft.caps)
    return replace(draft, rules=tuple(map(_endless, draft.rules)), caps=caps)


def _endless(rule: Rule) -> Rule:
    give, limit = rule.give, rule.limit
    if isinstance(give, GiveDraw):
        give = replace(give, prizes=tuple(replace(prize, stock=_huge(prize.stock)) for prize in give.prizes))
    if limit is not None and not _is_paced(rule):
        limit = replace(limit, budget=_huge(limit.budget), uses=_huge(limit.uses))
    return replace(rule, give=give, limit=limit)


def _huge(end: int | None) -> int | None:
    return None if end is None else ENDLESS


def _is_paced(rule: Rule) -> bool:
    return isinstance(rule.give, GiveDraw) and rule.give.algorithm is Algorithm.PACED


def paced_budgets(draft: Program) -> frozenset[str]:
    """Names of the counters that chances follow."""
    return frozenset(rule_budget(rule.id) for rule in draft.rules if _is_paced(rule))


def has_draws(draft: Program) -> bool:
    return any(isinstance(rule.give, GiveDraw) for rule in draft.rules)


def endless_codes(draft: Program) -> dict[str, Sequence[str]]:
    """Codes to give out, for each pool that the draft gives out: no real one is looked at."""
    pools = set()
    for rule in draft.rules:
        if isinstance(rule.give, GiveDraw):
            pools |= {prize.coupon for prize in rule.give.prizes if prize.coupon}
        elif isinstance(rule.give, GiveCoupon):
            pools.add(rule.give.pool)
    return dict.fromkeys(sorted(pools), _CODES)
