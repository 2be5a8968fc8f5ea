"""What stored purchases tell of whoever was erased goes too: at once of few, by a duty of the jobs of many."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import asyncpg
import httpx
import pytest

from app import jobs
from app.flows import erase_customer
from app.flows.erase_customer import TidyErasures
from app.storage.engine import Database
from app.storage.erasures import ErasuresDatabase
from app.verification import findings
from tests.canary import tables
from tests.e2e.offline import receipt
from tests.kit import Desk, Stage, line, purchase, small_program

NEAR = {"birthday": {"before": 0, "after": 0}}
RULES: tuple[dict[str, Any], ...] = (
    {"id": "alone", "kind": "bonus", "when": NEAR, "give": {"units": 5}},
    {"id": "any", "kind": "bonus", "when": {"any": [NEAR, {"basket_total": {"min": 10**9}}]}, "give": {"units": 5}},
    {"id": "deep", "kind": "bonus", "when": {"all": [{"basket_total": {"min": 1}}, NEAR]}, "give": {"units": 5}},
    {"id": "tagged", "kind": "bonus", "when": {"tag": ["other"]}, "give": {"units": 5}},
    {"id": "not", "kind": "bonus", "when": {"not": {"tag": ["tag-seen"]}}, "give": {"units": 5}},
    {"id": "grouped", "kind": "bonus", "when": {"segment": ["other"]}, "give": {"units": 5}},
    {"id": "carded", "kind": "bonus", "when": {"card_type": ["other"]}, "give": {"units": 5}},
    {"id": "act", "kind": "bonus", "when": {"all": [{"event": ["review"]}, NEAR]}, "give": {"units": 5}},
)
PERSON: dict[str, Any] = {
    "phone": "+79005551234",
    "card": "2200123412341234",
    "external_id": "crm-quartz",
    "name": "Zoe Quartz",
    "email": "zoe@quartz.example",
    "birthday": f"1990-{(datetime.now(UTC).month + 4) % 12 + 1:02}-03",  # Not today, in whichever zone.
    "tags": ["tag-quartz", "tag-seen"],
    "consents": [{"type": "consent-quartz"}],
}
MASKS = (b"Zo***", b"****1234", b"****artz", b"+7******")
WORDS = (b"tag-quartz", b'["segment-quartz"]', b"card-quartz", b"+79005551234")


@pytest.fixture
async def support(http: httpx.AsyncClient, stage: Stage) -> Desk:
    return Desk(http, await stage.key("support"))


@pytest.fixture
async def tidying(stage: Stage) -> AsyncIterator[TidyErasures]:
    database = Database(stage.database_url)
    await database.open()
    yield TidyErasures(ErasuresDatabase(database))
    await database.close()


async def customer_of(till: Desk, admin: Desk) -> str:
    """Somebody with a tag, a segment, a type of card; the rules look at all of it."""
    await admin.publish(small_program(rules=[*small_program()["rules"], *RULES]))
    customer = str((await till.good("POST", "/v1/customers", PERSON, key="new"))["id"])
    await till.good("PATCH", f"/v1/customers/{customer}", {"tags": PERSON["tags"]}, key="changed")
    await till.good("POST", f"/v1/customers/{customer}/cards", {"number": "2200999912341234", "type": "card-quartz"})
    await admin.good("POST", "/v1/segments", {"id": "segment-quartz"})
    await admin.good("POST", "/v1/segments/segment-quartz/members", {"add": [{"id": customer}]})
    return customer


async def left(owner: asyncpg.Connection, words: tuple[bytes, ...]) -> set[tuple[str, bytes]]:
    """Where they stand, but in what is the shop's own: the list of its segments, and the words of its rules."""
    hays = [
        (place, hay) for place, hay in await tables(owner) if not place.startswith(("segments", "programs", "drafts"))
    ]
    return {(place, word) for place, hay in hays for word in words if word in hay}


async def test_no_tag_birthday_or_mask_is_left(
    till: Desk, admin: Desk, support: Desk, owner: asyncpg.Connection, stage: Stage
) -> None:
    customer = await customer_of(till, admin)
    sold = await till.good("POST", "/v1/accrue?explain=true", purchase(customer, line(price=5000)), key="sale")
    (days,) = [each["have"] for each in sold["explain"] if each["rule"] == "alone"]
    await till.good("POST", "/v1/accrue", purchase(customer))
    path = "/v1/holds?explain=true"
    _, held = [await till.good("POST", path, purchase(customer, ttl_seconds=600)) for _ in range(2)]
    await till.good("POST", f"/v1/holds/{held['id']}/capture")
    act = {"type": "review", "data": {"text": "call +79005551234"}}
    await till.good("POST", f"/v1/customers/{customer}/events?explain=true", act)
    said = (*WORDS, b"Zo***", *(f'"have"{way}{days}'.encode() for way in (":", ": ", ":[", ": [")), f"[{days}".encode())
    before = await left(owner, said)
    assert {word for _, word in before} >= {*WORDS, b"Zo***", f"[{days}".encode()}
    await support.good("POST", f"/v1/customers/{customer}/erase")
    assert await left(owner, said) == set()
    told = await till.good("GET", f"/v1/purchases/{sold['id']}/explain")
    mine = {each["id"] for each in RULES} - {"act"}
    assert {each["have"] for each in told["explain"] if each["rule"] in mine} == {None}
    copy = await support.good("GET", f"/v1/customers/{customer}/export")
    assert {each["basket"]["facts"]["tags"] == [] for each in copy["purchases"]} == {True}
    assert [each["data"] for each in copy["events"]] == [{}]
    assert await findings(stage.owner_url) == []


