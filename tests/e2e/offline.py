"""Receipts made without connection, as tests write them."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import jwt

from app.api.answers_schema import LookupAnswer
from app.api.offline_schemas import OfflineAnswer
from tests.kit import Desk, line

PATH = "/v1/receipts/offline"
_SERIAL = count(1)


def ago(**span: float) -> str:
    """An instant so long ago, as tills write it."""
    return (datetime.now(UTC) - timedelta(**span)).isoformat()


def receipt(
    customer: str | Mapping[str, str] | None,
    *lines: Mapping[str, Any],
    number: str | None = None,
    executed_at: str | None = None,
    **more: Any,
) -> dict[str, Any]:
    """One line of 100.00 an hour ago unless given; the customer by id or by any reference."""
    body: dict[str, Any] = {
        "executed_at": executed_at or ago(hours=1),
        "receipt": {"number": number or f"F{next(_SERIAL)}"},
        "basket": {"lines": list(lines) or [line()]},
        **more,
    }
    if customer is not None:
        body["customer"] = {"id": customer} if isinstance(customer, str) else customer
    return body


async def upload(till: Desk, *receipts: Mapping[str, Any], key: str | None = None) -> list[dict[str, Any]]:
    """The results of a call."""
    body = json.dumps(receipts).encode()  # Also numbers that no other serialiser writes.
    answer = await till.good("POST", PATH, body, key=key)
    OfflineAnswer.model_validate(answer)
    results: list[dict[str, Any]] = answer["results"]
    assert len(results) == len(receipts)
    return results


async def posted(till: Desk, *receipts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The purchases, where every receipt must be good and new."""
    results = await upload(till, *receipts)
    assert all(result["status"] == 201 and result["replayed"] is False for result in results), results
    return [result["purchase"] for result in results]


def problem_of(result: Mapping[str, Any], status: int, code: str) -> dict[str, Any]:
    """The problem of a receipt that must have been refused so."""
    assert (result["status"], result["problem"]["code"]) == (status, code), result
    assert (result["problem"]["status"], "purchase" in result) == (status, False)
    problem: dict[str, Any] = result["problem"]
    return problem


def pointers_of(result: Mapping[str, Any]) -> set[str]:
    return {error["pointer"] for error in problem_of(result, 422, "validation_error")["errors"]}


async def look_up(till: Desk, **reference: str) -> dict[str, Any] | None:
    """The allowance that a look-up gives."""
    found = await till.good("POST", "/v1/customers/lookup", {"customer": reference})
    LookupAnswer.model_validate(found)
    allowance: dict[str, Any] | None = found["offline_allowance"]
    return allowance


async def read_allowance(till: Desk, token: str) -> dict[str, Any]:
    """The claims, by nothing but the public keys: what a till does."""
    response = await till.http.get("/.well-known/jwks.json")  # No key is needed.
    assert response.status_code == 200
    keys = jwt.PyJWKSet.from_dict(response.json())
    key = keys[jwt.get_unverified_header(token)["kid"]]
    return jwt.decode(token, key, algorithms=["EdDSA"], audience="offline", issuer="kopilka")
