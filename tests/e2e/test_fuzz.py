"""Calls made up from the OpenAPI document, right ones and wrong ones, on the live service with a valid key: no answer
says 5xx, and every answer is one of those that the document names, in the shape it gives.

Half of the calls name things that exist: a customer, a purchase, a hold, a coupon, a draft's version.
"""

import os
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import CheckFunction, not_a_server_error
from schemathesis.openapi import from_dict
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from app.api.openapi import openapi_document
from app.api.operations import OPERATIONS
from app.engines import ThrowawayEngines
from tests.kit import Desk, Stage, live, purchase, small_program

# Bounded: some half a minute over all operations. FUZZ_EXAMPLES=1000 for a long look.
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "20"))
CALL_SECONDS_MAX = 10.0
TILLS_ROLE = "pos"
BACKTESTS = "/v1/program/draft/backtest"


def is_no_failure(
    context: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case[Any]
) -> None:
    """Nothing is wrong with the service here: a 5xx is a failure, but for a back-test that waits for another one."""
    if response.status_code == 503 and case.operation.path == BACKTESTS and response.json()["code"] == "busy":
        return
    not_a_server_error(context, response, case)


CHECKS: list[CheckFunction] = [
    is_no_failure,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]

schema = from_dict(openapi_document(OPERATIONS, version="0"))
_ROLES = {operation.name: operation.roles for operation in OPERATIONS}
_SERIAL = count(1)


@dataclass(frozen=True, slots=True)
class Target:
    """A live service, a connection to it, keys by role, and names of things that exist there, by path parameter."""

    url: str
    session: requests.Session
    keys: Mapping[str, str]
    known: Mapping[str, list[str]]

    def key_for(self, operation: str) -> str | None:
        """A till's key where tills may call it, since they have a shop; an administrator's else."""
        roles = _ROLES[operation]
        if roles is None:
            return None
        return self.keys[TILLS_ROLE if TILLS_ROLE in roles else "admin"]


@pytest.fixture(scope="session")
async def target(
    engines: ThrowawayEngines, template: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Target]:
    stage = await _stage(engines, template, tmp_path_factory.mktemp("fuzz"))
    async with live(stage) as service, httpx.AsyncClient(base_url=service.url) as http:
        keys = {"admin": await stage.key("admin"), TILLS_ROLE: await stage.key(TILLS_ROLE, shop="S1", terminal="T1")}
        known = await _furnish(Desk(http, keys["admin"]), Desk(http, keys[TILLS_ROLE]))
        with requests.Session() as session:
            yield Target(service.url, session, keys, known)


async def _stage(engines: ThrowawayEngines, template: str, data_dir: Path) -> Stage:
    connection = await asyncpg.connect(engines.database_url(database="postgres"))
    try:
        await connection.execute(f"create database fuzz template {template}")
    finally:
        await connection.close()
    return Stage(
        database_url=engines.database_url(user="loyalty_app", database="fuzz"),
        owner_url=engines.database_url(database="fuzz"),
        redis_url=engines.redis_url,
        data_dir=data_dir,
    )


async def _furnish(admin: Desk, till: Desk) -> dict[str, list[str]]:
    """Something of everything that a path may name, by operation's last word or by parameter."""
    await admin.publish(small_program())
    customer = await admin.register(phone="+79001234567", card="2200 1234")
    await admin.good("POST", f"/v1/customers/{customer}/adjust", {"wallet": "points", "points": 9_000, "reason": "x"})
    bought = [await till.good("POST", "/v1/accrue", purchase(customer)) for _ in range(3)]
    await admin.good("POST", "/v1/coupons", {"code": "SPRING"})
    return {
        "/v1/customers/{id}": [customer],
        "/v1/purchases/{id}": [sale["id"] for sale in bought],
        "{code}": ["SPRING"],
        "{version}": ["1"],
        "{tx_id}": [sale["tx_id"] for sale in bought],
        "{date}": [datetime.now(tz=UTC).date().isoformat(), "2026-01-01"],
        "{number}": ["2200 1234"],
    }


@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    derandomize="FUZZ_EXAMPLES" not in os.environ,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_is_one_that_the_document_promises(case: schemathesis.Case[Any], target: Target) -> None:
    if next(_SERIAL) % 2:
        _name_what_exists(case, target.known)
    if "Idempotency-Key" in case.headers and next(_SERIAL) % 4:
        case.headers["Idempotency-Key"] = f"fuzz-{next(_SERIAL)}"
    case.headers.pop("X-Deadline-Ms", None)  # Of 0 it asks for a 503.
    key = target.key_for(str(case.operation.definition.raw["operationId"]))
    headers: dict[str, Any] = {} if key is None else {"Authorization": f"Bearer {key}"}
    case.call_and_validate(
        base_url=target.url, session=target.session, headers=headers, checks=CHECKS, timeout=CALL_SECONDS_MAX
    )


def _name_what_exists(case: schemathesis.Case[Any], known: Mapping[str, list[str]]) -> None:
    """Path parameters by the path they stand in, else by their own name."""
    for name in case.path_parameters or {}:
        place = f"{{{name}}}"
        path = case.operation.path.partition(place)[0] + place
        choices = known.get(path) or known.get(place)
        if choices:
            case.path_parameters[name] = choices[next(_SERIAL) % len(choices)]
