"""Gift cards: a wallet of their own that is sold, activated, spent in part, given back to, and blocked."""

import asyncio
from typing import Any

import asyncpg
import pytest

from app.verification import findings
from tests.kit import Desk, Stage, line, purchase, refund, small_program

GIFTS = small_program(
    wallets={"points": {"value": 100}, "gift": {"value": 1, "expire_after_days": 365}},
    redemption={"wallets": ["points", "gift"]},
)


@pytest.fixture
async def marketer(admin: Desk) -> Desk:
    await admin.publish(GIFTS)
    return admin


async def _made(marketer: Desk, **body: Any) -> str:
    answer = await marketer.good("POST", "/v1/gift-cards", {"wallet": "gift", "units": 100000, **body})
    return str(answer["numbers"][0])


async def _activated(marketer: Desk, till: Desk, **body: Any) -> str:
    number = await _made(marketer, **body)
    await till.good("POST", f"/v1/gift-cards/{number}/activate", {"receipt": {"number": f"G-{number}"}})
    return number


async def test_a_card_is_worth_nothing_until_it_is_sold(marketer: Desk, till: Desk) -> None:
    number = await _made(marketer, count=3, batch="spring")
    assert (await till.good("GET", f"/v1/gift-cards/{number}"))["state"] == "inactive"
    early = await till.post("/v1/redeem", _spend(number, 1))
    assert early.json()["code"] == "insufficient_points"
    sold = await till.good("POST", f"/v1/gift-cards/{number}/activate", {"receipt": {"number": "G1"}})
    assert (sold["state"], sold["balance"]["available"], sold["version"]) == ("active", 100000, 1)
    again = await till.post(f"/v1/gift-cards/{number}/activate", {"receipt": {"number": "G2"}})
    assert (again.status_code, again.json()["errors"][0]["code"]) == (422, "active_already")


async def test_it_is_spent_in_part_until_nothing_is_left(marketer: Desk, till: Desk, stage: Stage) -> None:
    number = await _activated(marketer, till)
    await till.good("POST", "/v1/redeem", _spend(number, 30000))
    assert (await till.good("GET", f"/v1/gift-cards/{number}"))["balance"]["available"] == 70000
    more = await till.post("/v1/redeem", _spend(number, 70001))
    assert (more.json()["code"], more.json()["available"]) == ("insufficient_points", 70000)
    await till.good("POST", "/v1/redeem", _spend(number, 70000))
    assert (await till.good("GET", f"/v1/gift-cards/{number}"))["state"] == "spent"
    assert await findings(stage.owner_url) == []


async def test_it_pays_a_basket_and_a_return_gives_back_to_it(marketer: Desk, till: Desk, stage: Stage) -> None:
    number = await _activated(marketer, till)
    sale = purchase({"card": number}, line(price=40000), redeem={"gift": 25000})
    bought = await till.good("POST", "/v1/accrue", sale)
    assert (bought["totals"]["redeemed"], bought["totals"]["paid"]) == (25000, 15000)
    assert bought["totals"]["accrued"]["points"] == 0  # A bearer collects nothing.
    back = await till.good("POST", f"/v1/purchases/{bought['id']}/returns", refund())
    assert (back["given_back"], back["refund"]) == ({"gift": 25000}, 15000)
    assert (await till.good("GET", f"/v1/gift-cards/{number}"))["balance"]["available"] == 100000
    assert await findings(stage.owner_url) == []


async def test_a_blocked_card_pays_nothing(marketer: Desk, till: Desk) -> None:
    number = await _activated(marketer, till)
    assert (await marketer.good("POST", f"/v1/gift-cards/{number}/block"))["state"] == "blocked"
    refused = await till.post("/v1/redeem", _spend(number, 1))
    assert (refused.status_code, refused.json()["code"]) == (409, "customer_blocked")
    quoted = await till.post("/v1/quote", purchase({"card": number}))
    assert (quoted.status_code, quoted.json()["code"]) == (409, "customer_blocked"), "no promise that isn't kept"
    assert (await till.good("GET", f"/v1/gift-cards/{number}"))["balance"]["available"] == 100000


