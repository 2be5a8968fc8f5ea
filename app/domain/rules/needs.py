"""What a decision has to know of the program's shared state, before anything is locked or read.

Only of the rules that the basket can touch, so that purchases which share no budget, stock or pool never wait for one
another. It may name more than the decision turns out to use (whether a rule's conditions hold isn't looked at), never
less: `evaluate` reads no other counter of the program and gives out no other code.
"""

from collections.abc import Iterable, Mapping

from app.domain.amounts import MILLI
from app.domain.basket import Basket
from app.domain.counters import Scope, balanced_plain, cap_name, rule_budget, rule_uses, stock_name
from app.domain.draws.algorithms import counters_needed
from app.domain.program import GiveCoupon, GiveDraw, Per
from app.domain.rules.compiled import CompiledProgram
from app.domain.rules.forms import CompiledRule
from app.domain.rules.index import Hits
from app.domain.rules.limits import category_of
from app.domain.rules.pieces import PIECES_MAX
from app.domain.rules.standing import Needs

NO_NEEDS = Needs()


def needs_of(
    program: CompiledProgram,
    basket: Basket,
    *,
    event: str | None,
    rewards: Mapping[str, int],
    customer_known: bool,
) -> Needs:
    """The program's counters, and how many free codes of which pools.

    Args:
        event: of the visit; None for a purchase.
        rewards: rules with a cost that are asked for, how often.
        customer_known: whether there is a customer, gift cards left out.
    """
    if not program.is_shared:
        return NO_NEEDS
    counters: set[str] = set()
    pools: dict[str, int] = {}
    if customer_known and event is None:
        counters.update(balanced_plain(rule.id) for rule in program.balanced)
    for rank, places in _touched(program, basket, event).items():
        rule = program.rules[rank]
        if not rule.rule.enabled or (rule.needs_customer and not customer_known):
            continue
        if rule.cost and not rewards.get(rule.id):
            continue
        counters.update(_counters(rule, basket))
        for pool, codes in _codes(rule, basket, places, asked=rewards.get(rule.id)):
            pools[pool] = pools.get(pool, 0) + codes
    sent = len(basket.coupons)  # A code that the basket sends isn't given out by it.
    return Needs(frozenset(counters), {pool: most + sent for pool, most in pools.items()} if sent else pools)


def _touched(program: CompiledProgram, basket: Basket, event: str | None) -> Hits:
    """As `evaluate` finds them; of which pool a code is isn't known yet, so any code may touch any rule of coupons."""
    index = program.index if event is None else program.events
    names = index.coupons if basket.coupons else ()
    return index.touched(basket.lines, names=names, event=event)


def _counters(rule: CompiledRule, basket: Basket) -> Iterable[str]:
    limit, give = rule.rule.limit, rule.rule.give
    if limit is not None and limit.budget is not None:
        yield rule_budget(rule.id)
    if limit is not None and limit.uses is not None:
        yield rule_uses(rule.id)
    for cap in rule.caps:
        if cap.scope is Scope.PROGRAM:
            yield from {cap_name(cap.id, category_of(cap, line)) for line in basket.lines}
    if isinstance(give, GiveDraw):
        yield from counters_needed(rule.rule)
        for prize in give.prizes:
            if prize.stock is not None:
                yield stock_name(rule.id, prize.id)


def _codes(
    rule: CompiledRule, basket: Basket, places: Iterable[int] | None, *, asked: int | None
) -> Iterable[tuple[str, int]]:
    """Pools, and how many codes of them the rule may give out at most."""
    give = rule.rule.give
    if isinstance(give, GiveCoupon):
        yield give.pool, min(_groups(rule, basket, places, asked=asked), PIECES_MAX)
    elif isinstance(give, GiveDraw):
        for pool in {prize.coupon for prize in give.prizes if prize.coupon is not None}:
            yield pool, 1


def _groups(rule: CompiledRule, basket: Basket, places: Iterable[int] | None, *, asked: int | None) -> int:
    """How many groups there can be at most: single lines may have fewer units to count than they have."""
    units = rule.rule.on.units if rule.rule.on is not None else None
    if units is None:
        return asked or 1
    lines = basket.lines if places is None else [basket.lines[place] for place in places]
    groups = sum(line.qty_milli // MILLI for line in lines) // units.every
    if units.times is not None:
        groups = min(groups, units.times * (len(lines) if units.per is Per.LINE else 1))
    return groups if asked is None else min(groups, asked)
