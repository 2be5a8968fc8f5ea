"""Accruals: bonus and cashback add units to lines, on what the program calls the accrual base."""

from collections.abc import Mapping, Sequence

from app.domain.amounts import allocate
from app.domain.basket import ClosedTo
from app.domain.decision import Part
from app.domain.rules.bill import Bill
from app.domain.rules.forms import CompiledRule
from app.domain.rules.phases import Phase, Proposal
from app.domain.rules.picking import Stand


class Accruals(Phase):
    """`worths` is the accrual base, which accruals leave as it is; `accrued` is by line, then by wallet."""

    def __init__(self, bill: Bill, *, bases: Sequence[int]) -> None:
        super().__init__(bill, closed_to=ClosedTo.ACCRUE, worths=bases)
        self.accrued: list[dict[str, int]] = [{} for _ in bill.lines]
        self._earlier: Sequence[Mapping[str, int]] = ()

    def look_back(self) -> None:
        self._earlier = [dict(units) for units in self.accrued]

    def parts(self, proposal: Proposal) -> Sequence[int]:
        if proposal.by_line is not None:
            return proposal.by_line
        return allocate(proposal.given, proposal.picked.worths)

    def fit(self, proposal: Proposal, parts: Sequence[int]) -> Sequence[int]:  # noqa: ARG002 - units need no room
        return parts

    def propose(self, rule: CompiledRule, stand: Stand) -> Proposal | None:
        picked = self.pick(rule, stand)
        if picked is None:
            return None
        wallet = rule.wallet or ""
        earlier = [units.get(wallet, 0) for units in self._earlier] if rule.looks_back else ()
        wanted = rule.total(picked, earlier) if rule.total is not None else 0
        given, limited_by, by_line = wanted, None, None
        if rule.limit is not None:
            given, limited_by = self._limited(rule.limit, wanted)
        if rule.caps and given:
            fitting, cap = self.bill.tally.fit(rule.caps, picked.places, allocate(given, picked.worths))
            if cap is not None:
                by_line, given, limited_by = fitting, sum(fitting), cap
        if not given:
            self._nothing(rule, wanted=wanted, limited_by=limited_by)
            return None
        return Proposal(rule, picked, wanted, given, by_line, limited_by)

    def write(self, rule: CompiledRule, places: Sequence[int], parts: Sequence[int]) -> None:
        rule_id, kind, wallet = rule.id, rule.kind, rule.wallet or ""
        accrued_by_line, parts_by_line = self.accrued, self.bill.parts
        for at, part in enumerate(parts):
            if part:
                place = places[at]
                accrued = accrued_by_line[place]
                accrued[wallet] = accrued.get(wallet, 0) + part
                parts_by_line[place].append(Part(rule_id, kind, 0, wallet, part))
