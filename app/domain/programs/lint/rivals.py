"""Rules of one lane that get in each other's way: those that always tie, and those that never have their turn."""

from collections.abc import Iterator, Sequence
from enum import IntEnum

from app.domain.program import Combine, EventIs, GiveAmount, GivePercent, GiveUnits, Kind, Program, Rule
from app.domain.programs.lint.findings import Notes, place_of, tests_of

_CHOOSING = (Combine.BEST, Combine.BEST_LINE, Combine.FIRST)


class Phase(IntEnum):
    """A lane works within one phase at a time: rules of other phases are no rivals."""

    DISCOUNTS = 1
    ACCRUALS = 2
    REWARDS = 3
    LUCK = 4


_PHASES = {
    Kind.DISCOUNT: Phase.DISCOUNTS,
    Kind.BONUS: Phase.ACCRUALS,
    Kind.CASHBACK: Phase.ACCRUALS,
    Kind.REWARD: Phase.REWARDS,
    Kind.RANDOM_REWARD: Phase.LUCK,
}


def phase_of(rule: Rule) -> Phase:
    return _PHASES[rule.kind]


def is_about_events(rule: Rule) -> bool:
    """Whether it applies to other acts than purchases only."""
    return any(isinstance(placed.test, EventIs) and placed.positive for placed in tests_of(rule))


def teams_of(program: Program, rules: Sequence[Rule]) -> Iterator[tuple[Combine, Phase, list[Rule]]]:
    """Rules that are combined with one another, in the order in which they are: by lane, by phase, by priority."""
    teams: dict[tuple[str, Phase], list[Rule]] = {}
    for rule in rules:
        teams.setdefault((rule.lane, phase_of(rule)), []).append(rule)
    for lane in program.lanes:
        for phase in Phase:
            if team := teams.get((lane.id, phase)):
                yield lane.combine, phase, sorted(team, key=lambda rule: (-rule.priority, rule.order))


def check_rivals(program: Program, rules: Sequence[Rule], notes: Notes) -> None:
    """`rules` are those that can apply."""
    for combine, phase, team in teams_of(program, rules):
        if combine not in _CHOOSING or phase is Phase.REWARDS:
            continue
        for place, rule in enumerate(team):
            _note_tie(rule, team[:place], combine, notes)
        if combine is Combine.FIRST:
            _note_shadows(team, notes)


def _note_tie(rule: Rule, earlier: Sequence[Rule], combine: Combine, notes: Notes) -> None:
    for other in earlier:
        # Rules with a cost are asked for one by one.
        if other.priority == rule.priority and not rule.cost and _terms(other) == _terms(rule):
            message = (
                f"Rules {other.id} and {rule.id} of lane {rule.lane} ({combine}) have the same conditions and give the "
                f"same: they always tie, and {rule.id}, the later one, never applies."
            )
            notes.warn(place_of(rule), "always_ties", message)
            return


def _terms(rule: Rule) -> tuple[object, ...]:
    """What decides when a rule applies and what it gives, save its lane and priority."""
    return rule.kind, rule.when, rule.on, rule.give, rule.wallet, rule.start, rule.end, rule.limit, bool(rule.cost)


def _note_shadows(team: Sequence[Rule], notes: Notes) -> None:
    """After a rule that always gives something no other one of a `first` lane has its turn."""
    first = next((rule for rule in team if _always_gives(rule)), None)
    if first is None:
        return
    for rule in team[team.index(first) + 1 :]:
        if not is_about_events(rule):
            message = (
                f"Rule {rule.id} comes after {first.id}, which has no conditions: in a lane that takes the first rule "
                f"that gives anything, it has its turn only where {first.id} comes to 0."
            )
            notes.warn(place_of(rule), "shadowed", message)


def _always_gives(rule: Rule) -> bool:
    is_free = rule.when is None and rule.on is None and rule.start is None and rule.end is None
    gives = isinstance(rule.give, GivePercent | GiveAmount | GiveUnits) or rule.kind is Kind.RANDOM_REWARD
    return is_free and gives and rule.limit is None and not rule.cost
