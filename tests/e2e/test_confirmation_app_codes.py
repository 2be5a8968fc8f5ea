"""The app's short-lived codes: whom they name, how strong they are, and that each is used once."""

import asyncio

import asyncpg
import pytest

from app.domain.one_time_codes import step_of, totp
from tests.e2e.checks import ago, pointers, refused
from tests.e2e.codes import PHONE, app_of, challenged, code_in, confirmed, ready, rich, sent, wrong
from tests.e2e.people import past_the_edge
from tests.kit import Desk, Stage, purchase, small_program

LOOKUP = "/v1/customers/lookup"


async def test_a_code_names_its_customer_with_its_own_strength(till: Desk, admin: Desk, stage: Stage) -> None:
    customer = await ready(admin, till)
    app = await app_of(admin, customer)
    who = {"code": app.code()}
    assert (await till.good("POST", LOOKUP, {"customer": who}))["id"] == customer
    quote = await till.good("POST", "/v1/quote", purchase(who))
    assert (quote["customer"]["id"], quote["redeem"]["wallets"]["points"]["terms"]["strength"]) == (customer, 500)
    units = {"customer": who, "wallet": "points", "reason": "a mug", "receipt": {"number": "A"}}
    challenge = await challenged(till, "/v1/redeem", units | {"points": 501})
    assert challenge
    await till.good("POST", "/v1/redeem", units | {"points": 500})
    assert await till.balance(customer) == 500


async def test_more_than_a_code_may_is_confirmed_by_the_code_that_is_sent(
    till: Desk, admin: Desk, stage: Stage
) -> None:
    customer = await ready(admin, till)
    app = await app_of(admin, customer)
    body = {
        "customer": {"code": app.code()},
        "wallet": "points",
        "points": 600,
        "reason": "a mug",
        "receipt": {"number": "A"},
    }
    challenge = await challenged(till, "/v1/redeem", body)
    await till.good("POST", "/v1/redeem", confirmed(body, challenge, code_in(sent(stage)[0])))
    assert await till.balance(customer) == 400


async def test_the_receipt_that_used_a_code_has_time_to_be_confirmed(
    till: Desk, admin: Desk, stage: Stage, owner: asyncpg.Connection
) -> None:
    customer = await ready(admin, till)
    app = await app_of(admin, customer)
    units = {"wallet": "points", "points": 600, "reason": "a mug", "receipt": {"number": "A"}}
    step = step_of(ago())
    now, before = ({"customer": {"code": app.number + totp(app.secret, each)}} for each in (step, step - 5))
    challenge = await challenged(till, "/v1/redeem", units | now)
    await owner.execute("update app_codes set used_step = used_step - 5")  # As if it had been so long ago.
    other = units | before | {"receipt": {"number": "B"}}
    refused(await till.post("/v1/redeem", other), 404, "customer_not_found")
    await till.good("POST", "/v1/redeem", confirmed(units | before, challenge, code_in(sent(stage)[0])))
    assert await till.balance(customer) == 400


async def test_a_code_is_used_by_one_receipt(till: Desk, admin: Desk) -> None:
    customer = await ready(admin, till)
    app = await app_of(admin, customer)
    past_the_edge()
    body = purchase({"code": app.code(steps=-1)}, receipt="R-1")
    first = await till.post("/v1/accrue", body, key="k")
    assert first.status_code == 201
    again = await till.post("/v1/accrue", body, key="k")
    assert (again.content, again.headers["Idempotent-Replayed"]) == (first.content, "true")
    refused(await till.post("/v1/accrue", body), 409, "duplicate_receipt")
    refused(await till.post("/v1/accrue", body | {"receipt": {"number": "R-2"}}), 404, "customer_not_found")
    refused(await till.post(LOOKUP, {"customer": body["customer"]}), 404, "customer_not_found")
    # The next one is good, and nothing before it any more.
    await till.good("POST", "/v1/accrue", purchase({"code": app.code(steps=1)}))
    refused(await till.post("/v1/accrue", purchase({"code": app.code()})), 404, "customer_not_found")


