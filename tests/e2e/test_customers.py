"""Customers: registered, found by any reference, changed."""

import asyncpg
import httpx

from tests.e2e.checks import instant, pointers, refused
from tests.kit import Desk, Stage, line, small_program

NOBODY = "01890000-0000-7000-8000-000000000000"


async def test_a_phone_finds_its_customer_in_any_usual_spelling(till: Desk) -> None:
    customer = await till.register(phone="+7 (900) 123 45 67")
    spellings = ("+79001234567", "79001234567", "89001234567", "9001234567", "+7 900 123-45-67", "8 (900) 123-45-67")
    for spelling in (*spellings, "+7(900)1234567", " 8-900-123-45-67 ", "+7\u00a0900\u00a0123\u201345\u201367"):
        found = await till.good("POST", "/v1/customers/lookup", {"customer": {"phone": spelling}})
        assert found["id"] == customer, spelling
        refused(await till.post("/v1/customers", {"phone": spelling}), 409, "identifier_taken")


async def test_a_new_customer_is_answered_with_its_books_empty(till: Desk) -> None:
    answer = await till.post("/v1/customers", {"phone": "+79001234567", "card": "2200 1234 5678", "tags": ["vip"]})
    assert answer.status_code == 201
    body = answer.json()
    assert body["version"] == 0
    assert body["balances"] == {"points": {"available": 0, "pending": 0, "held": 0}}
    assert (body["tier"], body["tags"], body["purchases"]) == (None, ["vip"], 0)
    assert instant(body["registered_at"]).tzinfo is not None


async def test_each_reference_finds_the_customer(till: Desk) -> None:
    customer = await till.register(phone="+79001234567", card="2200-1234 5678", external_id="crm/42")
    for reference in (
        {"phone": "+79001234567"},
        {"card": "220012345678"},
        {"card": "2200 1234 5678"},
        {"id": customer},
        {"external_id": "crm/42"},
    ):
        found = await till.good("POST", "/v1/customers/lookup", {"customer": reference})
        assert (found["id"], found["balances"]["points"]["available"]) == (customer, 0), reference


async def test_a_reference_is_exactly_one_of_its_members(till: Desk) -> None:
    for reference in ({}, {"phone": "+79001234567", "card": "1"}, {"email": "a@b.ru"}, {"phone": None}, "1", None):
        refused(await till.post("/v1/customers/lookup", {"customer": reference}), 422, "validation_error")


async def test_an_unknown_customer_is_not_found_whatever_names_it(till: Desk) -> None:
    for reference in ({"phone": "+79009999999"}, {"card": "404"}, {"id": NOBODY}, {"id": "who"}, {"external_id": "x"}):
        refused(await till.post("/v1/customers/lookup", {"customer": reference}), 404, "customer_not_found")
        refused(await till.accrue(reference), 404, "customer_not_found")
        quote = {"customer": reference, "basket": {"lines": [line()]}}
        refused(await till.post("/v1/quote", quote), 404, "customer_not_found")
    for path in ("", "/balance", "/history", "/lots"):
        refused(await till.get(f"/v1/customers/{NOBODY}{path}"), 404, "customer_not_found")
        refused(await till.get(f"/v1/customers/who{path}"), 404, "customer_not_found")
    refused(await till.call("PATCH", f"/v1/customers/{NOBODY}", {"name": "X"}), 404, "customer_not_found")


async def test_a_customer_needs_an_identifier(till: Desk) -> None:
    refused(await till.post("/v1/customers", {"name": "Anna"}), 422, "validation_error")


