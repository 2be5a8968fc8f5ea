"""Erasing a customer: the personal data is gone, the ledger is as it was."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import asyncpg
import httpx
import pytest

from app.verification import findings
from tests.canary import tables
from tests.e2e.checks import kinds, refused
from tests.kit import Desk, Stage, client_of, line, purchase, refund, served_here, small_program

NOBODY = "01890000-0000-7000-8000-000000000000"
PHONE = "+79005551234"
PERSON: dict[str, Any] = {
    "phone": PHONE,
    "card": "2200123412341234",
    "external_id": "crm/42",
    "name": "Zinaida Quartz",
    "email": "zinaida@quartz.example",
    "birthday": "1990-02-03",
    "tags": ["vip"],
    "consents": [{"type": "marketing", "version": "2", "channel": "app"}],
}
NAMES: tuple[dict[str, str], ...] = ({"phone": PHONE}, {"card": PERSON["card"]}, {"external_id": "crm/42"})
ASKED = {"asked_by": "customer", "asked_at": "2026-11-20T10:00:00+03:00", "ground": "gdpr_17"}


@pytest.fixture
async def support(http: httpx.AsyncClient, stage: Stage) -> Desk:
    return Desk(http, await stage.key("support"))


async def sale(till: Desk, customer: str) -> dict[str, Any]:
    answer = await till.accrue(customer, line(price=50000))
    assert answer.status_code == 201
    return dict(answer.json())


async def test_who_is_erased_is_found_by_nothing_and_the_books_stand(
    till: Desk, support: Desk, stage: Stage, owner: asyncpg.Connection
) -> None:
    customer = await till.register(**PERSON)
    await sale(till, customer)
    for name in NAMES:  # Into the cache.
        await till.good("POST", "/v1/customers/lookup", {"customer": name})
    entries = await owner.fetch("select * from audit_entry order by entry_id")
    erased = await support.good("POST", f"/v1/customers/{customer}/erase", ASKED)
    assert (erased["customer"], erased["asked_by"], erased["ground"]) == (customer, "customer", "gdpr_17")
    for name in NAMES:
        refused(await till.post("/v1/customers/lookup", {"customer": name}), 404, "customer_not_found")
        refused(await till.accrue(name), 404, "customer_not_found")
    seen = await support.good("GET", f"/v1/customers/{customer}")
    assert seen["erased_at"] == erased["erased_at"]
    assert [seen[name] for name in ("phone", "name", "email", "birthday", "external_id")] == [None] * 5
    assert (seen["cards"], seen["tags"], seen["consents"], seen["is_blocked"]) == ([], [], [], True)
    assert await till.balance(customer) == 500
    assert await owner.fetch("select * from audit_entry order by entry_id") == entries
    assert await findings(stage.owner_url) == []


async def test_nothing_that_names_them_is_left_in_the_database(
    till: Desk, support: Desk, owner: asyncpg.Connection
) -> None:
    friend = await till.register(phone="+79005550000")
    customer = await till.register(**PERSON, referrer={"id": friend})
    await sale(till, customer)
    days = "select convert_from(basket, 'UTF8')::jsonb #>> '{facts,birthday_days}' from purchases"
    assert int(await owner.fetchval(days)) < 366
    await support.good("POST", f"/v1/customers/{customer}/erase")
    assert await owner.fetchval(days) is None
    profile = await owner.fetchrow(
        "select wrapped_key, sealed, tags, segments, card_types, referrer from profiles where customer_id = $1",
        customer,
    )
    assert tuple(profile) == (None, None, [], [], "{}", None)
    assert await owner.fetchval("select count(*) from identifiers where customer_id = $1", customer) == 0
    # Somebody else may have the phone now, as may they: a new customer, with none of the old one's points.
    assert await till.register(phone=PHONE) != customer


async def test_it_is_done_once_and_stays_done(till: Desk, support: Desk, admin: Desk) -> None:
    customer = await till.register(**PERSON)
    first = await support.good("POST", f"/v1/customers/{customer}/erase", ASKED, key="once")
    again = await support.post(f"/v1/customers/{customer}/erase", ASKED, key="once")
    assert (again.json(), again.headers["Idempotent-Replayed"]) == (first, "true")
    later = await admin.good("POST", f"/v1/customers/{customer}/erase", {"asked_by": "authority", "ground": "other"})
    assert later == first
    refused(await support.call("PATCH", f"/v1/customers/{customer}", {"name": "Anna"}), 409, "customer_blocked")
    refused(await support.post(f"/v1/customers/{customer}/cards", {}), 409, "customer_blocked")
    assert (await support.good("GET", f"/v1/customers/{customer}"))["name"] is None
    refused(await support.post(f"/v1/customers/{NOBODY}/erase"), 404, "customer_not_found")


async def test_at_once_by_many_it_is_done_once(till: Desk, support: Desk, owner: asyncpg.Connection) -> None:
    customer = await till.register(**PERSON)
    erasing = [support.post(f"/v1/customers/{customer}/erase", ASKED) for _ in range(5)]
    changing = [support.call("PATCH", f"/v1/customers/{customer}", {"name": f"Anna {n}"}) for n in range(5)]
    selling = [till.accrue(customer) for _ in range(5)]
    answers = await asyncio.gather(*erasing, *changing, *selling)
    assert {answer.status_code for answer in answers[:5]} <= {200, 503}
    await support.good("POST", f"/v1/customers/{customer}/erase", ASKED)
    assert await owner.fetchval("select count(*) from erasures") == 1
    assert await owner.fetchval("select count(*) from profiles where wrapped_key is not null") == 0
    assert (await support.good("GET", f"/v1/customers/{customer}"))["name"] is None


async def test_the_books_are_closed_but_for_what_gives_back(
    till: Desk, support: Desk, owner: asyncpg.Connection, stage: Stage
) -> None:
    customer = await till.register(**PERSON)
    sold = await sale(till, customer)
    redemption = {"customer": {"id": customer}, "wallet": "points", "points": 100, "reason": "gift"}
    held = await till.good("POST", "/v1/holds", {**redemption, "receipt": {"number": "H1"}, "ttl_seconds": 600})
    await support.good("POST", f"/v1/customers/{customer}/erase")
    refused(await till.accrue(customer), 409, "customer_blocked")
    refused(await till.post("/v1/redeem", {**redemption, "receipt": {"number": "G1"}}), 409, "customer_blocked")
    adjustment = {"wallet": "points", "points": 5, "reason": "sorry"}
    refused(await support.post(f"/v1/customers/{customer}/adjust", adjustment), 409, "customer_blocked")
    refused(await till.post(f"/v1/holds/{held['id']}/capture"), 409, "customer_blocked")
    await till.good("POST", f"/v1/holds/{held['id']}/release")
    returned = await till.good("POST", f"/v1/purchases/{sold['id']}/returns", refund())
    assert returned["refund"] == 50000
    assert [kind for kind, _ in await kinds(owner, customer)] == ["purchase", "hold", "release", "return"]
    assert await findings(stage.owner_url) == []


async def test_what_waits_for_a_second_person_is_not_posted(stage: Stage) -> None:
    async with served_here(stage, adjust_confirm_above=10) as edge, client_of(edge) as http:
        first, second = [Desk(http, await stage.key("admin")) for _ in range(2)]
        await first.publish(small_program())
        customer = await first.register(**PERSON)
        asked = await first.good(
            "POST", f"/v1/customers/{customer}/adjust", {"wallet": "points", "points": 50, "reason": "sorry"}
        )
        await first.good("POST", f"/v1/customers/{customer}/erase")
        refused(await second.post(f"/v1/adjustments/{asked['id']}/approve"), 409, "customer_blocked")
        assert (await first.good("GET", f"/v1/adjustments/{asked['id']}"))["refusal"] == "customer_blocked"


async def test_the_record_for_the_regulator_names_no_person_and_is_never_changed(
    till: Desk, support: Desk, admin: Desk, owner: asyncpg.Connection
) -> None:
    ids = [await till.register(card=f"700{n}") for n in range(3)]
    for customer in ids:
        await support.good("POST", f"/v1/customers/{customer}/erase", ASKED)
    page = await admin.good("GET", "/v1/erasures?limit=2")
    rest = await admin.good("GET", f"/v1/erasures?limit=2&cursor={page['next']}")
    assert [each["customer"] for each in page["items"] + rest["items"]] == ids[::-1]
    assert rest["next"] is None
    assert page["items"][0].keys() == {
        "customer",
        "erased_at",
        "erased_by",
        "asked_by",
        "asked_at",
        "ground",
        "tidied_at",
    }
    refused(await support.get("/v1/erasures"), 403, "insufficient_scope")
    for deed in ("delete from erasures", "update erasures set ground = 'other'", "delete from consents"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await owner.execute(deed)
    log = await admin.good("GET", f"/v1/audit-log?action=erase&object=customers/{ids[0]}")
    assert [(row["outcome"], row["details"]["ground"]) for row in log["items"]] == [("done", "gdpr_17")]


async def test_a_gift_card_is_nobody(admin: Desk, support: Desk, owner: asyncpg.Connection) -> None:
    await admin.good("POST", "/v1/gift-cards", {"wallet": "points", "units": 100, "count": 1})
    card = await owner.fetchval("select customer_id::text from gift_cards")
    refused(await support.post(f"/v1/customers/{card}/erase"), 404, "customer_not_found")


async def test_what_is_said_of_an_erasure_is_held_to_its_words(till: Desk, support: Desk) -> None:
    customer = await till.register(**PERSON)
    for wrong in ({"asked_by": "Zinaida"}, {"ground": "because"}, {"asked_at": "today"}, {"reason": "x"}):
        refused(await support.post(f"/v1/customers/{customer}/erase", wrong), 422, "validation_error")
    refused(await till.post(f"/v1/customers/{customer}/erase"), 403, "insufficient_scope")


async def test_a_cards_number_in_a_stored_answer_goes_with_its_customer(
    till: Desk, support: Desk, owner: asyncpg.Connection
) -> None:
    customer = await till.register(**PERSON)
    path = f"/v1/customers/{customer}/cards"
    first = await till.post(path, {"type": "club"}, key="card")
    number = first.json()["number"]
    again = await till.post(path, {"type": "club"}, key="card")
    assert (again.content, again.headers["Idempotent-Replayed"]) == (first.content, "true")
    assert (await till.good("GET", "/v1/requests/card"))["body"] == first.json()
    stored = [row["body"] for row in await owner.fetch("select body from answers")]
    assert not any(number.encode() in body for body in stored)
    await support.good("POST", f"/v1/customers/{customer}/erase")
    forgotten = {**first.json(), "number": None, "type": None}
    assert (await till.post(path, {"type": "club"}, key="card")).json() == forgotten
    assert (await till.good("GET", "/v1/requests/card"))["body"] == forgotten


async def test_how_far_a_birthday_was_is_forgotten_and_purchases_are_read_as_before(
    till: Desk, support: Desk, admin: Desk, owner: asyncpg.Connection, stage: Stage
) -> None:
    near = {"id": "party", "kind": "bonus", "when": {"birthday": {"before": 0, "after": 0}}, "give": {"units": 10}}
    await admin.publish(small_program(rules=[*small_program()["rules"], near]))
    month = (datetime.now(UTC).month + 4) % 12 + 1  # Not today, in whichever zone.
    customer = await till.register(**{**PERSON, "birthday": f"1990-{month:02}-03"})
    body = purchase(customer)
    sold = await till.good("POST", "/v1/accrue?explain=true", body, key="sale")
    (days,) = [each["have"] for each in sold["explain"] if each["rule"] == "party"]
    held = [
        await till.good("POST", "/v1/holds?explain=true", {**purchase(customer), "ttl_seconds": 600}) for _ in range(2)
    ]
    await till.good("POST", f"/v1/holds/{held[0]['id']}/capture")
    await till.good("POST", f"/v1/customers/{customer}/events?explain=true", {"type": "review"})
    told = await till.good("GET", f"/v1/purchases/{sold['id']}/explain")
    have = {each["rule"]: each.get("have") for each in told["explain"]}
    assert have["party"] == days
    said = (f'"have":{days}'.encode(), f'"have": {days}'.encode(), f"{abs(days)} days".encode())
    assert sum(word in hay for _, hay in await tables(owner) for word in said) >= 5
    await support.good("POST", f"/v1/customers/{customer}/erase")
    assert [(place, word) for place, hay in await tables(owner) for word in said if word in hay] == []
    after = await till.good("GET", f"/v1/purchases/{sold['id']}/explain")
    assert {each["rule"]: each.get("have") for each in after["explain"]} == {**have, "party": None}
    assert [each["verdict"] for each in after["explain"]] == [each["verdict"] for each in told["explain"]]
    # A repeated call is answered as before but for that, and for the masked name.
    again = (await till.post("/v1/accrue?explain=true", body, key="sale")).json()
    assert [each["have"] for each in again.pop("explain")] == [None] * len(sold["explain"])
    sold["customer"]["name"] = None
    assert again == {name: value for name, value in sold.items() if name != "explain"}
    await till.good("POST", f"/v1/holds/{held[1]['id']}/release")
    assert await findings(stage.owner_url) == []


async def test_purchases_of_who_has_told_no_birthday_are_left_as_they_are(
    till: Desk, support: Desk, owner: asyncpg.Connection
) -> None:
    customer = await till.register(phone=PHONE)
    await sale(till, customer)
    stored = await owner.fetch("select xmin, answer, basket, verdicts from purchases")
    await support.good("POST", f"/v1/customers/{customer}/erase")
    assert await owner.fetch("select xmin, answer, basket, verdicts from purchases") == stored
