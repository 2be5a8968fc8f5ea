"""How rules act on lines: a phase can `propose` what a rule would give where the lines stand, which changes nothing,
and `commit` what a lane makes of a proposal.

`app.domain.rules.stacking` decides which proposals are committed; the order is always the same, so that what a verdict
says is what happened. Discounts are here, accruals in `accruals`, pieces in `pieces`; draws (`lottery`) only reach for
lines.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Final

from app.domain.amounts import allocate, total
from app.domain.basket import ClosedTo
from app.domain.decision import Effect, Part
from app.domain.rules.bill import Bill
from app.domain.rules.bundle import pick_bundle
from app.domain.rules.forms import CompiledLimit, CompiledRule
from app.domain.rules.picking import Picked, Stand
from app.domain.rules.spreading import spread

NO_PLACES: Final = frozenset[int]()
NO_COST: Final[Mapping[str, int]] = {}
NO_UNITS: Final[list[int]] = []
MIN_PRICE: Final = "min_price"  # What limits a discount without room: the lines' floors, at 0 where they have none.
_DISCOUNT: Final = ClosedTo.DISCOUNT  # Looking a member up in its enum costs a tenth of a microsecond.


class Proposal:
    """What a rule would give, more than 0, after its own limits and the caps; `by_line` is set where it is known what
    each picked place gets, `limited_by` where it is less than was wanted.
    """

    __slots__ = ("by_line", "given", "limited_by", "picked", "rule", "wanted")

    def __init__(
        self,
        rule: CompiledRule,
        picked: Picked,
        wanted: int,
        given: int,
        by_line: list[int] | None,
        limited_by: str | None,
    ) -> None:
        self.rule = rule
        self.picked = picked
        self.wanted = wanted
        self.given = given
        self.by_line = by_line
        self.limited_by = limited_by


class Reach:
    """Which lines and units of a basket a rule is about, in one phase; `worths` is what rules reckon with there."""

    def __init__(self, bill: Bill, *, closed_to: ClosedTo, worths: list[int]) -> None:
        self.bill = bill
        self.stand = Stand(worths, bill.qtys_milli, bill.qtys_milli)
        self.effects: list[Effect] = []
        self._closed = bill.closed_to(closed_to) if bill.closed else NO_PLACES
        self._eligible = bill.open_to(closed_to)

    def pick(self, rule: CompiledRule, stand: Stand) -> Picked | None:
        """What the rule selects; None where that is nothing, with the verdict written."""
        bill = self.bill
        places = bill.hits[rule.rank]
        if places is None:
            places = self._eligible
        elif bill.closed:
            places = [place for place in places if place not in self._closed]
        if rule.matches is not None:
            lines, matches = bill.lines, rule.matches
            places = [place for place in places if matches(lines[place])]
        if rule.undiscounted:
            places = [place for place in places if bill.left[place] == bill.gross[place]]
        if bill.closed and rule.coupons:
            no_coupons = bill.closed_to(ClosedTo.COUPON)
            places = [place for place in places if place not in no_coupons]
        if places and stand.open_milli is not stand.qtys_milli:
            places = [place for place in places if stand.open_milli[place]]
            if not places:
                self.outdo(rule)
                return None
        picked = None
        if places:
            if rule.bundle is not None:
                picked = pick_bundle(rule.bundle, places, stand, bill.lines)
            else:
                picked = rule.picked(places, stand)
        if picked is None:
            bill.verdicts[rule.place] = rule.verdicts.unmatched
        return picked

    def outdo(self, rule: CompiledRule) -> None:
        """Another rule of the lane has what this one would have taken."""
        self.bill.verdicts[rule.place] = rule.verdicts.outdone


class Phase(Reach, ABC):
    """One phase at work on one basket."""

    def commit(self, proposal: Proposal, parts: list[int], *, cut_by: str | None) -> None:
        """Let a proposal happen with these parts of it; `cut_by` says what took the rest of what was proposed."""
        rule, places, bill = proposal.rule, proposal.picked.places, self.bill
        given, limited_by = proposal.given, proposal.limited_by
        if cut_by is not None and (kept := total(parts)) < given:
            given, limited_by = kept, cut_by
        if rule.caps:  # Once more: since it was proposed, others of its lane may have used them.
            parts, cap = bill.tally.fit(rule.caps, places, parts)
            if cap is not None:
                given, limited_by = sum(parts), cap
                if not given:
                    bill.verdicts[rule.place] = rule.verdicts.cut(limited_by=cap, wanted=proposal.wanted)
                    return
            bill.tally.count_caps(rule.caps, places, parts)
        self.write(rule, places, parts)
        if rule.limit is not None:
            bill.tally.count(rule.limit, given, {place: parts[at] for at, place in enumerate(places)})
        cost = bill.charge(rule, times=1, places=places, weights=parts) if rule.cost else NO_COST
        self.effects.append(
            Effect(rule.id, rule.kind, proposal.wanted, given, rule.wallet, limited_by, None, None, (), cost)
        )
        bill.verdicts[rule.place] = rule.verdicts.applied

    def look_back(self) -> None:
        """Keep what earlier lanes gave, for the next one's `multiply`."""

    @abstractmethod
    def propose(self, rule: CompiledRule, stand: Stand) -> Proposal | None:
        """What the rule would give; None where that is nothing, with the verdict written."""

    @abstractmethod
    def parts(self, proposal: Proposal) -> list[int]:
        """What is given spread over the picked places; to be asked before another proposal is committed."""

    @abstractmethod
    def fit(self, proposal: Proposal, parts: list[int]) -> list[int]:
        """Parts cut to what the lines have room for by now."""

    @abstractmethod
    def write(self, rule: CompiledRule, places: list[int], parts: list[int]) -> None:
        """Let a rule's parts be on their lines."""

    def _limited(self, limit: CompiledLimit, given: int) -> tuple[int, str | None]:
        """What the rule's own limit leaves of it, and the limit's word where that is less."""
        left, word = self.bill.tally.left(limit)
        return (given, None) if left is None or left >= given else (left, word)

    def _nothing(self, rule: CompiledRule, *, wanted: int, limited_by: str | None) -> None:
        verdicts = rule.verdicts
        self.bill.verdicts[rule.place] = (
            verdicts.cut(limited_by=limited_by, wanted=wanted) if wanted else verdicts.gives_nothing
        )


