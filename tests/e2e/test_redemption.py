"""Points paying for a basket: how much may be, what refuses, how it is spread, and prices for the fiscal receipt."""

from typing import Any

from tests.e2e.checks import pointers, refused
from tests.kit import Desk, line, purchase, small_program


async def rich(till: Desk, admin: Desk, points: int = 1000, **profile: str) -> str:
    """A customer with so many points, and no purchase."""
    customer = await till.register(**profile)
    body = {"wallet": "points", "points": points, "reason": "a present"}
    await admin.good("POST", f"/v1/customers/{customer}/adjust", body)
    return customer


def terms(sale: dict[str, Any], wallet: str = "points") -> dict[str, Any]:
    found: dict[str, Any] = sale["redeem"]["wallets"][wallet]
    return found


async def test_max_redeems_all_that_may_be(till: Desk, admin: Desk) -> None:
    await admin.publish(small_program(redemption={"max_share": "0.30"}))
    customer = await rich(till, admin)
    sale = (await till.accrue(customer, line(price=33333), redeem={"points": "max"})).json()
    # floor(0.30 × 33,333) = 9,999, that is 99 units.
    assert (terms(sale)["max_money"], terms(sale)["max_units"], terms(sale)["bound_by"]) == (9999, 99, "max_share")
    assert (sale["totals"]["redeemed_units"], sale["totals"]["redeemed"]) == ({"points": 99}, 9900)
    assert sale["totals"]["paid"] == 23433
    assert sale["balances"]["points"]["available"] == 1000 - 99 + 234


async def test_what_binds_a_redemption_is_named(till: Desk, admin: Desk) -> None:
    customer = await rich(till, admin, 100)
    for redemption, price, more, bound_by, units in (
        ({}, 50000, {}, "available", 100),
        ({"max_share": "0.5"}, 10000, {}, "max_share", 50),
        ({"min_paid": 4000}, 10000, {}, "min_paid", 60),
        ({}, 10000, {"min_price": 7000}, "lines_room", 30),
    ):
        await admin.publish(small_program(redemption=redemption))
        body = {"customer": {"id": customer}, "basket": {"lines": [line(price=price, **more)]}}
        quoted = await till.good("POST", "/v1/quote", body)
        assert (terms(quoted)["bound_by"], terms(quoted)["max_units"]) == (bound_by, units)


async def test_more_than_is_available_is_said_before_more_than_is_allowed(till: Desk, admin: Desk) -> None:
    await admin.publish(small_program(redemption={"max_share": "0.30"}))
    customer = await rich(till, admin, 100)
    body = purchase(customer, line(price=10000), receipt="B-1")
    for asked, code in ((101, "insufficient_points"), (31, "redeem_limit_exceeded")):
        for path in ("/v1/quote", "/v1/accrue"):
            problem = refused(await till.post(path, body | {"redeem": {"points": asked}}), 409, code)
            assert (problem["requested"], problem["available"]) == (asked, 100)
            assert problem.get("allowed") == (30 if code == "redeem_limit_exceeded" else None)
    assert (await till.post("/v1/accrue", body | {"redeem": {"points": 30}})).status_code == 201


async def test_units_go_in_steps_and_not_below_the_least(till: Desk, admin: Desk) -> None:
    await admin.publish(small_program(redemption={"step": 10, "min_units": 50}))
    customer = await rich(till, admin)
    sale = (await till.accrue(customer, line(price=12700), redeem={"points": "max"})).json()
    assert sale["totals"]["redeemed_units"] == {"points": 120}
    body = purchase(customer, line(price=12700))
    problem = refused(await till.post("/v1/accrue", body | {"redeem": {"points": 55}}), 422, "validation_error")
    assert pointers(problem) == {"/redeem/points"}
    small = purchase(customer, line(price=4900))
    assert terms(await till.good("POST", "/v1/quote", small))["max_units"] == 0
    refused(await till.post("/v1/accrue", small | {"redeem": {"points": 40}}), 409, "redeem_limit_exceeded")


async def test_a_phone_alone_redeems_as_much_as_the_program_says(till: Desk, admin: Desk) -> None:
    await admin.publish(small_program(redemption={"strength": {"phone": 20, "card": None}}))
    customer = await rich(till, admin, phone="+79001234567", card="77", external_id="crm")
    by_phone = purchase({"phone": "+79001234567"})
    assert terms(await till.good("POST", "/v1/quote", by_phone))["terms"]["strength"] == 20
    refused(await till.post("/v1/accrue", by_phone | {"redeem": {"points": 21}}), 403, "confirmation_required")
    sale = await till.good("POST", "/v1/accrue", by_phone | {"redeem": {"points": 20}})
    assert sale["totals"]["redeemed_units"] == {"points": 20}
    for reference in ({"card": "77"}, {"id": customer}, {"external_id": "crm"}):
        sale = await till.good("POST", "/v1/accrue", purchase(reference) | {"redeem": {"points": 100}})
        assert sale["totals"]["redeemed_units"] == {"points": 100}


