"""Adjustments above the declared sum: one person asks, another decides, and then it is posted once."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import httpx
import pytest

from app.api.edge import Edge
from app.flows.move_points import MovePoints
from app.flows.requests import AdjustRequest, Answer, Write
from app.verification import findings
from tests.e2e.checks import refused
from tests.kit import Desk, Stage, served_here

NOBODY = "01890000-0000-7000-8000-000000000000"


@pytest.fixture
async def edge(stage: Stage) -> AsyncIterator[Edge]:
    async with served_here(stage, adjust_confirm_above=1000) as edge:
        yield edge


@pytest.fixture
async def asker(http: httpx.AsyncClient, stage: Stage) -> Desk:
    return Desk(http, await stage.key("support"))


@pytest.fixture
async def other(http: httpx.AsyncClient, stage: Stage) -> Desk:
    return Desk(http, await stage.key("support"))


async def ask(desk: Desk, customer: str, points: int = 5000, **more: Any) -> str:
    body = {"wallet": "points", "points": points, "reason": "sorry, Anna"}
    answer = await desk.post(f"/v1/customers/{customer}/adjust", body, **more)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


async def kinds(owner: asyncpg.Connection, customer: str) -> list[str]:
    rows = await owner.fetch("select kind from audit_tx where customer_id::text = $1 order by version", customer)
    return [row["kind"] for row in rows]


async def test_what_is_above_waits_and_posts_nothing(
    till: Desk, asker: Desk, other: Desk, owner: asyncpg.Connection
) -> None:
    customer = await till.register()
    await asker.good("POST", f"/v1/customers/{customer}/adjust", {"wallet": "points", "points": 1000, "reason": "x"})
    assert await kinds(owner, customer) == ["adjust"]
    body = {"wallet": "points", "points": -1001, "reason": "sorry, Anna"}
    answer = await asker.post(f"/v1/customers/{customer}/adjust", body, key="once")
    again = await asker.post(f"/v1/customers/{customer}/adjust", body, key="once")
    assert (answer.status_code, again.status_code, again.content) == (202, 202, answer.content)
    assert answer.json().keys() >= {"id", "state", "expires_at"}
    assert "Anna" not in answer.text
    assert await kinds(owner, customer) == ["adjust"]
    waiting = (await other.good("GET", "/v1/adjustments"))["items"]
    assert [(each["id"], each["state"], each["points"], each["reason"]) for each in waiting] == [
        (answer.json()["id"], "pending", -1001, "sorry, Anna")
    ]


async def test_another_person_approves_and_it_is_posted_once(
    till: Desk, asker: Desk, other: Desk, admin: Desk, stage: Stage, owner: asyncpg.Connection
) -> None:
    customer = await till.register()
    adjustment = await ask(asker, customer)
    path = f"/v1/adjustments/{adjustment}/approve"
    refused(await asker.post(path), 403, "insufficient_scope")
    refused(await till.post(path), 403, "insufficient_scope")
    answer = await other.post(path, key="yes")
    assert answer.status_code == 201
    body = answer.json()
    assert body == {
        "id": adjustment,
        "tx_id": body["tx_id"],
        "version": 1,
        "balances": {"points": {"available": 5000, "pending": 0, "held": 0}},
    }
    again = await other.post(path, key="yes")
    assert (again.content, again.headers["Idempotent-Replayed"]) == (answer.content, "true")
    problem = refused(await admin.post(path), 409, "adjustment_decided")
    assert problem["state"] == "approved"
    refused(await other.post(f"/v1/adjustments/{adjustment}/decline"), 409, "adjustment_decided")
    assert await kinds(owner, customer) == ["adjust"]
    seen = await asker.good("GET", f"/v1/adjustments/{adjustment}")
    assert (seen["state"], seen["tx_id"], seen["reason"]) == ("approved", body["tx_id"], "sorry, Anna")
    assert (await other.good("GET", "/v1/adjustments"))["items"] == []
    assert await owner.fetchval("select idempotency_key from audit_tx") == f"adjustment-{adjustment}"
    assert await findings(stage.owner_url) == []
    log = (await admin.good("GET", f"/v1/audit-log?object=adjustments/{adjustment}"))["items"]
    assert [deed["action"] for deed in log] == ["adjustment", "approve_adjustment", "approve_adjustment"]
    assert {deed["outcome"] for deed in log} == {"done"}
    (asked,) = (await admin.good("GET", "/v1/audit-log?action=adjust"))["items"]
    assert asked["details"] == {"wallet": "points", "points": 5000, "id": adjustment, "state": "pending"}


async def test_ten_who_approve_at_once_post_it_once(
    till: Desk, asker: Desk, stage: Stage, http: httpx.AsyncClient, owner: asyncpg.Connection
) -> None:
    customer = await till.register()
    adjustment = await ask(asker, customer)
    path = f"/v1/adjustments/{adjustment}/approve"
    people = [Desk(http, await stage.key("support")) for _ in range(10)]
    answers = await asyncio.gather(*(person.post(path) for person in people))
    assert {answer.status_code for answer in answers} <= {201, 409, 503}
    assert len({answer.content for answer in answers if answer.status_code == 201}) == 1
    assert await kinds(owner, customer) == ["adjust"]
    assert await findings(stage.owner_url) == []


async def test_another_person_declines(till: Desk, asker: Desk, other: Desk, owner: asyncpg.Connection) -> None:
    customer = await till.register()
    adjustment = await ask(asker, customer)
    refused(await asker.post(f"/v1/adjustments/{adjustment}/decline"), 403, "insufficient_scope")
    declined = await other.good("POST", f"/v1/adjustments/{adjustment}/decline")
    assert (declined["state"], declined["tx_id"]) == ("declined", None)
    refused(await other.post(f"/v1/adjustments/{adjustment}/approve"), 409, "adjustment_decided")
    assert await kinds(owner, customer) == []


async def test_nobody_approves_what_is_a_week_old(
    till: Desk, asker: Desk, other: Desk, owner: asyncpg.Connection
) -> None:
    customer = await till.register()
    adjustment = await ask(asker, customer)
    week = "asked_at = asked_at - interval '7 days 1 second', expires_at = expires_at - interval '7 days 1 second'"
    await owner.execute(f"update adjustments set {week}")
    for verb in ("approve", "decline"):
        problem = refused(await other.post(f"/v1/adjustments/{adjustment}/{verb}"), 409, "adjustment_decided")
        assert problem["state"] == "expired"
    assert (await other.good("GET", "/v1/adjustments"))["items"] == []
    assert (await other.good("GET", f"/v1/adjustments/{adjustment}"))["state"] == "expired"
    assert await kinds(owner, customer) == []


async def test_an_approval_that_was_cut_off_is_finished_by_anybody(
    till: Desk,
    asker: Desk,
    other: Desk,
    admin: Desk,
    stage: Stage,
    owner: asyncpg.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Decided and not posted; then posted, and the approver's answer not kept."""
    customer = await till.register()
    adjustment = await ask(asker, customer)
    approve = f"/v1/adjustments/{adjustment}/approve"
    adjust = MovePoints.adjust

    async def never(self: MovePoints, write: Write, request: AdjustRequest) -> Answer:
        raise RuntimeError("the power is gone")

    async def too_late(self: MovePoints, write: Write, request: AdjustRequest) -> Answer:
        await adjust(self, write, request)
        raise RuntimeError("the power is gone")

    monkeypatch.setattr(MovePoints, "adjust", never)
    assert (await other.post(approve, key="yes")).status_code == 500
    assert await kinds(owner, customer) == []
    refused(await admin.post(f"/v1/adjustments/{adjustment}/decline"), 409, "adjustment_decided")
    assert [each["state"] for each in (await admin.good("GET", "/v1/adjustments"))["items"]] == ["approved"]
    monkeypatch.setattr(MovePoints, "adjust", too_late)
    assert (await other.post(approve, key="yes")).status_code == 500
    assert await kinds(owner, customer) == ["adjust"]
    monkeypatch.setattr(MovePoints, "adjust", adjust)
    done = await admin.good("POST", approve)
    refused(await other.post(approve, key="yes"), 409, "adjustment_decided")
    seen = await admin.good("GET", f"/v1/adjustments/{adjustment}")
    assert (seen["state"], seen["tx_id"]) == ("approved", done["tx_id"])
    assert seen["decided_by"] != seen["asked_by"]
    assert await kinds(owner, customer) == ["adjust"]
    assert await findings(stage.owner_url) == []


