"""What holds between the elements of a list: ids without repeats, rising bounds, and names that rules may refer to.

These look at the document itself, not at what was made of it, so a mistake inside one element doesn't hide those
between the others.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar, cast

from app.domain.programs.reader import Cursor
from app.domain.programs.show import show

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Names:
    """Ids that the document defines, in its order. None: they can't be made out, and references aren't judged."""

    wallets: tuple[str, ...] | None
    tiers: tuple[str, ...] | None
    lanes: tuple[str, ...] | None


def peek(at: Cursor, member: str, kind: type[T]) -> list[tuple[Cursor, T]]:
    """The `member` of each element of a list, where it is there and of that kind."""
    places = [each for each in _elements(at) if isinstance(each.value, dict)]
    found = [each.child(member, cast("dict[str, object]", each.value).get(member)) for each in places]
    return [(each, each.value) for each in found if type(each.value) is kind]


def ids_in(at: Cursor) -> tuple[str, ...] | None:
    """The ids of a list's elements; None where not each of them has one."""
    if not isinstance(at.value, list):
        return None
    ids = tuple(name for _, name in peek(at, "id", str))
    return ids if len(ids) == len(at.value) else None


def note_repeated_ids(at: Cursor) -> None:
    """Note each element whose id an earlier one has."""
    _note_repeats(peek(at, "id", str))


def note_repeated_texts(at: Cursor) -> None:
    """Note each text of a list that was in it before."""
    _note_repeats([(each, each.value) for each in _elements(at) if isinstance(each.value, str)])


def note_falling(at: Cursor, member: str) -> None:
    """Note each element whose number isn't above the one before."""
    found = peek(at, member, int)
    for (_, before), (place, number) in pairwise(found):
        if number <= before:
            place.note("wrong_order", f"Expected a number above the one before ({show(before)}), found {show(number)}.")


def _elements(at: Cursor) -> list[Cursor]:
    return [at.child(place, each) for place, each in enumerate(at.value)] if isinstance(at.value, list) else []


def _note_repeats(found: Sequence[tuple[Cursor, str]]) -> None:
    first: dict[str, Cursor] = {}
    for place, name in found:
        if name in first:
            place.note(
                "duplicate", f"Expected each only once, found {show(name)} again (first at {first[name].pointer})."
            )
        first.setdefault(name, place)