async def test_an_expired_card_pays_nothing(marketer: Desk, till: Desk, owner: asyncpg.Connection) -> None:
    number = await _activated(marketer, till, expire_after_days=30)
    shown = await till.good("GET", f"/v1/gift-cards/{number}")
    assert shown["expires_at"] > shown["activated_at"]
    await owner.execute(
        "update lots set expires_at = clock_timestamp() - interval '1 day',"
        " active_at = clock_timestamp() - interval '31 days'"
    )
    await owner.execute("update gift_cards set expires_at = clock_timestamp() - interval '1 day'")
    await owner.execute("update customers set due_at = clock_timestamp() - interval '1 day', revision = revision + 1")
    assert (await till.good("GET", f"/v1/gift-cards/{number}"))["state"] == "expired"
    assert (await till.post("/v1/redeem", _spend(number, 1))).json()["code"] == "insufficient_points"


async def test_a_card_of_any_value_gets_it_at_the_till(marketer: Desk, till: Desk) -> None:
    number = await _made(marketer, units=None)
    silent = await till.post(f"/v1/gift-cards/{number}/activate", {"receipt": {"number": "G1"}})
    assert (silent.status_code, silent.json()["errors"][0]["pointer"]) == (422, "/units")
    sold = await till.good("POST", f"/v1/gift-cards/{number}/activate", {"receipt": {"number": "G1"}, "units": 12345})
    assert (sold["units"], sold["balance"]["available"]) == (12345, 12345)


async def test_the_same_activation_twice_is_one(marketer: Desk, till: Desk) -> None:
    number = await _made(marketer)
    path, body = f"/v1/gift-cards/{number}/activate", {"receipt": {"number": "G1"}}
    first, second = [await till.post(path, body, key="activate-1") for _ in range(2)]
    assert (first.content, second.headers["Idempotent-Replayed"]) == (second.content, "true")
    other = await _made(marketer)
    used = await till.post(f"/v1/gift-cards/{other}/activate", body)
    assert (used.status_code, used.json()["code"]) == (409, "duplicate_receipt")


async def test_of_two_activations_at_once_one_is_posted(marketer: Desk, till: Desk, stage: Stage) -> None:
    number = await _made(marketer)
    answers = await asyncio.gather(
        *(till.post(f"/v1/gift-cards/{number}/activate", {"receipt": {"number": f"G{place}"}}) for place in range(6))
    )
    assert sorted(answer.status_code for answer in answers) == [201, 422, 422, 422, 422, 422]
    assert (await till.good("GET", f"/v1/gift-cards/{number}"))["balance"]["available"] == 100000
    assert await findings(stage.owner_url) == []


async def test_a_persons_card_is_no_gift_card(marketer: Desk, till: Desk) -> None:
    await marketer.register(card="PERSON1")
    assert (await till.get("/v1/gift-cards/PERSON1")).status_code == 404
    body = {"receipt": {"number": "G1"}, "units": 5}
    assert (await till.post("/v1/gift-cards/PERSON1/activate", body)).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {"wallet": "none"},
        {"wallet": "gift", "count": 0},
        {"wallet": "gift", "count": 501},
        {"wallet": "gift", "units": 0},
        {"wallet": "gift", "expire_after_days": 0},
        {"wallet": "gift", "number": "1"},
    ],
)
async def test_bad_gift_cards_are_refused(marketer: Desk, body: dict[str, Any]) -> None:
    assert (await marketer.post("/v1/gift-cards", body)).status_code == 422


def _spend(number: str, points: int) -> dict[str, Any]:
    return {
        "customer": {"card": number},
        "wallet": "gift",
        "points": points,
        "receipt": {"number": f"S-{number}-{points}"},
        "reason": "goods",
    }
