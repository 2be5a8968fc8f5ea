"""Rewards in pieces (gifts, codes of pools), and what rules with a `cost` take (contract, section 4, "give").

Readings taken where the contract leaves a choice: rewards look at what discounts have left of the lines, and a line
that is closed to accruing earns none; a rule with a cost gives what is asked for, where it looks at units no more than
its groups; a piece comes back whole or not at all, one that is kept never; a lane's `best` and `best_line` take the
rule with the most pieces, the first of equals; limits cut before the hundred pieces of a receipt and the pool do.
"""

from dataclasses import dataclass, field

from tests.model.arithmetic import Json, largest_remainder
from tests.model.candidates import pick
from tests.model.lanes import Given, Phase

PIECES_MAX = 100


@dataclass
class Rewards(Phase):
    """`free` are the codes by pool that can be given out."""

    free: dict[str, list[str]] = field(default_factory=dict, kw_only=True)

    def applies(self, rule: Json) -> bool:
        if rule["kind"] == "reward" and "coupon" in rule["give"] and self.facts.customer is None:
            return False
        return super().applies(rule)

    def offer(
        self, rule: Json, done: list[Given], *, before_lane: list[Given], used: list[tuple[int, bool]] | None = None
    ) -> Given:
        picked = pick(rule, self.standing(done, before_lane=before_lane, used=used))
        asked = self.asked[rule["id"]] if rule.get("cost") else 1
        pieces = asked if picked.worth else 0
        if "units" in (rule.get("on") or {}):
            pieces = min(asked, len(picked.groups)) if rule.get("cost") else len(picked.groups)
        given = Given(rule, {}, picked, pieces=pieces, wanted=pieces)
        bound = self.limits.bound_of(rule)
        if bound is not None:
            cut(given, bound.left, bound.name)
        cut(given, PIECES_MAX, "pieces")
        if (pool := rule["give"].get("coupon")) is not None:
            taken = sum(each.total for each in done if each.rule["give"].get("coupon") == pool)
            cut(given, len(self.free.get(pool, [])) - taken, "pool")
        return self.noted(given)

    def best_line(self, rules: list[Json], done: list[Given]) -> list[Given]:
        return self.best(rules, done)

    def summed(self, rules: list[Json], done: list[Given]) -> list[Given]:
        return self.one_after_another(rules, done)[len(done) :]

    def run(self) -> list[Given]:
        done = super().run()
        free = {pool: list(codes) for pool, codes in self.free.items()}
        for given in done:
            if (pool := given.rule["give"].get("coupon")) is not None:
                given.codes = [free[pool].pop(0) for _ in range(given.total)]
        return done


def cut(given: Given, left: int, name: str) -> None:
    if given.pieces is not None and left < given.pieces:
        given.pieces, given.limited_by = left, name


def take_costs(given: list[Given], lines: list[Json]) -> list[dict[str, int]]:
    """What rules that gave something cost, noted in them; by line, spread by their parts or by what they selected."""
    taken: list[dict[str, int]] = [{} for _ in lines]
    for each in given:
        times = each.pieces if each.pieces is not None else 1
        for wallet, units in (each.rule.get("cost") or {}).items():
            each.cost[wallet] = units * times
            weights = each.parts if each.pieces is None else each.picked.worth
            for i, part in largest_remainder(units * times, weights).items():
                if part:
                    taken[i][wallet] = taken[i].get(wallet, 0) + part
    return taken


def reward_costs(given: list[Given], lines: list[Json]) -> list[dict[str, dict[str, int]]]:
    """By line: what rewards among them have cost, by when a return gives it back (never by share, since half a gift
    isn't given back): `never` where the reward stays, `unused` with codes that nobody has used, else with the `whole`.
    """
    by_line: list[dict[str, dict[str, int]]] = [{} for _ in lines]
    for each in given:
        if each.pieces is None:
            continue
        when = "unused" if "coupon" in each.rule["give"] else "whole"
        if each.rule.get("on_return") == "keep":
            when = "never"
        for i, units in enumerate(take_costs([each], lines)):
            for wallet, part in units.items():
                kind = by_line[i].setdefault(when, {})
                kind[wallet] = kind.get(wallet, 0) + part
    return by_line
