"""Lanes of one phase in the program's order, and how a lane combines its rules (contract, section 4, `combine`).

Readings taken where the contract leaves a choice: a rule that gives 0 closes no units in `once`; there, a rule on whole
lines closes them whole (with their fraction), one that counts units closes those; units of value 0 are less than any of
value, and among themselves more is more.
"""

from dataclasses import dataclass
from datetime import datetime

from tests.model.arithmetic import Json
from tests.model.candidates import Picked, Standing, accrual_parts, discount_parts, pick, room
from tests.model.facts import Facts, holds


@dataclass
class Given:
    """What one rule gives: parts by line, in minor units or in units of `wallet`; `value` is what one is worth."""

    rule: Json
    parts: dict[int, int]
    picked: Picked
    wallet: str | None = None
    value: int = 1

    @property
    def total(self) -> int:
        return sum(self.parts.values())

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


@dataclass
class Phase:
    """One of the two: `worth` is the gross of each line for discounts, the accrual base for accruals."""

    program: Json
    facts: Facts
    is_discount: bool
    worth: list[int]
    discounted: list[bool]  # Lines made cheaper before this phase.

    @property
    def lines(self) -> list[Json]:
        lines: list[Json] = self.facts.basket["lines"]
        return lines

    def run(self) -> list[Given]:
        """What each rule gave, in the order applied; rules that gave nothing aren't there."""
        lanes = self.program.get("lanes") or [{"id": None, "combine": "all"}]
        done: list[Given] = []
        for lane in lanes:
            mine = [rule for rule in self.program["rules"] if rule.get("lane", lanes[0]["id"]) == lane["id"]]
            mine.sort(key=lambda rule: -rule.get("priority", 0))  # Stable: ties stay in the document's order.
            rules = [rule for rule in mine if self.applies(rule)]
            match lane.get("combine", "all"):
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
        if (rule["kind"] == "discount") != self.is_discount or not rule.get("enabled", True):
            return False
        if rule.get("from") is not None and self.facts.at < datetime.fromisoformat(rule["from"]):
            return False
        if rule.get("until") is not None and self.facts.at >= datetime.fromisoformat(rule["until"]):
            return False
        return holds(rule.get("when"), self.facts)

    def left(self, done: list[Given]) -> list[int]:
        if not self.is_discount:
            return self.worth
        return [whole - off for whole, off in zip(self.worth, taken_off(done, self.lines), strict=True)]

    def offer(
        self, rule: Json, done: list[Given], *, before_lane: list[Given], used: list[tuple[int, bool]] | None = None
    ) -> Given:
        """What `rule` gives on what `done` left; with `used` (`once`) units are worth what they were before it."""
        left = self.left(done)
        off = taken_off(done, self.lines) if self.is_discount else [0 for _ in self.lines]
        standing = Standing(
            lines=self.lines,
            closed_to="discount" if self.is_discount else "accrue",
            worth=left if used is None else self.left(before_lane),
            rooms=[room(line, each) for line, each in zip(self.lines, left, strict=True)],
            cheaper=[before or bool(now) for before, now in zip(self.discounted, off, strict=True)],
            used=used or [(0, False) for _ in self.lines],
            earlier=earned(before_lane, self.lines),
        )
        picked = pick(rule, standing)
        if self.is_discount:
            return Given(rule, discount_parts(rule, picked, standing), picked)
        wallet = rule["give"].get(
            "wallet", "cashback" if rule["kind"] == "cashback" else next(iter(self.program["wallets"]))
        )
        value = self.program["wallets"][wallet].get("value", 1)
        return Given(rule, accrual_parts(rule, picked, standing, wallet=wallet, value=value), picked, wallet, value)

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
        return [given for given in offers if given.total]

    def summed(self, rules: list[Json], done: list[Given]) -> list[Given]:
        offers = self.offers(rules, done)
        if self.is_discount:
            rooms = [room(line, each) for line, each in zip(self.lines, self.left(done), strict=True)]
            for given in offers:
                for i in given.parts:
                    given.parts[i] = min(given.parts[i], rooms[i])
                    rooms[i] -= given.parts[i]
        return [given for given in offers if given.total]
