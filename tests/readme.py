"""README.md as a test reads it: its commands with the answers it shows, and its tables."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"

COMMANDS = frozenset({"sh", "console"})
ANSWERS = frozenset({"json", "text"})
OTHERS = frozenset({"mermaid"})

_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\S*)$")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block, its indentation taken off. `line` is that of the fence."""

    language: str
    text: str
    section: str
    line: int


@dataclass(frozen=True, slots=True)
class Step:
    """A command, and the answer shown right after it, if one is."""

    command: str
    section: str
    line: int
    answer: Block | None = None


def blocks() -> Iterator[Block]:
    """All fenced blocks in their order."""
    section, opened, inside = "", None, list[str]()
    for number, line in enumerate(README.read_text(encoding="utf-8").splitlines(), start=1):
        fence = _FENCE.match(line)
        if opened is None and line.startswith("## "):
            section = line.removeprefix("## ")
        elif opened is None and fence:
            opened, inside = (fence, number), []
        elif opened is not None and line == f"{opened[0]['indent']}```":
            indent = len(opened[0]["indent"])
            text = "".join(f"{each[indent:]}\n" for each in inside)
            yield Block(opened[0]["language"], text, section, opened[1])
            opened = None
        elif opened is not None:
            inside.append(line)
    if opened is not None:
        raise ValueError(f"README.md:{opened[1]}: this block has no end")


def steps() -> list[Step]:
    """All commands in their order, each with its answer.

    Raises:
        ValueError: a block of a language that nothing here knows, or an answer without a command before it.
    """
    found: list[Step] = []
    before: Block | None = None
    for block in blocks():
        if block.language in COMMANDS:
            found += [Step(command, block.section, block.line) for command in split_commands(block)]
        elif block.language in ANSWERS:
            if before is None or before.language not in COMMANDS:
                raise ValueError(f"README.md:{block.line}: an answer to no command")
            found[-1] = replace(found[-1], answer=block)
        elif block.language not in OTHERS:
            raise ValueError(f"README.md:{block.line}: no test knows what to do with {block.language or 'this'}")
        before = block
    return found


def split_commands(block: Block) -> Iterator[str]:
    """The commands of a block: a line each, or several where a line ends in a backslash or inside quotes."""
    pending = ""
    for line in block.text.splitlines(keepends=True):
        pending += line
        if pending.endswith("\\\n") or not _is_closed(pending):
            continue
        if command := pending.strip():
            yield command
        pending = ""
    if pending.strip():
        raise ValueError(f"README.md:{block.line}: this command has no end")


def _is_closed(text: str) -> bool:
    try:
        shlex.split(text)
    except ValueError:
        return False
    return True


def table(section: str) -> list[tuple[str, ...]]:
    """The rows of the first table of a section, without its head; cells without their backquotes."""
    text = README.read_text(encoding="utf-8").partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    lines = [line for line in text.splitlines() if line.startswith("|")]
    rows = [tuple(cell.strip() for cell in line.strip("|").split(" | ")) for line in lines[2:]]
    return [tuple(re.sub(r"^`(.*)`$", r"\1", cell) for cell in row) for row in rows]


def links() -> set[str]:
    """Where links of this file lead, other than to addresses and to places in it."""
    targets = re.findall(r"\]\(([^)\s]+)\)", README.read_text(encoding="utf-8"))
    return {target.partition("#")[0] for target in targets if "://" not in target and not target.startswith("#")}
