"""docs/program.md as a test reads it: scenes of a program, and calls with the answers that the book shows.

Fenced blocks say what they are behind their language:

    json program     a document; it begins a scene, with a customer of its own
    json customer    who that customer is (right behind the program); `json customer NAME` is one more customer
    http             a call: method and path in the first line, the body below
    json quote       a basket to quote        json basket    one to accrue: customer, key and receipt are added
    json return      a return of the scene's last purchase
    json answer      a part of the answer to the call before: members that are named match, lists match in full
    json refusal     likewise of a call that is refused
    clock            the time that it is from here on, by the database's clock
    sh, python       a command, a snippet; `text` or `json answer` behind a command is what it prints

Names in braces that the scene knows are replaced: `{customer}` and other customers by their ids; `{now}`,
`{in_an_hour}` and `{in_two_hours}` by times; and whatever an answer has put a name to: where it shows `"{code}"`, any
text matches and is called `code` from there on. "…" matches anything. Two members of a basket aren't sent in it: `key`
says whose key the call comes with (default: till T1 of shop S1), `language` which Accept-Language.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

BOOK = Path(__file__).parent.parent / "docs" / "program.md"
CALLS = frozenset({"http", "quote", "basket", "return"})
COMMANDS = frozenset({"sh"})
OTHERS = frozenset({"clock", "python"})
CUSTOMER = "customer"
ANYTHING = "…"

_FENCE = re.compile(r"^```(?P<info>.*)$")
_NAME = re.compile(r"\{([a-z_]+)\}")


@dataclass(slots=True)
class Step:
    """One thing done: `kind` of `CALLS`, `COMMANDS` or `OTHERS`, its text, and what the book shows of what came of it.

    `line` is that of the fence.
    """

    kind: str
    text: str
    line: int
    answer: Any = None
    is_refused: bool = False

    def filled(self, names: dict[str, Any]) -> str:
        """The text with the names that are known put in."""
        return _NAME.sub(lambda found: str(names.get(found[1], found[0])), self.text)


@dataclass(slots=True)
class Scene:
    """A program and what is done under it, in order. `customers` are profiles by name."""

    title: str
    line: int
    program: dict[str, Any]
    customers: dict[str, dict[str, Any]] = field(default_factory=lambda: {CUSTOMER: {}})
    steps: list[Step] = field(default_factory=list)


def scenes() -> list[Scene]:
    """All scenes of the book.

    Raises:
        ValueError: a block has no end, an unknown kind, or nothing before it that it could belong to.
    """
    found: list[Scene] = []
    for title, kind, line, text in _blocks():
        if kind == "program":
            found.append(Scene(f"{title} (line {line})", line, json.loads(text)))
        elif not found:
            raise ValueError(f"{BOOK.name}:{line}: a block before the first program")
        else:
            _add(found[-1], kind, line, text)
    return found


def _add(scene: Scene, kind: str, line: int, text: str) -> None:
    word, _, name = kind.partition(" ")
    last = scene.steps[-1] if scene.steps else None
    if word == CUSTOMER and not scene.steps:
        scene.customers[name or CUSTOMER] = json.loads(text)
    elif kind in CALLS | COMMANDS | OTHERS:
        scene.steps.append(Step(kind, text, line))
    elif kind in {"answer", "refusal"} and last is not None and last.kind in CALLS | COMMANDS and last.answer is None:
        last.answer, last.is_refused = json.loads(text), kind == "refusal"
    elif kind == "text" and last is not None and last.kind in COMMANDS and last.answer is None:
        last.answer = text
    elif kind != "text":
        raise ValueError(f"{BOOK.name}:{line}: a block of kind {kind} has no place here")


def _blocks() -> Iterator[tuple[str, str, int, str]]:
    """Section, kind, line and text of each block; blocks that aren't marked are for the reader alone."""
    section, opened, inside = "", None, list[str]()
    for number, line in enumerate(BOOK.read_text(encoding="utf-8").splitlines(), start=1):
        fence = _FENCE.match(line)
        if opened is None and line.startswith("#"):
            section = line.lstrip("# ")
        elif opened is None and fence:
            opened, inside = (fence["info"].strip(), number), []
        elif opened is not None and line == "```":
            if kind := opened[0].removeprefix("json").strip():
                yield section, kind, opened[1], "\n".join(inside)
            opened = None
        elif opened is not None:
            inside.append(line)
    if opened is not None:
        raise ValueError(f"{BOOK.name}:{opened[1]}: this block has no end")


def differences(shown: object, found: object, names: dict[str, Any], at: str = "") -> list[str]:
    """Where an answer isn't what the book shows of it. Names that the book gives are added to `names`."""
    if isinstance(shown, dict) and isinstance(found, dict):
        return [
            each
            for key, value in shown.items()
            for each in (
                differences(value, found[key], names, f"{at}/{key}")
                if key in found
                else [f"{at}/{key} is missing: {found}"]
            )
        ]
    if isinstance(shown, list) and isinstance(found, list):
        if len(shown) != len(found):
            return [f"{at}: {len(shown)} shown, {len(found)} found: {found}"]
        pairs = enumerate(zip(shown, found, strict=True))
        return [each for place, (one, other) in pairs for each in differences(one, other, names, f"{at}/{place}")]
    if shown == ANYTHING:
        return []
    if isinstance(shown, str):
        if (name := _NAME.fullmatch(shown)) and name[1] not in names:
            names[name[1]] = found
            return []
        shown = _NAME.sub(lambda each: str(names.get(each[1], each[0])), shown)
    return [] if shown == found and type(shown) is type(found) else [f"{at}: {shown!r} shown, {found!r} found"]