async def test_nobody_and_the_unknown_wallet_redeem_nothing(till: Desk, admin: Desk) -> None:
    customer = await rich(till, admin)
    anonymous = await till.post("/v1/accrue", purchase(None) | {"redeem": {"points": 1}})
    assert refused(anonymous, 409, "insufficient_points")["available"] == 0
    body = purchase(customer) | {"redeem": {"stars": 1}}
    assert pointers(refused(await till.post("/v1/accrue", body), 422, "validation_error")) == {"/redeem/stars"}
    mistakes: tuple[object, ...] = ({"rewards": {"r": 1}}, {"points": -1}, {"points": 1.5}, {"points": "all"}, [])
    for wrong in mistakes:
        refused(await till.post("/v1/accrue", purchase(customer) | {"redeem": wrong}), 422, "validation_error")


async def test_points_accrued_on_a_receipt_are_not_redeemed_on_it(till: Desk) -> None:
    customer = await till.register()
    body = purchase(customer, line(price=100000)) | {"redeem": {"points": 1}}
    assert refused(await till.post("/v1/accrue", body), 409, "insufficient_points")["available"] == 0
    sale = (await till.accrue(customer, line(price=100000), redeem={"points": "max"})).json()
    assert sale["totals"]["redeemed"] == 0


async def test_two_wallets_pay_in_the_programs_order(till: Desk, admin: Desk) -> None:
    await admin.publish(
        small_program(
            wallets={"points": {"value": 100}, "cashback": {"value": 1}},
            redemption={"wallets": ["cashback", "points"], "max_share": "0.5"},
        )
    )
    customer = await rich(till, admin, 30)
    body = {"wallet": "cashback", "points": 3333, "reason": "a present"}
    await admin.good("POST", f"/v1/customers/{customer}/adjust", body)
    sale = (await till.accrue(customer, line(price=10000), redeem={"points": "max", "cashback": "max"})).json()
    # Half of 10,000 is 5,000: 3,333 of cashback, then 16 points of the 1,667 left.
    assert sale["totals"]["redeemed_units"] == {"cashback": 3333, "points": 16}
    assert sale["totals"]["paid"] == 10000 - 3333 - 1600
    assert sale["balances"]["cashback"]["available"] == 0
    assert sale["balances"]["points"]["available"] == 30 - 16 + sale["totals"]["accrued"]["points"]


async def test_redeemed_money_is_spread_by_what_lines_cost_and_within_their_room(till: Desk, admin: Desk) -> None:
    customer = await rich(till, admin)
    lines = [line(1, price=10000), line(2, price=20000, min_price=19500), line(3, price=70000)]
    sale = (await till.accrue(customer, *lines, redeem={"points": 500})).json()
    # 50,000 over 10 : 20 : 70 would take 10,000 from the second; its room is 500, the rest goes 10 : 70.
    assert [each["redeemed"] for each in sale["lines"]] == [6188, 500, 43312]
    assert sum(each["redeemed"] for each in sale["lines"]) == sale["totals"]["redeemed"] == 50000


async def test_paid_splits_into_prices_for_the_fiscal_receipt(till: Desk, admin: Desk) -> None:
    rule = {"id": "off", "kind": "discount", "give": {"amount": 100}}
    await admin.publish(small_program(rules=[rule]))
    customer = await till.register()

    async def prices(**of_line: Any) -> list[dict[str, Any]]:
        (sold,) = (await till.accrue(customer, line(**of_line))).json()["lines"]
        found: list[dict[str, Any]] = sold["prices"]
        return found

    assert await prices(price=1000, qty=4) == [{"qty": 4, "price": 975}]
    assert await prices(price=1000, qty=3) == [{"qty": 2, "price": 967}, {"qty": 1, "price": 966}]
    (pair,) = await prices(price=89900, qty="0.345")
    assert (pair["qty"], pair["amount"]) == ("0.345", 31016 - 100)  # 89,900 × 0.345 = 31,015.5, half-up.
    assert await prices(price=50, qty=2) == [{"qty": 2, "price": 0}]
