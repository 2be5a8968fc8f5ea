"""What people may ask about themselves: what they agreed to, and a copy of everything."""

from datetime import datetime
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import orjson
import pytest

from app.domain.abuse.tills import TillLimits
from app.flows import export_customer
from app.load import load
from tests.e2e.checks import refused
from tests.e2e.test_alerts import watched
from tests.kit import Desk, Stage, line, purchase, refund

NOBODY = "01890000-0000-7000-8000-000000000000"
PHONE = "+79005551234"


@pytest.fixture
async def support(http: httpx.AsyncClient, stage: Stage) -> Desk:
    return Desk(http, await stage.key("support"))


async def consents(desk: Desk, customer: str) -> list[dict[str, Any]]:
    """All of them, the newest first."""
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = await desk.good("GET", f"/v1/customers/{customer}/consents?limit=2{cursor}")
        found += page["items"]
        if page["next"] is None:
            return found
        cursor = f"&cursor={page['next']}"


async def test_the_history_of_consents_only_grows(till: Desk, support: Desk) -> None:
    first = {"type": "marketing", "given": True, "version": "2", "channel": "till", "at": "2026-11-01T10:00:00+03:00"}
    terms = {"type": "terms", "version": "7", "text_hash": "ab12"}
    customer = await till.register(phone=PHONE, consents=[first, terms])
    path = f"/v1/customers/{customer}"
    await till.good("PATCH", path, {"name": "Anna"})  # Tells nothing of consents.
    await till.good("PATCH", path, {"consents": [first, terms]})  # Nothing new.
    await till.good("PATCH", path, {"consents": [{**first, "given": False, "channel": "app"}, terms]})
    await till.good("PATCH", path, {"consents": []})
    found = await consents(support, customer)
    assert [(each["purpose"], each["given"], each["channel"]) for each in found] == [
        ("terms", False, None),  # It was given, and is named no longer.
        ("marketing", False, "app"),
        ("terms", True, None),
        ("marketing", True, "till"),
    ]
    assert (found[3]["version"], found[3]["at"]) == ("2", "2026-11-01T07:00:00Z")
    assert found[2]["text_hash"] == "ab12"
    assert found[2]["recorded_by"].startswith(till.key.split("_")[0]) or found[2]["recorded_by"]
    assert (await support.good("GET", path))["consents"] == []
    refused(await till.get(f"{path}/consents"), 403, "insufficient_scope")
    refused(await support.get(f"/v1/customers/{NOBODY}/consents"), 404, "customer_not_found")


async def test_a_repeated_call_records_a_consent_once(till: Desk, support: Desk) -> None:
    customer = await till.register(phone=PHONE)
    for _ in range(3):
        body = {"consents": [{"type": "marketing"}]}
        await till.good("PATCH", f"/v1/customers/{customer}", body, key="consent")
    assert [each["purpose"] for each in await consents(support, customer)] == ["marketing"]


async def test_consents_outlive_an_erasure(till: Desk, support: Desk) -> None:
    customer = await till.register(phone=PHONE, consents=[{"type": "marketing", "version": "2"}])
    await support.good("POST", f"/v1/customers/{customer}/erase")
    found = await consents(support, customer)
    assert [(each["purpose"], each["given"], each["version"]) for each in found] == [("marketing", True, "2")]


@pytest.mark.parametrize("deed", ["PATCH", "erase"])
async def test_consents_of_an_earlier_release_are_recorded_before_the_profile_forgets_them(
    till: Desk, support: Desk, owner: asyncpg.Connection, deed: str
) -> None:
    told = [
        {"type": "marketing", "version": "2", "at": "2025-01-02T10:00:00Z"},
        {"type": "terms", "version": "7", "channel": "till"},
        {"type": "sms"},
    ]
    customer = await till.register(phone=PHONE, consents=told)
    async with owner.transaction():  # Releases before 0006 kept them in the profile alone; of one there is a record.
        await owner.execute("set local session_replication_role = replica")
        await owner.execute("delete from consents where purpose <> 'sms'")
    path = f"/v1/customers/{customer}"
    if deed == "PATCH":
        await till.good("PATCH", path, {"consents": [{"type": "marketing", "version": "3"}]})
    else:
        await support.good("POST", f"{path}/erase")
    found = await consents(support, customer)
    known = [(each["purpose"], each["version"], each["recorded_by"]) for each in found if each["given"]]
    earlier = [("terms", "7", "earlier release"), ("marketing", "2", "earlier release")]
    assert [each for each in known if each[2] == "earlier release"] == earlier
    assert [each[0] for each in known].count("sms") == 1
    at = {each["purpose"]: each["at"] for each in found if each["recorded_by"] == "earlier release"}
    registered_at = await owner.fetchval("select registered_at from customers where id = $1", customer)
    assert at["marketing"] == "2025-01-02T10:00:00Z"
    assert datetime.fromisoformat(at["terms"]) == registered_at
    if deed == "PATCH":  # What is told now stands over what was.
        newest = {each["purpose"]: (each["given"], each["version"]) for each in reversed(found)}
        assert newest == {"marketing": (True, "3"), "terms": (False, None), "sms": (False, None)}


