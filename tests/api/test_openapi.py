"""The OpenAPI document: sound in itself, and as complete as the table of operations."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from app.api.calls import Operation
from app.api.errors import KINDS
from app.api.openapi import openapi_document, refusals_of
from app.api.operations import OPERATIONS
from app.domain.ledger.chart import TxKind
from app.domain.rejections import Rejection
from app.flows.requests import Role

DOCUMENT = openapi_document(OPERATIONS, version="1.2.3")


def everywhere(value: object) -> Iterator[dict[str, Any]]:
    """Every object of the document."""
    if isinstance(value, dict):
        yield value
        for member in value.values():
            yield from everywhere(member)
    elif isinstance(value, list):
        for member in value:
            yield from everywhere(member)


def operation_of(operation: Operation) -> dict[str, Any]:
    found: dict[str, Any] = DOCUMENT["paths"][operation.path][operation.method.lower()]
    return found


def test_the_document_has_its_parts() -> None:
    assert DOCUMENT["openapi"] == "3.1.0"
    assert DOCUMENT["info"]["title"] == "Kopilka"
    assert DOCUMENT["info"]["version"] == "1.2.3"
    assert set(DOCUMENT["components"]) == {"schemas", "parameters", "securitySchemes"}
    assert DOCUMENT["components"]["securitySchemes"]["key"] == {"type": "http", "scheme": "bearer"}
    assert {tag["name"] for tag in DOCUMENT["tags"]} == {each.tag for each in OPERATIONS}


def test_every_reference_leads_somewhere() -> None:
    references = {each["$ref"] for each in everywhere(DOCUMENT) if isinstance(each.get("$ref"), str)}
    assert references
    for reference in references:
        place: Any = DOCUMENT
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]
        assert isinstance(place, dict), reference


def test_every_operation_is_listed_once() -> None:
    listed = [
        (method.upper(), path, each["operationId"])
        for path, methods in DOCUMENT["paths"].items()
        for method, each in methods.items()
    ]
    assert sorted(listed) == sorted((each.method, each.path, each.name) for each in OPERATIONS)
    assert len({name for _, _, name in listed}) == len(OPERATIONS)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.name)
def test_an_operation_is_told_whole(operation: Operation) -> None:
    told = operation_of(operation)
    assert told["summary"] == operation.summary
    parameters = [
        each if "name" in each else DOCUMENT["components"]["parameters"][each["$ref"].rpartition("/")[2]]
        for each in told["parameters"]
    ]
    names = [(each["in"], each["name"]) for each in parameters]
    assert len(set(names)) == len(names)
    in_path = {name for place, name in names if place == "path"}
    assert in_path == set(re.findall(r"{(\w+)}", operation.path))
    assert all(each["required"] for each in parameters if each["in"] == "path")
    in_query = {name for place, name in names if place == "query"}
    assert in_query == {field.alias or name for name, field in operation.query.model_fields.items()}
    assert (("header", "Idempotency-Key") in names) is operation.is_write
    for response in told["responses"].values():
        assert response["description"]
        assert len(response["content"]) == 1
    assert {str(status) for status in operation.answers} <= set(told["responses"])
    assert ("requestBody" in told) is (operation.body is not None)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.name)
def test_an_operation_lists_its_codes_and_roles(operation: Operation) -> None:
    told = operation_of(operation)
    if operation.roles is None:
        assert told["security"] == []
    else:
        assert told["x-roles"] == sorted(operation.roles)
        assert "500" in told["responses"]
        assert {"401", "403", "503"} <= set(told["responses"])
    for rejection in refusals_of(operation):
        problem = told["responses"][str(KINDS[rejection].status)]
        assert f"`{rejection.value}`" in problem["description"]
        schema = problem["content"]["application/problem+json"]["schema"]
        assert rejection.value in schema["allOf"][1]["properties"]["code"]["enum"]


def test_every_role_and_every_code_of_a_flow_is_told_somewhere() -> None:
    roles = {role for each in OPERATIONS if each.roles for role in each.roles}
    assert roles == set(Role)
    told = {rejection for each in OPERATIONS for rejection in refusals_of(each)}
    assert set(Rejection) - told == {Rejection.METHOD_NOT_ALLOWED}  # Of paths, not of operations.


def test_the_front_page_tells_what_holds_for_every_call() -> None:
    page = DOCUMENT["info"]["description"]
    for rejection in Rejection:
        kept, retryable = ("yes" if is_so else "no" for is_so in (rejection.is_kept, rejection.is_retryable))
        assert f"| {KINDS[rejection].status} | `{rejection.value}` | {kept} | {retryable} |" in page
    for word in (
        "Idempotency-Key", "Bearer", "customer:available", "customer:pending", "customer:held", "program:issued",
        "program:redeemed", "program:expired", "program:returned", "program:adjusted", "program:converted",
        "RFC 8785", "SHA-256", "entry_id", "X-Deadline-Ms", "minor unit", *Role,
    ):  # fmt: skip
        assert word in page, word
    for kind in TxKind:
        assert f"| `{kind.value}` | " in page, kind


@pytest.mark.parametrize(
    ("operation", "name"),
    [(each, name) for each in OPERATIONS for name in each.examples],
    ids=lambda each: getattr(each, "name", each),
)
def test_an_example_is_a_sound_request(operation: Operation, name: str) -> None:
    assert operation.body is not None
    operation.body.model_validate(operation.examples[name])
    told = operation_of(operation)["requestBody"]["content"]["application/json"]["examples"]
    assert told[name]["value"] == operation.examples[name]


def test_every_operation_with_a_body_has_an_example() -> None:
    assert [each.name for each in OPERATIONS if each.body is not None and not each.examples] == []


async def test_the_document_and_its_page_need_no_key(client: httpx.AsyncClient) -> None:
    client.headers.pop("Authorization")
    document = await client.get("/openapi.json")
    assert document.status_code == 200
    assert document.json()["paths"] == DOCUMENT["paths"]
    page = await client.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert "/openapi.json" in page.text
