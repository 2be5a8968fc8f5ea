"""Segments: made, filled and emptied by marketers, and seen by rules at once."""

import asyncio
from typing import Any

import asyncpg
import pytest

from tests.e2e.checks import ago, instant, pointers, refused
from tests.kit import Desk, Stage, line, purchase, small_program

NOBODY = "01890000-0000-7000-8000-000000000000"
LOVERS = {"id": "lovers", "kind": "discount", "when": {"segment": ["coffee"]}, "give": {"percent": "10"}}


@pytest.fixture
async def marketer(till: Desk, stage: Stage, admin: Desk) -> Desk:
    await admin.publish(small_program(rules=[LOVERS]))
    desk = Desk(till.http, await stage.key("marketer"))
    await desk.good("POST", "/v1/segments", {"id": "coffee", "title": "Coffee twice a week"})
    return desk


async def members(marketer: Desk, segment: str = "coffee", **lists: Any) -> tuple[int, int]:
    answer = await marketer.good("POST", f"/v1/segments/{segment}/members", lists)
    assert answer.keys() == {"id", "added", "removed"}
    assert answer["id"] == segment
    return answer["added"], answer["removed"]


async def paid(till: Desk, customer: str, call: str = "/v1/quote") -> int:
    answer = await till.good("POST", call, purchase(customer, line(price=10000)))
    return int(answer["totals"]["paid"])


async def test_segments_are_made_and_listed(marketer: Desk) -> None:
    made = await marketer.post("/v1/segments", {"id": "tea"})
    assert made.status_code == 201
    assert made.json().keys() == {"id", "title", "created_at"}
    assert (made.json()["id"], made.json()["title"]) == ("tea", None)
    assert instant(made.json()["created_at"]) > ago(minutes=5)
    problem = refused(await marketer.post("/v1/segments", {"id": "tea"}), 422, "validation_error")
    assert [(fault["pointer"], fault["code"]) for fault in problem["errors"]] == [("/id", "taken")]
    first = await marketer.good("GET", "/v1/segments?limit=1")
    rest = await marketer.good("GET", f"/v1/segments?limit=1&cursor={first['next']}")
    assert [item["id"] for item in (*first["items"], *rest["items"])] == ["coffee", "tea"]
    assert (first["items"][0]["title"], rest["next"]) == ("Coffee twice a week", None)


async def test_rules_see_a_member_at_once(marketer: Desk, till: Desk, owner: asyncpg.Connection) -> None:
    customer = await till.register(phone="+79001234567")
    other = await till.register(card="22001234")
    assert [await paid(till, each) for each in (customer, other)] == [10000, 10000]  # Now the cache knows both.
    assert await members(marketer, add=[{"phone": "8 900 123-45-67"}, {"id": other}, {"id": customer}]) == (2, 0)
    assert [await paid(till, each) for each in (customer, other)] == [9000, 9000]
    assert [await paid(till, each, "/v1/accrue") for each in (customer, other)] == [9000, 9000]
    assert await members(marketer, remove=[{"card": "2200-1234"}]) == (0, 1)
    assert [await paid(till, each) for each in (customer, other)] == [9000, 10000]
    assert [await paid(till, each, "/v1/accrue") for each in (customer, other)] == [9000, 10000]
    rows = await owner.fetch("select customer_id::text as id, segments from profiles")
    assert {row["id"]: row["segments"] for row in rows} == {customer: ["coffee"], other: []}


async def test_who_is_in_or_out_already_is_not_counted(marketer: Desk, till: Desk, owner: asyncpg.Connection) -> None:
    customer, other = await till.register(), await till.register()
    await members(marketer, add=[{"id": customer}])
    revisions = await owner.fetch("select id, revision from customers order by id")
    assert await members(marketer, add=[{"id": customer}], remove=[{"id": other}]) == (0, 0)
    assert await owner.fetch("select id, revision from customers order by id") == revisions


async def test_a_customer_without_a_profile_can_be_a_member(
    marketer: Desk, till: Desk, owner: asyncpg.Connection
) -> None:
    customer = await till.register()
    await owner.execute("delete from profiles where customer_id = $1", customer)
    assert await members(marketer, add=[{"id": customer}]) == (1, 0)
    assert await owner.fetchval("select segments from profiles where customer_id = $1", customer) == ["coffee"]


async def test_nothing_is_done_where_somebody_is_unknown(marketer: Desk, till: Desk, owner: asyncpg.Connection) -> None:
    customer = await till.register()
    lists = {"add": [{"id": customer}, {"phone": "+79009999999"}], "remove": [{"id": NOBODY}]}
    problem = refused(await marketer.post("/v1/segments/coffee/members", lists), 404, "customer_not_found")
    assert pointers(problem) == {"/add/1", "/remove/0"}
    lists = {"add": [{"id": customer}, {"id": "somebody"}]}
    problem = refused(await marketer.post("/v1/segments/coffee/members", lists), 404, "customer_not_found")
    assert pointers(problem) == {"/add/1"}
    assert await owner.fetchval("select segments from profiles") == []


