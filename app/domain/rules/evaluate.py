"""A basket goes in, a decision comes out: discounts, then redemption, then accruals, each in the program's order.

Pure: the same program, basket, customer, visit and wish to redeem give the same decision, on every machine, next
year. What is explained is what happened; there is no second code path for it.

Decided here: a line made cheaper (`discounted: false` looks for it) is one that discounts made cheaper, also in the
accrual phase, since redemption is a way to pay; conditions are tested once, on the basket as it was sent; without a
customer nothing accrues.
"""

from collections.abc import Mapping, Sequence
from typing import assert_never

from app.domain.basket import Basket, ClosedTo, Visit
from app.domain.customer import CustomerFacts
from app.domain.decision import Decision, LineDecision
from app.domain.program import Base, Program
from app.domain.rules.bill import Bill
from app.domain.rules.compiled import CompiledProgram, compile_program
from app.domain.rules.facts import Facts
from app.domain.rules.phases import Accruals, Discounts
from app.domain.rules.redemption import Asked, Payable, Redeemed
from app.domain.rules.redemption import redeem as redeem_units
from app.domain.rules.stacking import apply_lane

__all__ = ["Asked", "CompiledProgram", "compile_program", "evaluate"]


def evaluate(
    program: CompiledProgram, basket: Basket, *, customer: CustomerFacts | None, visit: Visit, redeem: Asked
) -> Decision:
    """Decide one basket. `redeem` asks for units by wallet, or `"max"`; a `Decision` says how its totals are built.

    Raises:
        Rejected: what is to be redeemed may not be; `app.domain.rules.redemption` has the order of refusals.
        ValueError: the visit's instant has no zone.
    """
    facts = Facts.of(program.program, basket, customer, visit)
    bill = Bill.open(facts, rules_count=len(program.program.rules))
    for rule in program.disabled:
        bill.verdicts[rule.place] = rule.verdicts.disabled

    discounts = Discounts(bill)
    for lane in program.discounts:
        apply_lane(lane, bill.ready(lane.rules, facts), discounts)

    redeemed = _redeem(program.program, bill, facts, redeem)

    accruals = Accruals(bill, bases=_bases(program.program.accrual_base, bill, redeemed.money))
    for lane in program.accruals:
        apply_lane(lane, bill.ready(lane.rules, facts), accruals)

    return _decision(bill, redeemed, accruals.accrued)


def _redeem(program: Program, bill: Bill, facts: Facts, asked: Asked) -> Redeemed:
    places = [place for place, line in enumerate(bill.lines) if ClosedTo.REDEEM not in line.closed_to]
    payable = Payable(left=bill.left, rooms=bill.rooms, places=places)
    available = {} if facts.customer is None else facts.customer.available
    identified_by = facts.visit.identified_by
    strength = None if identified_by is None else program.redemption.strength.get(identified_by)
    return redeem_units(
        program.redemption, program.wallets, payable, available=available, strength=strength, asked=asked
    )


def _bases(base: Base, bill: Bill, redeemed: Sequence[int]) -> Sequence[int]:
    """What accruals look at on each line."""
    match base:
        case Base.PAID:
            return [left - money for left, money in zip(bill.left, redeemed, strict=True)]
        case Base.NET:
            return bill.left
        case Base.GROSS:
            return bill.gross
        case _:
            assert_never(base)


def _decision(bill: Bill, redeemed: Redeemed, accrued: Sequence[Mapping[str, int]]) -> Decision:
    verdicts = tuple(verdict for verdict in bill.verdicts if verdict is not None)
    if len(verdicts) != len(bill.verdicts):
        raise RuntimeError(f"rules without a verdict among {bill.verdicts}")
    lines = tuple(
        LineDecision(
            id=line.id,
            gross=bill.gross[place],
            discount=bill.gross[place] - bill.left[place],
            redeemed=redeemed.money[place],
            redeemed_units=redeemed.units_by_line[place],
            accrued=accrued[place],
            parts=tuple(bill.parts[place]),
        )
        for place, line in enumerate(bill.lines)
    )
    accrued_in_all: dict[str, int] = {}
    for effect in bill.effects:
        if effect.wallet is not None:
            accrued_in_all[effect.wallet] = accrued_in_all.get(effect.wallet, 0) + effect.given
    return Decision(
        lines=lines,
        effects=tuple(bill.effects),
        verdicts=verdicts,
        redeem_terms=redeemed.terms,
        redeemed_units=redeemed.units,
        accrued=accrued_in_all,
    )