@pytest.mark.parametrize(
    ("member", "wrong"),
    [
        ("type", "Anna Petrova"),
        ("version", "anna@example.org"),
        ("channel", "+79005551234"),
        ("text_hash", "anna@example.org"),
        ("text_hash", ""),
    ],
)
async def test_a_consent_has_no_room_for_a_person(till: Desk, member: str, wrong: str) -> None:
    consent = {"type": "terms", "version": "2.1", "channel": "web-site", "text_hash": "aB12", member: wrong}
    answer = await till.post("/v1/customers", {"phone": PHONE, "consents": [consent]})
    refused(answer, 422, "validation_error")
    assert [each["pointer"] for each in answer.json()["errors"]] == [f"/consents/0/{member}"]


async def test_consents_that_are_loaded_are_recorded(
    admin: Desk, support: Desk, stage: Stage, tmp_path: Path, owner: asyncpg.Connection
) -> None:
    file = tmp_path / "customers.jsonl"
    file.write_bytes(orjson.dumps({"phone": PHONE, "consents": [{"type": "terms", "version": "1"}]}) + b"\n")
    await load(
        file, settings=stage.settings(), keyring=stage.keyring(), database_url=stage.database_url, say=lambda _: None
    )
    customer = await owner.fetchval("select id::text from customers")
    found = await consents(support, customer)
    assert [(each["purpose"], each["version"], each["recorded_by"]) for each in found] == [("terms", "1", "load")]


async def everything(support: Desk, customer: str) -> dict[str, Any]:
    return dict(await support.good("GET", f"/v1/customers/{customer}/export"))


async def test_a_copy_of_everything_in_clear(till: Desk, admin: Desk, support: Desk) -> None:
    person = {"phone": PHONE, "name": "Anna Petrova", "email": "anna@example.org", "birthday": "1990-05-04"}
    customer = await till.register(**person, consents=[{"type": "marketing"}])
    await till.good("POST", f"/v1/customers/{customer}/cards", {"number": "2200123412341234", "type": "club"})
    sold = (await till.accrue(customer, line(price=50000, name="Coffee", sku="4601"))).json()
    await till.good("POST", f"/v1/purchases/{sold['id']}/returns", refund(("1", 1)))
    hold = {"customer": {"id": customer}, "wallet": "points", "points": 1, "reason": "gift", "ttl_seconds": 600}
    await till.good("POST", f"/v1/customers/{customer}/adjust", {"wallet": "points", "points": 5, "reason": "x"},
                    headers={"Authorization": f"Bearer {admin.key}"})  # fmt: skip
    held = await till.good("POST", "/v1/holds", {**hold, "receipt": {"number": "H1"}})
    await till.good("POST", f"/v1/customers/{customer}/events", {"type": "review", "data": {"stars": 5}})
    await admin.good("POST", "/v1/coupons", {"code": "ANNA10", "customer": {"id": customer}})
    copy = await everything(support, customer)
    assert {name: copy["customer"][name] for name in person} == person
    assert copy["cards"] == [{"number": "2200123412341234", "type": "club"}]
    assert [each["purpose"] for each in copy["consents"]] == ["marketing"]
    assert [each["kind"] for each in copy["postings"]] == ["event", "hold", "adjust", "return", "purchase"]
    assert copy["purchases"][0]["id"] == sold["id"]
    assert copy["purchases"][0]["basket"]["lines"][0]["name"] == "Coffee"
    assert copy["purchases"][0]["answer"]["totals"] == sold["totals"]
    assert copy["purchases"][0]["returned"] == {"1": 1}
    assert [(each["id"], each["state"]) for each in copy["holds"]] == [(held["id"], "held")]
    assert [(each["type"], each["data"]) for each in copy["events"]] == [("review", {"stars": 5})]
    assert [each["code"] for each in copy["coupons"]] == ["ANNA10"]
    assert (copy["prize_draws"], copy["erasure"], copy["next"]) == ([], None, None)
    assert (copy["alerts"], copy["is_complete"]) == ([], True)
    log = await admin.good("GET", f"/v1/audit-log?action=export_customer&object=customers/{customer}")
    assert [row["details"] for row in log["items"]] == [{"unmasked": True}]
    refused(await till.get(f"/v1/customers/{customer}/export"), 403, "insufficient_scope")
    refused(await support.get(f"/v1/customers/{NOBODY}/export"), 404, "customer_not_found")


