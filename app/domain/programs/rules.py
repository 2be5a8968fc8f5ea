"""Rules: conditions with one reward, in a lane."""

from functools import partial

from app.domain.program import (
    Algorithm,
    GiveBundle,
    GiveDraw,
    GiveUnits,
    Kind,
    OnReturn,
    Rule,
)
from app.domain.programs.bounds import read_bounds
from app.domain.programs.conditions import positive_tests, read_when
from app.domain.programs.gives import Given, read_give
from app.domain.programs.limits import read_cost, read_limit
from app.domain.programs.names import Names, note_repeated_ids
from app.domain.programs.reader import Cursor, Fields, Shape
from app.domain.programs.selection import read_selection
from app.domain.programs.texts import read_messages, read_receipt, read_title
from app.domain.programs.values import counted_identifier, flag, identifier, instant, integer, known, one_of, or_null

RULES_MAX = 1_000
PRIORITY_MAX = 10**9

_SCHEME = ("id", "kind", "lane", "priority", "enabled", "from", "until")
_MECHANICS = ("title", "when", "on", "give", "limit", "cost", "on_return", "messages", "receipt")
_RULE = Shape("a rule", (*_SCHEME, *_MECHANICS))
_PIECES = (Kind.REWARD, Kind.RANDOM_REWARD)
# What only some kinds know.
KINDS_OF = {"cost": (Kind.DISCOUNT, Kind.REWARD), "on_return": _PIECES}


def read_rules(names: Names, at: Cursor) -> tuple[Rule, ...]:
    """Rules in the document's order; a disabled one has to be as right as the others."""
    places = at.elements(at_least=0, at_most=RULES_MAX)
    rules = tuple(place.read(partial(_rule, names, order)) for order, place in enumerate(places))
    note_repeated_ids(at)
    return rules


def _rule(names: Names, order: int, at: Cursor) -> Rule:
    fields = Fields(at, _RULE)
    kind = fields.need("kind", one_of(Kind))
    # Of a kind that isn't known nothing can be said about what it gives.
    given = fields.need("give", partial(read_give, kind, names) if fields.is_sound("kind") else _unread)
    start, end = read_bounds(fields, instant, "from", "until")
    if fields.is_sound("from", "until") and start is not None and start == end:
        fields.fault("until", "wrong_order", "Expected until to be later than from, found the same instant.")
    given = given or Given(GiveUnits(0))
    rule = Rule(
        id=fields.need("id", counted_identifier),
        kind=kind,
        lane=fields.get("lane", known(identifier, names.lanes, "lane"), names.lanes[0] if names.lanes else ""),
        priority=fields.get("priority", integer(-PRIORITY_MAX, PRIORITY_MAX), 0),
        order=order,
        give=given.give,
        wallet=given.wallet,
        enabled=fields.get("enabled", flag, True),
        start=start,
        end=end,
        title=fields.get("title", read_title, {}),
        when=fields.get("when", partial(read_when, names), None),
        on=fields.get("on", read_selection, None),
        activate_after_days=given.activate_after_days,
        has_own_expiry=given.has_own_expiry,
        expire_after_days=given.expire_after_days,
        cost=fields.get("cost", partial(read_cost, names), {}),
        limit=fields.get("limit", or_null(read_limit), None),
        on_return=fields.get("on_return", one_of(OnReturn), OnReturn.TAKE_BACK),
        messages=fields.get("messages", read_messages, ()),
        receipt=fields.get("receipt", read_receipt, ()),
    )
    if fields.is_sound("kind"):
        _note_contradictions(fields, rule)
    return rule


def _unread(_at: Cursor) -> None:
    return None


def _note_contradictions(fields: Fields, rule: Rule) -> None:
    """What is right by itself but not together."""
    for name, kinds in KINDS_OF.items():
        if name in fields.names() and rule.kind not in kinds:
            allowed = " and ".join(f"{kind} rules" for kind in kinds)
            fields.fault(
                name, "not_allowed_here", f"Expected {name} only in {allowed}, found it in a {rule.kind} rule."
            )
    if not fields.is_sound("give", "when", "on", "limit", "from", "until"):
        return
    if isinstance(rule.give, GiveBundle) and rule.on is not None and rule.on.units is not None:
        at = fields.place("on")
        at.child("units").note("not_allowed_here", "Expected no units beside a bundle, which counts sets by itself.")
    if isinstance(rule.give, GiveDraw) and rule.give.algorithm is Algorithm.PACED:
        _need_campaign(fields, rule)
    if not isinstance(rule.give, GiveUnits) and rule.kind is not Kind.REWARD:
        for test in positive_tests(fields.place("when"), "event"):
            test.note(
                "not_allowed_here",
                "Expected event only in bonus rules that give units and in reward rules, because an act other than a "
                f"purchase has no basket; found it in a {rule.kind} rule.",
            )


def _need_campaign(fields: Fields, rule: Rule) -> None:
    """A paced draw spends a budget over a time: both have to be there."""
    sentence = "Expected {} in a rule with a paced draw, which spends its budget evenly over its time; found none."
    if rule.start is None:
        fields.fault("from", "required", sentence.format("from"))
    if rule.end is None:
        fields.fault("until", "required", sentence.format("until"))
    if rule.limit is None or rule.limit.budget is None:
        limit = fields.place("limit")
        limit.child("budget").note("required", sentence.format("limit.budget"))