async def test_changes_at_once_lose_nobody(marketer: Desk, till: Desk, owner: asyncpg.Connection) -> None:
    """Segments are filled in any order while their members buy."""
    customers = [await till.register() for _ in range(6)]
    names = [f"s{number}" for number in range(6)]
    for name in names:
        await marketer.good("POST", "/v1/segments", {"id": name})
    references = [{"id": customer} for customer in customers]
    answers = await asyncio.gather(
        *(
            marketer.post(f"/v1/segments/{name}/members", {"add": references[place:] + references[:place]})
            for place, name in enumerate(names)
        ),
        *(till.accrue(customer) for customer in customers * 2),
    )
    assert {answer.status_code for answer in answers} == {200, 201}
    rows = await owner.fetch("select segments from profiles")
    assert [sorted(row["segments"]) for row in rows] == [names] * 6
    assert {row["version"] for row in await owner.fetch("select version from customers")} == {2}


async def test_a_key_changes_members_once(marketer: Desk, till: Desk) -> None:
    customer = await till.register(phone="+79001234567")
    body = {"add": [{"phone": "+79001234567"}]}
    first = await marketer.post("/v1/segments/coffee/members", body, key="one")
    await members(marketer, remove=[{"id": customer}])
    again = await marketer.post("/v1/segments/coffee/members", body, key="one")
    assert (again.json(), again.headers["Idempotent-Replayed"]) == (first.json(), "true")
    assert await paid(till, customer) == 10000


async def test_support_sees_the_segments_and_tills_do_not(marketer: Desk, till: Desk, stage: Stage) -> None:
    customer = await till.register()
    await members(marketer, add=[{"id": customer}])
    support = Desk(till.http, await stage.key("support"))
    assert (await support.good("GET", f"/v1/customers/{customer}"))["segments"] == ["coffee"]
    assert "segments" not in await till.good("GET", f"/v1/customers/{customer}")


async def test_a_profile_that_is_changed_keeps_its_segments(marketer: Desk, till: Desk) -> None:
    customer = await till.register()
    await members(marketer, add=[{"id": customer}])
    await till.good("PATCH", f"/v1/customers/{customer}", {"tags": ["vip"]})
    assert await paid(till, customer) == 9000


async def test_nobody_is_in_more_than_a_hundred(marketer: Desk, till: Desk, owner: asyncpg.Connection) -> None:
    customer = await till.register()
    await owner.execute(
        "update profiles set segments = array(select 's' || n from generate_series(1, 100) n) where customer_id = $1",
        customer,
    )
    problem = refused(
        await marketer.post("/v1/segments/coffee/members", {"add": [{"id": customer}]}), 422, "limit_exceeded"
    )
    assert pointers(problem) == {"/add/0"}
    assert await owner.fetchval("select cardinality(segments) from profiles") == 100


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({}, {"/id"}),
        ({"id": ""}, {"/id"}),
        ({"id": "two words"}, {"/id"}),
        ({"id": "a\u0000"}, {"/id"}),
        ({"id": "x" * 65}, {"/id"}),
        ({"id": 5}, {"/id"}),
        ({"id": "a", "title": ""}, {"/title"}),
        ({"id": "a", "title": "x" * 257}, {"/title"}),
        ({"id": "a", "members": []}, {"/members"}),
    ],
)
async def test_a_wrong_segment_is_refused_with_its_place(marketer: Desk, body: dict[str, Any], where: set[str]) -> None:
    response = await marketer.post("/v1/segments", body)
    assert response.json()["code"] in {"validation_error", "limit_exceeded"}
    assert pointers(refused(response, 422, response.json()["code"])) == where


async def test_wrong_members_are_refused_with_their_place(marketer: Desk, till: Desk) -> None:
    customer = await till.register(phone="+79001234567")
    many = [{"card": f"{number}"} for number in range(501)]
    for body, where in (
        ({}, {""}),
        ({"add": [], "remove": []}, {""}),
        ({"add": [{"phone": "12"}]}, {"/add/0/phone"}),
        ({"add": [{"id": customer}], "remove": [{"phone": "+79001234567"}]}, {"/remove/0"}),
        ({"add": [{}]}, {"/add/0"}),
        ({"add": [customer]}, {"/add/0"}),
        ({"add": many}, {"/add"}),
        ({"add": many[:251], "remove": many[251:]}, {""}),
        ({"put": [{"id": customer}]}, {"/put"}),
    ):
        response = await marketer.post("/v1/segments/coffee/members", body)
        assert response.json()["code"] in {"validation_error", "limit_exceeded"}, body
        assert pointers(refused(response, 422, response.json()["code"])) >= where, body
    for segment in ("none", "%00", "x" * 65, "a%0Ab"):
        response = await marketer.post(f"/v1/segments/{segment}/members", {"add": [{"id": customer}]})
        refused(response, 404, "not_found")
