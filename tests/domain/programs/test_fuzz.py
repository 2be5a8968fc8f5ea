"""Whatever is sent, reading answers with a program or with faults, never with anything else."""

import copy
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.program import Program
from app.domain.programs import ProgramInvalid, read_program
from app.domain.rules.conditions import compile_when
from app.domain.rules.selection import compile_lines
from tests.domain.programs.documents import full

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(["10", "0.5", "gold", "points", "24:00", "2026-11-21", "2026-11-21T12:00:00Z", "\0", "\ud800"])
)
MEMBERS = [
    "id",
    "kind",
    "give",
    "when",
    "on",
    "percent",
    "amount",
    "all",
    "not",
    "tier",
    "hours",
    "from",
    "until",
    "min",
    "event",
    "coupon",
    "units",
    "draw",
    "bundle",
    "gift",
    "cost",
    "limit",
    "text",
    "convert",
    "into",
    "prizes",
    "en",
]
KEYS = st.text(max_size=6) | st.sampled_from(MEMBERS)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=20
)
PARTS = st.sampled_from(list(full()))


def read(document: Any) -> Program | None:
    """The program, or None where the document is refused as it should be."""
    try:
        return read_program(document)
    except ProgramInvalid as invalid:
        faults = invalid.faults
    assert faults
    for fault in faults:
        (fault.pointer + fault.message).encode()
    return None


@given(JSON)
def test_any_json_is_refused_or_read(document: Any) -> None:
    assert read(document) is None


@given(st.dictionaries(PARTS, JSON))
def test_any_part_is_refused_or_read(parts: dict[str, Any]) -> None:
    read({**full(), **parts})


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every value of a document."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, each in inner for place in places(each, (*path, key)))]


PLACES = places(full())[1:]
MUTATIONS = st.tuples(st.sampled_from(PLACES), st.sampled_from(["set", "remove", "add", "copy"]), JSON, KEYS)


def mutated(mutations: list[tuple[tuple[Any, ...], str, Any, str]]) -> Any:
    """The full document with some of its places changed; a place that an earlier change took away is left alone."""
    document = full()
    for path, how, value, key in mutations:
        try:
            holder = document
            for token in path[:-1]:
                holder = holder[token]
            if how == "remove":
                del holder[path[-1]]
            elif how == "add" and isinstance(holder, dict):
                holder[key] = value
            elif how == "copy" and isinstance(holder, list):
                holder.append(copy.deepcopy(holder[path[-1]]))
            else:
                holder[path[-1]] = value
        except (KeyError, IndexError, TypeError):
            continue
    return document


@settings(max_examples=300)
@given(st.lists(MUTATIONS, min_size=1, max_size=4))
def test_a_changed_program_is_refused_or_compiles(mutations: list[tuple[tuple[Any, ...], str, Any, str]]) -> None:
    program = read(mutated(mutations))

    if program is not None:
        for rule in program.rules:
            compile_when(rule.when, program)
            compile_lines(rule.on)
