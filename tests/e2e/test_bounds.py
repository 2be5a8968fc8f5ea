"""Figures at the edge of what the service takes: a definite answer, never a failure."""

import asyncio
import base64

from tests.e2e.checks import pointers, refused
from tests.kit import Desk, line, purchase, small_program

MOST = 10**12


async def test_a_program_cannot_bring_more_than_a_posting_may_move(till: Desk, admin: Desk) -> None:
    rule = {"id": "lavish", "kind": "bonus", "give": {"per": {"amount": 1, "units": MOST}}}
    await admin.publish(small_program(rules=[rule]))
    customer = await till.register()
    for price in (2, MOST):
        for path in ("/v1/quote", "/v1/accrue"):
            refused(await till.post(path, purchase(customer, line(price=price))), 422, "limit_exceeded")
    sold = (await till.accrue(customer, line(price=1))).json()
    assert sold["balances"]["points"]["available"] == MOST


async def test_points_worth_more_than_any_basket_pay_for_one(till: Desk, admin: Desk) -> None:
    await admin.publish(small_program(wallets={"points": {"value": MOST}}, rules=[]))
    customer = await till.register()
    for _ in range(3):
        body = {"wallet": "points", "points": MOST, "reason": "a lot"}
        await admin.good("POST", f"/v1/customers/{customer}/adjust", body)
    sold = (await till.accrue(customer, line(price=MOST), redeem={"points": "max"})).json()
    assert (sold["totals"]["redeemed_units"], sold["totals"]["paid"]) == ({"points": 1}, 0)
    assert sold["redeem"]["wallets"]["points"]["terms"]["available"] > MOST
    assert sold["balances"]["points"]["available"] == 3 * MOST - 1
    body = {"wallet": "points", "points": -MOST, "reason": "too much"}
    assert (await admin.good("POST", f"/v1/customers/{customer}/adjust", body))["version"] == 5


async def test_a_cursor_that_no_list_gave_is_refused(till: Desk, admin: Desk) -> None:
    customer = await till.register()
    await till.accrue(customer)
    paths = (f"/v1/customers/{customer}/history", f"/v1/customers/{customer}/lots", "/v1/program/versions")
    for text in ("p" + "9" * 19, "p" + "9" * 18, "p2147483648", "p-1", "p", "q1", "p1.5", "p１"):
        cursor = base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()
        for path in paths:
            problem = refused(await admin.get(f"{path}?cursor={cursor}"), 422, "validation_error")
            assert pointers(problem) == {"/query/cursor"}, text
    for path in paths:
        for cursor in ("!", "a", "%00", "A" * 600):
            assert (await admin.get(f"{path}?cursor={cursor}")).status_code == 422, cursor


async def test_the_largest_basket_is_sold_and_brought_back(till: Desk) -> None:
    customer = await till.register()
    sold = (await till.accrue(customer, line(price=1_000_000, qty=1_000_000))).json()
    assert (sold["totals"]["paid"], sold["totals"]["accrued"]) == (MOST, {"points": MOST // 100})
    back = {"receipt": {"number": "B"}, "lines": [{"id": "1", "qty": "999999.999"}]}
    answer = await till.good("POST", f"/v1/purchases/{sold['id']}/returns", back)
    assert (answer["refund"], answer["taken_back"]) == (MOST - 1_000, {"points": MOST // 100 - 10})


async def test_free_lines_and_the_smallest_quantities_are_sold(till: Desk) -> None:
    customer = await till.register()
    lines = [line(1, price=0), line(2, price=499, qty="0.001"), line(3, price=500, qty="0.001")]
    sold = (await till.accrue(customer, *lines)).json()
    assert [each["gross"] for each in sold["lines"]] == [0, 0, 1]  # Half-up.
    assert (sold["totals"]["paid"], sold["totals"]["accrued"]) == (1, {"points": 0})


async def test_one_phone_registered_at_many_tills_at_once_is_one_customer(till: Desk) -> None:
    bodies = [{"phone": "+79001234567", "card": str(number)} for number in range(8)]
    answers = await asyncio.gather(*(till.post("/v1/customers", body) for body in bodies))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7
    for answer in answers:
        if answer.status_code == 409:
            assert pointers(refused(answer, 409, "identifier_taken")) == {"/phone"}


async def test_texts_are_kept_as_they_are(till: Desk) -> None:
    customer = await till.register(external_id="клиент/№ 1?&=%")
    reference = {"external_id": "клиент/№ 1?&=%"}
    assert (await till.good("POST", "/v1/customers/lookup", {"customer": reference}))["id"] == customer
    goods = line(sku="😀", name='Кофе "Арабика"\n\t\\', category="напитки/кофе", tags=["свой", "свой"])
    goods["id"] = "строка/1"
    sold = (await till.accrue(customer, goods, receipt="чек № 7")).json()
    assert (sold["lines"][0]["id"], sold["receipt"]) == ("строка/1", {"number": "чек № 7"})
    found = await till.good("GET", "/v1/purchases?number=%D1%87%D0%B5%D0%BA%20%E2%84%96%207")
    assert found["id"] == sold["id"]
    back = {"receipt": {"number": "возврат"}, "lines": [{"id": "строка/1", "qty": 1}]}
    assert (await till.good("POST", f"/v1/purchases/{sold['id']}/returns", back))["refund"] == 10000
