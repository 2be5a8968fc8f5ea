"""Why points were moved, in somebody's own words: read in clear, stored under the customer's key, gone with it."""

from typing import Any

import asyncpg
import pytest

from app.verification import findings
from tests.canary import needles, tables
from tests.e2e.checks import refused
from tests.kit import Desk, Stage, client_of, served_here, small_program

WORDS = "Zinaida Quartz called about her phone +79005551234"
REDEMPTION = {"wallet": "points", "points": 5, "reason": WORDS}


async def reasons(desk: Desk, customer: str) -> list[Any]:
    page = await desk.good("GET", f"/v1/customers/{customer}/history")
    return [item["reason"] for item in page["items"] if item["kind"] in {"adjust", "redeem", "hold"}]


async def is_told(owner: asyncpg.Connection) -> list[str]:
    """Where the words stand in the database."""
    return [place for place, hay in await tables(owner) if any(needle in hay for needle in needles(WORDS))]


async def test_reasons_are_read_until_the_customer_is_erased(
    till: Desk, admin: Desk, stage: Stage, owner: asyncpg.Connection
) -> None:
    customer = await till.register(phone="+79005551234")
    await admin.good("POST", f"/v1/customers/{customer}/adjust", {**REDEMPTION, "points": 500})
    spending = {"customer": {"id": customer}, **REDEMPTION}
    await till.good("POST", "/v1/redeem", {**spending, "receipt": {"number": "R1"}})
    held = await till.good("POST", "/v1/holds", {**spending, "receipt": {"number": "H1"}, "ttl_seconds": 600})
    assert await reasons(till, customer) == [WORDS] * 3
    exported = await admin.good("GET", f"/v1/customers/{customer}/export")
    assert [each["reason"] for each in exported["postings"]] == [WORDS] * 3
    assert await is_told(owner) == []
    await admin.good("POST", f"/v1/customers/{customer}/erase")
    assert await reasons(till, customer) == [None] * 3
    await till.good("POST", f"/v1/holds/{held['id']}/release")
    assert await findings(stage.owner_url) == []


async def test_a_second_person_reads_the_reason_and_it_is_posted(stage: Stage, owner: asyncpg.Connection) -> None:
    async with served_here(stage, adjust_confirm_above=10) as edge, client_of(edge) as http:
        first, second = [Desk(http, await stage.key("admin")) for _ in range(2)]
        await first.publish(small_program())
        customer = await first.register(phone="+79005551234")
        path, big = f"/v1/customers/{customer}/adjust", {**REDEMPTION, "points": 500}
        asked, left = [await first.good("POST", path, big) for _ in range(2)]
        waiting = (await second.good("GET", "/v1/adjustments"))["items"]
        assert [each["reason"] for each in waiting] == [WORDS, WORDS]
        await second.good("POST", f"/v1/adjustments/{asked['id']}/approve")
        assert await reasons(first, customer) == [WORDS]
        assert await is_told(owner) == []
        await first.good("POST", f"/v1/customers/{customer}/erase")
        assert (await second.good("GET", f"/v1/adjustments/{left['id']}"))["reason"] is None
        refused(await second.post(f"/v1/adjustments/{left['id']}/approve"), 409, "customer_blocked")
        refused(await first.post(path, big), 409, "customer_blocked")
    assert await findings(stage.owner_url) == []


@pytest.mark.parametrize("reason", ["sealed:", "sealed:bm90IHNlYWxlZA==", "sealed:no base64", WORDS])
async def test_nobody_makes_the_service_open_what_they_have_made_up(
    till: Desk, admin: Desk, owner: asyncpg.Connection, reason: str
) -> None:
    made = await admin.good("POST", "/v1/gift-cards", {"wallet": "points", "units": 100, "count": 1})
    number = made["numbers"][0]
    await till.good("POST", f"/v1/gift-cards/{number}/activate", {"receipt": {"number": "G1"}})
    spending = {"customer": {"card": number}, "wallet": "points", "points": 5, "reason": reason}
    await till.good("POST", "/v1/redeem", {**spending, "receipt": {"number": "R1"}})
    nobody = await owner.fetchval("select customer_id::text from gift_cards")
    assert [each.strip() for each in await reasons(till, nobody)] == [reason]
    customer = await till.register(phone="+79005551234")
    await admin.good("POST", f"/v1/customers/{customer}/adjust", {**REDEMPTION, "reason": reason})
    assert await reasons(till, customer) == [reason]
