"""A program made ready to be evaluated many times: rules as closures, in the order applied, by what they need."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import assert_never

from app.domain.counters import Scope, rule_budget, rule_max, rule_uses
from app.domain.program import (
    Algorithm,
    Cap,
    Combine,
    GiveBundle,
    GiveCoupon,
    GiveDraw,
    GiveGift,
    GiveMultiply,
    Kind,
    Program,
    Rule,
)
from app.domain.rules.conditions import compile_when, compile_window
from app.domain.rules.forms import (
    CompiledCap,
    CompiledLane,
    CompiledLimit,
    CompiledRule,
    PhaseOf,
    Pick,
    Verdicts,
)
from app.domain.rules.hinting import hinter_of
from app.domain.rules.index import Anchor, Index, anchor_of, is_for_events
from app.domain.rules.picking import pick_whole_units
from app.domain.rules.rewards import Total, accrual_total, counts_units, discount_each, discount_total
from app.domain.rules.selection import compile_lines
from app.domain.rules.units import pick_units
from app.domain.rules.vouchers import coupon_groups_of, public_names_of

__all__ = ["CompiledLane", "CompiledProgram", "CompiledRule", "Verdicts", "compile_program"]


@dataclass(frozen=True, slots=True)
class CompiledProgram:
    """A program and its compiled rules, by rank. `index` has the purchases' rules, `events` those of other acts.

    `public_codes` are the codes and pools that its rules name, `takers` the rules that need one. `balanced` are the
    live rules that weigh surprise against all else that the program gives. `is_shared` says whether any rule may look
    at the program's counters or pools, `has_draws` whether any draws.
    """

    program: Program
    rules: tuple[CompiledRule, ...]
    index: Index
    events: Index
    ranks: dict[str, int]
    public_codes: frozenset[str]
    takers: tuple[CompiledRule, ...]
    balanced: tuple[CompiledRule, ...]
    is_shared: bool
    has_draws: bool


def compile_program(program: Program) -> CompiledProgram:
    """Compile once a version; what it makes is immutable and shared by all evaluations.

    Raises:
        ValueError: a rule's reward doesn't fit its kind, or a rule names a lane, wallet or tier that isn't there
            (`app.domain.programs` refuses such documents).
    """
    lanes = {lane.id: place for place, lane in enumerate(program.lanes)}
    for rule in program.rules:
        if rule.lane not in lanes:
            raise ValueError(f"rule {rule.id} names lane {rule.lane}, which the program doesn't have")
    looking_back = {rule.lane for rule in program.rules if isinstance(rule.give, GiveMultiply)}

    def order(rule: Rule) -> tuple[int, int, int, int]:
        """By phase, then lane, in a lane by priority, high first, then as in the document."""
        return PhaseOf.of(rule.kind), lanes[rule.lane], -rule.priority, rule.order

    places = {rule.id: place for place, rule in enumerate(program.rules)}
    parts_of_lanes: dict[tuple[int, int], CompiledLane] = {}
    rules, anchors = [], []
    for rank, rule in enumerate(sorted(program.rules, key=order)):
        phase, lane = PhaseOf.of(rule.kind), lanes[rule.lane]
        part = parts_of_lanes.setdefault(
            (phase, lane),
            CompiledLane(lane, phase, _combine(program.lanes[lane].combine, phase), rule.lane in looking_back),
        )
        anchors.append(anchor_of(rule))
        rules.append(_compile_rule(rule, anchors[-1], part, program, place=places[rule.id], rank=rank))
    balanced = [rule for rule in rules if _is_live(rule, Algorithm.BALANCED)]
    return CompiledProgram(
        program=program,
        rules=tuple(rules),
        index=_index(rules, anchors, for_events=False),
        events=_index(rules, anchors, for_events=True),
        ranks={rule.id: rule.rank for rule in rules},
        public_codes=public_names_of(program),
        takers=tuple(rule for rule in rules if rule.coupons),
        balanced=tuple(balanced),
        is_shared=any(map(_is_shared, rules)),
        has_draws=any(isinstance(rule.give, GiveDraw) for rule in program.rules),
    )


def _combine(combine: Combine, phase: PhaseOf) -> Combine:
    """How a lane's rules are combined in a phase: a piece isn't divided among lines, and what the earlier left of a
    purchase is all of it.
    """
    if phase is PhaseOf.REWARD and combine in (Combine.SUM, Combine.BEST_LINE):
        return Combine.ALL if combine is Combine.SUM else Combine.BEST
    return combine


def _is_live(rule: CompiledRule, algorithm: Algorithm) -> bool:
    give = rule.rule.give
    return rule.rule.enabled and isinstance(give, GiveDraw) and give.algorithm is algorithm


def _is_shared(rule: CompiledRule) -> bool:
    """Whether the rule looks at counters or pools of the program; a draw may (some only look at the customer's)."""
    limit, give = rule.rule.limit, rule.rule.give
    return rule.rule.enabled and (
        isinstance(give, GiveDraw | GiveCoupon)
        or (limit is not None and (limit.budget is not None or limit.uses is not None))
        or any(cap.scope is Scope.PROGRAM for cap in rule.caps)
    )


def _index(rules: Sequence[CompiledRule], anchors: Sequence[Anchor], *, for_events: bool) -> Index:
    return Index.of(
        (rule.rank, anchor)
        for rule, anchor in zip(rules, anchors, strict=True)
        if is_for_events(rule.rule.when) is for_events
    )


def _compile_rule(
    rule: Rule, anchor: Anchor, lane: CompiledLane, program: Program, *, place: int, rank: int
) -> CompiledRule:
    wallet = _wallet(rule, program)
    value = 1 if wallet is None or lane.phase is not PhaseOf.ACCRUAL else program.wallets[wallet].value
    limit = _limit(rule)
    has_window = rule.start is not None or rule.end is not None
    return CompiledRule(
        id=rule.id,
        kind=rule.kind.value,
        rule=rule,
        place=place,
        rank=rank,
        lane=lane,
        enabled=rule.enabled,
        needs_customer=wallet is not None
        or bool(rule.cost)
        or isinstance(rule.give, GiveCoupon)
        or (limit is not None and limit.needs_customer),
        wallet=wallet,
        unit_value=value,
        window=compile_window(start=rule.start, end=rule.end) if has_window else None,
        test=None if rule.when is None else compile_when(rule.when, program),
        cost=rule.cost,
        matches=None if anchor.on is None else compile_lines(anchor.on),
        undiscounted=rule.on is not None and rule.on.undiscounted,
        coupons=coupon_groups_of(rule.when),
        pick=_pick(rule),
        bundle=Counter(rule.give.skus) if isinstance(rule.give, GiveBundle) else None,
        looks_back=isinstance(rule.give, GiveMultiply),
        each=discount_each(rule.give) if rule.kind is Kind.DISCOUNT else None,
        total=_total(rule, value=value),
        limit=limit,
        caps=() if wallet is None else _caps(program.caps, wallet),
        verdicts=Verdicts.of(rule, program.lanes[lane.order].combine),
        hint=hinter_of(rule, program),
    )


def _total(rule: Rule, *, value: int) -> Total | None:
    """What the rule wants in all; None where it says so line by line, or gives pieces or prizes."""
    match rule.kind:
        case Kind.DISCOUNT:
            return None if discount_each(rule.give) is not None else discount_total(rule.give)
        case Kind.BONUS | Kind.CASHBACK:
            return accrual_total(rule.give, value=value)
        case Kind.REWARD | Kind.RANDOM_REWARD:
            if type(rule.give) not in _FORMS[rule.kind]:
                raise ValueError(f"{rule.give} is not what a {rule.kind} gives")
            return None
        case _:
            assert_never(rule.kind)


_FORMS = {Kind.REWARD: (GiveGift, GiveCoupon), Kind.RANDOM_REWARD: (GiveDraw,)}


def _limit(rule: Rule) -> CompiledLimit | None:
    limit = rule.limit
    if limit is None:
        return None
    return CompiledLimit(
        limit=limit,
        max_name=rule_max(rule.id),
        uses_name=rule_uses(rule.id),
        budget_name=rule_budget(rule.id),
        needs_customer=limit.customer_max is not None or limit.customer_uses is not None,
    )


def _caps(caps: Iterable[Cap], wallet: str) -> tuple[CompiledCap, ...]:
    return tuple(
        CompiledCap(cap.id, f"cap:{cap.id}", cap.max, cap.per, cap.period, cap.depth)
        for cap in caps
        if cap.wallet == wallet
    )


def _pick(rule: Rule) -> Pick | None:
    """Chosen units, all units of the lines where the reward counts them; None for lines whole."""
    if rule.on is not None and rule.on.units is not None:
        return partial(pick_units, rule.on.units)
    return pick_whole_units if counts_units(rule.give) else None


def _wallet(rule: Rule, program: Program) -> str | None:
    """The wallet that an accrual goes to, or the units that may be won; None for what doesn't accrue."""
    if rule.kind in (Kind.DISCOUNT, Kind.REWARD):
        return None
    wallet = rule.wallet or ("cashback" if rule.kind is Kind.CASHBACK else program.default_wallet)
    if wallet not in program.wallets:
        raise ValueError(f"rule {rule.id} names wallet {wallet}, which the program doesn't have")
    return wallet
