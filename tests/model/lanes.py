"""Lanes of one phase in the program's order, and how a lane combines its rules (contract, section 4, `combine`).

Readings taken where the contract leaves a choice: a rule that gives 0 closes no units in `once`; there, a rule on whole
lines closes them whole (with their fraction), one that counts units closes those; units of value 0 are less than any of
value, and among themselves more is more. Candidates are offered after their limits and caps; where several of a lane
are taken together (`sum`, `best_line`) caps are fitted again, one after another.
"""

from dataclasses import dataclass, field
from datetime import datetime

from tests.model.arithmetic import Json
from tests.model.candidates import Picked, Standing, accrual_parts, discount_parts, pick, room
from tests.model.coupons import needs_of
from tests.model.facts import Facts, holds
from tests.model.limits import Limits


@dataclass
class Given:
    """What one rule gives: parts by line, in minor units or in units of `wallet`, each worth `value`; or `pieces`.

    `wanted` is what it would have been without limits and caps, `limited_by` which of them cut last.
    """

    rule: Json
    parts: dict[int, int]
    picked: Picked
    wallet: str | None = None
    value: int = 1
    pieces: int | None = None
    wanted: int = 0
    limited_by: str | None = None
    is_used_up: bool = False  # It would have given something, if limits, caps or a pool had left anything.
    codes: list[str] = field(default_factory=list)
    cost: dict[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return sum(self.parts.values()) if self.pieces is None else self.pieces

    def weight(self, units: int) -> tuple[int, int]:
        """How so many units compare with another rule's; units of value 0 only with one another."""
        return (units * self.value, 0 if self.value else units)


def taken_off(given: list[Given], lines: list[Json]) -> list[int]:
    """Money that discounts took off each line."""
    return [sum(each.parts.get(i, 0) for each in given) for i in range(len(lines))]


def earned(given: list[Given], lines: list[Json]) -> list[dict[str, int]]:
    """Units accrued on each line by wallet, without zeros."""
    sums: list[dict[str, int]] = [{} for _ in lines]
    for each in given:
        for i, units in each.parts.items():
            if units and each.wallet is not None:
                sums[i][each.wallet] = sums[i].get(each.wallet, 0) + units
    return sums


KINDS = {"discount": ("discount",), "accrue": ("bonus", "cashback"), "reward": ("reward",), "draw": ("random_reward",)}


@dataclass
class Phase:
    """One of the four: `phase` names its kinds (`KINDS`). `worth` is the gross of each line for discounts, the accrual
    base for accruals and draws, what discounts left for rewards. `asked` are pieces by rule with a `cost`.
    """

    program: Json
    facts: Facts
    limits: Limits
    phase: str
    worth: list[int]
    discounted: list[bool]  # Lines made cheaper before this phase.
    asked: dict[str, int]
    offered: dict[str, Given] = field(default_factory=dict, init=False)  # By rule, what each would have given.

    @property
    def is_discount(self) -> bool:
        return self.phase == "discount"

    @property
    def lines(self) -> list[Json]:
        lines: list[Json] = self.facts.basket["lines"]
        return lines

    def lanes(self) -> list[tuple[str, list[Json]]]:
        """By `combine`, with the rules of this phase that apply, in their order."""
        lanes = self.program.get("lanes") or [{"id": None, "combine": "all"}]
        found = []
        for lane in lanes:
            mine = [rule for rule in self.program["rules"] if rule.get("lane", lanes[0]["id"]) == lane["id"]]
            mine.sort(key=lambda rule: -rule.get("priority", 0))  # Stable: ties stay in the document's order.
            found.append((lane.get("combine", "all"), [rule for rule in mine if self.applies(rule)]))
        return found

    def run(self) -> list[Given]:
        """What each rule gave, in the order applied; rules that gave nothing aren't there."""
        done: list[Given] = []
        for combine, rules in self.lanes():
            match combine:
                case "all":
                    done = self.one_after_another(rules, done)
                case "first":
                    done = self.one_after_another(rules, done, at_most=1)
                case "once":
                    done = self.once(rules, done)
                case "best":
                    done = done + self.best(rules, done)
                case "best_line":
                    done = done + self.best_line(rules, done)
                case "sum":
                    done = done + self.summed(rules, done)
        return done

    def applies(self, rule: Json) -> bool:
        if rule["kind"] not in KINDS[self.phase] or not self.is_in_force(rule):
            return False
        if bool(needs_of(rule.get("when"), "event")) != (self.facts.event is not None):
            return False
        if (rule.get("limit") or {}).get("customer") and self.facts.customer is None:
            return False
        if rule.get("cost") and (self.facts.customer is None or not self.asked.get(rule["id"])):
            return False
        return holds(rule.get("when"), self.facts)

    def is_in_force(self, rule: Json) -> bool:
        start, end = (rule.get(name) and datetime.fromisoformat(rule[name]) for name in ("from", "until"))
        return rule.get("enabled", True) and (not start or start <= self.facts.at) and (not end or self.facts.at < end)

    def left(self, done: list[Given]) -> list[int]:
        if not self.is_discount:
            return self.worth
        return [whole - off for whole, off in zip(self.worth, taken_off(done, self.lines), strict=True)]

    def standing(
        self, done: list[Given], *, before_lane: list[Given], used: list[tuple[int, bool]] | None = None
    ) -> Standing:
        left = self.left(done)
        off = taken_off(done, self.lines) if self.is_discount else [0 for _ in self.lines]
        return Standing(
            lines=self.lines,
            closed_to="discount" if self.is_discount else "accrue",
            worth=left if used is None else self.left(before_lane),
            rooms=[room(line, each) for line, each in zip(self.lines, left, strict=True)],
            cheaper=[before or bool(now) for before, now in zip(self.discounted, off, strict=True)],
            used=used or [(0, False) for _ in self.lines],
            earlier=earned(before_lane, self.lines),
        )

    def offer(
        self, rule: Json, done: list[Given], *, before_lane: list[Given], used: list[tuple[int, bool]] | None = None
    ) -> Given:
        """What `rule` gives on what `done` left; with `used` (`once`) units are worth what they were before it."""
        standing = self.standing(done, before_lane=before_lane, used=used)
        picked, bound = pick(rule, standing), self.limits.bound_of(rule)
        at_most = None if bound is None else bound.left
        if self.is_discount:
            parts = discount_parts(rule, picked, standing)
            given = Given(rule, parts, picked, wanted=sum(parts.values()))
            given.parts = discount_parts(rule, picked, standing, at_most=at_most)
        else:
            wallet = wallet_of(rule, self.program)
            value = self.program["wallets"][wallet].get("value", 1)
            parts = accrual_parts(rule, picked, standing, wallet=wallet, value=value)
            given = Given(rule, parts, picked, wallet, value, wanted=sum(parts.values()))
            given.parts = accrual_parts(rule, picked, standing, wallet=wallet, value=value, at_most=at_most)
        if bound is not None and given.total < given.wanted:
            given.limited_by = bound.name
        self.fit(given, done)
        return self.noted(given)

    def noted(self, given: Given) -> Given:
        given.is_used_up = given.wanted > 0 and not given.total
        self.offered[given.rule["id"]] = given
        return given

    def fit(self, given: Given, done: list[Given]) -> None:
        """Cut it to what caps leave beside what was given so far."""
        if given.wallet is not None:
            before = [(each.wallet, each.parts) for each in done if each.wallet is not None]
            given.limited_by = self.limits.fit(given.parts, given.wallet, before) or given.limited_by

    def one_after_another(self, rules: list[Json], done: list[Given], *, at_most: int | None = None) -> list[Given]:
        before_lane = list(done)
        for rule in rules:
            if at_most is not None and len(done) - len(before_lane) == at_most:
                break
            given = self.offer(rule, done, before_lane=before_lane)
            if given.total:
                done = [*done, given]
        return done

    def once(self, rules: list[Json], done: list[Given]) -> list[Given]:
        before_lane = list(done)
        used = [(0, False) for _ in self.lines]
        for rule in rules:
            given = self.offer(rule, done, before_lane=before_lane, used=used)
            if not given.total:
                continue
            done = [*done, given]
            for i, count in given.picked.counted.items():
                units, all_of_it = used[i]
                used[i] = (units + count, all_of_it or given.picked.takes_whole_lines)
        return done

    def offers(self, rules: list[Json], done: list[Given]) -> list[Given]:
        """Every rule's candidate on what the lane began with; one that gives 0 doesn't count."""
        each = [self.offer(rule, done, before_lane=done) for rule in rules]
        return [given for given in each if given.total]

    def best(self, rules: list[Json], done: list[Given]) -> list[Given]:
        offers = self.offers(rules, done)
        return [max(offers, key=lambda given: given.weight(given.total))] if offers else []  # The first of equals.

    def best_line(self, rules: list[Json], done: list[Given]) -> list[Given]:
        offers = self.offers(rules, done)
        for i in range(len(self.lines)):
            worths = [given.weight(given.parts.get(i, 0)) for given in offers]
            candidates = [k for k, given in enumerate(offers) if given.parts.get(i)]
            winner = max(candidates, key=worths.__getitem__, default=None)  # The first of equals.
            for k in candidates:
                if k != winner:
                    del offers[k].parts[i]
        return self.fitted([given for given in offers if given.total], done)

    def summed(self, rules: list[Json], done: list[Given]) -> list[Given]:
        offers = self.offers(rules, done)
        if self.is_discount:
            rooms = [room(line, each) for line, each in zip(self.lines, self.left(done), strict=True)]
            for given in offers:
                for i in given.parts:
                    given.parts[i] = min(given.parts[i], rooms[i])
                    rooms[i] -= given.parts[i]
        return self.fitted(offers, done)

    def fitted(self, offers: list[Given], done: list[Given]) -> list[Given]:
        taken: list[Given] = []
        for given in offers:
            self.fit(given, done + taken)
            if given.total:
                taken.append(given)
        return taken


def wallet_of(rule: Json, program: Json) -> str:
    own = "cashback" if rule["kind"] == "cashback" else next(iter(program["wallets"]))
    wallet: str = rule["give"].get("wallet", own)
    return wallet
