"""The program document for those outside: its JSON Schema, and the document as a request body.

words (what single values look like) > conditions, gives > rules > scheme (the whole).

The schema says all that can be said of a document without looking from one part at another. It is made from the
reader's own bounds and words, and a test holds the two against each other. What is wrong with a document that was sent
is for the reader to find: its sentences point and explain.
"""

from typing import Annotated, Any, Final

from pydantic import RootModel, WithJsonSchema

from app.api.program_schema.scheme import program_schema
from app.api.program_schema.words import Schema

PROGRAM_SCHEMA: Final[Schema] = program_schema()
_MODEL = "ProgramBody"


class ProgramBody(RootModel[Annotated[dict[str, Any], WithJsonSchema({"type": "object"})]]):
    """The whole scheme as one document; CONTRACT calls it the program."""


class SchemaAnswer(RootModel[dict[str, Any]]):
    """A JSON Schema."""


def openapi_components() -> dict[str, Schema]:
    """The schema as components of an OpenAPI document, where references begin at the document's root."""
    components = {_MODEL: {name: value for name, value in PROGRAM_SCHEMA.items() if name not in {"$schema", "$defs"}}}
    components |= {f"Program{name}": value for name, value in PROGRAM_SCHEMA["$defs"].items()}
    return {name: _relocated(value) for name, value in components.items()}


def _relocated(value: Any) -> Any:
    """A copy whose references lead to components."""
    if isinstance(value, dict):
        return {
            key: f"#/components/schemas/Program{inner.rpartition('/')[2]}" if key == "$ref" else _relocated(inner)
            for key, inner in value.items()
        }
    return [_relocated(each) for each in value] if isinstance(value, list) else value
