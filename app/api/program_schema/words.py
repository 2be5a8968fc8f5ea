"""JSON Schema's words for the values of the document: whole numbers, decimal strings, ids, times, lists, objects.

Bounds are the reader's own, by their names; decimal strings have theirs in a pattern, so that an editor refuses what
the reader would. Patterns are ECMA's and mean the same in Python, except that `$` here also lets a line feed through.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from app.domain.amounts import AMOUNT_MAX, QUANTITY_MAX_MILLI
from app.domain.programs.texts import LANGUAGE_PATTERN, LANGUAGES_MAX, PLACEHOLDERS
from app.domain.programs.values import DAYS_MAX, ID_CHARS_MAX, LIST_MAX, TEXT_CHARS_MAX

Schema = dict[str, Any]

_FRACTION: Final = r"(\.[0-9]{1,%d})?"
_NOTHING: Final = r"(?!0(\.0*)?$)"  # Not 0, however it is written.


def whole(description: str, *, low: int = 0, high: int = AMOUNT_MAX, **more: Any) -> Schema:
    """An integer; `more` are other words of the schema, such as `default`."""
    return {"type": "integer", "minimum": low, "maximum": high, "description": description, **more}


def whole_or_null(description: str, *, low: int = 0, high: int = AMOUNT_MAX, **more: Any) -> Schema:
    return {**whole(description, low=low, high=high, **more), "type": ["integer", "null"]}


def days_or_null(description: str, *, low: int = 0) -> Schema:
    return whole_or_null(description, low=low, high=DAYS_MAX)


def text(description: str = "", *, chars_max: int = TEXT_CHARS_MAX, **more: Any) -> Schema:
    described = {"description": description} if description else {}
    return {"type": "string", "minLength": 1, "maxLength": chars_max, **described, **more}


def identifier(description: str) -> Schema:
    return text(description, chars_max=ID_CHARS_MAX, pattern=r"^\S+$")


def counted_identifier(description: str) -> Schema:
    return text(description, chars_max=ID_CHARS_MAX, pattern=r"^[^\s/]+$")


def decimal(description: str, pattern: str, *examples: str) -> Schema:
    return {"type": "string", "pattern": pattern, "description": description, "examples": list(examples)}


def percent(description: str, *, digits: int = 2) -> Schema:
    """Above 0, at most 10 to the power of `digits`."""
    top = rf"1{'0' * digits}(\.0{{1,4}})?"
    below = rf"(0|[1-9][0-9]{{0,{digits - 1}}}){_FRACTION % 4}"
    return decimal(description, f"^{_NOTHING}({top}|{below})$", "10", "2.5")


def share(description: str, *, has_nothing: bool, has_whole: bool, example: str) -> Schema:
    """From 0 to 1, with or without the two."""
    forms = [rf"0{_FRACTION % 6}", *([r"1(\.0{1,6})?"] if has_whole else [])]
    return decimal(description, f"^{'' if has_nothing else _NOTHING}({'|'.join(forms)})$", example)


def factor(description: str) -> Schema:
    """From 1 to 1,000."""
    return decimal(description, rf"^(1000(\.0{{1,6}})?|[1-9][0-9]{{0,2}}{_FRACTION % 6})$", "2", "1.5")


def quantity_or_null(description: str) -> Schema:
    high = QUANTITY_MAX_MILLI // 1_000
    return {
        "description": description,
        "anyOf": [
            {"type": ["integer", "null"], "minimum": 1, "maximum": high},
            decimal("", rf"^{_NOTHING}({high}(\.0{{1,3}})?|(0|[1-9][0-9]{{0,5}}){_FRACTION % 3})$", "0.345"),
        ],
    }


def instant_or_null(description: str) -> Schema:
    pattern = (
        r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?"
        r"([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$"
    )
    return {"type": ["string", "null"], "format": "date-time", "pattern": pattern, "description": description}


def one_of(words: Iterable[str], description: str, **more: Any) -> Schema:
    return {"enum": [str(word) for word in words], "description": description, **more}


def listed(items: Schema, description: str = "", *, at_least: int = 1, at_most: int = LIST_MAX) -> Schema:
    described = {"description": description} if description else {}
    return {"type": "array", "items": items, "minItems": at_least, "maxItems": at_most, **described}


def one_or_listed(items: Schema, description: str) -> Schema:
    return {"description": description, "anyOf": [items, listed(items)]}


def object_of(
    properties: Mapping[str, Schema], description: str = "", *, required: Iterable[str] = (), **more: Any
) -> Schema:
    """An object with these members and no others."""
    described = {"description": description} if description else {}
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": dict(properties),
        **({"required": list(required)} if required else {}),
        **described,
        **more,
    }


def map_of(values: Schema, keys: Schema, description: str, **more: Any) -> Schema:
    """An object whose keys are free."""
    keys = {name: value for name, value in keys.items() if name != "description"}
    return {
        "type": "object",
        "propertyNames": keys,
        "additionalProperties": values,
        "description": description,
        **more,
    }


def any_of_members(names: Iterable[str]) -> Schema:
    """At least one of these members is there and isn't null."""
    return {"anyOf": [{"required": [name], "properties": {name: {"not": {"type": "null"}}}} for name in names]}


def exactly_one(names: Iterable[str]) -> Schema:
    return {"oneOf": [{"required": [name]} for name in names]}


def only_beside(**companions: str) -> Schema:
    """Members that are only allowed beside another one."""
    return {"dependentRequired": {name: [companion] for name, companion in companions.items()}}


def template(description: str, *, chars_max: int) -> Schema:
    """Text with placeholders."""
    return text(description, chars_max=chars_max, pattern=rf"^([^{{}}]|\{{({'|'.join(PLACEHOLDERS)})\}})*$")


def by_language(values: Schema, description: str, **more: Any) -> Schema:
    keys = {"pattern": f"^{LANGUAGE_PATTERN}$"}
    return map_of(values, keys, description, maxProperties=LANGUAGES_MAX, **more)