async def test_a_profile_with_a_mistake_is_refused_with_its_place(till: Desk) -> None:
    mistakes: tuple[tuple[dict[str, object], str], ...] = (
        ({"phone": "12"}, "/phone"),
        ({"phone": "+7 900 12x"}, "/phone"),
        ({"card": "--"}, "/card"),
        ({"card": "1", "birthday": "1990-02-30"}, "/birthday"),
        ({"card": "1", "birthday": "30.02.1990"}, "/birthday"),
        ({"card": "1", "email": "anna"}, "/email"),
        ({"card": "1", "tags": "vip"}, "/tags"),
        ({"card": "1", "nickname": "Ann"}, "/nickname"),
        ({"card": 1}, "/card"),
        ({"card": "1", "name": ""}, "/name"),
        ({"card": "1", "name": "A\x00"}, "/name"),
    )
    for profile, pointer in mistakes:
        problem = refused(await till.post("/v1/customers", profile), 422, "validation_error")
        assert pointers(problem) == {pointer}, profile


async def test_a_taken_identifier_refuses_the_second_customer_for_good(till: Desk) -> None:
    for identifier in ({"phone": "+79001234567"}, {"card": "77"}, {"external_id": "crm"}):
        (kind,) = identifier
        first = await till.register(**identifier)
        body = {"card": "new", **identifier, "name": "Second"}
        problem = refused(await till.post("/v1/customers", body, key=kind), 409, "identifier_taken")
        assert (problem["retryable"], pointers(problem)) == (False, {f"/{kind}"})
        again = await till.post("/v1/customers", body, key=kind)
        assert (again.json(), again.headers["Idempotent-Replayed"]) == (problem, "true")
        found = await till.good("POST", "/v1/customers/lookup", {"customer": identifier})
        assert found["id"] == first


async def test_a_refused_customer_uses_up_none_of_its_identifiers(till: Desk) -> None:
    await till.register(phone="+79001234567")
    refused(await till.post("/v1/customers", {"phone": "+79001234567", "card": "55"}), 409, "identifier_taken")
    assert (await till.post("/v1/customers", {"card": "55"})).status_code == 201


async def test_only_what_is_sent_changes(till: Desk, admin: Desk) -> None:
    customer = await till.register(
        phone="+79001234567", name="Anna", birthday="1990-05-04", email="anna@example.org", tags=["vip"]
    )
    await till.good("PATCH", f"/v1/customers/{customer}", {"name": "Olga", "tags": ["staff", "vip"]})
    await till.good("PATCH", f"/v1/customers/{customer}", {"birthday": "1991-06-05"})
    await admin.good("PATCH", f"/v1/customers/{customer}", {"email": None})
    profile = await admin.good("GET", f"/v1/customers/{customer}")
    assert (profile["phone"], profile["name"], profile["birthday"], profile["email"], profile["tags"]) == (
        "+79001234567",
        "Olga",
        "1991-06-05",
        None,
        ["staff", "vip"],
    )


async def test_a_new_phone_finds_the_customer_and_the_old_one_no_longer(till: Desk, admin: Desk) -> None:
    customer = await till.register(phone="+79001234567", card="1")
    other = await till.register(phone="+79007654321")
    await till.good("POST", "/v1/customers/lookup", {"customer": {"phone": "+79001234567"}})  # Into every cache.
    taken = await admin.call("PATCH", f"/v1/customers/{customer}", {"phone": "8 900 765 43 21"})
    assert pointers(refused(taken, 409, "identifier_taken")) == {"/phone"}
    await admin.good("PATCH", f"/v1/customers/{customer}", {"phone": "+7 900 222-22-22"})
    for phone, found in (("+79002222222", customer), ("+79007654321", other)):
        assert (await till.good("POST", "/v1/customers/lookup", {"customer": {"phone": phone}}))["id"] == found
    old = {"customer": {"phone": "+79001234567"}}
    refused(await till.post("/v1/customers/lookup", old), 404, "customer_not_found")
    assert (await till.post("/v1/customers", {"phone": "+79001234567"})).status_code == 201


