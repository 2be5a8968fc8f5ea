"""What an attacker tried with luck, limits and tokens, and must not get."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.kit import Desk, line, purchase, refund, small_program


def _draw(**prize: Any) -> dict[str, Any]:
    """A rule that wins by half a chance."""
    draw = {"algorithm": "independent", "chance": "0.5", "prizes": [{"id": "p", **prize}]}
    return {"id": "lucky", "kind": "random_reward", "give": {"draw": draw}}


async def test_a_number_that_comes_again_in_another_shift_has_another_ticket(admin: Desk, till: Desk) -> None:
    await admin.publish(small_program(rules=[_draw(units=10)]))
    customer = await admin.register()
    tickets = set()
    for shift in (None, "1", "2", "3"):
        receipt = {"number": "R1"} if shift is None else {"number": "R1", "shift": shift}
        sale = {**purchase(customer), "receipt": receipt}
        tickets.add((await till.good("POST", "/v1/accrue", sale))["draws"][0]["ticket"])
    assert len(tickets) == 4


async def test_luck_never_refuses_a_sale(admin: Desk, till: Desk) -> None:
    """Else a wrong `expect` would tell a winner from a loser, and commit neither."""
    base = {"id": "base", "kind": "bonus", "give": {"percent": "5"}}
    program = small_program(wallets={"points": {"value": 1}}, rules=[base, _draw(percent="100")])
    await admin.publish(program)
    customer = await admin.register()
    huge = line(price=10**12)
    for place in range(12):
        sale = purchase(customer, huge, receipt=f"H{place}", expect={"paid": 1})
        answer = await till.post("/v1/accrue", sale)
        assert (answer.status_code, answer.json()["code"]) == (409, "quote_changed")
    bought = [
        await till.good("POST", "/v1/accrue", purchase(customer, huge, receipt=f"B{place}")) for place in range(12)
    ]
    assert {draw["prize"] for sale in bought for draw in sale["draws"]} == {None, "p"}
    assert max(sale["totals"]["accrued"]["points"] for sale in bought) == 10**12


async def test_a_prize_in_percent_cannot_be_moved_to_a_larger_basket(admin: Desk, till: Desk) -> None:
    sure = _draw(percent="100")
    sure["give"]["draw"]["chance"] = "1"
    await admin.publish(small_program(wallets={"points": {"value": 1}}, rules=[sure]))
    customer = await admin.register()
    small = await till.good("POST", "/v1/accrue", purchase(customer, line(price=100)))
    assert small["totals"]["accrued"]["points"] == 100
    await till.good("POST", f"/v1/purchases/{small['id']}/returns", refund())
    large = await till.good("POST", "/v1/accrue", purchase(customer, line(price=1_000_000)))
    assert (large["draws"][0]["slip_of"], large["totals"]["accrued"]["points"]) == (small["id"], 100)
    after = await till.good("POST", "/v1/accrue", purchase(customer, line(price=1_000_000)))
    assert after["totals"]["accrued"]["points"] == 1_000_000


async def test_a_token_promises_gifts_too(admin: Desk, till: Desk) -> None:
    gift = {"id": "mug", "kind": "reward", "give": {"gift": "MUG"}, "limit": {"budget": 1}}
    await admin.publish(small_program(rules=[gift]))
    first, second = await admin.register(), await admin.register()
    quoted = await till.good("POST", "/v1/quote", purchase(first))
    assert quoted["effects"][0]["gift"] == "MUG"
    await till.good("POST", "/v1/accrue", purchase(second))
    late = await till.post("/v1/accrue", purchase(first, quote=quoted["quote"]))
    assert (late.status_code, late.json()["code"]) == (409, "quote_changed")


def _zones() -> tuple[str, str]:
    """A zone in which it is already tomorrow of the other's day, whenever this runs: they are 25 hours apart."""
    return "Pacific/Kiritimati", "Pacific/Midway"


async def test_a_limit_holds_over_a_change_of_zone(admin: Desk, till: Desk) -> None:
    """The token of the version in the west asks for a day that the customer's counter has left behind."""
    east, west = _zones()
    daily = {
        "id": "d",
        "kind": "discount",
        "give": {"percent": "10"},
        "limit": {"customer": {"uses": 1, "period": "day"}},
    }
    await admin.publish(small_program(timezone=west, rules=[daily]))
    customer = await admin.register()
    tokens = [(await till.good("POST", "/v1/quote", purchase(customer)))["quote"] for _ in range(2)]
    await admin.publish(small_program(timezone=east, rules=[daily]))
    assert (await till.good("POST", "/v1/accrue", purchase(customer)))["totals"]["discount"] == 1000
    for token in tokens:
        stale = await till.post("/v1/accrue", purchase(customer, quote=token))
        assert (stale.status_code, stale.json()["code"]) == (409, "quote_changed")


async def test_a_day_whose_secret_is_public_never_comes_again(admin: Desk, till: Desk) -> None:
    east, west = _zones()
    await admin.publish(small_program(timezone=west))  # From wherever it was, while nothing is drawn.
    await admin.publish(small_program(timezone=west, rules=[_draw(units=10)]))
    customer = await admin.register()
    token = (await till.good("POST", "/v1/quote", purchase(customer)))["quote"]
    await admin.publish(small_program(timezone=east, rules=[_draw(units=10)]))
    day = datetime.now(ZoneInfo(west)).date().isoformat()
    assert (await till.http.get(f"/v1/draws/{day}")).json()["secret"] is not None
    pinned = await till.post("/v1/accrue", purchase(customer, quote=token))
    assert (pinned.status_code, pinned.json()["code"]) == (409, "quote_changed")
    await admin.good("PUT", "/v1/program/draft", small_program(timezone=west, rules=[_draw(units=10)]))
    back = await admin.post("/v1/program/publish")
    assert (back.status_code, back.json()["errors"][0]["code"]) == (422, "day_is_over")
    again = await admin.post("/v1/program/versions/3/republish")
    assert again.status_code == 422
    # Without draws on either side a zone is only a zone.
    await admin.publish(small_program(timezone=east))
    await admin.publish(small_program(timezone=west))


@pytest.mark.parametrize("member", ["number", "shift"])
async def test_receipts_are_named_in_print(admin: Desk, till: Desk, member: str) -> None:
    customer = await admin.register()
    receipt = {"number": "1", member: "1\n2"}
    refused = await till.post("/v1/accrue", {**purchase(customer), "receipt": receipt})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, f"/receipt/{member}")
