"""Classic bugs, planted one at a time in a process of the service, to see that the suite catches them.

Each is a function that changes the running code, called before the command starts. It says under which accidents it
shows, and which checks are expected to catch it. Nothing of this is in `app`.
"""

import importlib
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.flows.asks import Ask

Sow = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Plant:
    """faults: what a short run with it goes through, in that order; caught_by: names of checks, any of them will do;
    commands: the processes that have the bug; emphasis: what tills do more often than usual.
    """

    name: str
    sow: Sow
    faults: Sequence[str]
    caught_by: frozenset[str]
    commands: frozenset[str]
    meaning: str
    emphasis: str


_PLANTS: dict[str, Plant] = {}


def plant(
    name: str,
    *,
    faults: Sequence[str],
    caught_by: Sequence[str],
    commands: Sequence[str] = ("serve", "jobs"),
    emphasis: str = "usual",
    is_locked: bool = False,
) -> Callable[[Sow], Sow]:
    """Registers a bug; its docstring says what it is.

    is_locked: the bug is in a round that locks what it reads, so all do.
    """

    def register(sow: Sow) -> Sow:
        meaning = " ".join((sow.__doc__ or "").split())

        def sow_under_locks() -> None:
            setattr(Ask, "is_usual", False)  # noqa: B010 - mypy knows it as a property
            sow()

        _PLANTS[name] = Plant(
            name,
            sow_under_locks if is_locked else sow,
            faults,
            frozenset(caught_by),
            frozenset(commands),
            meaning,
            emphasis,
        )
        return sow

    return register


def replaced(text: str, part: str, by: str) -> str:
    """The text with another part: what is planted must change something.

    Raises:
        RuntimeError: the part isn't there, once.
    """
    if text.count(part) != 1:
        raise RuntimeError(f"the code has changed: {part!r} is there {text.count(part)} times")
    return text.replace(part, by)


def all_plants() -> dict[str, Plant]:
    """By name, in alphabetical order."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return dict(sorted(_PLANTS.items()))


def sow(name: str, *, command: str) -> None:
    """Plants the bug in this process, if it is of those that have it. Raises `KeyError` for one that isn't there."""
    chosen = all_plants()[name]
    if command in chosen.commands:
        chosen.sow()
