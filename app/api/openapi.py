"""The table of operations as an OpenAPI 3.1 document."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from app.api.answers_schema import Problem
from app.api.calls import JSON_TYPE, Operation
from app.api.errors import INTERNAL_ERROR, KINDS, PROBLEM_TYPE
from app.api.front_page import front_page
from app.api.program_schema import openapi_components
from app.api.query import Query
from app.domain.rejections import Rejection

_REF = "#/components/schemas/{model}"

_WITH_KEY = (
    Rejection.UNAUTHENTICATED,
    Rejection.INSUFFICIENT_SCOPE,
    Rejection.RATE_LIMITED,
    Rejection.OVERLOADED,
    Rejection.DEADLINE_EXCEEDED,
    Rejection.UNAVAILABLE,
)
_WITH_BODY = (
    Rejection.MALFORMED_REQUEST,
    Rejection.UNSUPPORTED_MEDIA_TYPE,
    Rejection.PAYLOAD_TOO_LARGE,
    Rejection.VALIDATION_ERROR,
    Rejection.LIMIT_EXCEEDED,
)
_WITH_WRITE = (
    Rejection.IDEMPOTENCY_KEY_MISSING,
    Rejection.IDEMPOTENCY_KEY_INVALID,
    Rejection.IDEMPOTENCY_KEY_REUSED,
    Rejection.REQUEST_IN_PROGRESS,
    Rejection.BUSY,
)

_GOOD: Mapping[int, str] = {200: "Done", 201: "Made", 202: "Taken up", 303: "Elsewhere"}

_HEADERS: dict[str, Any] = {
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "required": True,
        "description": "New for each thing that happened, the same for each repetition.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
        "example": "S1-T1-000123",
    },
    "IdempotencyKeyUnlessPreview": {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "description": "Needed unless it is a preview.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
        "example": "S1-T1-000130",
    },
    "RequestId": {
        "name": "X-Request-Id",
        "in": "header",
        "description": "Returned with the answer and logged; made where none is sent.",
        "schema": {"type": "string", "maxLength": 128, "pattern": "^[A-Za-z0-9._:-]+$"},
    },
    "Deadline": {
        "name": "X-Deadline-Ms",
        "in": "header",
        "description": "The till's patience in milliseconds.",
        "schema": {"type": "integer", "minimum": 0, "maximum": 600_000},
    },
    "Language": {
        "name": "Accept-Language",
        "in": "header",
        "description": "`ru` for sentences in Russian.",
        "schema": {"type": "string"},
    },
}


def refusals_of(operation: Operation) -> list[Rejection]:
    """Every code that an operation may answer, in order of precedence."""
    possible = set(operation.refusals)
    if operation.media_type == JSON_TYPE:
        possible.add(Rejection.NOT_ACCEPTABLE)
    if operation.roles is not None:
        possible.update(_WITH_KEY)
    if operation.method != "GET":
        possible.update(_WITH_BODY)
    if operation.query.model_fields:
        possible.update((Rejection.MALFORMED_REQUEST, Rejection.VALIDATION_ERROR, Rejection.LIMIT_EXCEEDED))
    if operation.is_write:
        possible.update(_WITH_WRITE)
    if operation.guesses is not None:
        possible.update((Rejection.LOOKUP_BUDGET_EXHAUSTED, Rejection.BUSY))
    return [rejection for rejection in Rejection if rejection in possible]


def openapi_document(operations: Iterable[Operation], *, version: str) -> dict[str, Any]:
    """The whole document."""
    operations = tuple(operations)
    models: dict[type[BaseModel], None] = {Problem: None}
    for operation in operations:
        models |= dict.fromkeys(model for model in (operation.body, *operation.answers.values()) if model is not None)
    schemas, definitions = models_json_schema([(model, "validation") for model in models], ref_template=_REF)
    refs: dict[object, Any] = {model: schema for (model, _), schema in schemas.items()}
    paths: dict[str, dict[str, Any]] = defaultdict(dict)
    for operation in operations:
        paths[operation.path][operation.method.lower()] = _operation(operation, refs)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Kopilka",
            "version": version,
            "description": front_page(),
            "license": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
        },
        "tags": [{"name": name} for name in dict.fromkeys(operation.tag for operation in operations)],
        "paths": dict(paths),
        "components": {
            "schemas": definitions["$defs"] | openapi_components(),
            "parameters": _HEADERS,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"key": []}],
    }


def _operation(operation: Operation, refs: Mapping[object, Any]) -> dict[str, Any]:
    roles = None if operation.roles is None else sorted(operation.roles)
    told = ["No key needed." if roles is None else f"Roles: {', '.join(roles)}."]
    if operation.description:
        told.insert(0, operation.description)
    document: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "description": "\n\n".join(told),
        "tags": [operation.tag],
        "parameters": _parameters(operation),
        "responses": _responses(operation, refs),
    }
    if operation.body is not None:
        document["requestBody"] = {
            "required": True,
            "content": {
                JSON_TYPE: {
                    "schema": refs[operation.body],
                    "examples": {name: {"value": value} for name, value in operation.examples.items()},
                }
            },
        }
    if roles is None:
        document["security"] = []
    else:
        document["x-roles"] = roles
    return document


def _parameters(operation: Operation) -> list[dict[str, Any]]:
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"{(\w+)}", operation.path)
    ]
    if issubclass(operation.query, Query):
        schema = operation.query.model_json_schema()
        for name, member in schema["properties"].items():
            parameters.append(
                {
                    "name": name,
                    "in": "query",
                    "required": name in schema.get("required", ()),
                    "description": member.pop("description", ""),
                    "schema": member,
                }
            )
    headers = ["RequestId"]
    if operation.is_write:
        headers.insert(0, "IdempotencyKeyUnlessPreview" if operation.can_preview else "IdempotencyKey")
    if operation.roles is not None:
        headers.append("Deadline")
    if operation.has_sentences:
        headers.append("Language")
    return parameters + [{"$ref": f"#/components/parameters/{name}"} for name in headers]


def _responses(operation: Operation, refs: Mapping[object, Any]) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    for status, model in operation.answers.items():
        media = {"schema": {"type": "string"} if model is None else refs[model]}
        responses[str(status)] = {
            "description": "A preview" if operation.can_preview and status == 200 else _GOOD[status],
            "headers": _answer_headers(operation),
            "content": {operation.media_type.partition(";")[0]: media},
        }
    by_status: dict[int, list[str]] = defaultdict(list)
    for rejection in refusals_of(operation):
        by_status[KINDS[rejection].status].append(rejection)
    if operation.roles is not None:
        by_status[500] = [INTERNAL_ERROR]
    for status, codes in sorted(by_status.items()):
        responses[str(status)] = _problem(codes, refs)
    return responses


def _answer_headers(operation: Operation) -> dict[str, Any]:
    headers: dict[str, Any] = {"X-Request-Id": {"schema": {"type": "string"}}}
    if operation.is_write:
        headers["Idempotent-Replayed"] = {
            "description": "`true` where the answer is one given before.",
            "schema": {"type": "string", "const": "true"},
        }
    if operation.has_sentences:
        headers["Vary"] = {"schema": {"type": "string", "const": "Accept-Language"}}
    return headers


def _problem(codes: list[str], refs: Mapping[object, Any]) -> dict[str, Any]:
    narrowed = {"type": "object", "properties": {"code": {"enum": [str(code) for code in codes]}}}
    return {
        "description": ", ".join(f"`{code}`" for code in codes),
        "content": {PROBLEM_TYPE: {"schema": {"allOf": [refs[Problem], narrowed]}}},
    }
