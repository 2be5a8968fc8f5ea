"""How the rules of one lane are combined in one phase: the contract's six modes, each in its own function.

`all` and `once` go one after another, each on what the earlier left. The others first let every rule propose on what
the lane began with, and then choose. Proposals are taken after their own limits; a rule that gives nothing doesn't
take part. Rules come in the order that breaks ties.
"""

from collections.abc import Sequence
from typing import Final, assert_never

from app.domain.program import Combine
from app.domain.rules.forms import CompiledLane, CompiledRule
from app.domain.rules.phases import MIN_PRICE, Phase, Proposal
from app.domain.rules.picking import Stand

BEST_LINE: Final = Combine.BEST_LINE.value  # What limits a rule that didn't win all of its lines.
# Looking a member up in its enum costs a tenth of a microsecond, so comparing one after another up to one.
_ALL: Final = Combine.ALL
_SUM: Final = Combine.SUM
_BEST: Final = Combine.BEST
_BEST_LINE: Final = Combine.BEST_LINE
_FIRST: Final = Combine.FIRST
_ONCE: Final = Combine.ONCE


def apply_lane(lane: CompiledLane, rules: Sequence[CompiledRule], phase: Phase) -> None:
    """Let those rules of a lane act that are ready to."""
    if lane.looks_back:
        phase.look_back()
    combine = lane.combine
    if combine is _ALL:
        _one_after_another(rules, phase)
    elif combine is _BEST_LINE:
        _most_on_each_line(rules, phase)
    elif combine is _BEST:
        _most_on_the_receipt(rules, phase)
    elif combine is _ONCE:
        _each_unit_once(rules, phase)
    elif combine is _FIRST:
        _first_of_all(rules, phase)
    elif combine is _SUM:
        _added_up(rules, phase)
    else:
        assert_never(combine)


def _proposals(rules: Sequence[CompiledRule], phase: Phase) -> list[Proposal]:
    """Of all rules that would give something, on what the lane began with."""
    stand = phase.stand
    return [proposal for rule in rules if (proposal := phase.propose(rule, stand)) is not None]


def _one_after_another(rules: Sequence[CompiledRule], phase: Phase) -> None:
    for rule in rules:
        if (proposal := phase.propose(rule, phase.stand)) is not None:
            phase.commit(proposal, phase.parts(proposal), cut_by=None)


def _each_unit_once(rules: Sequence[CompiledRule], phase: Phase) -> None:
    """One after another; what a rule counted is closed, a unit worth what its line had when the lane began."""
    qtys_milli = phase.stand.qtys_milli
    open_milli = list(qtys_milli)
    began = Stand(list(phase.stand.worths), qtys_milli, open_milli)
    for rule in rules:
        if (proposal := phase.propose(rule, began)) is not None:
            phase.commit(proposal, phase.parts(proposal), cut_by=None)
            for place, milli in proposal.picked.counted():
                open_milli[place] -= milli


def _added_up(rules: Sequence[CompiledRule], phase: Phase) -> None:
    spread = [(proposal, phase.parts(proposal)) for proposal in _proposals(rules, phase)]
    for proposal, parts in spread:
        fitting = phase.fit(proposal, parts)
        if any(fitting):
            phase.commit(proposal, fitting, cut_by=MIN_PRICE)
        else:
            phase.outdo(proposal.rule)


def _most_on_the_receipt(rules: Sequence[CompiledRule], phase: Phase) -> None:
    proposals, winner = _proposals(rules, phase), 0
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


def _first_of_all(rules: Sequence[CompiledRule], phase: Phase) -> None:
    _only(_proposals(rules, phase), phase, winner=0)


def _most_on_each_line(rules: Sequence[CompiledRule], phase: Phase) -> None:
    spread = [(proposal, phase.parts(proposal)) for proposal in _proposals(rules, phase)]
    best: dict[int, tuple[int, CompiledRule]] = {}  # By line.
    is_contested = False
    for proposal, parts in spread:
        rule, places = proposal.rule, proposal.picked.places
        for at, part in enumerate(parts):
            if not part:
                continue
            place = places[at]
            if place in best:
                is_contested = True
                if not _is_more(part, rule, than=best[place][0], of=best[place][1]):
                    continue
            best[place] = part, rule
    for proposal, parts in spread:
        rule, places = proposal.rule, proposal.picked.places
        kept = parts
        if is_contested:
            kept = [part if part and best[places[at]][1] is rule else 0 for at, part in enumerate(parts)]
        if any(kept):
            phase.commit(proposal, kept, cut_by=BEST_LINE)
        else:
            phase.outdo(rule)


def _is_more(units: int, rule: CompiledRule, *, than: int, of: CompiledRule) -> bool:
    """Whether one rule's units or money are more than another's; different wallets compare by what the units buy."""
    if rule.wallet == of.wallet:
        return units > than
    return units * rule.unit_value > than * of.unit_value
