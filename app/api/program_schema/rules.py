"""A rule, and what is said of it."""

from app.api.program_schema.gives import give_schemas
from app.api.program_schema.words import (
    Schema,
    any_of_members,
    by_language,
    counted_identifier,
    exactly_one,
    identifier,
    instant_or_null,
    listed,
    map_of,
    object_of,
    one_of,
    only_beside,
    template,
    text,
    whole,
    whole_or_null,
)
from app.domain.program import Algorithm, Kind, OnReturn, Period
from app.domain.programs.rules import KINDS_OF, PRIORITY_MAX
from app.domain.programs.texts import (
    ALIGNS,
    BLOCK_FORMS,
    BLOCKS_MAX,
    CODE_CHARS_MAX,
    COMPANIONS,
    FORMATS,
    READERS,
    TEXT_CHARS_MAX,
    TITLE_CHARS_MAX,
)

_UNIT = "in minor units, units of the wallet, or pieces"


def _limit() -> Schema:
    of_customer = {
        "max": whole_or_null(f"At most this much, {_UNIT}.", low=1),
        "uses": whole_or_null("Purchases in which the rule gave something.", low=1),
        "period": one_of(Period, "Local ones of the program.", default=Period.EVER.value),
    }
    members = {
        "receipt": whole_or_null(f"A purchase, {_UNIT}.", low=1),
        "customer": {
            **object_of(of_customer, "Each customer.", **any_of_members(("max", "uses"))),
            "type": ["object", "null"],
        },
        "budget": whole_or_null(f"All together, {_UNIT}.", low=1),
        "uses": whole_or_null("Purchases of all customers in which the rule gave something.", low=1),
    }
    limit = object_of(
        members,
        "How much the rule may give; random rewards count what their prizes cost, in minor units.",
        **any_of_members(members),
    )
    return {**limit, "type": ["object", "null"]}


def _texts(description: str) -> Schema:
    return by_language(template("", chars_max=TEXT_CHARS_MAX), description, minProperties=1)


def block_schema() -> Schema:
    """One printable block of the receipt."""
    members = {
        "text": _texts("One text."),
        "align": one_of(ALIGNS, "Of the text.", default="left"),
        "left": _texts("The left column."),
        "right": _texts("The right column."),
        "code": template("What the code says.", chars_max=CODE_CHARS_MAX),
        "format": one_of(FORMATS, "Of the code.", default="qr"),
        "divider": {"const": True, "description": "A line across."},
    }
    beside = {**COMPANIONS, "left": "right"}
    return object_of(
        members, "One of text, two columns, code, divider.", **exactly_one(BLOCK_FORMS), **only_beside(**beside)
    )


def _members() -> dict[str, Schema]:
    return {
        "id": counted_identifier("Unique; counters, entries and tickets name the rule by it, over all versions."),
        "kind": one_of(Kind, "discount makes cheaper, bonus and cashback accrue, rewards give things or luck."),
        "lane": identifier("A lane of this program; the first one unless named."),
        "priority": whole("High first; ties in the document's order.", low=-PRIORITY_MAX, high=PRIORITY_MAX, default=0),
        "enabled": {"type": "boolean", "default": True, "description": "false: as if it weren't there."},
        "from": instant_or_null("Included."),
        "until": instant_or_null("Not included."),
        "title": by_language(text(chars_max=TITLE_CHARS_MAX), 'By language, such as {"en": "…", "ru": "…"}.'),
        "when": {"$ref": "#/$defs/When"},
        "on": {"$ref": "#/$defs/Selection"},
        "give": {"type": "object", "description": "What, by kind."},
        "limit": _limit(),
        "cost": map_of(
            whole("Units.", low=1),
            identifier(""),
            "Units by wallet that it takes; such a rule applies only if redeem.rewards asks for it.",
            minProperties=1,
        ),
        "on_return": one_of(OnReturn, "What becomes of the prize then.", default=OnReturn.TAKE_BACK.value),
        "messages": object_of(
            {name: _texts(f"To the {name}.") for name in READERS}, "Said when the rule gave something."
        ),
        "receipt": listed({"$ref": "#/$defs/Block"}, "Printed then.", at_least=0, at_most=BLOCKS_MAX),
    }


def _by_kind() -> list[Schema]:
    cases: list[Schema] = []
    for kind, give in give_schemas().items():
        not_here = {name: False for name, kinds in KINDS_OF.items() if kind not in kinds}
        cases.append(
            {
                "if": {"required": ["kind"], "properties": {"kind": {"const": kind.value}}},
                "then": {"properties": {"give": give, **not_here}},
            }
        )
    return cases


def _together() -> list[Schema]:
    """What goes only with, or never with, something else."""
    algorithm = {"properties": {"algorithm": {"const": Algorithm.PACED.value}}}
    paced = {"give": {"required": ["draw"], "properties": {"draw": algorithm}}}
    there = {"not": {"type": "null"}}
    return [
        {
            "if": {"required": ["give"], "properties": {"give": {"type": "object", "required": ["bundle"]}}},
            "then": {"properties": {"on": {"properties": {"units": False}}}},
        },
        {
            "if": {"required": ["give"], "properties": paced},
            "then": {
                "required": ["from", "until", "limit"],
                "properties": {
                    "from": there,
                    "until": there,
                    "limit": {"type": "object", "required": ["budget"], "properties": {"budget": there}},
                },
            },
        },
    ]


def rule_schema() -> Schema:
    return object_of(
        _members(), "Conditions with one reward.", required=("id", "kind", "give"), allOf=[*_by_kind(), *_together()]
    )
