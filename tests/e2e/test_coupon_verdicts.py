"""Coupons at the till: every verdict at quote and at accrue, uses counted and given back."""

import asyncio
from collections.abc import Mapping
from typing import Any

import asyncpg
import httpx
import pytest

from app.storage.ledger import Round
from tests.e2e.checks import ago, refused
from tests.kit import Desk, line, purchase, refund, small_program

CALLS = ("/v1/quote", "/v1/accrue")


def tenth(name: str, *coupons: str, **more: Any) -> dict[str, Any]:
    """10 % off for whoever shows one of the codes or pools."""
    return {"id": name, "kind": "discount", "when": {"coupon": list(coupons)}, "give": {"percent": "10"}, **more}


@pytest.fixture
async def shop(till: Desk, admin: Desk) -> Desk:
    """The till, with a rule each for a public code, a stored one, and a pool."""
    rules = [tenth("public", "OPEN"), tenth("stored", "SPRING"), tenth("pooled", "winter")]
    await admin.publish(small_program(rules=rules))
    return till


async def make(admin: Desk, **body: Any) -> list[str]:
    codes: list[str] = (await admin.good("POST", "/v1/coupons", body))["codes"]
    return codes


async def shown(
    till: Desk, customer: str | None, *codes: str, call: str = "/v1/accrue", **more: Any
) -> tuple[list[tuple[str, str, str | None]], int]:
    """What is said of the codes, and what a basket of 100.00 costs with them."""
    body = purchase(customer, line(price=10000, **more))
    body["basket"]["coupons"] = list(codes)
    answer = await till.good("POST", call, body)
    for each in answer["coupons"]:
        assert each.keys() >= {"code", "verdict", "rule", "because"}
        assert each["because"]
    return [(each["code"], each["verdict"], each["rule"]) for each in answer["coupons"]], answer["totals"]["paid"]


async def uses(till: Desk, code: str) -> int:
    return int((await till.good("GET", f"/v1/coupons/{code}"))["uses"])


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """How rounds begin: at a glance, or by taking locks."""
    names: list[str] = []
    for name in ("glance", "take"):
        statement = getattr(Round, name)

        async def run(self: Round, *args: Any, name: str = name, statement: Any = statement, **named: Any) -> Any:
            names.append(name)
            return await statement(self, *args, **named)

        monkeypatch.setattr(Round, name, run)
    return names


async def test_a_code_that_only_the_program_knows_needs_no_lock(shop: Desk, admin: Desk, ran: list[str]) -> None:
    """One that was issued may be used up: it is taken under its lock, and from then on without looking first."""
    await make(admin, code="SPRING", uses=2)
    (winter,) = await make(admin, pool="winter", count=1)
    for code, begun, verdict in (
        ("open", ["glance"], "applied"),
        ("spring", ["glance", "take"], "applied"),
        ("spring", ["take"], "applied"),
        ("open", ["glance"], "applied"),
        ("spring", ["take"], "used_up"),
        (winter, ["take"], "applied"),
    ):
        ran.clear()
        ((_, told, _),), _ = await shown(shop, None, code)
        assert (ran, told) == (begun, verdict), code
    assert await uses(shop, "SPRING") == 2


@pytest.mark.parametrize("call", CALLS)
async def test_a_code_applies(shop: Desk, admin: Desk, call: str) -> None:
    await make(admin, code="SPRING")
    (winter,) = await make(admin, pool="winter", count=1)
    assert await shown(shop, None, "open", call=call) == ([("open", "applied", "public")], 9000)
    assert await shown(shop, None, " Spring ", call=call) == ([(" Spring ", "applied", "stored")], 9000)
    assert await shown(shop, None, winter.lower(), call=call) == ([(winter.lower(), "applied", "pooled")], 9000)


@pytest.mark.parametrize("call", CALLS)
async def test_a_code_that_gives_nothing_says_why_and_never_refuses(
    shop: Desk, admin: Desk, owner: asyncpg.Connection, call: str
) -> None:
    customer, other = await shop.register(), await shop.register()
    past, future = ago(days=1).isoformat(), ago(days=-1).isoformat()
    more = {"customer": {"id": customer}, "pool": "winter"}
    await make(admin, code="SOON", **more, **{"from": future})
    await make(admin, code="OVER", **more, until=past)
    await make(admin, code="USED", **more)
    await make(admin, code="OWN", **more)
    await make(admin, code="BLOCKED", **more)
    await make(admin, code="IDLE")  # No rule names it.
    await owner.execute("update coupons set uses = 1 where code = 'USED'")
    await admin.good("POST", "/v1/coupons/BLOCKED/block")
    expected = {
        "SOON": "not_started",
        "OVER": "expired",
        "USED": "used_up",
        "BLOCKED": "unknown",
        "NONE": "unknown",
        "winter": "unknown",  # The name of a pool is no code.
        "IDLE": "not_applicable",
    }
    verdicts, paid = await shown(shop, customer, *expected, call=call)
    assert {code: verdict for code, verdict, _ in verdicts} == expected
    assert all(rule is None for _, _, rule in verdicts)
    assert paid == 10000
    for stranger in (other, None):
        assert await shown(shop, stranger, "OWN", call=call) == ([("OWN", "wrong_customer", None)], 10000)
    assert await shown(shop, customer, "OWN", call=call) == ([("OWN", "applied", "pooled")], 9000)


