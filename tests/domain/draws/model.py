"""The algorithms once more, in fractions, as a customer with a pocket calculator would: a second opinion."""

from collections.abc import Mapping
from fractions import Fraction
from math import floor

from app.domain.program import GiveDraw, Rule

MILLION = 1_000_000
PARTS = 10**15


def chance_of(rule: Rule, terms: GiveDraw, state: Mapping[str, int], *, costs: list[int]) -> Fraction:
    share, first = Fraction(terms.share, MILLION), Fraction(terms.chance, MILLION)
    chance = Fraction(0)
    if terms.algorithm == "independent":
        chance = first
    elif terms.algorithm == "bag":
        slips_left = terms.size - state["serial"] % terms.size
        wins_left = sum(max(prize.weight - state[f"taken/{prize.id}"], 0) for prize in terms.prizes)
        chance = Fraction(wins_left, max(slips_left, wins_left))
    elif terms.algorithm == "pity":
        chance = first + (1 - first) * Fraction(state["misses"], terms.guarantee_every - 1)
    elif terms.algorithm == "paced":
        assert rule.start
        assert rule.end
        assert rule.limit
        assert rule.limit.budget
        money = Fraction(rule.limit.budget - state["used"], rule.limit.budget)
        left = Fraction(round(rule.end.timestamp() * MILLION) - state["at"])
        chance = (
            first * money / (left / round((rule.end - rule.start).total_seconds() * MILLION)) if left > 0 else chance
        )
    elif terms.algorithm == "balanced":
        room = share / (1 - share) * state["plain"] - state["surprise"]
        weights = sum(prize.weight for prize in terms.prizes)
        mean = sum(Fraction(prize.weight * cost, weights) for prize, cost in zip(terms.prizes, costs, strict=True))
        chance = room / mean if mean else Fraction(room > 0)
    chance = min(max(chance, Fraction(0)), Fraction(1))
    return chance if chance.denominator <= PARTS else Fraction(floor(chance * PARTS), PARTS)


def prize_of(terms: GiveDraw, state: Mapping[str, int], *, win: int, choice: int, chance: Fraction) -> str | None:
    """What luck draws."""
    if Fraction(win, 2**64) >= chance:
        return None
    if terms.algorithm == "bag":
        slips = [prize.id for prize in terms.prizes for _ in range(prize.weight - state[f"taken/{prize.id}"])]
        left = max(terms.size - state["serial"] % terms.size, len(slips))
        return slips[floor(Fraction(win, 2**64) * left)]
    slips = [prize.id for prize in terms.prizes for _ in range(prize.weight)]
    return slips[floor(Fraction(choice, 2**64) * len(slips))]
