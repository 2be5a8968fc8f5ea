"""Rules that can never apply, or that can never give anything."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from app.domain.amounts import MICRO
from app.domain.program import (
    EventIs,
    GiveAmount,
    GiveAmountEach,
    GiveBundle,
    GiveMultiply,
    GivePer,
    GiveSteps,
    GiveUnits,
    GiveUnitsEach,
    Kind,
    Lists,
    Program,
    Rule,
    Selection,
)
from app.domain.programs.lint.contradictions import contradiction, dates_of
from app.domain.programs.lint.findings import Notes, place_of, tests_of
from app.domain.programs.lint.ways import Way, ways_of

ACCRUALS = (Kind.BONUS, Kind.CASHBACK)


def check_possibility(program: Program, notes: Notes, *, now: datetime) -> tuple[Rule, ...]:
    """Note what can't apply; returns the rules that can, for the other checks to look at."""
    alive = []
    for rule in program.rules:
        if not rule.enabled:
            notes.inform(place_of(rule, "enabled"), "disabled", f"Rule {rule.id} is disabled: it never applies.")
        elif _can_apply(program, rule, notes, now=now) and _can_give(program, rule, notes):
            alive.append(rule)
    return tuple(alive)


def _can_apply(program: Program, rule: Rule, notes: Notes, *, now: datetime) -> bool:
    if rule.end is not None and rule.end <= now:
        notes.warn(
            place_of(rule, "until"), "over", f"Rule {rule.id} ended at {rule.end.isoformat()}: it never applies."
        )
        return False
    ways = ways_of(rule.when)
    if ways is None:
        return True
    words = [contradiction(way) for way in ways]
    open_ways = [way for way, word in zip(ways, words, strict=True) if word is None]
    if not open_ways:
        names = ", ".join(sorted({word for word in words if word is not None}))
        notes.error(
            place_of(rule, "when"),
            "never_true",
            f"The conditions of rule {rule.id} can't hold together ({names}): it never applies.",
        )
        return False
    return _is_in_time(program, rule, notes, open_ways, now=now) and _selects(rule, notes)


def _is_in_time(program: Program, rule: Rule, notes: Notes, ways: Sequence[Way], *, now: datetime) -> bool:
    """Whether there is a way whose dates aren't over and lie within the rule's own window."""
    today = now.astimezone(program.timezone).date()
    start = None if rule.start is None else rule.start.astimezone(program.timezone).date()
    end = None if rule.end is None else rule.end.astimezone(program.timezone).date()
    is_over = True
    for way in ways:
        first, last = dates_of(test for test, positive in way if positive)
        if last is None or last >= today:
            is_over = False
            if not (last is not None and start is not None and last < start) and not (
                first is not None and end is not None and first > end
            ):
                return True
    if is_over:
        notes.warn(place_of(rule, "when"), "over", f"The dates of rule {rule.id} are over: it never applies.")
    else:
        message = f"The dates of rule {rule.id} lie outside its from and until: it never applies."
        notes.error(place_of(rule, "when"), "never_true", message)
    return False


def _selects(rule: Rule, notes: Notes) -> bool:
    if any(isinstance(placed.test, EventIs) and placed.positive for placed in tests_of(rule)):
        return _fits_an_event(rule, notes)
    if rule.on is None:
        return True
    if rule.on.exclude is not None and (name := _swallowed(rule.on.lists, rule.on.exclude)):
        message = f"Rule {rule.id} excludes every {name} that it selects: no line is left."
        notes.error(place_of(rule, "on", "exclude", name), "nothing_selected", message)
        return False
    if isinstance(rule.give, GiveBundle) and not _has_bundle(rule.on, rule.give):
        message = f"Rule {rule.id} needs articles for its bundle that its on leaves out: there is never a whole set."
        notes.error(place_of(rule, "on", "sku"), "nothing_selected", message)
        return False
    return True


def _fits_an_event(rule: Rule, notes: Notes) -> bool:
    """An act other than a purchase has no lines, and nothing can be asked for with it."""
    if rule.on is not None:
        message = f"Rule {rule.id} is about an event, which has no lines to select: it never applies."
        notes.error(place_of(rule, "on"), "never_true", message)
        return False
    if rule.cost:
        message = (
            f"Rule {rule.id} is about an event, but has a cost that only a purchase can ask for: it never applies."
        )
        notes.error(place_of(rule, "cost"), "never_true", message)
        return False
    return True


def _swallowed(lists: Lists, out: Lists) -> str | None:
    """The named list each member of which is excluded."""
    for name in ("sku", "brand", "tag"):
        named, excluded = getattr(lists, name), getattr(out, name)
        if named is not None and excluded is not None and named <= excluded:
            return name
    if (
        lists.category is not None
        and out.category is not None
        and all(_is_under(path, out.category) for path in lists.category)
    ):
        return "category"
    return None


def _is_under(path: str, categories: Iterable[str]) -> bool:
    return any(path == category or path.startswith(f"{category}/") for category in categories)


def _has_bundle(on: Selection, bundle: GiveBundle) -> bool:
    skus = set(bundle.skus)
    if on.lists.sku is not None and not skus <= on.lists.sku:
        return False
    return on.exclude is None or on.exclude.sku is None or skus.isdisjoint(on.exclude.sku)


def _can_give(program: Program, rule: Rule, notes: Notes) -> bool:
    match rule.give:
        case GiveAmount(0) | GiveAmountEach(0) | GiveUnits(0) | GiveUnitsEach(0) | GivePer(_, 0):
            why = "gives 0"
        case GiveMultiply(factor) if factor <= MICRO:
            why = "multiplies by 1, which adds nothing"
        case GiveMultiply() if not _has_earlier(program, rule):
            why = f"multiplies what earlier lanes gave in {rule.wallet}, but none of their rules gives any"
        case GiveSteps(steps) if not any(step.rate or step.amount for step in steps):
            why = "has only steps of 0"
        case _:
            return True
    notes.warn(place_of(rule, "give"), "gives_nothing", f"Rule {rule.id} {why}: it never gives anything.")
    return False


def _has_earlier(program: Program, rule: Rule) -> bool:
    """Whether a rule of an earlier lane accrues to the wallet that is multiplied."""
    places = {lane.id: place for place, lane in enumerate(program.lanes)}
    return any(
        other.enabled
        and other.kind in ACCRUALS
        and other.wallet == rule.wallet
        and places[other.lane] < places[rule.lane]
        for other in program.rules
    )
