"""A cursor over a parsed JSON document that knows where it is and notes everything that is wrong.

A reader is a function from a cursor to a value: `Reader[T] = Callable[[Cursor], T]`. It either returns the value or
raises what `Cursor.wrong` made, having noted the mistake. `Cursor.read` runs a reader and goes on after a mistake, so
that one pass finds all of them. What `read` returns in place of a value that couldn't be read is a stand-in which
nobody may look at: whoever compares two members asks `Fields.is_sound` first, and a document with a single fault never
becomes a program.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar, cast

from app.domain.programs.show import enumerate_names, show
from app.domain.rejections import Fault

T = TypeVar("T")
D = TypeVar("D")

FAULTS_MAX = 1_000  # Nobody reads more, and a hostile document of 4 MiB could hold half a million of them.
KEY_SHOWN_MAX = 200  # A longer key is reported at its object instead of being part of a pointer.


class ProgramInvalid(Exception):
    """The document isn't a program; `faults` holds every mistake in it, in the order of reading, at least one."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__(faults)  # The only argument, so that the exception also crosses processes.
        self.faults = faults

    def __str__(self) -> str:
        first = self.faults[0]
        return f"{len(self.faults)} mistakes in the program, the first at '{first.pointer}': {first.message}"


class Broken(Exception):
    """A value can't be read; why is noted."""


class Enough(Exception):
    """As many mistakes are noted as anybody will read."""


@dataclass(slots=True)
class Notes:
    """The mistakes found so far."""

    faults: list[Fault] = field(default_factory=list)

    def add(self, fault: Fault) -> None:
        self.faults.append(fault)
        if len(self.faults) >= FAULTS_MAX:
            self.faults.append(Fault("", "too_many_faults", f"Reading stopped after {FAULTS_MAX} mistakes."))
            raise Enough


@dataclass(frozen=True, slots=True)
class Cursor:
    """A value of the document and the RFC 6901 pointer to it."""

    value: object
    pointer: str
    notes: Notes

    def child(self, key: str | int, value: object = None) -> "Cursor":
        """The member at `key`."""
        token = str(key).encode("utf-8", "replace").decode().replace("~", "~0").replace("/", "~1")
        return Cursor(value, f"{self.pointer}/{token}", self.notes)

    def read(self, reader: "Reader[T]") -> T:
        """What the reader makes of this value, or, after a noted mistake, a stand-in that nobody may look at."""
        try:
            return reader(self)
        except Broken:
            return cast("T", None)

    def note(self, code: str, message: str) -> None:
        self.notes.add(Fault(self.pointer, code, message))

    def wrong(self, code: str, expected: str) -> Broken:
        """Note that something else was expected here; the result is to be raised."""
        self.note(code, f"Expected {expected}, found {show(self.value)}.")
        return Broken()

    def elements(self, *, at_least: int, at_most: int) -> list["Cursor"]:
        """The places of a list.

        Raises:
            Broken: it isn't a list, or its length is out of bounds; its elements aren't looked at then.
        """
        if not isinstance(self.value, list):
            raise self.wrong("wrong_type", "a list")
        length = len(self.value)
        if length < at_least:
            raise self.wrong("too_short", f"a list of at least {at_least}")
        if length > at_most:
            self.note("too_long", f"Expected a list of at most {at_most}, found one of {length}.")
            raise Broken
        return [self.child(place, each) for place, each in enumerate(self.value)]

    def members(self, noun: str) -> list[tuple[str, "Cursor"]]:
        """The members of an object whose keys are free, save for keys that are too long even to be shown.

        Raises:
            Broken: it isn't an object.
        """
        if not isinstance(self.value, dict):
            raise self.wrong("wrong_type", noun)
        members = {str(key): value for key, value in self.value.items()}
        for key in members:
            if len(key) > KEY_SHOWN_MAX:
                self.note(
                    "too_long", f"Expected keys of at most {KEY_SHOWN_MAX} characters in {noun}, found {show(key)}."
                )
        return [(key, self.child(key, value)) for key, value in members.items() if len(key) <= KEY_SHOWN_MAX]


Reader = Callable[[Cursor], T]


@dataclass(frozen=True, slots=True)
class Shape:
    """What an object may hold: `known` keys; `elsewhere` are the language's too, but not of this object."""

    noun: str
    known: tuple[str, ...]
    elsewhere: frozenset[str] = frozenset()


class Fields:
    """The members of one object, read by name. Building it notes every key that the shape doesn't know.

    Raises:
        Broken: the value isn't an object.
    """

    def __init__(self, at: Cursor, shape: Shape) -> None:
        if not isinstance(at.value, dict):
            raise at.wrong("wrong_type", shape.noun)
        self.at = at
        self._shape = shape
        self._size = len(at.value)
        self._values = {key: value for key, value in at.value.items() if key in shape.known}
        self._unsound: set[str] = set()
        for key in at.value:
            if key not in shape.known:
                self._note_stranger(str(key))

    @property
    def strangers(self) -> int:
        """How many keys there are that the shape doesn't know; they are noted."""
        return self._size - len(self._values)

    def names(self) -> list[str]:
        """The known members that are there, in the document's order."""
        return list(self._values)

    def need(self, name: str, reader: Reader[T]) -> T:
        """A member that must be there."""
        if name not in self._values:
            self.fault(name, "required", f"Expected {name} in {self._shape.noun}, found nothing.")
            return cast("T", None)
        return self.get(name, reader, cast("T", None))

    def get(self, name: str, reader: Reader[T], default: D) -> T | D:
        """A member with a default."""
        if name not in self._shape.known:
            raise ValueError(f"{self._shape.noun} has no member {name}")
        if name not in self._values:
            return default
        before = len(self.at.notes.faults)
        value = self.place(name).read(reader)
        if len(self.at.notes.faults) > before:
            self._unsound.add(name)
        return value

    def place(self, name: str) -> Cursor:
        """The cursor of a member, there or not."""
        return self.at.child(name, self._values.get(name))

    def is_sound(self, *names: str) -> bool:
        """Whether nothing was wrong in these members; only then their values may be looked at."""
        return self._unsound.isdisjoint(names)

    def fault(self, name: str, code: str, message: str) -> None:
        """Note a mistake of one member."""
        self._unsound.add(name)
        self.place(name).note(code, message)

    def _note_stranger(self, key: str) -> None:
        place = self.at if len(key) > KEY_SHOWN_MAX else self.at.child(key)
        code = "not_allowed_here" if key in self._shape.elsewhere else "unknown_field"
        known = enumerate_names(self._shape.known)
        place.note(code, f"Expected in {self._shape.noun} only {known}, found {show(key)}.")
