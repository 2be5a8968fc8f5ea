"""From a ticket and the state before to a chance and a prize, in exact integers: what anybody can recompute.

`state_before` (what an algorithm looks at) > `draw` (whether the ticket wins, and what) > `uses_after` (what the next
draw's state will count). A ticket wins if `ticket.win / 2^64 < numerator / denominator`; a second number of the ticket
chooses the prize by weight. A chance is a reduced fraction; where its denominator would be above `CHANCE_PARTS`, it is
cut down to whole such parts, so that it can be shown, stored and checked by whatever reads JSON.

| algorithm | state before | chance |
| --- | --- | --- |
| independent | | `chance` |
| bag | serial of the slip, slips taken of each prize in this bag | prize slips left / slips left; no second number |
| pity | misses since the last prize | `chance + (1 - chance) × misses / (guarantee_every - 1)` |
| paced | budget used, now | `chance × (budget left / budget) / (time left / time in all)` |
| balanced | cost of all other rewards, and of surprises | room for surprises under `share` / mean cost of a prize |

A draw that takes over a slip uses the slip's ticket and state and moves no counter: `uses_after` isn't asked. The rule
may have another algorithm by then: what a state doesn't say is 0.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import gcd
from typing import assert_never

from app.domain.amounts import MICRO
from app.domain.counters import (
    Back,
    Count,
    Scope,
    Use,
    bag_serial,
    bag_taken,
    balanced_plain,
    balanced_surprise,
    pity_misses,
    rule_budget,
    used,
)
from app.domain.draws.luck import SPAN, Ticket
from app.domain.program import Algorithm, GiveDraw, Prize, Rule

CHANCE_PARTS = 10**15  # Below 2^53: exact in every reader of JSON, and finer than any number of purchases can tell.
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Drawn:
    """`prize` is what luck drew (None: nothing). `because` says why it may not be given all the same: `share`; stocks,
    limits and pools are the caller's to look at.
    """

    numerator: int
    denominator: int
    prize: Prize | None
    because: str | None = None


def terms_of(rule: Rule) -> GiveDraw:
    """Raises TypeError for a rule that draws nothing."""
    if not isinstance(rule.give, GiveDraw):
        raise TypeError(f"rule {rule.id} has no draw")
    return rule.give


def units_of(prize: Prize, *, base: int, wallet_value: int) -> int:
    """Units of the rule's wallet that a prize brings; 0 for a gift or a coupon.

    Args:
        base: accrual base of the selected lines, minor units.
        wallet_value: of the rule's wallet; 0 counts as 1.
    """
    if prize.rate is not None:
        return base * prize.rate // (MICRO * max(wallet_value, 1))
    return prize.units or 0


def cost_of(prize: Prize, *, base: int, wallet_value: int) -> int:
    """What a prize counts for in budgets and shares, in minor units."""
    if prize.gift is not None or prize.coupon is not None:
        return prize.cost
    return units_of(prize, base=base, wallet_value=wallet_value) * max(wallet_value, 1)


def counters_needed(rule: Rule) -> tuple[str, ...]:
    """The program's counters that `state_before` reads and `uses_after` moves. (Misses of pity are the customer's.)"""
    match terms_of(rule).algorithm:
        case Algorithm.INDEPENDENT | Algorithm.PITY:
            return ()
        case Algorithm.BAG:
            return (bag_serial(rule.id), *(bag_taken(rule.id, prize.id) for prize in terms_of(rule).prizes))
        case Algorithm.PACED:
            return (rule_budget(rule.id),)
        case Algorithm.BALANCED:
            return balanced_plain(rule.id), balanced_surprise(rule.id)
        case other:
            assert_never(other)


def state_before(
    rule: Rule,
    *,
    customer: Mapping[str, Count],
    program: Mapping[str, Count],
    now: datetime,
    plain: int = 0,
    base: int = 0,
) -> dict[str, int]:
    """What the draw looks at, as it is recorded with it.

    Args:
        customer, program: counters, as in Standing.
        now: the database's clock.
        plain: what this purchase's own other rewards cost, minor units; `balanced` only.
        base: accrual base of the selected lines; recorded by `balanced` where a prize is a percentage of it.
    """
    terms = terms_of(rule)
    match terms.algorithm:
        case Algorithm.INDEPENDENT:
            return {}
        case Algorithm.BAG:
            serial = used(program, bag_serial(rule.id), "")
            taken = {
                f"taken/{prize.id}": used(program, bag_taken(rule.id, prize.id), str(serial // terms.size))
                for prize in terms.prizes
            }
            return {"serial": serial, **taken}
        case Algorithm.PITY:
            return {"misses": used(customer, pity_misses(rule.id), "")}
        case Algorithm.PACED:
            return {"used": used(program, rule_budget(rule.id), ""), "at": (now - _EPOCH) // _MICROSECOND}
        case Algorithm.BALANCED:
            state = {
                "plain": used(program, balanced_plain(rule.id), "") + plain,
                "surprise": used(program, balanced_surprise(rule.id), ""),
            }
            if any(prize.rate is not None for prize in terms.prizes):
                state["base"] = base
            return state
        case other:
            assert_never(other)


def draw(rule: Rule, ticket: Ticket, state: Mapping[str, int], *, wallet_value: int) -> Drawn:
    """The draw of one ticket: a pure function of the rule, the ticket and the state that was before.

    Args:
        state: as `state_before` made it; a slip's own where a slip is taken over.
        wallet_value: minor units a unit of the rule's wallet is worth; only `balanced` weighs its prizes by it.
    """
    terms = terms_of(rule)
    if terms.algorithm is Algorithm.BAG:
        return _from_bag(terms, ticket, state)
    numerator, denominator = _chance(rule, terms, state, wallet_value=wallet_value)
    if ticket.win * denominator >= numerator * SPAN:
        return Drawn(numerator, denominator, None)
    prize = _chosen(terms, ticket)
    is_over = terms.algorithm is Algorithm.BALANCED and _is_over_share(terms, prize, state, wallet_value=wallet_value)
    return Drawn(numerator, denominator, prize, "share" if is_over else None)


def uses_after(
    rule: Rule, state: Mapping[str, int], *, drew: Prize | None, given: Prize | None, cost: int = 0
) -> tuple[Use, ...]:
    """How the draw moves its algorithm's counters. Stock, budget and uses, and `balanced`'s plain, are the caller's.

    Args:
        state: what the draw looked at; of this very purchase, never a slip's.
        drew: the prize by luck; its slip has left the bag, whether or not it could be given.
        given: the prize that was given; anything else is a miss.
        cost: what the given prize counts for (`cost_of` it), minor units.
    """
    terms = terms_of(rule)
    match terms.algorithm:
        case Algorithm.INDEPENDENT | Algorithm.PACED:
            return ()
        case Algorithm.BAG:
            serial = Use(Scope.PROGRAM, bag_serial(rule.id), "", 1, Back.NEVER)
            if drew is None:
                return (serial,)
            number = str(state["serial"] // terms.size)
            return serial, Use(Scope.PROGRAM, bag_taken(rule.id, drew.id), number, 1, Back.NEVER)
        case Algorithm.PITY:
            moved = 1 if given is None else -state["misses"]
            return (Use(Scope.CUSTOMER, pity_misses(rule.id), "", moved, Back.NEVER),) if moved else ()
        case Algorithm.BALANCED:
            if given is None or not cost:
                return ()
            return (Use(Scope.PROGRAM, balanced_surprise(rule.id), "", cost, Back.NEVER),)
        case other:
            assert_never(other)


def _from_bag(terms: GiveDraw, ticket: Ticket, state: Mapping[str, int]) -> Drawn:
    """The ticket points at one of the slips left: those of the prizes in their order, then the blanks."""
    left = [max(0, prize.weight - state.get(f"taken/{prize.id}", 0)) for prize in terms.prizes]
    # A rule whose bag was made smaller, or fuller, in the middle of one may have more prizes left than slips.
    slips = max(terms.size - state.get("serial", 0) % terms.size, sum(left))
    numerator, denominator = _reduced(sum(left), slips)
    place = ticket.win * slips // SPAN
    for prize, count in zip(terms.prizes, left, strict=True):
        if place < count:
            return Drawn(numerator, denominator, prize)
        place -= count
    return Drawn(numerator, denominator, None)


def _chance(rule: Rule, terms: GiveDraw, state: Mapping[str, int], *, wallet_value: int) -> tuple[int, int]:
    match terms.algorithm:
        case Algorithm.INDEPENDENT:
            return _reduced(terms.chance, MICRO)
        case Algorithm.PITY:
            steps, misses = terms.guarantee_every - 1, state.get("misses", 0)
            if misses >= steps:
                return 1, 1
            return _reduced(terms.chance * steps + (MICRO - terms.chance) * misses, MICRO * steps)
        case Algorithm.PACED:
            return _paced(rule, terms, state)
        case Algorithm.BALANCED:
            share, costs = terms.share, _costs(terms, state, wallet_value=wallet_value)
            # What surprises may still cost, times 1 − share: share of all costs, less what they have cost already.
            room = share * state.get("plain", 0) - (MICRO - share) * state.get("surprise", 0)
            weights = sum(prize.weight for prize in terms.prizes)
            mean = sum(prize.weight * cost for prize, cost in zip(terms.prizes, costs, strict=True))
            return _reduced(room * weights, (MICRO - share) * mean)
        case Algorithm.BAG:
            raise ValueError("a bag's chance is in its slips")
        case other:
            assert_never(other)


def _paced(rule: Rule, terms: GiveDraw, state: Mapping[str, int]) -> tuple[int, int]:
    if rule.start is None or rule.end is None or rule.limit is None or rule.limit.budget is None:
        raise ValueError(f"rule {rule.id} is paced without from, until or budget")
    budget = rule.limit.budget
    time_left = (rule.end - _EPOCH) // _MICROSECOND - state.get("at", 0)
    if time_left <= 0:
        return 0, 1
    time_total = (rule.end - rule.start) // _MICROSECOND
    return _reduced(
        terms.chance * max(0, budget - state.get("used", 0)) * time_total,
        MICRO * budget * min(time_left, time_total),
    )


def _chosen(terms: GiveDraw, ticket: Ticket) -> Prize:
    """By weight; weights add up to at least 1."""
    place = ticket.choice * sum(prize.weight for prize in terms.prizes) // SPAN
    for prize in terms.prizes:
        if place < prize.weight:
            return prize
        place -= prize.weight
    raise ValueError(f"no prize has a weight: {terms}")


def _costs(terms: GiveDraw, state: Mapping[str, int], *, wallet_value: int) -> list[int]:
    base = state.get("base", 0)
    return [cost_of(prize, base=base, wallet_value=wallet_value) for prize in terms.prizes]


def _is_over_share(terms: GiveDraw, prize: Prize, state: Mapping[str, int], *, wallet_value: int) -> bool:
    after = state.get("surprise", 0) + cost_of(prize, base=state.get("base", 0), wallet_value=wallet_value)
    return after * MICRO > (terms.share + terms.tolerance) * (state.get("plain", 0) + after)


def _reduced(numerator: int, denominator: int) -> tuple[int, int]:
    """A chance between 0 and 1, in lowest terms. Over a denominator of 0 (prizes cost nothing) any room is enough."""
    if numerator <= 0:
        return 0, 1
    if numerator >= denominator:
        return 1, 1
    common = gcd(numerator, denominator)
    if denominator // common > CHANCE_PARTS:
        return _reduced(numerator * CHANCE_PARTS // denominator, CHANCE_PARTS)
    return numerator // common, denominator // common