async def test_answers_of_registering_and_changing_are_as_they_were_until_then(
    till: Desk, admin: Desk, support: Desk, owner: asyncpg.Connection
) -> None:
    customer = await customer_of(till, admin)
    registered = await till.post("/v1/customers", PERSON, key="new")
    changed = await till.call("PATCH", f"/v1/customers/{customer}", {"tags": PERSON["tags"]}, key="changed")
    for answer in (registered, changed):
        assert answer.headers["Idempotent-Replayed"] == "true"
        assert answer.json().keys() == (await till.good("GET", f"/v1/customers/{customer}")).keys()
        assert (answer.json()["name"], answer.json()["tags"]) == ("Zo***", PERSON["tags"])
    assert (await till.good("GET", "/v1/requests/new"))["body"] == registered.json()
    assert await left(owner, MASKS) == set()  # Sealed from the first moment on.
    await support.good("POST", f"/v1/customers/{customer}/erase")
    blank: dict[str, Any] = {
        "phone": None,
        "cards": [],
        "external_id": None,
        "name": None,
        "tags": [],
        "consents": [],
        "referrer": None,
    }
    assert (await till.post("/v1/customers", PERSON, key="new")).json() == {**registered.json(), **blank}
    assert (await till.good("GET", "/v1/requests/new"))["body"] == {**registered.json(), **blank}


async def test_receipts_in_batches_are_answered_as_they_were_until_then(
    till: Desk, admin: Desk, support: Desk, owner: asyncpg.Connection
) -> None:
    customer = await customer_of(till, admin)
    batch = [receipt({"id": customer}, number="F1"), receipt(None, number="F2"), receipt({"id": customer}, number="F3")]
    first = await till.post("/v1/receipts/offline", batch, key="batch")
    names = [(each["purchase"]["customer"] or {}).get("name") for each in first.json()["results"]]
    assert names == ["Zo***", None, "Zo***"]
    again = await till.post("/v1/receipts/offline", batch, key="batch")
    assert (again.content, again.headers["Idempotent-Replayed"]) == (first.content, "true")
    assert (await till.good("GET", "/v1/requests/batch"))["body"] == first.json()
    await support.good("POST", f"/v1/customers/{customer}/erase")
    assert await left(owner, MASKS) == set()
    found = (await till.post("/v1/receipts/offline", batch, key="batch")).json()["results"]
    assert [(each["purchase"]["customer"] or {}).get("name") for each in found] == [None] * 3


async def test_who_came_very_often_is_erased_at_once_and_tidied_in_batches(
    till: Desk, admin: Desk, support: Desk, owner: asyncpg.Connection, tidying: TidyErasures,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(erase_customer, "AT_ONCE_MAX", 2)
    monkeypatch.setattr(erase_customer, "BATCH_MAX", 3)
    customer = await customer_of(till, admin)
    other = await till.register(phone="+79005550000", name="Zora", tags=["tag-other"])
    for _ in range(9):
        await till.good("POST", "/v1/accrue", purchase(customer))
    await till.good("POST", "/v1/accrue", purchase(other))
    named = "select count(*) from purchases where position('Zo***'::bytea in answer) > 0 and customer_id = $1"
    await support.good("POST", f"/v1/customers/{customer}/erase")
    assert await owner.fetchval("select wrapped_key from profiles where customer_id = $1", customer) is None
    assert await owner.fetchval(named, customer) == 7
    assert (await admin.good("GET", "/v1/erasures"))["items"][0]["tidied_at"] is None
    assert await tidying.run_once() == 1
    assert await owner.fetchval(named, customer) == 4
    await asyncio.gather(tidying.run_once(), tidying.run_once())  # In two processes at once.
    await jobs._in_batches(tidying.run_once)
    assert await owner.fetchval(named, customer) == 0
    assert (await admin.good("GET", "/v1/erasures"))["items"][0]["tidied_at"] is not None
    assert await tidying.run_once() == 0
    assert await owner.fetchval(named, other) == 1


async def test_it_is_a_duty_of_the_jobs(stage: Stage) -> None:
    from app.background import open_background

    async with open_background(
        stage.settings(), stage.keyring(), database_url=stage.database_url, redis_url=stage.redis_url
    ) as background:
        (duty,) = [each for each in jobs.duties(background) if each.name == "tidy_erasures"]
        assert await duty.run() == 0


async def test_a_code_that_is_made_while_the_erasure_waits_goes_too(
    till: Desk, support: Desk, owner: asyncpg.Connection
) -> None:
    customer = await till.register(phone="+79005551234")
    insert = "insert into app_codes (customer_id, number, sealed) values ($1, sha256('n'), '\\x00')"
    async with owner.transaction():  # As whoever makes a code: a look at the profile, then the row.
        await owner.execute("select from profiles where customer_id = $1 for share", customer)
        erasing = asyncio.create_task(support.good("POST", f"/v1/customers/{customer}/erase"))
        await asyncio.sleep(0.3)
        await owner.execute(insert, customer)
    await erasing
    assert await owner.fetchval("select count(*) from app_codes") == 0
