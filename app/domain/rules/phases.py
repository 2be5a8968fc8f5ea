"""The two phases in which rules act on lines: discounts lower what a line has left, accruals add units to it.

A phase can `propose` what a rule would give where the lines stand, which changes nothing, and `commit` what a lane
makes of a proposal. `app.domain.rules.stacking` decides which proposals are committed; the order is always the same,
so that what a verdict says is what happened.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from app.domain.amounts import allocate
from app.domain.basket import ClosedTo
from app.domain.decision import Effect, Part
from app.domain.rules.bill import Bill
from app.domain.rules.compiled import CompiledLane, CompiledRule
from app.domain.rules.picking import Picked, Stand
from app.domain.rules.spreading import spread

MIN_PRICE = "min_price"  # What limits a discount without room: the lines' floors, at 0 where they have none.


class Proposal(NamedTuple):
    """What a rule would give, more than 0; `by_line` is set where the reward says what each picked place gets."""

    rule: CompiledRule
    picked: Picked
    wanted: int
    given: int
    by_line: Sequence[int] | None = None


class Phase(ABC):
    """One phase at work on one basket; `worths` is what the rules reckon with on each line."""

    def __init__(self, bill: Bill, *, closed_to: ClosedTo, worths: Sequence[int]) -> None:
        self.bill = bill
        self.stand = Stand(worths, bill.qtys_milli, bill.qtys_milli)
        self._eligible = [place for place, line in enumerate(bill.lines) if closed_to not in line.closed_to]

    def propose(self, rule: CompiledRule, stand: Stand) -> Proposal | None:
        """What the rule would give; None where that is nothing, with the verdict written."""
        places: Sequence[int] = self._eligible
        if rule.matches is not None:
            lines, matches = self.bill.lines, rule.matches
            places = [place for place in places if matches(lines[place])]
        if rule.undiscounted:
            left, gross = self.bill.left, self.bill.gross
            places = [place for place in places if left[place] == gross[place]]
        if places and stand.open_milli is not stand.qtys_milli:
            places = [place for place in places if stand.open_milli[place]]
            if not places:
                self.outdo(rule)
                return None
        picked = rule.pick(places, stand) if places else None
        if picked is None:
            self.bill.verdicts[rule.place] = rule.verdicts.unmatched
            return None
        return self._reckon(rule, picked)

    def commit(self, proposal: Proposal, parts: Sequence[int], *, cut_by: str | None) -> None:
        """Let a proposal happen with these parts of it; `cut_by` says what took the rest of what was proposed."""
        rule, wanted = proposal.rule, proposal.wanted
        given = sum(parts)
        limited_by = cut_by if given < proposal.given else MIN_PRICE if given < wanted else None
        self._write(rule, proposal.picked.places, parts)
        self.bill.effects.append(Effect(rule.id, rule.kind, wanted, given, rule.wallet, limited_by))
        self.bill.verdicts[rule.place] = rule.verdicts.applied

    def outdo(self, rule: CompiledRule) -> None:
        """Another rule of the lane has what this one would have taken."""
        self.bill.verdicts[rule.place] = rule.verdicts.outdone

    @abstractmethod
    def begin_lane(self, lane: CompiledLane) -> None:
        """Look at where things are before the lane's first rule."""

    @abstractmethod
    def parts(self, proposal: Proposal) -> Sequence[int]:
        """What is given spread over the picked places; to be asked before another proposal is committed."""

    @abstractmethod
    def fit(self, proposal: Proposal, parts: Sequence[int]) -> Sequence[int]:
        """Parts cut to what the lines have room for by now."""

    @abstractmethod
    def _reckon(self, rule: CompiledRule, picked: Picked) -> Proposal | None: ...

    @abstractmethod
    def _write(self, rule: CompiledRule, places: Sequence[int], parts: Sequence[int]) -> None: ...


class Discounts(Phase):
    """Phase 1. `worths` is what lines have left, which each discount lowers."""

    def __init__(self, bill: Bill) -> None:
        super().__init__(bill, closed_to=ClosedTo.DISCOUNT, worths=bill.left)

    def begin_lane(self, lane: CompiledLane) -> None:
        """A discount looks at what lines have left, which is always at hand."""

    def parts(self, proposal: Proposal) -> Sequence[int]:
        if proposal.by_line is not None:
            return proposal.by_line
        rooms, picked = self.bill.rooms, proposal.picked
        return spread(proposal.given, picked.worths, [rooms[place] for place in picked.places])

    def fit(self, proposal: Proposal, parts: Sequence[int]) -> Sequence[int]:
        rooms = self.bill.rooms
        return [min(part, rooms[place]) for place, part in zip(proposal.picked.places, parts, strict=True)]

    def _reckon(self, rule: CompiledRule, picked: Picked) -> Proposal | None:
        rooms, by_line = self.bill.rooms, None
        if rule.each is not None:
            asked = rule.each(picked)
            by_line = [min(part, rooms[place]) for place, part in zip(picked.places, asked, strict=True)]
            wanted, given = sum(asked), sum(by_line)
        else:
            wanted = rule.total(picked, ()) if rule.total is not None else 0
            given = min(wanted, sum([rooms[place] for place in picked.places]))
        if given:
            return Proposal(rule, picked, wanted, given, by_line)
        verdicts = rule.verdicts
        self.bill.verdicts[rule.place] = (
            verdicts.cut(limited_by=MIN_PRICE, wanted=wanted) if wanted else verdicts.gives_nothing
        )
        return None

    def _write(self, rule: CompiledRule, places: Sequence[int], parts: Sequence[int]) -> None:
        left, rooms, parts_by_line = self.bill.left, self.bill.rooms, self.bill.parts
        for place, part in zip(places, parts, strict=True):
            if part:
                left[place] -= part
                rooms[place] -= part
                parts_by_line[place].append(Part(rule.id, rule.kind, part))


class Accruals(Phase):
    """Phase 3. `worths` is the accrual base, which accruals leave as it is; `accrued` is by line, then by wallet."""

    def __init__(self, bill: Bill, *, bases: Sequence[int]) -> None:
        super().__init__(bill, closed_to=ClosedTo.ACCRUE, worths=bases)
        self.accrued: list[dict[str, int]] = [{} for _ in bill.lines]
        self._earlier: Sequence[Mapping[str, int]] = ()

    def begin_lane(self, lane: CompiledLane) -> None:
        if lane.looks_back:
            self._earlier = [dict(units) for units in self.accrued]

    def parts(self, proposal: Proposal) -> Sequence[int]:
        return allocate(proposal.given, proposal.picked.worths)

    def fit(self, proposal: Proposal, parts: Sequence[int]) -> Sequence[int]:  # noqa: ARG002 - units need no room
        return parts

    def _reckon(self, rule: CompiledRule, picked: Picked) -> Proposal | None:
        wallet = rule.wallet or ""
        earlier = [units.get(wallet, 0) for units in self._earlier] if rule.looks_back else ()
        units = rule.total(picked, earlier) if rule.total is not None else 0
        if units:
            return Proposal(rule, picked, units, units)
        self.bill.verdicts[rule.place] = rule.verdicts.gives_nothing
        return None

    def _write(self, rule: CompiledRule, places: Sequence[int], parts: Sequence[int]) -> None:
        wallet, parts_by_line = rule.wallet or "", self.bill.parts
        for place, part in zip(places, parts, strict=True):
            if part:
                accrued = self.accrued[place]
                accrued[wallet] = accrued.get(wallet, 0) + part
                parts_by_line[place].append(Part(rule.id, rule.kind, 0, wallet, part))
