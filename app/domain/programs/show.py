"""How a mistake's sentence names what was found: short, printable, whatever the document holds."""

import json
from collections.abc import Iterable

TEXT_SHOWN_MAX = 40
NUMBER_SHOWN_MAX = 10**18  # Turning a number of thousands of digits into text costs time, or is refused by Python.


def show(value: object) -> str:
    """A value in a few words; containers and very large values are only described."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int():
            return f"the number {value}" if abs(value) < NUMBER_SHOWN_MAX else "a number of more than 18 digits"
        case float():
            return f"the fraction {value!r}"
        case str():
            return quote(value)
        case list():
            return f"a list of {len(value)}" if value else "an empty list"
        case dict():
            return "an object" if value else "an empty object"
        case _:
            return f"a {type(value).__name__}"


def quote(text: str) -> str:
    """Text in quotes, cut when long, without what can't be printed or encoded."""
    cut = text if len(text) <= TEXT_SHOWN_MAX else text[:TEXT_SHOWN_MAX] + "…"
    return json.dumps(cut.encode("utf-8", "replace").decode(), ensure_ascii=False)


def enumerate_names(names: Iterable[str]) -> str:
    """`a, b, c`."""
    return ", ".join(names)
