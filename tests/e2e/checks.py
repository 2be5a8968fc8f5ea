"""What the tests of the whole service ask of answers: problem documents, instants, entries behind the curtain."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx

PROBLEM_MEMBERS = {"type", "title", "status", "detail", "code", "request_id", "retryable"}


def refused(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The problem document of a "no", which must have this status and code and every member of the contract."""
    assert (response.status_code, response.json().get("code")) == (status, code), response.text
    assert response.headers["Content-Type"] == "application/problem+json"
    document: dict[str, Any] = response.json()
    assert document.keys() >= PROBLEM_MEMBERS
    assert (document["status"], document["code"]) == (status, code)
    assert document["request_id"] == response.headers["X-Request-Id"] or "Idempotent-Replayed" in response.headers
    return document


def pointers(problem: Mapping[str, Any]) -> set[str]:
    """Where the mistakes of a problem document are."""
    return {fault["pointer"] for fault in problem["errors"]}


def ago(**span: float) -> datetime:
    """An instant so long before now; `days=-1` is tomorrow."""
    return datetime.now(UTC) - timedelta(**span)


def instant(text: str) -> datetime:
    """An RFC 3339 time with an offset, as the service writes them."""
    moment = datetime.fromisoformat(text)
    assert moment.tzinfo is not None
    return moment


async def entries(owner: asyncpg.Connection, tx_id: str) -> list[tuple[str, str, int]]:
    """(account, wallet, amount) of one transaction in posting order."""
    rows = await owner.fetch(
        "select account, wallet, amount from audit_entry where tx_id = $1 order by entry_id", tx_id
    )
    return [(row["account"], row["wallet"], row["amount"]) for row in rows]


async def kinds(owner: asyncpg.Connection, customer: str) -> list[tuple[str, int]]:
    """(kind, version) of a customer's transactions in the order of their versions."""
    rows = await owner.fetch("select kind, version from audit_tx where customer_id = $1 order by version", customer)
    return [(row["kind"], row["version"]) for row in rows]


def by(name: str, items: Iterable[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Items by one of their members."""
    return {str(item[name]): item for item in items}