async def test_answers_that_are_stored_hold_no_personal_data(
    till: Desk, admin: Desk, stage: Stage, owner: asyncpg.Connection
) -> None:
    support = Desk(till.http, await stage.key("support"))
    personal = {"phone": "+79001234567", "name": "Anastasia", "email": "anastasia@example.org"}
    created = await till.post("/v1/customers", {**personal, "birthday": "1990-05-04"}, key="create")
    customer = created.json()["id"]
    changed = await support.call("PATCH", f"/v1/customers/{customer}", {"name": "Anastasia Petrova"}, key="change")
    sold = await till.accrue({"phone": "+79001234567"})
    replayed = await till.good("GET", "/v1/requests/create")
    for text in (created.text, changed.text, sold.text, str(replayed["body"])):
        for secret in ("9001234567", "astasia", "example.org"):
            assert secret not in text
    assert (created.json()["name"], sold.json()["customer"]["name"]) == ("An***", "An***")
    tables = await owner.fetch(
        "select relname from pg_class where relkind in ('r', 'p') and relnamespace = 'public'::regnamespace"
    )
    for (table,) in tables:
        rows = await owner.fetch(f'select t::text from "{table}" t')
        for (row,) in rows:
            shown = [secret for secret in ("astasia", "9001234567", b"Anastasia".hex()) if secret in row]
            assert shown == [], table


async def test_support_sees_the_profile_and_a_till_a_masked_one(till: Desk, stage: Stage) -> None:
    support = Desk(till.http, await stage.key("support"))
    customer = await till.register(phone="+79001234567", name="Anna", email="anna@example.org")
    whole = await support.good("GET", f"/v1/customers/{customer}")
    assert (whole["phone"], whole["name"], whole["email"]) == ("+79001234567", "Anna", "anna@example.org")
    masked = await till.get(f"/v1/customers/{customer}")
    assert (masked.json()["name"], masked.json()["phone"]) == ("An***", "+7******4567")
    assert "anna@" not in masked.text


async def test_a_short_name_is_not_shown_whole(till: Desk) -> None:
    for name, shown in (("Anna Petrova", "An***"), ("Ян", "Я***"), ("Z", "***")):
        customer = await till.good("POST", "/v1/customers", {"external_id": shown, "name": name})
        sold = (await till.accrue(customer["id"])).json()
        assert (customer["name"], sold["customer"]["name"]) == (shown, shown)


async def test_a_referrer_is_named_by_reference_or_id_and_must_exist(till: Desk) -> None:
    friend = await till.register(phone="+79001234567")
    by_id = await till.good("POST", "/v1/customers", {"card": "1", "referrer": friend})
    by_phone = await till.good("POST", "/v1/customers", {"card": "2", "referrer": {"phone": "8 900 123 45 67"}})
    assert (by_id["referrer"], by_phone["referrer"]) == (friend, friend)
    profile = await till.good("GET", f"/v1/customers/{by_id['id']}")
    assert profile["referrer"] == friend
    nobody = {"card": "3", "referrer": {"phone": "+79009999999"}}
    refused(await till.post("/v1/customers", nobody), 404, "customer_not_found")
    refused(await till.post("/v1/customers/lookup", {"customer": {"card": "3"}}), 404, "customer_not_found")


async def test_consents_are_kept_as_given(till: Desk, admin: Desk) -> None:
    consents = [{"type": "marketing", "given": True, "at": "2026-01-02T03:04:05+03:00", "channel": "till"}]
    customer = await till.register(card="1", consents=consents)
    (kept,) = (await admin.good("GET", f"/v1/customers/{customer}"))["consents"]
    assert (kept["type"], kept["given"], kept["channel"]) == ("marketing", True, "till")
    assert instant(kept["at"]) == instant("2026-01-02T03:04:05+03:00")


async def test_customers_can_be_moved_in_before_the_first_program(http: httpx.AsyncClient, stage: Stage) -> None:
    till = Desk(http, await stage.key("pos", shop="S1", terminal="T1"))
    answer = await till.good("POST", "/v1/customers", {"phone": "+79001234567"})
    assert (answer["version"], answer["balances"], answer["tier"]) == (0, {}, None)
    refused(await till.accrue(answer["id"]), 404, "not_found")
    admin = Desk(http, await stage.key("admin"))
    await admin.publish(small_program())
    assert (await till.accrue(answer["id"])).json()["totals"]["accrued"] == {"points": 100}
