"""The last use of a coupon, the last rouble of a budget, the last piece, the last free code: whoever asks at once, in
whatever process, exactly one has it.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from itertools import cycle
from typing import Any
from uuid import uuid4

import asyncpg
import orjson
import pytest

from tests.kit import Desk, Stage, client_of, line, purchase, refund, served_here, small_program
from tests.storm.audit import audit

CLIENTS = 32
_DRAW = {"algorithm": "independent", "chance": "1", "prizes": [{"id": "tv", "weight": 1, "gift": "TV", "stock": 1}]}
_PERCENT = {"kind": "discount", "give": {"percent": "10"}}  # 10.00 of the basket of 100.00.


def _program(rule: Mapping[str, Any], **parts: Any) -> dict[str, Any]:
    """The rule is the only one, so nothing else gives."""
    return small_program(rules=[{"id": "last", **rule}], **parts)


@asynccontextmanager
async def _tills(stage: Stage) -> AsyncIterator[list[Desk]]:
    """A till of each of two services over one database."""
    async with AsyncExitStack() as stack:
        tills = []
        for place in (1, 2):
            edge = await stack.enter_async_context(served_here(stage))
            http = await stack.enter_async_context(client_of(edge))
            tills.append(Desk(http, await stage.key("pos", shop="S1", terminal=f"T{place}")))
        yield tills


@pytest.fixture
async def tills(stage: Stage, owner: asyncpg.Connection) -> AsyncIterator[list[Desk]]:
    async with _tills(stage) as tills:
        yield tills
        await audit(owner)
        await _check_counters(owner)


async def _check_counters(owner: asyncpg.Connection) -> None:
    """Every counter is what purchases took and returns did not give back; no code was used more than it may be."""
    taken: dict[str, int] = {}
    for row in await owner.fetch("select uses from purchases where uses is not null"):
        for use in orjson.loads(row["uses"])["counts"]:
            if use["scope"] == "program":
                taken[use["name"]] = taken.get(use["name"], 0) + use["amount"] - use["given_back"]
    counters = {row["name"]: row["used"] for row in await owner.fetch("select name, used from counters")}
    assert {name: used for name, used in counters.items() if used} == {n: used for n, used in taken.items() if used}


async def _customers(till: Desk, number: int = CLIENTS) -> list[str]:
    return [await till.register() for _ in range(number)]


async def _bought(tills: list[Desk], customers: list[str], **more: Any) -> list[dict[str, Any]]:
    """The answers of one purchase for each customer, all at once, at the tills by turns."""
    replies = await asyncio.gather(
        *(till.accrue(customer, **more) for till, customer in zip(cycle(tills), customers, strict=False))
    )
    assert {reply.status_code for reply in replies} == {201}
    return [reply.json() for reply in replies]


def _given(answer: Mapping[str, Any]) -> int:
    return sum(effect["given"] for effect in answer["effects"])


async def _pool(owner: asyncpg.Connection, *codes: str, pool: str = "pool-1") -> None:
    await owner.execute("insert into coupon_pools (id, uses_max, created_by) values ($1, 1, 'test')", pool)
    for code in codes:
        await owner.execute(
            "insert into coupons (code, pool, uses_max, created_by) values ($1, $2, 1, 'test')", code, pool
        )


@pytest.mark.parametrize(
    ("rule", "parts", "left"),
    [
        ({**_PERCENT, "limit": {"budget": 3 * 1000 + 1}}, {}, 1),  # The last kopeck.
        ({**_PERCENT, "limit": {"uses": 4}}, {}, 1000),
        ({"kind": "bonus", "give": {"units": 7}, "limit": {"budget": 3 * 7 + 2}}, {}, 2),
        (
            {"kind": "bonus", "give": {"units": 7}},
            {"caps": [{"id": "month", "wallet": "points", "per": "program", "period": "month", "max": 3 * 7 + 1}]},
            1,
        ),
        ({"kind": "reward", "give": {"gift": "MUG"}, "limit": {"budget": 4}}, {}, 1),
    ],
    ids=["kopeck", "use", "budget of units", "cap", "gift"],
)
async def test_the_last_of_a_limit_goes_to_one(
    tills: list[Desk], admin: Desk, rule: Mapping[str, Any], parts: Mapping[str, Any], left: int
) -> None:
    """Three have had theirs whole; of 32 at once exactly one has what is left."""
    await admin.publish(_program(rule, **parts))
    customers = await _customers(tills[0], CLIENTS + 3)
    whole = [_given(answer) for answer in await _bought(tills, customers[:3])]
    assert len(set(whole)) == 1
    answers = await _bought(tills, customers[3:])
    assert sorted(_given(answer) for answer in answers) == [*[0] * (CLIENTS - 1), left]


async def test_the_last_use_of_a_coupon_goes_to_one(tills: list[Desk], admin: Desk, owner: asyncpg.Connection) -> None:
    await admin.publish(_program({**_PERCENT, "when": {"coupon": ["pool-1"]}}))
    await _pool(owner, "ONCE")
    basket = {"lines": [line()], "coupons": ["once"]}
    answers = await _bought(tills, await _customers(tills[0]), basket=basket)
    words = sorted(answer["coupons"][0]["verdict"] for answer in answers)
    assert words == ["applied", *["used_up"] * (CLIENTS - 1)]
    assert sorted(_given(answer) for answer in answers) == [*[0] * (CLIENTS - 1), 1000]
    assert await owner.fetchval("select uses from coupons") == 1
    (winner,) = [answer for answer in answers if _given(answer)]
    await tills[0].good("POST", f"/v1/purchases/{winner['id']}/returns", refund())
    assert await owner.fetchval("select uses from coupons") == 0
    (again,) = await _bought(tills, await _customers(tills[0], 1), basket=basket)
    assert again["coupons"][0]["verdict"] == "applied"


async def test_the_last_prize_goes_to_one(tills: list[Desk], admin: Desk, owner: asyncpg.Connection) -> None:
    await admin.publish(_program({"kind": "random_reward", "give": {"draw": _DRAW}}))
    answers = await _bought(tills, await _customers(tills[0]))
    draws = [draw for answer in answers for draw in answer["draws"]]
    assert len(draws) == CLIENTS
    assert [draw["prize"] for draw in draws].count("tv") == 1
    assert {draw["because"] for draw in draws if draw["prize"] is None} == {"stock"}
    day = await owner.fetchrow("select day, commitment from draw_days")
    assert day is not None


async def test_the_last_free_code_of_a_pool_goes_to_one(
    tills: list[Desk], admin: Desk, owner: asyncpg.Connection
) -> None:
    await admin.publish(_program({"kind": "reward", "give": {"coupon": "pool-1"}}))
    await _pool(owner, "A", "B")
    customers = await _customers(tills[0], CLIENTS + 1)
    (first,) = await _bought(tills, customers[:1])
    assert [effect["codes"] for effect in first["effects"]] == [["A"]]
    answers = await _bought(tills, customers[1:])
    codes = [code for answer in answers for effect in answer["effects"] for code in effect["codes"]]
    assert codes == ["B"]
    owners = {str(row["customer_id"]) for row in await owner.fetch("select customer_id from coupons where is_given")}
    assert len(owners) == 2


async def test_a_code_that_was_given_out_goes_back_with_the_goods(
    tills: list[Desk], admin: Desk, owner: asyncpg.Connection
) -> None:
    await admin.publish(_program({"kind": "reward", "give": {"coupon": "pool-1"}}))
    await _pool(owner, "A")
    (bought,) = await _bought(tills, await _customers(tills[0], 1))
    path = f"/v1/purchases/{bought['id']}/returns"
    preview = await tills[1].good("POST", f"{path}?preview=true", refund())
    assert await owner.fetchval("select is_blocked from coupons") is False
    returned = await tills[1].good("POST", path, refund())
    assert await owner.fetchval("select is_blocked from coupons") is True
    assert preview["refund"] == returned["refund"] == 10000


async def test_what_returns_give_back_is_had_again_and_never_twice(
    tills: list[Desk], admin: Desk, owner: asyncpg.Connection
) -> None:
    """Purchases and returns of halves and wholes at once, at two services: the budget is held to the kopeck."""
    budget = 5 * 1000 + 300
    rule = {**_PERCENT, "limit": {"budget": budget, "uses": 9, "customer": {"max": 1500, "period": "day"}}}
    await admin.publish(_program(rule))
    customers = await _customers(tills[0], 12)

    async def come_and_go(place: int) -> None:
        till, other = tills[place % 2], tills[(place + 1) % 2]
        for turn in range(4):
            bought = (await till.accrue(customers[place], line(qty=2, price=5000))).json()
            path = f"/v1/purchases/{bought['id']}/returns"
            if (place + turn) % 3:
                await other.good("POST", path, refund(("1", 1)))
            if (place + turn) % 2:
                await till.good("POST", path, refund())

    await asyncio.gather(*(come_and_go(place) for place in range(len(customers))))
    used = await owner.fetchval("select used from counters where name = 'rule/last/budget'")
    assert 0 <= used <= budget
    answers = await _bought(tills, await _customers(tills[0]))
    assert sum(_given(answer) for answer in answers) <= budget - used


async def test_a_refused_purchase_takes_nothing(tills: list[Desk], admin: Desk, owner: asyncpg.Connection) -> None:
    rule = {**_PERCENT, "when": {"coupon": ["pool-1"]}, "limit": {"budget": 1000}}
    await admin.publish(_program(rule))
    await _pool(owner, "ONCE")
    body = purchase(None, basket={"lines": [line()], "coupons": ["ONCE"]}, expect={"paid": 1})
    refused = await tills[0].post("/v1/accrue", body)
    assert refused.json()["code"] == "quote_changed"
    assert await owner.fetchval("select uses from coupons") == 0
    assert await owner.fetchval("select coalesce(sum(used), 0) from counters") == 0
    taken = await tills[1].good("POST", "/v1/accrue", {**body, "expect": {"paid": 9000}})
    assert taken["totals"]["discount"] == 1000


async def test_a_quote_sees_what_is_left_and_takes_nothing(
    tills: list[Desk], admin: Desk, owner: asyncpg.Connection
) -> None:
    await admin.publish(_program({**_PERCENT, "limit": {"budget": 1500}}))
    await tills[0].good("POST", "/v1/accrue", purchase(None))
    asked = {name: member for name, member in purchase(None).items() if name != "receipt"}
    quoted, _ = quotes = [await till.good("POST", "/v1/quote", asked) for till in tills]
    for quote in quotes:
        assert (quote["totals"]["discount"], quote["effects"][0]["limited_by"]) == (500, "budget")
    assert await owner.fetchval("select used from counters") == 1000
    kept = await tills[0].good("POST", "/v1/accrue", purchase(None, quote=quoted["quote"]))
    assert kept["totals"]["discount"] == 500
    late = await tills[1].post("/v1/accrue", purchase(None, quote=quoted["quote"]))
    assert late.json()["code"] == "quote_changed"


async def test_what_luck_brings_breaks_no_promise(tills: list[Desk], admin: Desk) -> None:
    prizes = [{"id": "p", "weight": 1, "units": 30}]
    lucky = {"id": "lucky", "kind": "random_reward", "give": {"draw": {**_DRAW, "prizes": prizes}}}
    base = {"id": "base", "kind": "bonus", "give": {"units": 5}}
    await admin.publish(small_program(rules=[base, lucky]))
    customer = await tills[0].register()
    asked = {name: member for name, member in purchase(customer).items() if name != "receipt"}
    quoted = await tills[0].good("POST", "/v1/quote", asked)
    assert (quoted["totals"]["accrued"], quoted["surprise"], quoted["draws"]) == ({"points": 5}, {"possible": True}, [])
    bought = await tills[0].good("POST", "/v1/accrue", {**purchase(customer), "quote": quoted["quote"]})
    assert bought["totals"]["accrued"] == {"points": 35}
    assert bought["balances"]["points"]["available"] == 35


async def test_an_instance_with_other_secrets_draws_nothing(
    tills: list[Desk], admin: Desk, stage: Stage, owner: asyncpg.Connection
) -> None:
    """It would draw tickets that the day's published commitment doesn't cover; what draws nothing it serves."""
    await admin.publish(_program({"kind": "random_reward", "give": {"draw": _DRAW}}))
    await _bought(tills, await _customers(tills[0], 1))
    erased = uuid4()  # Whose personal data the other secrets can't fail to open.
    await owner.execute("insert into customers (id) values ($1)", erased)
    (stage.data_dir / "other").mkdir()
    other_secrets = replace(stage, data_dir=stage.data_dir / "other")
    async with served_here(other_secrets) as edge, client_of(edge) as http:
        stranger = Desk(http, tills[0].key)
        refused = await stranger.accrue(str(erased))
        assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
        assert (await stranger.accrue(None)).status_code == 201
    assert await owner.fetchval("select count(*) from purchases where draws is not null") == 1
