"""Cards of customers: issued with a type that rules test, blocked, moved to a new number."""

import asyncio
from typing import Any

import pytest

from app.verification import findings
from tests.kit import Desk, Stage, purchase, small_program

CLUB = small_program(
    rules=[
        {"id": "club", "kind": "discount", "when": {"card_type": ["club"]}, "give": {"percent": "10"}},
        {"id": "base", "kind": "bonus", "give": {"per": {"amount": 100, "units": 1}}},
    ]
)


async def _paid(till: Desk, customer: dict[str, str]) -> int:
    answer = await till.good("POST", "/v1/quote", purchase(customer))
    return int(answer["totals"]["paid"])


async def test_a_card_has_a_type_that_rules_see(admin: Desk, till: Desk) -> None:
    await admin.publish(CLUB)
    customer = await admin.register(phone="+79001110001")
    card = await till.good("POST", f"/v1/customers/{customer}/cards", {"number": "2700 0000-0042", "type": "club"})
    assert card == {"number": "270000000042", "type": "club", "state": "active", "customer": customer}
    assert await _paid(till, {"card": "270000000042"}) == 9000
    # By phone any of the customer's cards counts, and by another card only that one.
    assert await _paid(till, {"phone": "+79001110001"}) == 9000
    plain = await till.good("POST", f"/v1/customers/{customer}/cards", {"number": "P1"})
    assert plain["type"] is None
    assert await _paid(till, {"card": "P1"}) == 10000


async def test_a_card_made_up_here_can_be_scanned(admin: Desk, till: Desk) -> None:
    customer = await admin.register(phone="+79001110001")
    card = await till.good("POST", f"/v1/customers/{customer}/cards", {"type": "club"})
    number = card["number"]
    assert number.isdigit()
    digits = [int(digit) for digit in reversed(number)]
    assert sum(d if place % 2 == 0 else sum(divmod(2 * d, 10)) for place, d in enumerate(digits)) % 10 == 0
    found = await till.good("POST", "/v1/customers/lookup", {"customer": {"card": number}})
    assert found["id"] == customer


async def test_nobody_is_found_by_a_blocked_card(admin: Desk, till: Desk) -> None:
    await admin.publish(CLUB)
    customer = await admin.register(phone="+79001110001")
    await till.good("POST", f"/v1/customers/{customer}/cards", {"number": "C100", "type": "club"})
    for _ in range(2):
        blocked = await till.good("POST", f"/v1/customers/{customer}/cards/C100/block")
        assert blocked["state"] == "blocked"
    assert (await till.post("/v1/customers/lookup", {"customer": {"card": "C100"}})).status_code == 404
    assert (await till.accrue({"card": "C100"})).json()["code"] == "customer_not_found"
    assert await _paid(till, {"phone": "+79001110001"}) == 10000
    # The number stays used: whoever finds the card can't be given its name.
    other = await admin.register(phone="+79001110002")
    taken = await till.post(f"/v1/customers/{other}/cards", {"number": "C100"})
    assert (taken.status_code, taken.json()["code"]) == (409, "identifier_taken")


async def test_a_replaced_card_keeps_its_type(admin: Desk, till: Desk) -> None:
    await admin.publish(CLUB)
    customer = await admin.register(phone="+79001110001")
    await till.good("POST", f"/v1/customers/{customer}/cards", {"number": "C1", "type": "club"})
    moved = await till.good("POST", f"/v1/customers/{customer}/cards/C1/replace", {"number": "C2"})
    assert (moved["number"], moved["type"]) == ("C2", "club")
    assert await _paid(till, {"card": "C2"}) == 9000
    assert (await till.post("/v1/customers/lookup", {"customer": {"card": "C1"}})).status_code == 404


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/v1/customers/{id}/cards", {"number": "!"}, 422, "validation_error"),
        ("/v1/customers/{id}/cards", {"number": "X" * 65}, 422, "limit_exceeded"),
        ("/v1/customers/{id}/cards", {"kind": "club"}, 422, "validation_error"),
        ("/v1/customers/{id}/cards/NONE/block", {}, 404, "not_found"),
        ("/v1/customers/{id}/cards/NONE/replace", {}, 404, "not_found"),
        ("/v1/customers/00000000-0000-7000-8000-000000000000/cards", {}, 404, "customer_not_found"),
    ],
)
async def test_bad_cards_are_refused(
    admin: Desk, till: Desk, path: str, body: dict[str, Any], status: int, code: str
) -> None:
    customer = await admin.register(phone="+79001110001")
    response = await till.post(path.replace("{id}", customer), body)
    assert (response.status_code, response.json()["code"]) == (status, code)


async def test_cards_issued_at_once_are_all_there(admin: Desk, till: Desk, stage: Stage) -> None:
    """Each waits for the customer's row, and goes by the profile as the one before left it."""
    customer = await admin.register(phone="+79001110001")
    numbers = [f"AT-ONCE-{place}" for place in range(8)]
    answers = await asyncio.gather(
        *(till.post(f"/v1/customers/{customer}/cards", {"number": number, "type": "club"}) for number in numbers)
    )
    assert [answer.status_code for answer in answers] == [201] * 8
    shown = await admin.good("GET", f"/v1/customers/{customer}")
    assert sorted(shown["cards"]) == sorted(number.replace("-", "") for number in numbers)
    assert await findings(stage.owner_url) == []