@pytest.mark.parametrize("call", CALLS)
async def test_a_line_closed_to_coupons_is_left_out(shop: Desk, admin: Desk, call: str) -> None:
    await make(admin, code="SPRING")
    assert await shown(shop, None, "SPRING", call=call, no=["coupon"]) == (
        [("SPRING", "not_applicable", None)],
        10000,
    )
    body = purchase(None, line(1, price=10000, no=["coupon"]), line(2, price=10000))
    body["basket"]["coupons"] = ["SPRING"]
    answer = await shop.good("POST", call, body)
    assert [each["discount"] for each in answer["lines"]] == [0, 1000]
    assert answer["coupons"][0]["verdict"] == "applied"


async def test_a_use_is_counted_once_a_purchase(shop: Desk, admin: Desk) -> None:
    """By whatever number of rules and however often the code was sent; a quote counts none."""
    await admin.publish(small_program(rules=[tenth("a", "SPRING"), tenth("b", "SPRING")]))
    await make(admin, code="SPRING", uses=3)
    await shown(shop, None, "SPRING", call="/v1/quote")
    assert await uses(shop, "SPRING") == 0
    verdicts, paid = await shown(shop, None, "SPRING", "spring")
    assert [(code, verdict) for code, verdict, _ in verdicts] == [("SPRING", "applied"), ("spring", "not_applicable")]
    assert (await uses(shop, "SPRING"), paid) == (1, 8100)


async def test_a_code_that_gave_nothing_is_not_used(shop: Desk, admin: Desk) -> None:
    await make(admin, code="SPRING", uses=1)
    await shown(shop, None, "SPRING", no=["coupon"])
    await shown(shop, None, "SPRING", no=["discount"])
    assert await uses(shop, "SPRING") == 0
    assert (await shown(shop, None, "SPRING"))[1] == 9000


async def test_uses_end(shop: Desk, admin: Desk) -> None:
    await make(admin, code="SPRING", uses=2)
    seen = [(await shown(shop, None, "SPRING"))[0][0][1] for _ in range(3)]
    assert seen == ["applied", "applied", "used_up"]
    assert (await shop.good("GET", "/v1/coupons/SPRING"))["state"] == "used_up"


async def test_uses_of_a_customer_end(shop: Desk, admin: Desk) -> None:
    await make(admin, code="SPRING", uses_per_customer=2)
    customer, other = await shop.register(), await shop.register()
    assert (await shown(shop, None, "SPRING"))[0] == [("SPRING", "wrong_customer", None)]
    seen = [(await shown(shop, customer, "SPRING"))[0][0][1] for _ in range(3)]
    assert seen == ["applied", "applied", "used_up"]
    assert (await shown(shop, customer, "SPRING", call="/v1/quote"))[0][0][1] == "used_up"
    assert (await shown(shop, other, "SPRING"))[0][0][1] == "applied"
    assert await uses(shop, "SPRING") == 3


async def test_a_repeated_purchase_uses_its_code_once(shop: Desk, admin: Desk) -> None:
    await make(admin, code="SPRING", uses=1)
    body = purchase(None, line(price=10000))
    body["basket"]["coupons"] = ["SPRING"]
    first = await shop.post("/v1/accrue", body, key="one")
    again = await shop.post("/v1/accrue", body, key="one")
    assert (again.content, again.headers["Idempotent-Replayed"]) == (first.content, "true")
    assert first.json()["coupons"][0]["verdict"] == "applied"
    assert await uses(shop, "SPRING") == 1


async def test_a_whole_return_gives_the_use_back(shop: Desk, admin: Desk) -> None:
    await make(admin, code="SPRING", uses=1, uses_per_customer=1)
    customer = await shop.register()
    body = purchase(customer, line(1, price=10000, qty=2))
    body["basket"]["coupons"] = ["SPRING"]
    sold = await shop.good("POST", "/v1/accrue", body)
    half = await shop.good("POST", f"/v1/purchases/{sold['id']}/returns", refund(("1", 1)))
    assert half["coupons"] == []
    assert (await shown(shop, customer, "SPRING"))[0][0][1] == "used_up"
    rest = await shop.good("POST", f"/v1/purchases/{sold['id']}/returns", refund())
    assert rest["coupons"] == ["SPRING"]
    assert await uses(shop, "SPRING") == 0
    assert (await shown(shop, customer, "SPRING"))[0][0][1] == "applied"
    assert (await shown(shop, customer, "SPRING"))[0][0][1] == "used_up"


async def test_a_blocked_code_keeps_its_purchases(shop: Desk, admin: Desk) -> None:
    await make(admin, code="SPRING", uses=1)
    body = purchase(None, line(price=10000))
    body["basket"]["coupons"] = ["SPRING"]
    sold = await shop.good("POST", "/v1/accrue", body)
    await admin.good("POST", "/v1/coupons/SPRING/block")
    back = await shop.good("POST", f"/v1/purchases/{sold['id']}/returns", refund())
    assert (back["refund"], back["coupons"]) == (9000, ["SPRING"])
    view = await shop.good("GET", "/v1/coupons/SPRING")
    assert (view["state"], view["uses"]) == ("blocked", 0)


