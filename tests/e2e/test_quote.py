"""Quotes: what a basket would cost and bring, a promise that is kept or refused, and nothing written."""

from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from tests.e2e.checks import ago, instant, pointers, refused
from tests.kit import Desk, line, purchase, small_program

TABLES = ("audit_tx", "audit_entry", "audit_event", "claims", "purchases", "lots", "answers")


def asked(customer: str | None, *lines: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The body of a quote: a purchase without its receipt."""
    body = purchase(customer, *lines, **more)
    del body["receipt"]
    return body


def per(units: int) -> dict[str, Any]:
    """So many points for each 1.00."""
    return small_program(
        rules=[{"id": "base", "kind": "bonus", "give": {"per": {"amount": 100, "units": units}}}],
    )


async def test_a_quote_says_what_the_purchase_will_say(till: Desk) -> None:
    customer = await till.register(name="Anna")
    await till.accrue(customer, line(price=100000))
    body = asked(customer, line(price=33333, qty=3), redeem={"points": 200})
    quoted = await till.good("POST", "/v1/quote", body)
    assert (quoted["id"], quoted["tx_id"], quoted["state"]) == (None, None, "quoted")
    assert quoted["version"] == 1
    assert quoted["balances"] == {"points": {"available": 1000 - 200 + 799, "pending": 0, "held": 0}}
    assert instant(quoted["valid_until"]) > ago()
    sold = await till.good("POST", "/v1/accrue", {**body, "receipt": {"number": "Q-1"}})
    for name in ("totals", "lines", "redeem", "effects", "coupons", "balances", "program", "customer", "surprise"):
        assert sold[name] == quoted[name], name
    assert (sold["state"], sold["version"], sold["quote"], sold["valid_until"]) == ("committed", 2, None, None)


async def test_balances_of_a_quote_are_those_after_the_purchase_whatever_the_dates(till: Desk, admin: Desk) -> None:
    customer = await till.register()
    for terms in (
        {},
        {"activate_after_days": 3},
        {"expire_after_days": 5},
        {"activate_after_days": 3, "expire_after_days": 5},
        {"activate_after_days": 5, "expire_after_days": 3},
    ):
        await admin.publish(small_program(wallets={"points": {"value": 100, **terms}, "stars": {"value": 1}}))
        for days in (0, 2, 4, 6):
            body = asked(customer, line(price=12345), at=ago(days=days).isoformat(), redeem={"points": "max"})
            quoted = await till.good("POST", "/v1/quote", body)
            sold = await till.good("POST", "/v1/accrue", {**body, "receipt": {"number": f"{terms}{days}"[-60:]}})
            assert (quoted["balances"], quoted["totals"]) == (sold["balances"], sold["totals"]), (terms, days)


async def test_a_quote_writes_nothing(till: Desk, owner: asyncpg.Connection) -> None:
    customer = await till.register()
    await till.accrue(customer)

    async def counts() -> list[int]:
        found = [await owner.fetchval(f"select count(*) from {table}") for table in TABLES]
        return [*found, await owner.fetchval("select version from customers")]

    before = await counts()
    for _ in range(3):
        await till.good("POST", "/v1/quote", asked(customer, redeem={"points": "max"}))
        refused(await till.post("/v1/quote", asked(customer, redeem={"points": 10**6})), 409, "insufficient_points")
    assert await counts() == before


async def test_a_quote_needs_no_idempotency_key_and_no_receipt(till: Desk) -> None:
    headers = {"Authorization": f"Bearer {till.key}", "Content-Type": "application/json"}
    answer = await till.http.post("/v1/quote", json={"basket": {"lines": [line(price=5)]}}, headers=headers)
    assert answer.status_code == 200
    assert (answer.json()["customer"], answer.json()["totals"]["paid"], answer.json()["receipt"]) == (None, 5, None)


async def test_a_quote_sees_every_write_answered_before_it(till: Desk) -> None:
    customer = await till.register()
    for number in range(1, 6):
        assert (await till.accrue(customer)).json()["version"] == number
        quoted = await till.good("POST", "/v1/quote", asked(customer, line(price=1)))
        assert (quoted["version"], quoted["balances"]["points"]["available"]) == (number, number * 100)


async def test_a_kept_promise_is_committed(till: Desk) -> None:
    customer = await till.register()
    await till.accrue(customer, line(price=100000))
    body = asked(customer, redeem={"points": 50})
    token = (await till.good("POST", "/v1/quote", body))["quote"]
    sold = await till.good("POST", "/v1/accrue", purchase(customer, redeem={"points": 50}, quote=token))
    assert sold["totals"]["paid"] == 5000


async def test_a_promise_that_cannot_be_kept_is_refused_with_both(till: Desk) -> None:
    customer = await till.register()
    token = (await till.good("POST", "/v1/quote", asked(customer, line(price=10000))))["quote"]
    body = purchase(customer, line(price=10001), quote=token)
    problem = refused(await till.post("/v1/accrue", body, key="changed"), 409, "quote_changed")
    assert (problem["promised"]["paid"], problem["decided"]["paid"]) == (10000, 10001)
    assert problem["retryable"] is False
    again = await till.post("/v1/accrue", body, key="changed")
    assert (again.json(), again.headers["Idempotent-Replayed"]) == (problem, "true")


async def test_a_promise_is_for_its_customer_and_its_lines(till: Desk) -> None:
    first, second = await till.register(), await till.register()
    token = (await till.good("POST", "/v1/quote", asked(first, line(1, price=100), line(2, price=300))))["quote"]
    swapped = purchase(first, line(1, price=300), line(2, price=100), quote=token)
    refused(await till.post("/v1/accrue", swapped), 409, "quote_changed")
    for customer in (second, None):
        body = purchase(customer, line(1, price=100), line(2, price=300), quote=token)
        refused(await till.post("/v1/accrue", body), 409, "quote_changed")


async def test_a_promise_keeps_its_version_over_a_publish(till: Desk, admin: Desk) -> None:
    customer = await till.register()
    quoted = await till.good("POST", "/v1/quote", asked(customer))
    newest = await admin.publish(per(3))
    sold = await till.good("POST", "/v1/accrue", purchase(customer, quote=quoted["quote"]))
    assert (sold["program"], sold["totals"]["accrued"]) == (quoted["program"], {"points": 100})
    fresh = await till.good("POST", "/v1/accrue", purchase(customer))
    assert (fresh["program"], fresh["totals"]["accrued"]) == (newest, {"points": 300})


async def test_a_promise_keeps_its_time(till: Desk, admin: Desk) -> None:
    """A rule that ended between the quote and the purchase still holds, as promised."""
    ended = ago(hours=1)
    rule = {"id": "early", "kind": "discount", "until": ended.isoformat(), "give": {"percent": "10"}}
    await admin.publish(small_program(rules=[rule]))
    customer = await till.register()
    token = (await till.good("POST", "/v1/quote", asked(customer, at=ago(hours=2).isoformat())))["quote"]
    sold = await till.good("POST", "/v1/accrue", purchase(customer, quote=token))
    assert sold["totals"]["paid"] == 9000
    late = await till.good("POST", "/v1/accrue", purchase(customer))
    assert late["totals"]["paid"] == 10000


async def test_a_promise_that_is_over_is_ignored(till: Desk, admin: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.flows.quote_basket.VALID_FOR", timedelta(0))
    customer = await till.register()
    token = (await till.good("POST", "/v1/quote", asked(customer)))["quote"]
    newest = await admin.publish(per(3))
    sold = await till.good("POST", "/v1/accrue", purchase(customer, line(price=500), quote=token))
    assert (sold["program"], sold["totals"]["accrued"]) == (newest, {"points": 15})


async def test_points_spent_meanwhile_break_the_promise(till: Desk) -> None:
    customer = await till.register()
    await till.accrue(customer, line(price=20000))
    token = (await till.good("POST", "/v1/quote", asked(customer, redeem={"points": "max"})))["quote"]
    spending = {"customer": {"id": customer}, "wallet": "points", "points": 150, "reason": "a mug"}
    await till.good("POST", "/v1/redeem", spending | {"receipt": {"number": "G"}})
    body = purchase(customer, redeem={"points": "max"}, quote=token)
    problem = refused(await till.post("/v1/accrue", body), 409, "quote_changed")
    assert (problem["promised"]["redeemed_units"], problem["decided"]["redeemed_units"]) == (
        {"points": 100},
        {"points": 50},
    )


@pytest.mark.parametrize("change", ["", "x", "swap", "cut"])
async def test_a_token_that_is_not_ours_is_refused(till: Desk, change: str) -> None:
    customer = await till.register()
    token = (await till.good("POST", "/v1/quote", asked(customer)))["quote"]
    body, _, signature = token.partition(".")
    forged = {
        "": "hello",
        "x": token + "x",
        "swap": f"{body[:-4]}AAAA.{signature}",
        "cut": body,
    }[change]
    for path in ("/v1/accrue", "/v1/quote"):
        response = await till.post(path, purchase(customer, quote=forged))
        assert pointers(refused(response, 422, "validation_error")) == {"/quote"}


async def test_what_is_expected_to_be_paid_is_checked_in_a_quote_too(till: Desk) -> None:
    customer = await till.register()
    assert (await till.post("/v1/quote", asked(customer, expect={"paid": 10000}))).status_code == 200
    refused(await till.post("/v1/quote", asked(customer, expect={"paid": 9999})), 409, "quote_changed")


async def test_a_quote_may_be_confirmed_by_another_quote(till: Desk, admin: Desk) -> None:
    customer = await till.register()
    first = await till.good("POST", "/v1/quote", asked(customer))
    await admin.publish(per(3))
    second = await till.good("POST", "/v1/quote", asked(customer, quote=first["quote"]))
    assert second["totals"] == first["totals"]
    refused(await till.post("/v1/quote", asked(customer, line(price=5), quote=first["quote"])), 409, "quote_changed")


async def test_a_promise_of_a_promise_ends_with_the_first(till: Desk) -> None:
    customer = await till.register()
    first = await till.good("POST", "/v1/quote", asked(customer))
    second = await till.good("POST", "/v1/quote", {**asked(customer), "quote": first["quote"]})
    assert (second["at"], second["valid_until"]) == (first["at"], first["valid_until"])


async def test_a_deal_without_a_time_of_its_own_is_dated_as_promised(till: Desk) -> None:
    customer = await till.register()
    quoted = await till.good("POST", "/v1/quote", {**asked(customer), "at": "2026-11-01T12:00:00+03:00"})
    sold = await till.good("POST", "/v1/accrue", {**purchase(customer), **asked(customer), "quote": quoted["quote"]})
    assert sold["at"] == quoted["at"] == "2026-11-01T12:00:00+03:00"