async def test_a_long_history_is_several_documents(till: Desk, support: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_customer, "POSTINGS_MAX", 2)
    customer = await till.register(phone=PHONE)
    sold = [(await till.accrue(customer)).json()["id"] for _ in range(5)]
    found: list[str] = []
    cursor, documents = "", 0
    while True:
        copy = await support.good("GET", f"/v1/customers/{customer}/export{cursor}")
        assert [each["tx_id"] for each in copy["postings"]] == [each["id"] for each in copy["purchases"]]
        found += [each["id"] for each in copy["purchases"]]
        documents += 1
        if copy["next"] is None:
            break
        cursor = f"?cursor={copy['next']}"
    assert (found, documents) == (sold[::-1], 3)


async def test_large_purchases_are_told_in_smaller_documents(
    till: Desk, support: Desk, owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    customer = await till.register(phone=PHONE)
    sold = [(await till.accrue(customer)).json()["id"] for _ in range(5)]
    size = await owner.fetchval("select max(octet_length(answer) + octet_length(basket)) from purchases")
    found: list[list[str]] = []
    for room, expected in ((2 * size + 1, [2, 2, 1]), (1, [1] * 5)):  # One is told at any size.
        monkeypatch.setattr(export_customer, "BYTES_MAX", room)
        found, cursor = [], ""
        while True:
            copy = await support.good("GET", f"/v1/customers/{customer}/export{cursor}")
            assert [each["tx_id"] for each in copy["postings"]] == [each["id"] for each in copy["purchases"]]
            found.append([each["id"] for each in copy["purchases"]])
            if copy["next"] is None:
                break
            cursor = f"?cursor={copy['next']}"
        assert [len(each) for each in found] == expected
        assert [each for page in found for each in page] == sold[::-1]


async def test_a_copy_has_alerts_and_says_what_it_lacks(
    till: Desk, admin: Desk, support: Desk, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_customer, "CODES_MAX", 2)
    customer = await till.register(phone=PHONE)
    for _ in range(3):
        await till.good("POST", "/v1/accrue", purchase(customer))
    await watched(stage, TillLimits(same_customer=2, returns=1, sum_times=4))
    for number in range(2):
        await admin.good("POST", "/v1/coupons", {"code": f"ANNA{number}", "customer": {"id": customer}})
    copy = await support.good("GET", f"/v1/customers/{customer}/export")
    assert [(each["kind"], each["state"]) for each in copy["alerts"]] == [("same_customer", "new")]
    assert (len(copy["coupons"]), copy["is_complete"]) == (2, True)
    await admin.good("POST", "/v1/coupons", {"code": "ANNA2", "customer": {"id": customer}})
    copy = await support.good("GET", f"/v1/customers/{customer}/export")
    assert (len(copy["coupons"]), copy["is_complete"]) == (2, False)


async def test_a_copy_of_who_was_erased_names_nobody(till: Desk, support: Desk) -> None:
    customer = await till.register(phone=PHONE, name="Anna Petrova", email="anna@example.org")
    await till.accrue(customer)
    await support.good("POST", f"/v1/customers/{customer}/erase", {"ground": "ru_152fz"})
    copy = await everything(support, customer)
    assert copy["erasure"]["ground"] == "ru_152fz"
    assert copy["customer"]["erased_at"] == copy["erasure"]["erased_at"]
    assert copy["erasure"]["tidied_at"] is not None
    assert [copy["customer"][name] for name in ("phone", "name", "email")] == [None, None, None]
    assert len(copy["purchases"]) == 1
