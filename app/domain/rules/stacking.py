"""How the rules of one lane are combined in one phase: the contract's six modes, each in its own function.

`all` and `once` go one after another, each on what the earlier left. The others first let every rule propose on what
the lane began with, and then choose. Proposals are taken after their own limits; a rule that gives nothing doesn't
take part. Rules come in the order that breaks ties.
"""

from collections.abc import Sequence
from typing import assert_never

from app.domain.program import Combine
from app.domain.rules.forms import CompiledLane, CompiledRule
from app.domain.rules.phases import MIN_PRICE, Phase, Proposal
from app.domain.rules.picking import Stand


def apply_lane(lane: CompiledLane, rules: Sequence[CompiledRule], phase: Phase) -> None:
    """Let those rules of a lane act that are ready to."""
    phase.begin_lane(lane)
    match lane.combine:
        case Combine.ALL:
            _one_after_another(rules, phase)
        case Combine.ONCE:
            _each_unit_once(rules, phase)
        case Combine.SUM:
            _added_up(_proposals(rules, phase), phase)
        case Combine.BEST:
            _most_on_the_receipt(_proposals(rules, phase), phase)
        case Combine.BEST_LINE:
            _most_on_each_line(_proposals(rules, phase), phase)
        case Combine.FIRST:
            _only(_proposals(rules, phase), phase, winner=0)
        case _:
            assert_never(lane.combine)


def _proposals(rules: Sequence[CompiledRule], phase: Phase) -> list[Proposal]:
    return [proposal for rule in rules if (proposal := phase.propose(rule, phase.stand)) is not None]


def _one_after_another(rules: Sequence[CompiledRule], phase: Phase) -> None:
    for rule in rules:
        if (proposal := phase.propose(rule, phase.stand)) is not None:
            phase.commit(proposal, phase.parts(proposal), cut_by=None)


def _each_unit_once(rules: Sequence[CompiledRule], phase: Phase) -> None:
    """One after another; what a rule counted is closed, a unit worth what its line had when the lane began."""
    qtys_milli = phase.stand.qtys_milli
    open_milli = list(qtys_milli)
    began = Stand(tuple(phase.stand.worths), qtys_milli, open_milli)
    for rule in rules:
        if (proposal := phase.propose(rule, began)) is not None:
            phase.commit(proposal, phase.parts(proposal), cut_by=None)
            for place, milli in proposal.picked.counted():
                open_milli[place] -= milli


def _added_up(proposals: Sequence[Proposal], phase: Phase) -> None:
    spread = [(proposal, phase.parts(proposal)) for proposal in proposals]
    for proposal, parts in spread:
        fitting = phase.fit(proposal, parts)
        if any(fitting):
            phase.commit(proposal, fitting, cut_by=MIN_PRICE)
        else:
            phase.outdo(proposal.rule)


def _most_on_the_receipt(proposals: Sequence[Proposal], phase: Phase) -> None:
    winner = 0
    for place in range(1, len(proposals)):
        challenger, best = proposals[place], proposals[winner]
        if _is_more(challenger.given, challenger.rule, than=best.given, of=best.rule):
            winner = place
    _only(proposals, phase, winner=winner)


def _only(proposals: Sequence[Proposal], phase: Phase, *, winner: int) -> None:
    for place, proposal in enumerate(proposals):
        if place == winner:
            phase.commit(proposal, phase.parts(proposal), cut_by=None)
        else:
            phase.outdo(proposal.rule)


def _most_on_each_line(proposals: Sequence[Proposal], phase: Phase) -> None:
    if len(proposals) == 1:
        _only(proposals, phase, winner=0)
        return
    spread = [(proposal, phase.parts(proposal)) for proposal in proposals]
    best: dict[int, tuple[int, CompiledRule]] = {}  # By line.
    for proposal, parts in spread:
        for place, part in zip(proposal.picked.places, parts, strict=True):
            if part and (place not in best or _is_more(part, proposal.rule, than=best[place][0], of=best[place][1])):
                best[place] = part, proposal.rule
    for proposal, parts in spread:
        rule = proposal.rule
        pairs = zip(proposal.picked.places, parts, strict=True)
        kept = [part if part and best[place][1] is rule else 0 for place, part in pairs]
        if any(kept):
            phase.commit(proposal, kept, cut_by=Combine.BEST_LINE.value)
        else:
            phase.outdo(rule)


def _is_more(units: int, rule: CompiledRule, *, than: int, of: CompiledRule) -> bool:
    """Whether one rule's units or money are more than another's; different wallets compare by what the units buy."""
    if rule.wallet == of.wallet:
        return units > than
    return units * rule.unit_value > than * of.unit_value