async def test_a_code_that_a_reward_gave_is_the_customers(shop: Desk, admin: Desk) -> None:
    reward = {"id": "gift", "kind": "reward", "when": {"basket_total": {"min": 50000}}, "give": {"coupon": "winter"}}
    await admin.publish(small_program(rules=[reward, tenth("pooled", "winter")]))
    codes = await make(admin, pool="winter", count=2)
    customer, other = await shop.register(), await shop.register()
    sold = (await shop.accrue(customer, line(price=50000))).json()
    (effect,) = sold["effects"]
    assert (effect["coupon"], effect["given"], len(effect["codes"])) == ("winter", 1, 1)
    (code,) = effect["codes"]
    assert code in codes
    assert (await shown(shop, other, code))[0][0][1] == "wrong_customer"
    assert (await shown(shop, customer, code))[0] == [(code, "applied", "pooled")]
    assert (await shown(shop, customer, code))[0][0][1] == "used_up"


async def test_a_code_given_by_a_purchase_that_comes_back_is_void(shop: Desk, admin: Desk) -> None:
    reward = {"id": "gift", "kind": "reward", "when": {"basket_total": {"min": 50000}}, "give": {"coupon": "winter"}}
    await admin.publish(small_program(rules=[reward, tenth("pooled", "winter")]))
    await make(admin, pool="winter", count=1)
    customer = await shop.register()
    sold = (await shop.accrue(customer, line(price=50000))).json()
    code = sold["effects"][0]["codes"][0]
    back = await shop.good("POST", f"/v1/purchases/{sold['id']}/returns", refund())
    assert back["voided"] == [code]
    assert (await shown(shop, customer, code))[0][0][1] == "unknown"
    assert (await shop.good("GET", f"/v1/coupons/{code}"))["state"] == "blocked"


async def test_a_pool_gives_only_codes_that_are_good(shop: Desk, admin: Desk) -> None:
    """Neither blocked ones nor personal ones; where none is left, the purchase goes on without."""
    reward = {"id": "gift", "kind": "reward", "give": {"coupon": "winter"}}
    await admin.publish(small_program(rules=[reward]))
    blocked, free = sorted(await make(admin, pool="winter", count=2))
    await admin.good("POST", f"/v1/coupons/{blocked}/block")
    customer = await shop.register()
    await make(admin, customer={"id": customer}, pool="winter", code="0")
    given = [(await shop.accrue(customer)).json()["effects"] for _ in range(2)]
    assert given[0][0]["codes"] == [free]
    assert [(each["given"], each["limited_by"]) for each in given[1]] in ([], [(0, "pool")])


async def test_the_last_use_is_taken_once(shop: Desk, admin: Desk) -> None:
    await make(admin, code="SPRING", uses=1)
    customers = [await shop.register() for _ in range(8)]

    async def buy(customer: str) -> httpx.Response:
        body = purchase(customer, line(price=10000))
        body["basket"]["coupons"] = ["SPRING"]
        return await shop.post("/v1/accrue", body)

    answers = await asyncio.gather(*map(buy, customers))
    verdicts = sorted(answer.json()["coupons"][0]["verdict"] for answer in answers)
    assert verdicts == ["applied", *["used_up"] * 7]
    assert await uses(shop, "SPRING") == 1


async def test_a_purchase_that_was_not_made_uses_nothing(shop: Desk, admin: Desk) -> None:
    await make(admin, code="SPRING", uses=1)
    customer = await shop.register()
    body: dict[str, Any] = purchase(customer, line(price=10000))
    body["basket"]["coupons"] = ["SPRING"]
    refused(await shop.post("/v1/accrue", body | {"redeem": {"points": 5}}), 409, "insufficient_points")
    refused(await shop.post("/v1/accrue", body | {"expect": {"paid": 10000}}), 409, "quote_changed")
    assert await uses(shop, "SPRING") == 0
    assert (await shop.good("POST", "/v1/accrue", body))["totals"]["paid"] == 9000


async def test_hostile_codes_at_the_till(shop: Desk) -> None:
    body: Mapping[str, Any] = purchase(None, line(price=10000))
    for coupons in (["x" * 65], [""], [5], ["a"] * 21, [None], "SPRING", ["a\u0000b"]):
        body["basket"]["coupons"] = coupons
        for call in CALLS:
            response = await shop.post(call, dict(body))
            assert response.json()["code"] in {"validation_error", "limit_exceeded"}, coupons
            assert response.status_code == 422
    odd = [
        "ß" * 64,
        "\u202e",
        "  ",
        "'; drop table coupons; --",
        "%",
        "😀",
    ]
    for call in CALLS:
        verdicts, paid = await shown(shop, None, *odd, call=call)
        assert [verdict for _, verdict, _ in verdicts] == ["unknown"] * len(odd)
        assert paid == 10000
