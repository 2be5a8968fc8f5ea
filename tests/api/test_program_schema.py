"""The published schema against the reader: they accept the same documents, and refuse the same mistakes of form."""

from collections.abc import Iterator
from importlib.resources import files
from typing import Any, Final

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from app.api.openapi import openapi_document
from app.api.operations import OPERATIONS
from app.api.program_schema import PROGRAM_SCHEMA
from app.domain.programs import read_program
from tests.domain.programs.documents import REMOVED, altered, full, least
from tests.domain.programs.mistakes import MISTAKES
from tests.domain.programs.mistakes_within import Case
from tests.domain.programs.test_fuzz import MUTATIONS, mutated, read

SCHEMA: Final = Draft202012Validator(PROGRAM_SCHEMA)
DEMOS: Final = [
    each
    for folder in (files("app.demo"), files("app.demo").joinpath("programs"))
    for each in folder.iterdir()
    if each.name.endswith(".json")
]
# What holds between places of a document is beyond a schema, and so is what needs a calendar, a list of all zones or of
# what can be printed. JSON Schema calls 100.0 an integer; Python's `$` lets a line feed through, which ECMA's does not.
BETWEEN: Final = frozenset({"duplicate", "unknown_reference", "wrong_order", "circle"})
BEYOND: Final[tuple[object, ...]] = (
    "Mars/Olympus", "../../etc/passwd", "localtime", "2026-02-30T00:00:00Z", "0001-01-01T00:00:00+03:00", "2026-02-29",
    "a\u202eb", 100.0, 50.0,
)  # fmt: skip


def is_beyond(case: Case) -> bool:
    """Whether a mistake is one that only the reader can find."""
    place, value, code = case[:3]
    if isinstance(value, str) and (value.endswith(("\n", "\ud800")) or "\0" in value):
        return True
    if "\0" in place or (code == "not_allowed_here" and str(case[-1]).endswith("/event")):
        return True
    if code == "unknown_reference" and "{" in str(value):
        return False  # A placeholder.
    return code in BETWEEN or (not isinstance(value, bool | int) and value in BEYOND)


def everywhere(value: Any) -> Iterator[Any]:
    """Every object of the schema, the names of members left out."""
    if isinstance(value, dict):
        yield value
        for key, inner in value.items():
            for each in inner.values() if key in {"properties", "$defs", "dependentSchemas"} else [inner]:
                yield from everywhere(each)
    elif isinstance(value, list):
        for each in value:
            yield from everywhere(each)


def test_it_is_a_schema_of_its_dialect() -> None:
    Draft202012Validator.check_schema(PROGRAM_SCHEMA)
    assert PROGRAM_SCHEMA["$schema"] == Draft202012Validator.META_SCHEMA["$id"]


@pytest.mark.parametrize("program", DEMOS, ids=lambda each: each.name)
def test_the_demo_programs_pass(program: Any) -> None:
    document = orjson.loads(program.read_bytes())
    read_program(document)
    SCHEMA.validate(document)


@pytest.mark.parametrize("document", [full(), least()], ids=["every key", "the least"])
def test_what_the_reader_reads_passes(document: Any) -> None:
    read_program(document)
    SCHEMA.validate(document)


@pytest.mark.parametrize(
    "case",
    [case for case in MISTAKES if case[1] != 10**5000],  # The validator wants to print it.
    ids=lambda case: ascii(f"{case[0][:60]} {'removed' if case[1] is REMOVED else str(case[1])[:60]}"),
)
def test_a_mistake_passes_only_where_it_is_beyond_a_schema(case: Case) -> None:
    assert SCHEMA.is_valid(altered(case[0], case[1])) is is_beyond(case)


@settings(max_examples=200, deadline=None)
@given(st.lists(MUTATIONS, min_size=1, max_size=3))
def test_no_document_is_read_that_does_not_pass(mutations: list[tuple[tuple[Any, ...], str, Any, str]]) -> None:
    document = mutated(mutations)

    if read(document) is not None:
        SCHEMA.validate(document)


def test_every_member_is_described_or_refers_to_what_is() -> None:
    schema, naked = PROGRAM_SCHEMA, []
    assert all("description" in each for each in schema["$defs"].values())
    for each in everywhere(schema):
        if each.get("type") == "object" and each.get("additionalProperties") is False:
            naked += [
                name
                for name, member in each["properties"].items()
                if isinstance(member, dict) and not {"description", "$ref"} & member.keys()
            ]
    assert set(naked) <= {"from", "to", "until"}  # Of hours and dates, whose own descriptions say it.


def test_the_openapi_document_holds_it_whole() -> None:
    components = openapi_document(OPERATIONS, version="1")["components"]["schemas"]

    assert set(components["ProgramBody"]["properties"]) == set(PROGRAM_SCHEMA["properties"])
    assert {f"Program{name}" for name in PROGRAM_SCHEMA["$defs"]} <= set(components)
    assert components["ProgramWhen"]["properties"]["not"]["$ref"] == "#/components/schemas/ProgramWhen"
