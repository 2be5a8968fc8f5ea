"""A program made ready to be evaluated many times: rules as closures, by phase and lane, in the order applied."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from app.domain.decision import Outcome, Verdict
from app.domain.program import Combine, GiveMultiply, Kind, Lane, Program, Rule
from app.domain.rules.conditions import compile_when, compile_window
from app.domain.rules.failures import Failure, Test
from app.domain.rules.picking import Picked, Stand, pick_lines, pick_whole_units
from app.domain.rules.rewards import Each, Total, accrual_total, counts_units, discount_each, discount_total
from app.domain.rules.selection import LineTest, compile_lines
from app.domain.rules.units import pick_units

Pick = Callable[[Sequence[int], Stand], Picked | None]  # At the places that a rule selects.


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What can be said of a rule without a figure: made once, since most rules don't apply to most baskets."""

    applied: Verdict
    disabled: Verdict
    anonymous: Verdict
    unmatched: Verdict
    gives_nothing: Verdict
    outdone: Verdict

    @classmethod
    def of(cls, rule: str, combine: Combine) -> "Verdicts":
        return cls(
            applied=Verdict(rule, Outcome.APPLIED),
            disabled=Verdict(rule, Outcome.SKIPPED, "enabled", True, False),
            anonymous=Verdict(rule, Outcome.SKIPPED, "customer"),
            unmatched=Verdict(rule, Outcome.SKIPPED, "on"),
            gives_nothing=Verdict(rule, Outcome.SKIPPED, "gives_nothing"),
            outdone=Verdict(rule, Outcome.OUTDONE, combine.value),
        )

    def failed(self, failure: Failure) -> Verdict:
        return Verdict(self.applied.rule, Outcome.SKIPPED, failure.because, failure.need, failure.have)

    def cut(self, *, limited_by: str, wanted: int) -> Verdict:
        """A limit left nothing of what the rule wanted."""
        return Verdict(self.applied.rule, Outcome.SKIPPED, limited_by, wanted, 0)


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """`place` is the rule's place in the document. `matches` is None where every line is selected, `window` and
    `test` where always.

    `wallet` is None for discounts; `unit_value` is what amounts of different rules are compared by: 1 for discounts.
    A discount has `each` or `total`, an accrual `total`.
    """

    id: str
    kind: str
    place: int
    wallet: str | None
    unit_value: int
    window: Test | None
    test: Test | None
    matches: LineTest | None
    undiscounted: bool
    pick: Pick
    looks_back: bool  # Whether it multiplies what earlier lanes gave.
    each: Each | None
    total: Total | None
    verdicts: Verdicts


@dataclass(frozen=True, slots=True)
class CompiledLane:
    """The rules of one lane that work in one phase, in order."""

    combine: Combine
    rules: tuple[CompiledRule, ...]
    looks_back: bool


@dataclass(frozen=True, slots=True)
class CompiledProgram:
    """A program and its compiled rules; only lanes that have rules in a phase are in it. `disabled` never apply."""

    program: Program
    discounts: tuple[CompiledLane, ...]
    accruals: tuple[CompiledLane, ...]
    disabled: tuple[CompiledRule, ...]


def compile_program(program: Program) -> CompiledProgram:
    """Compile once a version; what it makes is immutable and shared by all evaluations.

    Raises:
        ValueError: a rule's reward doesn't fit its kind, or a rule names a lane, wallet or tier that isn't there
            (`app.domain.programs` refuses such documents).
    """
    combines = {lane.id: lane.combine for lane in program.lanes}
    for rule in program.rules:
        if rule.lane not in combines:
            raise ValueError(f"rule {rule.id} names lane {rule.lane}, which the program doesn't have")
    pairs = [
        (rule, _compile_rule(rule, place, combines[rule.lane], program)) for place, rule in enumerate(program.rules)
    ]
    live = [pair for pair in pairs if pair[0].enabled]
    return CompiledProgram(
        program=program,
        discounts=_lanes(program.lanes, (pair for pair in live if pair[0].kind is Kind.DISCOUNT)),
        accruals=_lanes(program.lanes, (pair for pair in live if pair[0].kind is not Kind.DISCOUNT)),
        disabled=tuple(compiled for rule, compiled in pairs if not rule.enabled),
    )


def _lanes(lanes: Iterable[Lane], pairs: Iterable[tuple[Rule, CompiledRule]]) -> tuple[CompiledLane, ...]:
    """Lanes in the program's order; in a lane by priority, high first, then in the document's order."""
    ordered = sorted(pairs, key=lambda pair: (-pair[0].priority, pair[0].order))
    compiled = []
    for lane in lanes:
        members = tuple(member for rule, member in ordered if rule.lane == lane.id)
        if members:
            compiled.append(CompiledLane(lane.combine, members, any(member.looks_back for member in members)))
    return tuple(compiled)


def _compile_rule(rule: Rule, place: int, combine: Combine, program: Program) -> CompiledRule:
    on = rule.on
    wallet = _wallet(rule, program)
    value = 1 if wallet is None else program.wallets[wallet].value
    each = discount_each(rule.give) if wallet is None else None
    if wallet is not None:
        total: Total | None = accrual_total(rule.give, value=value)
    else:
        total = None if each is not None else discount_total(rule.give)
    has_window = rule.start is not None or rule.end is not None
    return CompiledRule(
        id=rule.id,
        kind=rule.kind.value,
        place=place,
        wallet=wallet,
        unit_value=value,
        window=compile_window(start=rule.start, end=rule.end) if has_window else None,
        test=None if rule.when is None else compile_when(rule.when, program),
        matches=None if on is None else compile_lines(on),
        undiscounted=on is not None and on.undiscounted,
        pick=_pick(rule),
        looks_back=isinstance(rule.give, GiveMultiply),
        each=each,
        total=total,
        verdicts=Verdicts.of(rule.id, combine),
    )


def _pick(rule: Rule) -> Pick:
    """Chosen units, all units of the lines where the reward counts them, or lines whole."""
    if rule.on is not None and rule.on.units is not None:
        return partial(pick_units, rule.on.units)
    return pick_whole_units if counts_units(rule.give) else pick_lines


def _wallet(rule: Rule, program: Program) -> str | None:
    """The wallet an accrual goes to; None for a discount."""
    if rule.kind is Kind.DISCOUNT:
        return None
    wallet = rule.wallet or ("cashback" if rule.kind is Kind.CASHBACK else program.default_wallet)
    if wallet not in program.wallets:
        raise ValueError(f"rule {rule.id} names wallet {wallet}, which the program doesn't have")
    return wallet
