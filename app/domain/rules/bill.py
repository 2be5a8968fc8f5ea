"""The basket while it is being decided: what each line has left, and what the rules have done so far."""

from collections.abc import Mapping, Sequence
from typing import Final

from app.domain.amounts import allocate, gross
from app.domain.basket import ClosedTo
from app.domain.decision import CostBack, Outcome, Part, Verdict
from app.domain.rules.facts import Facts
from app.domain.rules.forms import CompiledLane, CompiledRule
from app.domain.rules.index import Hits
from app.domain.rules.limits import Tally
from app.domain.rules.standing import Standing

Lanes = list[tuple[CompiledLane, list[CompiledRule]]]  # Rules that may try, by lane, in the order applied.
_SKIPPED: Final = Outcome.SKIPPED  # Looking a member up in its enum costs a tenth of a microsecond.


class Bill:
    """Lists are by the line's place in the basket, `verdicts` by the rule's place in the document.

    `left` is gross less discounts so far; `rooms` is what may still be taken off before the line meets its floor,
    `min_price` times quantity, half-up; never below 0, also where a line is sold below its floor to begin with. Where
    no line has a floor, `rooms` is the very list `left`.
    `hits` are the rules that the basket touches. `rewards` are the rules with a cost that were asked for, how often;
    `charged` is what they have taken, in units by wallet, on each line; `cost_units` the part of it that returns don't
    give back by share, by `CostBack`. Codes of pools that were given out are counted in `codes_given`.
    """

    __slots__ = (
        "charged", "closed", "codes_given", "cost_units", "facts", "gross", "hits", "left", "lines", "parts", "places",
        "qtys_milli", "rewards", "rooms", "standing", "tally", "verdicts",
    )  # fmt: skip

    def __init__(
        self, facts: Facts, standing: Standing, *, hits: Hits, rewards: Mapping[str, int], tally: Tally
    ) -> None:
        lines = facts.basket.lines
        qtys_milli: list[int] = []
        closed: list[int] = []  # Lines that are closed to anything: mostly none.
        parts: list[list[Part]] = []
        places: list[int] = []
        has_floors = False
        for place, line in enumerate(lines):
            places.append(place)
            qtys_milli.append(line.qty_milli)
            parts.append([])
            if line.closed_to:
                closed.append(place)
            if line.min_price:
                has_floors = True
        left = rooms = list(facts.line_gross)
        if has_floors:
            rooms = [
                max(had - gross(line.min_price, line.qty_milli), 0)
                for line, had in zip(lines, facts.line_gross, strict=True)
            ]
        self.facts = facts
        self.standing = standing
        self.rewards = rewards
        self.hits = hits
        self.lines = lines
        self.qtys_milli = qtys_milli
        self.gross = facts.line_gross
        self.left = left
        self.rooms = rooms
        self.parts = parts
        self.tally = tally
        self.places = places
        self.closed = closed
        self.verdicts: dict[int, Verdict] = {}
        self.charged: list[dict[str, int]] = []
        self.cost_units: list[dict[str, dict[str, int]]] = []
        self.codes_given: dict[str, int] = {}

    def ready(self, rules: Sequence[CompiledRule]) -> Sequence[Lanes]:
        """The rules whose window and conditions let them try, by phase (`PhaseOf`), then by lane; of the others the
        verdict is written. `rules` are those that the basket touches, in the order applied.

        What a rule costs comes last: `cost` then means that asking for it is all that it needs.
        """
        facts, verdicts = self.facts, self.verdicts
        phases: Sequence[Lanes] = ([], [], [], [])
        lane: CompiledLane | None = None
        members: list[CompiledRule] = []
        for rule in rules:
            if not rule.enabled:
                verdicts[rule.place] = rule.verdicts.disabled
                continue
            failure = None if rule.window is None else rule.window(facts)
            if failure is None:
                if rule.needs_customer and facts.customer is None:
                    verdicts[rule.place] = rule.verdicts.anonymous
                    continue
                failure = None if rule.test is None else rule.test(facts)
            if failure is not None:
                verdicts[rule.place] = Verdict(rule.id, _SKIPPED, failure.because, failure.need, failure.have)
            elif rule.cost and not self.rewards.get(rule.id):
                verdicts[rule.place] = rule.verdicts.unasked
            else:
                if rule.lane is not lane:
                    lane, members = rule.lane, []
                    phases[lane.phase].append((lane, members))
                members.append(rule)
        return phases

    def closed_to(self, what: ClosedTo) -> frozenset[int]:
        """The places of the lines that are closed to something."""
        return frozenset(place for place in self.closed if what in self.lines[place].closed_to)

    def open_to(self, what: ClosedTo) -> list[int]:
        """The places of all others."""
        if not self.closed:
            return self.places
        closed = self.closed_to(what)
        return [place for place in self.places if place not in closed]

    def charge(
        self,
        rule: CompiledRule,
        *,
        times: int,
        places: list[int],
        weights: list[int],
        back: CostBack | None = None,
    ) -> dict[str, int]:
        """Take a rule's cost, spread over its lines; what it is in all. `back` None: returns give it back by share."""
        if not self.charged:
            self.charged = [{} for _ in self.lines]
        if back is not None and not self.cost_units:
            self.cost_units = [{} for _ in self.lines]
        cost = {wallet: units * times for wallet, units in rule.cost.items()}
        for wallet, units in cost.items():
            for place, part in zip(places, allocate(units, weights), strict=True):
                if not part:
                    continue
                self.charged[place][wallet] = self.charged[place].get(wallet, 0) + part
                if back is not None:
                    bound = self.cost_units[place].setdefault(back.value, {})
                    bound[wallet] = bound.get(wallet, 0) + part
        return cost

    def codes_left(self, pool: str) -> Sequence[str]:
        """Free codes of a pool, in the order in which they are given out; what the basket itself has sent is somebody's
        already.
        """
        free, sent = self.standing.codes.get(pool, ()), self.facts.vouchers.codes
        if sent:
            free = [code for code in free if code not in sent]
        return free[self.codes_given.get(pool, 0) :]

    def take_codes(self, pool: str, count: int) -> tuple[str, ...]:
        """Give out so many codes of a pool."""
        codes = tuple(self.codes_left(pool)[:count])
        self.codes_given[pool] = self.codes_given.get(pool, 0) + count
        return codes