async def test_what_cannot_be_posted_is_over(
    till: Desk, asker: Desk, other: Desk, owner: asyncpg.Connection, stage: Stage
) -> None:
    customer = await till.register()
    adjustment = await ask(asker, customer, -5000)
    answer = await other.post(f"/v1/adjustments/{adjustment}/approve", key="yes")
    refused(answer, 409, "insufficient_points")
    assert (await other.post(f"/v1/adjustments/{adjustment}/approve", key="yes")).content == answer.content
    seen = await other.good("GET", f"/v1/adjustments/{adjustment}")
    assert (seen["state"], seen["tx_id"], seen["refusal"]) == ("approved", None, "insufficient_points")
    refused(await other.post(f"/v1/adjustments/{adjustment}/approve"), 409, "adjustment_decided")
    assert (await other.good("GET", "/v1/adjustments"))["items"] == []
    assert await findings(stage.owner_url) == []


async def test_what_cannot_be_asked_is_refused_at_once(till: Desk, asker: Desk, other: Desk) -> None:
    customer = await till.register()
    body = {"wallet": "stars", "points": 5000, "reason": "x"}
    refused(await asker.post(f"/v1/customers/{customer}/adjust", body), 422, "validation_error")
    path = f"/v1/customers/{NOBODY}/adjust"
    refused(await asker.post(path, {**body, "wallet": "points"}), 404, "customer_not_found")
    for verb in ("approve", "decline"):
        refused(await other.post(f"/v1/adjustments/{NOBODY}/{verb}"), 404, "not_found")
    refused(await other.get(f"/v1/adjustments/{NOBODY}"), 404, "not_found")
    refused(await other.get("/v1/adjustments/x"), 404, "not_found")


