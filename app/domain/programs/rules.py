"""Rules: conditions with one reward, in a lane."""

import re
from collections.abc import Mapping
from functools import partial

from app.domain.program import GiveUnits, Kind, Rule
from app.domain.programs.bounds import read_bounds
from app.domain.programs.conditions import read_when
from app.domain.programs.gives import read_give
from app.domain.programs.names import Names, note_repeated_ids
from app.domain.programs.reader import Cursor, Fields, Shape
from app.domain.programs.selection import read_selection
from app.domain.programs.show import show
from app.domain.programs.values import flag, identifier, instant, integer, known, one_of, text

RULES_MAX = 1_000
PRIORITY_MAX = 10**9
TITLE_CHARS_MAX = 200
LANGUAGES_MAX = 50

_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}")
_RULE = Shape(
    "a rule",
    ("id", "kind", "lane", "priority", "enabled", "from", "until", "title", "when", "on", "give"),
    later=frozenset({"cost", "limit", "on_return", "template", "templates", "message", "messages"}),
)
_LATER_KINDS = ("reward", "random_reward")


def read_rules(names: Names, at: Cursor) -> tuple[Rule, ...]:
    """Rules in the document's order; a disabled one has to be as right as the others."""
    places = at.elements(at_least=0, at_most=RULES_MAX)
    rules = tuple(place.read(partial(_rule, names, order)) for order, place in enumerate(places))
    note_repeated_ids(at)
    return rules


def _rule(names: Names, order: int, at: Cursor) -> Rule:
    fields = Fields(at, _RULE)
    kind = fields.need("kind", one_of(Kind, later=_LATER_KINDS))
    # Of a kind that isn't known nothing can be said about what it gives.
    given = fields.need("give", partial(read_give, kind, names) if fields.is_sound("kind") else _unread)
    start, end = read_bounds(fields, instant, "from", "until")
    if fields.is_sound("from", "until") and start is not None and start == end:
        fields.fault("until", "wrong_order", "Expected until to be later than from, found the same instant.")
    give, wallet = given or (GiveUnits(0), None)
    return Rule(
        id=fields.need("id", identifier),
        kind=kind,
        lane=fields.get("lane", known(identifier, names.lanes, "lane"), names.lanes[0] if names.lanes else ""),
        priority=fields.get("priority", integer(-PRIORITY_MAX, PRIORITY_MAX), 0),
        order=order,
        give=give,
        wallet=wallet,
        enabled=fields.get("enabled", flag, True),
        start=start,
        end=end,
        title=fields.get("title", _title, {}),
        when=fields.get("when", partial(read_when, names), None),
        on=fields.get("on", read_selection, None),
    )


def _unread(_at: Cursor) -> None:
    return None


def _title(at: Cursor) -> Mapping[str, str]:
    """`{"en": "…", "ru": "…"}`."""
    members = at.members("an object of titles by language")
    if len(members) > LANGUAGES_MAX:
        raise at.wrong("too_long", f"titles in at most {LANGUAGES_MAX} languages")
    for key, place in members:
        if not _LANGUAGE.fullmatch(key):
            place.note("wrong_form", f'Expected a language tag such as "en" or "pt-BR", found {show(key)}.')
    return {key: place.read(text(TITLE_CHARS_MAX)) for key, place in members}