class Discounts(Phase):
    """`worths` is what lines have left, which each discount lowers."""

    def __init__(self, bill: Bill) -> None:
        super().__init__(bill, closed_to=_DISCOUNT, worths=bill.left)

    def parts(self, proposal: Proposal) -> list[int]:
        if proposal.by_line is not None:
            return proposal.by_line
        rooms, picked = self.bill.rooms, proposal.picked
        if self._is_roomy(picked):
            return allocate(proposal.given, picked.worths)
        return spread(proposal.given, picked.worths, [rooms[place] for place in picked.places])

    def _is_roomy(self, picked: Picked) -> bool:
        """Whether lines are taken whole and have no floors: then no share of what they are worth is above its room."""
        return picked.scale == 1 and self.bill.rooms is self.bill.left

    def fit(self, proposal: Proposal, parts: list[int]) -> list[int]:
        rooms = self.bill.rooms
        return [min(part, rooms[place]) for place, part in zip(proposal.picked.places, parts, strict=True)]

    def propose(self, rule: CompiledRule, stand: Stand) -> Proposal | None:
        picked = self.pick(rule, stand)
        if picked is None:
            return None
        rooms = self.bill.rooms
        by_line: list[int] | None = None
        if rule.total is not None:
            wanted = roomy = rule.total(picked, NO_UNITS)
            if not self._is_roomy(picked):
                roomy = min(wanted, total([rooms[place] for place in picked.places]))
        else:
            asked = rule.each(picked) if rule.each is not None else []
            by_line = [min(part, rooms[place]) for place, part in zip(picked.places, asked, strict=True)]
            wanted, roomy = sum(asked), sum(by_line)
        given, limited_by = roomy, MIN_PRICE if roomy < wanted else None
        if rule.limit is not None:
            given, word = self._limited(rule.limit, roomy)
            limited_by = word or limited_by
        if not given:
            self._nothing(rule, wanted=wanted, limited_by=limited_by)
            return None
        if len(picked.places) == 1:
            by_line = [given]
        elif by_line is not None and given < roomy:
            by_line = allocate(given, by_line)  # None grows: each share is one of its own part.
        return Proposal(rule, picked, wanted, given, by_line, limited_by)

    def write(self, rule: CompiledRule, places: list[int], parts: list[int]) -> None:
        bill = self.bill
        left, rooms = bill.left, bill.rooms
        for at, part in enumerate(parts):
            if part:
                place = places[at]
                left[place] -= part
                if rooms is not left:
                    rooms[place] -= part
                bill.parts[place].append(Part(rule.id, rule.kind, part))