async def test_a_repetition_is_answered_when_its_code_is_long_over(
    till: Desk, admin: Desk, owner: asyncpg.Connection
) -> None:
    customer = await ready(admin, till)
    app = await app_of(admin, customer)
    body = purchase({"code": app.code()})
    first = await till.post("/v1/accrue", body, key="k")
    await app_of(admin, customer)  # The secret before is worth nothing from now on.
    again = await till.post("/v1/accrue", body, key="k")
    assert (again.status_code, again.content) == (201, first.content)
    refused(await till.post("/v1/accrue", body, key="another"), 404, "customer_not_found")


async def test_of_two_receipts_at_once_one_has_the_code(till: Desk, admin: Desk, stage: Stage) -> None:
    customer = await ready(admin, till)
    app = await app_of(admin, customer)
    tills = [Desk(till.http, await stage.key("pos", shop="S1", terminal=f"T{each}")) for each in range(2, 8)]
    code = {"code": app.code()}
    answers = await asyncio.gather(*(each.post("/v1/accrue", purchase(code)) for each in tills))
    assert sorted(each.status_code for each in answers) == [201] + [404] * 5


@pytest.mark.parametrize("steps", [-3, -2, 3, 40])
async def test_a_code_of_another_time_names_nobody(till: Desk, admin: Desk, steps: int) -> None:
    app = await app_of(admin, await ready(admin, till))
    refused(await till.post(LOOKUP, {"customer": {"code": app.code(steps=steps)}}), 404, "customer_not_found")


async def test_what_is_no_code_names_nobody(till: Desk, admin: Desk) -> None:
    customer = await ready(admin, till)
    app = await app_of(admin, customer)
    code = app.code()
    for text in (wrong(code[:9]) + code[9:], code[:9] + wrong(code[9:]), code[:-1], code + "0", "x", "٠" * 15):
        refused(await till.post(LOOKUP, {"customer": {"code": text}}), 404, "customer_not_found")
    spelled = f"{code[:3]} {code[3:6]} {code[6:9]}-{code[9:]}"
    assert (await till.good("POST", LOOKUP, {"customer": {"code": spelled}}))["id"] == customer


async def test_rules_know_who_was_identified_by_a_code(till: Desk, admin: Desk) -> None:
    rule = {"id": "app", "kind": "bonus", "when": {"identified_by": ["code"]}, "give": {"units": 7}}
    await admin.publish(small_program(rules=[rule]))
    customer = await rich(admin, till, phone=PHONE)
    app = await app_of(admin, customer)
    by_code = await till.good("POST", "/v1/accrue", purchase({"code": app.code()}))
    by_phone = await till.good("POST", "/v1/accrue", purchase({"phone": PHONE}))
    assert [each["totals"]["accrued"].get("points", 0) for each in (by_code, by_phone)] == [7, 0]


async def test_a_code_is_for_lookups_and_sales_alone(till: Desk, admin: Desk) -> None:
    app = await app_of(admin, await ready(admin, till))
    body = {"phone": "+79001234560", "referrer": {"code": app.code()}}
    assert pointers(refused(await till.post("/v1/customers", body), 422, "validation_error")) == {"/referrer/code"}


async def test_a_secret_is_shown_once_and_stored_sealed(till: Desk, admin: Desk, owner: asyncpg.Connection) -> None:
    customer = await ready(admin, till)
    path = f"/v1/customers/{customer}/app-code"
    first = (await admin.post(path, key="k")).json()
    again = (await admin.post(path, key="k")).json()
    assert first | {"number": None, "secret": None} == again
    assert (first["algorithm"], first["digits"], first["period"]) == ("SHA1", 6, 30)
    stored = await owner.fetchval("select string_agg(to_jsonb(a)::text, '') from app_codes a")
    answers = await owner.fetchval("select string_agg(encode(body, 'escape'), '') from answers")
    for told in (stored, answers):
        assert first["secret"] not in told
        assert first["number"] not in told
    refused(await admin.post("/v1/customers/01890000-0000-7000-8000-000000000000/app-code"), 404, "customer_not_found")


async def test_who_was_erased_has_no_code(till: Desk, admin: Desk, owner: asyncpg.Connection) -> None:
    customer = await ready(admin, till)
    app = await app_of(admin, customer)
    await owner.execute("update profiles set wrapped_key = null, sealed = null")
    refused(await till.post(LOOKUP, {"customer": {"code": app.code()}}), 404, "customer_not_found")
    refused(await admin.post(f"/v1/customers/{customer}/app-code"), 404, "customer_not_found")
