"""Accruals: bonus and cashback add units to lines, on what the program calls the accrual base."""

from typing import Final

from app.domain.amounts import allocate
from app.domain.basket import ClosedTo
from app.domain.decision import Part
from app.domain.rules.bill import Bill
from app.domain.rules.forms import CompiledRule
from app.domain.rules.phases import NO_UNITS, Phase, Proposal
from app.domain.rules.picking import Stand

_ACCRUE: Final = ClosedTo.ACCRUE


class Accruals(Phase):
    """`worths` is the accrual base, which accruals leave as it is; `accrued` is by line, then by wallet."""

    def __init__(self, bill: Bill, *, bases: list[int]) -> None:
        super().__init__(bill, closed_to=_ACCRUE, worths=bases)
        self.accrued: list[dict[str, int]] = [{} for _ in bill.lines]
        self._earlier: list[dict[str, int]] = []

    def look_back(self) -> None:
        self._earlier = [dict(units) for units in self.accrued]

    def parts(self, proposal: Proposal) -> list[int]:
        if proposal.by_line is not None:
            return proposal.by_line
        return allocate(proposal.given, proposal.picked.worths)

    def fit(self, proposal: Proposal, parts: list[int]) -> list[int]:  # noqa: ARG002 - units need no room
        return parts

    def propose(self, rule: CompiledRule, stand: Stand) -> Proposal | None:
        picked = self.pick(rule, stand)
        if picked is None:
            return None
        wallet = rule.wallet or ""
        earlier = [units.get(wallet, 0) for units in self._earlier] if rule.looks_back else NO_UNITS
        wanted = rule.total(picked, earlier) if rule.total is not None else 0
        given = wanted
        limited_by: str | None = None
        by_line: list[int] | None = None
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

    def write(self, rule: CompiledRule, places: list[int], parts: list[int]) -> None:
        rule_id, kind, wallet = rule.id, rule.kind, rule.wallet or ""
        accrued_by_line, parts_by_line = self.accrued, self.bill.parts
        for at, part in enumerate(parts):
            if part:
                place = places[at]
                accrued = accrued_by_line[place]
                accrued[wallet] = accrued.get(wallet, 0) + part
                parts_by_line[place].append(Part(rule_id, kind, 0, wallet, part))
