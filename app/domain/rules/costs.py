"""`redeem.rewards`: rules with a cost, asked for by name, and what may come between.

The cost is taken only where the rule gave something, before redemption sees what is available. Refusals are looked for
in the order of `app.domain.rejections`: what can't be asked for (422), more than the identification allows (403), more
than is available, then a limit, a stock or a pool that left nothing (409).
"""

from collections.abc import Mapping, Sequence
from typing import NoReturn

from app.domain.decision import Outcome, Verdict
from app.domain.program import Kind
from app.domain.rejections import Fault, Rejected, Rejection
from app.domain.rules.bill import Bill
from app.domain.rules.compiled import CompiledProgram

_USED_UP = frozenset({"receipt", "customer", "customer_uses", "budget", "uses", "pool", "pieces"})


def refuse_unknown(program: CompiledProgram, rewards: Mapping[str, int]) -> None:
    """Before anything is decided.

    Raises:
        Rejected: a rule is asked for that the program doesn't have or that has no cost, or not a number of times that
            it can give.
    """
    faults = []
    for rule_id, times in rewards.items():
        rank = program.ranks.get(rule_id)
        rule = None if rank is None else program.rules[rank]
        if rule is None or not rule.cost:
            faults.append(Fault(_pointer(rule_id), "unknown_reward", "must be a rule that has a cost"))
        elif times < 0:
            faults.append(Fault(_pointer(rule_id), "too_small", "must be at least 0"))
        elif times > 1 and rule.rule.kind is Kind.DISCOUNT:
            faults.append(Fault(_pointer(rule_id), "too_large", "must be at most 1: a discount is given once"))
    if faults:
        _refuse(faults)


def settle(
    program: CompiledProgram, bill: Bill, *, available: Mapping[str, int], strength: int | None
) -> dict[str, int]:
    """What the rules that were asked for have taken, in units by wallet; `available` and `strength` are before it.

    Raises:
        Rejected: a rule that was asked for didn't apply, or its cost can't be taken.
    """
    refusals = []
    faults = []
    for rule_id, times in bill.rewards.items():
        rule = program.rules[program.ranks[rule_id]]
        verdict = bill.verdicts.get(rule.place, rule.verdicts.unmatched)
        if not times or verdict.verdict is Outcome.APPLIED:
            continue
        if _is_used_up(verdict):
            facts = {"reward": rule_id, "limited_by": verdict.because}
            refusals.append(Rejected(Rejection.BUDGET_EXHAUSTED, "Nothing of this reward is left.", facts=facts))
        else:
            message = f"must be a reward that this purchase can have: {verdict.because}"
            faults.append(Fault(_pointer(rule_id), "not_applicable", message))
    if faults:
        _refuse(faults)
    charged: dict[str, int] = {}
    for units_by_wallet in bill.charged:
        for wallet, units in units_by_wallet.items():
            charged[wallet] = charged.get(wallet, 0) + units
    refusals += _unpaid(charged, available=available, strength=strength)
    if refusals:
        raise min(refusals, key=lambda refusal: list(Rejection).index(refusal.rejection))
    return charged


def _is_used_up(verdict: Verdict) -> bool:
    """Whether a limit left nothing; a verdict `customer` without a figure is about a purchase without one."""
    return verdict.because in _USED_UP and verdict.need is not None


def _unpaid(charged: Mapping[str, int], *, available: Mapping[str, int], strength: int | None) -> list[Rejected]:
    refusals = []
    for wallet, units in charged.items():
        in_wallet = max(available.get(wallet, 0), 0)
        if strength is not None and units > strength:
            facts: dict[str, object] = {"wallet": wallet, "requested": units, "allowed": strength}
            refusals.append(
                Rejected(Rejection.CONFIRMATION_REQUIRED, "So many units need a stronger identification.", facts=facts)
            )
        elif units > in_wallet:
            facts = {"wallet": wallet, "requested": units, "available": in_wallet}
            refusals.append(
                Rejected(Rejection.INSUFFICIENT_POINTS, "The customer has fewer units than that.", facts=facts)
            )
        strength = None if strength is None else max(strength - units, 0)
    return refusals


def _pointer(rule_id: str) -> str:
    return "/redeem/rewards/" + rule_id.replace("~", "~0").replace("/", "~1")


def _refuse(faults: Sequence[Fault]) -> NoReturn:
    raise Rejected(Rejection.VALIDATION_ERROR, "These rewards can't be had.", faults=tuple(faults))