async def test_a_key_of_another_request_approves_nothing(
    till: Desk, asker: Desk, other: Desk, owner: asyncpg.Connection
) -> None:
    customer = await till.register()
    adjustment = await ask(asker, customer)
    await other.good("POST", "/v1/customers", {"card": "X1"}, key="used")
    refused(await other.post(f"/v1/adjustments/{adjustment}/approve", key="used"), 422, "idempotency_key_reused")
    assert await kinds(owner, customer) == []
    assert (await other.good("GET", f"/v1/adjustments/{adjustment}"))["state"] == "pending"


async def test_the_list_goes_on_page_by_page(till: Desk, asker: Desk, other: Desk) -> None:
    customer = await till.register()
    asked = [await ask(asker, customer, 5000 + n) for n in range(5)]
    found: list[str] = []
    cursor = ""
    while True:
        page = await other.good("GET", f"/v1/adjustments?limit=2{cursor}")
        found += [each["id"] for each in page["items"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert found == asked
    refused(await other.get("/v1/adjustments?cursor=x"), 422, "validation_error")


@pytest.mark.parametrize(
    "statement",
    [
        "update adjustments set points = 1",
        "update adjustments set state = 'pending', decided_by = null, decided_at = null",
        "update adjustments set state = 'declined', tx_id = null",
        "update adjustments set tx_id = gen_random_uuid()",
        "delete from adjustments",
    ],
)
async def test_the_database_keeps_a_decision(
    till: Desk, asker: Desk, other: Desk, stage: Stage, statement: str
) -> None:
    adjustment = await ask(asker, await till.register())
    await other.good("POST", f"/v1/adjustments/{adjustment}/approve")
    connection = await asyncpg.connect(stage.database_url)
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)
    finally:
        await connection.close()


async def test_nor_does_it_let_one_person_decide_alone(till: Desk, asker: Desk, stage: Stage) -> None:
    await ask(asker, await till.register())
    connection = await asyncpg.connect(stage.database_url)
    alone = "update adjustments set state = 'approved', decided_by = asked_by, decided_at = clock_timestamp()"
    try:
        with pytest.raises(asyncpg.CheckViolationError):
            await connection.execute(alone)
    finally:
        await connection.close()
