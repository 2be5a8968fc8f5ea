"""The textbook against our own service: the same purchases, the same totals, the same rows."""

from __future__ import annotations

import asyncio
import json
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import httpx

from loadtest import textbook
from loadtest.goods import baskets
from loadtest.program import program
from loadtest.scenarios import Chain, Customer, Till
from loadtest.textbook.serving import DATABASE
from tests.kit import Desk, Stage

CUSTOMERS = 4
PURCHASES = 48
POINTS = 500
TOTALS = ("gross", "discount", "redeemed", "paid", "redeemed_units", "accrued")


class Both:
    """A till that sends each purchase to both services."""

    def __init__(self, ours: Desk, theirs: Desk) -> None:
        self.ours = ours
        self.theirs = theirs

    async def accrue(self, body: dict[str, Any], *, key: str) -> tuple[dict[str, Any], dict[str, Any]]:
        answers = [await desk.post("/v1/accrue", body, key=key) for desk in (self.ours, self.theirs)]
        assert [answer.status_code for answer in answers] == [201, 201], [answer.text for answer in answers]
        return answers[0].json(), answers[1].json()


async def furnished(admin: Desk, stage: Stage) -> tuple[Desk, Chain]:
    """Our service with the benchmark's program and customers with points; a till."""
    await admin.publish(program())
    till = Desk(admin.http, await stage.key("pos", shop="S1", terminal="T1"))
    people = []
    for place in range(CUSTOMERS):
        phone, card = f"+7900000{place:04d}", f"29{place:010d}"
        customer = await till.register(phone=phone, card=card)
        await admin.good(
            "POST",
            f"/v1/customers/{customer}/adjust",
            {"wallet": "points", "points": POINTS, "reason": "opening balance"},
        )
        people.append(Customer(id=customer, phone=phone, card=card))
    return till, Chain(tills=(Till(key=till.key, shop="S1", terminal="T1"),), customers=tuple(people))


def purchases(chain: Chain) -> list[dict[str, Any]]:
    """By phone, card and id in turn; every fourth pays with as many points as it may."""
    made: list[dict[str, Any]] = []
    for place, basket in enumerate(baskets()[:PURCHASES]):
        customer = chain.customers[place % CUSTOMERS]
        named = ({"phone": customer.phone}, {"card": customer.card}, {"id": customer.id})[place % 3]
        body = {"customer": named, "receipt": {"number": f"R{place}"}, "basket": json.loads(basket)}
        made.append(body | ({"redeem": {"points": "max"}} if place % 4 == 3 else {}))
    return made


async def clear_of_midnight() -> None:
    """Waits for the next day where the program's has less than a minute left: both services reckon by the day, and have
    clocks of their own.
    """
    now = datetime.now(ZoneInfo("Europe/Moscow"))
    left = 24 * 3600 - (now.hour * 3600 + now.minute * 60 + now.second)
    if left < 60:
        await asyncio.sleep(left)


async def rows(url: str, statement: str, *arguments: Any) -> list[tuple[Any, ...]]:
    connection = await asyncpg.connect(url)
    try:
        return [tuple(row) for row in await connection.fetch(statement, *arguments)]
    finally:
        await connection.close()


async def test_the_textbook_gives_and_keeps_what_we_give_and_keep(admin: Desk, stage: Stage) -> None:
    await clear_of_midnight()
    till, chain = await furnished(admin, stage)
    serving: AbstractContextManager[int] = textbook.serve(stage.owner_url, chain, program(), workers=1, points=POINTS)
    port = await asyncio.to_thread(serving.__enter__)
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
            both = Both(till, Desk(http, till.key))
            for place, body in enumerate(purchases(chain)):
                await assert_same(both, body, key=f"k{place}", urls=(stage.owner_url, beside(stage)))
            await assert_replays(both.theirs, purchases(chain)[0])
        for customer in chain.customers:
            assert await lots_of_ours(stage, customer) == await lots_of_theirs(stage, customer)
    finally:
        await asyncio.to_thread(serving.__exit__, None, None, None)


def beside(stage: Stage) -> str:
    head, _, query = stage.owner_url.partition("?")
    return f"{head.rpartition('/')[0]}/{DATABASE}?{query}"


async def assert_same(both: Both, body: dict[str, Any], *, key: str, urls: tuple[str, str]) -> None:
    ours, theirs = await both.accrue(body, key=key)
    assert {name: theirs["totals"][name] for name in TOTALS} == {
        name: without_zeros(ours["totals"][name]) for name in TOTALS
    }
    assert len(theirs["lines"]) == len(ours["lines"]) == len(body["basket"]["lines"])
    for mine, yours in zip(ours["lines"], theirs["lines"], strict=True):
        for name in ("id", "gross", "discount", "redeemed", "paid"):
            assert yours[name] == mine[name]
        assert without_zeros(yours["accrued"]) == without_zeros(mine["accrued"])
        assert [part["rule"] for part in yours["parts"]] == [part["rule"] for part in mine["parts"]]
    assert [(e["rule"], e["wanted"], e["given"], e["limited_by"]) for e in theirs["effects"]] == [
        (e["rule"], e["wanted"], e["given"], e["limited_by"]) for e in ours["effects"]
    ]
    assert without_zeros(theirs["balances"]) == without_zeros(
        {wallet: balance["available"] for wallet, balance in ours["balances"].items()}
    )
    entered = "select account, wallet, amount, rule from {} where {} = $1 order by 1, 2, 3, 4"
    assert await rows(urls[0], entered.format("audit_entry", "tx_id::text"), ours["tx_id"]) == await rows(
        urls[1], entered.format("entries", "purchase_id::text"), theirs["id"]
    )
    counted = "select count(*) from purchase_lines where purchase_id::text = $1"
    assert await rows(urls[1], counted, theirs["id"]) == [(len(body["basket"]["lines"]),)]
    explained = "select jsonb_array_length(explanation) from purchases where id::text = $1"
    assert (await rows(urls[1], explained, theirs["id"]))[0][0] > 0
    assert await rows(urls[1], "select kind from events where purchase_id::text = $1", theirs["id"]) == [("purchase",)]


def without_zeros(value: Any) -> Any:
    """Ours names each wallet of the program, whatever came into it."""
    return {name: units for name, units in value.items() if units} if isinstance(value, dict) else value


async def assert_replays(theirs: Desk, body: dict[str, Any]) -> None:
    again = await theirs.post("/v1/accrue", body, key="k0")
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (201, "true")
    other = await theirs.post("/v1/accrue", {**body, "redeem": {"points": 1}}, key="k0")
    assert other.status_code == 422
    twice = await theirs.post("/v1/accrue", body, key="another")
    assert twice.status_code == 409
    stranger = Desk(theirs.http, "nobody's")
    assert (await stranger.post("/v1/accrue", body)).status_code == 401


async def lots_of_ours(stage: Stage, customer: Customer) -> list[tuple[Any, ...]]:
    statement = "select wallet, remaining, expires_at from audit_lot where customer_id::text = $1 and remaining > 0"
    return sorted(await rows(stage.owner_url, statement, customer.id), key=repr)


async def lots_of_theirs(stage: Stage, customer: Customer) -> list[tuple[Any, ...]]:
    statement = "select wallet, remaining, expires_at from lots where customer_id::text = $1 and remaining > 0"
    return sorted(await rows(beside(stage), statement, customer.id), key=repr)
