"""What is wrong with a request, fault by fault: an RFC 6901 pointer, a stable code, a sentence.

Pydantic's own types and messages stay here, and so do the values: a fault never repeats what was sent, beyond the names
in its pointer.
"""

import math
from collections import deque
from collections.abc import Iterable, Iterator, Mapping

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from app.domain.rejections import Fault, Rejected, Rejection

DEPTH_MAX = 32  # A program's conditions nest a few levels; nothing else nests beyond five.
FAULTS_MAX = 100  # Nobody reads more, and a hostile body could hold tens of thousands.
INTEGER_MAX = 2**63 - 1  # What the database and the serialiser hold.
POINTER_LENGTH_MAX = 300  # Names in a pointer come from the request; a longer one is cut.

# pydantic's type: our code, and the sentence with what its context names.
_SAID: Mapping[str, tuple[str, str]] = {
    "missing": ("missing", "is required"),
    "extra_forbidden": ("unknown_field", "is not known here"),
    "int_type": ("type", "must be an integer"),
    "int_parsing_size": ("range", "is beyond what an integer may be"),
    "string_type": ("type", "must be a string"),
    "string_unicode": ("text", "must be valid Unicode"),
    "bool_type": ("type", "must be true or false"),
    "list_type": ("type", "must be a list"),
    "dict_type": ("type", "must be an object"),
    "model_type": ("type", "must be an object"),
    "model_attributes_type": ("type", "must be an object"),
    "literal_error": ("choice", "must be one of {expected}"),
    "string_too_short": ("too_short", "must have at least {min_length} characters"),
    "string_too_long": ("too_long", "must have at most {max_length} characters"),
    "too_short": ("too_short", "must have at least {min_length} members"),
    "too_long": ("too_long", "must have at most {max_length} members"),
    "greater_than": ("range", "must be above {gt}"),
    "greater_than_equal": ("range", "must be at least {ge}"),
    "less_than_equal": ("range", "must be at most {le}"),
    "string_pattern_mismatch": ("format", "has not the form it must have"),
}


def rejected_for(error: ValidationError, document: object, *, prefix: str = "") -> Rejected:
    """The "no" to a body or query that its model refused; `limit_exceeded` where only lengths or depth are wrong.

    prefix: of the pointers.
    """
    if not is_storable(document):
        deep = [fault for fault in find_unstorable(document) if fault.code == "depth"]
        if deep:
            return Rejected(Rejection.LIMIT_EXCEEDED, "The request is nested too deeply.", tuple(deep[:1]))
    count = error.error_count()
    by_pointer: dict[str, Fault] = {}  # A member with a wrong name may have a wrong value too: its name is the matter.
    for each in error.errors(include_url=False, include_input=False)[:FAULTS_MAX]:
        fault = _fault(each, prefix)
        by_pointer.setdefault(fault.pointer, fault)
    faults = tuple(by_pointer.values())
    is_all_length = all(fault.code == "too_long" for fault in faults)
    listed = f"; the first {FAULTS_MAX} are listed"
    if count <= FAULTS_MAX:
        count, listed = len(faults), ""
    return Rejected(
        Rejection.LIMIT_EXCEEDED if is_all_length else Rejection.VALIDATION_ERROR,
        f"The request has {count} {'mistake' if count == 1 else 'mistakes'}{listed}.",
        faults,
    )


def refuse(pointer: str, code: str, message: str) -> Rejected:
    """A `validation_error` with one fault."""
    return Rejected(Rejection.VALIDATION_ERROR, "The request has 1 mistake.", (Fault(pointer, code, message),))


def pointer_of(parts: Iterable[str | int]) -> str:
    """RFC 6901: `~` and `/` in names are escaped."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)[:POINTER_LENGTH_MAX]


def is_storable(document: object) -> bool:
    """Whether `find_unstorable` would find nothing; five times as fast, since it keeps no places."""
    level: list[object] = [document]
    for _ in range(DEPTH_MAX + 1):
        below: list[object] = []
        for value in level:
            if isinstance(value, dict):
                if any(_wrong_text(name) for name in value):
                    return False
                below.extend(value.values())
            elif isinstance(value, list):
                below.extend(value)
            elif _wrong_value(value):
                return False
        if not below:
            return True
        level = below
    return False


def find_unstorable(document: object) -> tuple[Fault, ...]:
    """Where a JSON value holds what nothing stores: NUL, half a surrogate pair, numbers over 64 bits, endless depth."""
    faults: list[Fault] = []
    for place, value in _walk(document):
        if len(place) > DEPTH_MAX:
            faults.append(Fault(pointer_of(place), "depth", f"must not be nested deeper than {DEPTH_MAX} levels"))
        elif wrong := _wrong_value(value):
            faults.append(Fault(pointer_of(place), *wrong))
        if len(faults) == FAULTS_MAX:
            break
    return tuple(faults)


def _walk(document: object) -> Iterator[tuple[tuple[str | int, ...], object]]:
    """Every value with its place, down to DEPTH_MAX; a name that can't be stored comes as a value of its own."""
    waiting: deque[tuple[tuple[str | int, ...], object]] = deque([((), document)])
    while waiting:
        place, value = waiting.popleft()
        yield place, value
        if len(place) > DEPTH_MAX:
            continue
        if isinstance(value, dict):
            for name, member in value.items():
                if _wrong_text(name):
                    yield (*place, _without_wrong(name)), name
                else:
                    waiting.append(((*place, name), member))
        elif isinstance(value, list):
            waiting.extend(((*place, index), member) for index, member in enumerate(value))


def _wrong_value(value: object) -> tuple[str, str] | None:
    """Code and message for a string or number that can't be stored."""
    if isinstance(value, str):
        return ("text", message) if (message := _wrong_text(value)) else None
    if isinstance(value, float):
        return None if math.isfinite(value) else ("range", "is beyond what a number may be")
    if isinstance(value, int) and not -INTEGER_MAX <= value <= INTEGER_MAX:
        return "range", "is beyond what an integer may be"
    return None


def _wrong_text(text: str) -> str | None:
    if "\x00" in text:
        return "must not hold the character NUL"
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            return "must not hold half a surrogate pair"
    return None


def _without_wrong(name: str) -> str:
    return name.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def _fault(error: ErrorDetails, prefix: str) -> Fault:
    """One of pydantic's errors in our words; our own validators bring theirs."""
    place = error["loc"]
    if place and place[-1] == "[key]":  # What pydantic calls the name of a member, which a pointer already ends with.
        place = place[:-1]
    pointer = prefix + pointer_of(place)
    context = error.get("ctx", {})
    said = _SAID.get(error["type"])
    if said is None or ("{" in said[1] and not context):  # Ours, perhaps under a type that is pydantic's too.
        return Fault(pointer, error["type"], error["msg"])
    return Fault(pointer, said[0], said[1].format_map(context))
