"""Rewards in pieces: gifts and codes of coupons, once or once a group of `on.units`.

Decided here: a unit is worth what its line has left after discounts, since a gift doesn't ask how the basket was paid;
so rewards are decided before redemption, where those with a cost have to be. Lines closed to `accrue` bring no reward.
A rule with a cost gives as many pieces as were asked for, with `on.units` at most one a group. Pieces have no place on
a line, so a lane of mode `best_line` takes the rule that gives most of them, and one of mode `sum` lets all give.
Nor has a piece a share: what it has cost stays taken until the piece itself is back.
"""

from typing import NoReturn

from app.domain.basket import ClosedTo
from app.domain.decision import CostBack, Effect
from app.domain.program import GiveCoupon, GiveGift, OnReturn
from app.domain.rules.bill import Bill
from app.domain.rules.forms import CompiledRule
from app.domain.rules.phases import Phase, Proposal
from app.domain.rules.picking import Picked, Stand

# A receipt shows each piece and a round takes each code; nobody carries more than a hundred gifts out of a shop.
PIECES_MAX = 100


class Pieces(Phase):
    """`worths` is what lines have left after discounts."""

    def __init__(self, bill: Bill) -> None:
        super().__init__(bill, closed_to=ClosedTo.ACCRUE, worths=bill.left)

    def parts(self, proposal: Proposal) -> list[int]:
        return [proposal.given]

    def fit(self, proposal: Proposal, parts: list[int]) -> NoReturn:
        raise ValueError(f"pieces of {proposal.rule.id} have no lines to fit {parts} to")

    def commit(self, proposal: Proposal, parts: list[int], *, cut_by: str | None) -> None:
        """Give the pieces, and the codes where they are coupons; take what they cost."""
        rule, picked, bill, given = proposal.rule, proposal.picked, self.bill, sum(parts)
        give = rule.rule.give
        pool = give.pool if isinstance(give, GiveCoupon) else None
        codes = bill.take_codes(pool, given) if pool is not None else ()
        is_kept = rule.rule.on_return is OnReturn.KEEP
        if rule.limit is not None:
            bill.tally.count(rule.limit, given, is_kept=is_kept)
        cost = {}
        if rule.cost:
            back = CostBack.NEVER if is_kept else CostBack.WHOLE if pool is None else CostBack.UNUSED
            cost = bill.charge(rule, times=given, places=picked.places, weights=picked.worths, back=back)
        self.effects.append(
            Effect(
                rule=rule.id,
                kind=rule.kind,
                wanted=proposal.wanted,
                given=given,
                limited_by=cut_by if given < proposal.given else proposal.limited_by,
                gift=give.sku if isinstance(give, GiveGift) else None,
                coupon=pool,
                codes=codes,
                cost=cost,
            )
        )
        bill.verdicts[rule.place] = rule.verdicts.applied

    def propose(self, rule: CompiledRule, stand: Stand) -> Proposal | None:
        picked = self.pick(rule, stand)
        if picked is None:
            return None
        wanted = pieces_wanted(self.bill.rewards.get(rule.id) if rule.cost else None, picked)
        given, limited_by = wanted, None
        if rule.limit is not None:
            given, limited_by = self._limited(rule.limit, given)
        if given > PIECES_MAX:
            given, limited_by = PIECES_MAX, "pieces"
        if isinstance(rule.rule.give, GiveCoupon) and (free := len(self.bill.codes_left(rule.rule.give.pool))) < given:
            given, limited_by = free, "pool"
        if not given:
            self._nothing(rule, wanted=wanted, limited_by=limited_by)
            return None
        return Proposal(rule, picked, wanted, given, None, limited_by)

    def write(self, rule: CompiledRule, places: list[int], parts: list[int]) -> NoReturn:
        raise ValueError(f"pieces of {rule.id} can't be written on lines {places}: {parts}")


def pieces_wanted(asked: int | None, picked: Picked) -> int:
    """One, or one a group of single units; what is asked for where the rule has a cost, at most one a group."""
    if not picked.runs:
        return 1 if asked is None else asked
    groups = sum(run.units for run in picked.runs) // picked.group
    return groups if asked is None else min(groups, asked)
