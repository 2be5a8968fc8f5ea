"""The audit log through HTTP: who did what, when, from where, with which result."""

import asyncio
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import orjson
import pytest

from app import key_command
from app.config import CannotStart
from app.domain.key_text import KeyEnv
from app.flows import audit_log, audit_tally
from app.load import load
from app.verification import findings
from tests.e2e.checks import refused
from tests.e2e.test_self_audit import auditor, go_over, plant
from tests.kit import Desk, Stage, client_of, line, served_here, small_program

PHONE = "+79005554433"


async def deeds(admin: Desk, **query: str) -> list[dict[str, Any]]:
    """All that is asked for, over all pages, the newest first."""
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        asked = "&".join(f"{name}={value}" for name, value in {**query, "limit": "3"}.items()) + cursor
        page = await admin.good("GET", f"/v1/audit-log?{asked.replace('+', '%2B')}")
        found += page["items"]
        if page["next"] is None:
            return found
        cursor = f"&cursor={page['next']}"


async def all_written(admin: Desk) -> None:
    """Also what nobody waits for, as refusals: a process writes its rows in order, and this deed's is waited for."""
    await admin.good("POST", "/v1/segments", {"id": "written"})


def told(deed: dict[str, Any]) -> tuple[str, str, str]:
    return deed["action"], deed["object"], deed["outcome"]


@pytest.fixture
async def support(http: httpx.AsyncClient, stage: Stage) -> Desk:
    return Desk(http, await stage.key("support"))


async def test_what_people_write_stands_in_the_log(admin: Desk, support: Desk, till: Desk) -> None:
    customer = await till.register(phone=PHONE, name="Anna Petrova")
    path = f"/v1/customers/{customer}"
    done = await support.post(f"{path}/adjust", {"wallet": "points", "points": 30, "reason": "sorry, Anna Petrova"})
    await support.good("PATCH", path, {"name": "Anna Ivanova"})
    await admin.good("POST", "/v1/coupons", {"pool": "spring", "count": 2})
    rows = await deeds(admin)
    assert [told(deed) for deed in rows[:5]] == [
        ("make_coupons", "coupons", "done"),
        ("update", f"customers/{customer}", "done"),
        ("adjust", f"customers/{customer}", "done"),
        ("publish", "program/publish", "done"),
        ("put_draft", "program/draft", "done"),
    ]
    adjusted = rows[2]
    assert adjusted["details"] == {
        "wallet": "points", "points": 30, "tx_id": done.json()["tx_id"], "version": done.json()["version"]
    }  # fmt: skip
    assert (adjusted["actor_kind"], adjusted["ip"]) == ("key", "127.0.0.1")
    assert adjusted["request_id"] == done.headers["X-Request-Id"]
    assert rows[1]["details"]["changed"] == "name"
    assert rows[3]["details"] == {"version": 1}
    assert re.fullmatch("[0-9a-f]{64}", rows[4]["details"]["sha256"])
    assert {deed["actor"] for deed in rows[1:3]} != {deed["actor"] for deed in rows[3:5]}


async def test_tills_write_nothing_to_it(admin: Desk, till: Desk) -> None:
    customer = await till.register(phone=PHONE)
    before = await deeds(admin)
    assert (await till.accrue(customer, line(price=50000))).status_code == 201
    await till.good("POST", "/v1/quote", {"customer": {"id": customer}, "basket": {"lines": [line()]}})
    await till.good("POST", "/v1/customers/lookup", {"customer": {"phone": PHONE}})
    await till.balance(customer)
    spending = {"customer": {"id": customer}, "wallet": "points", "points": 5, "receipt": {"number": "G1"}}
    await till.good("POST", "/v1/redeem", {**spending, "reason": "gift"})
    await till.good("GET", f"/v1/customers/{customer}")  # Masked for tills.
    refused(await till.post("/v1/redeem", {**spending, "points": 10**6, "receipt": {"number": "G2"}, "reason": "x"}),
            409, "insufficient_points")  # fmt: skip
    await asyncio.sleep(0.1)
    assert [told(deed) for deed in await deeds(admin)] == [told(deed) for deed in before]


async def test_a_refused_correction_is_told_with_its_reason(admin: Desk, support: Desk, till: Desk) -> None:
    customer = await till.register()
    body = {"wallet": "points", "points": -5, "reason": "x"}
    refused(await support.post(f"/v1/customers/{customer}/adjust", body, key="minus"), 409, "insufficient_points")
    refused(await support.post(f"/v1/customers/{customer}/adjust", body, key="minus"), 409, "insufficient_points")
    again, first = await deeds(admin, action="adjust", outcome="refused")
    assert first["details"] == {"wallet": "points", "points": -5, "code": "insufficient_points"}
    assert again["details"] == {**first["details"], "replayed": True}


async def test_a_read_in_clear_is_told_and_a_masked_one_is_not(admin: Desk, support: Desk, till: Desk) -> None:
    customer = await till.register(phone=PHONE, name="Anna")
    assert (await support.good("GET", f"/v1/customers/{customer}"))["phone"] == PHONE
    await till.good("GET", f"/v1/customers/{customer}")
    await support.good("POST", "/v1/customers/lookup", {"customer": {"phone": PHONE}})
    assert (await support.get("/v1/customers/01890000-0000-7000-8000-000000000000")).status_code == 404
    (read,) = await deeds(admin, object=f"customers/{customer}")
    assert (read["action"], read["details"]) == ("customer", {"unmasked": True})


async def test_refusals_are_told_by_whom_and_from_where(admin: Desk, support: Desk, till: Desk) -> None:
    refused(await till.get("/v1/audit-log"), 403, "insufficient_scope")
    refused(await support.post("/v1/program/publish"), 403, "insufficient_scope")
    refused(await Desk(till.http, "kpl_live_0_nothing").get("/v1/customers/79001112233"), 401, "unauthenticated")
    await all_written(admin)
    rows = await deeds(admin, outcome="refused")
    assert [(deed["action"], deed["actor_kind"], deed["details"]["code"]) for deed in rows] == [
        ("customer", "unknown", "unauthenticated"),
        ("publish", "key", "insufficient_scope"),
        ("audit_log", "key", "insufficient_scope"),
    ]
    assert rows[0]["actor"] == rows[0]["object"] == ""
    assert {deed["ip"] for deed in rows} == {"127.0.0.1"}


async def test_a_forged_address_changes_nothing(admin: Desk, till: Desk) -> None:
    forged = {"X-Forwarded-For": "192.0.2.66", "Forwarded": "for=192.0.2.66", "X-Real-IP": "192.0.2.66"}
    refused(await till.call("GET", "/v1/audit-log", headers=forged), 403, "insufficient_scope")
    await all_written(admin)
    (row,) = await deeds(admin, outcome="refused")
    assert row["ip"] == "127.0.0.1"


async def test_a_flood_of_refusals_leaves_few_rows_with_the_right_counts(stage: Stage) -> None:
    """More rows than kinds there never are; what is still counted is written when the service stops."""
    async with served_here(stage) as edge, client_of(edge) as http:
        admin = Desk(http, await stage.key("admin"))
        till = Desk(http, await stage.key("pos", shop="S1", terminal="T1"))
        for _ in range(40):
            await asyncio.gather(*(till.get("/v1/segments") for _ in range(5)))
            await asyncio.gather(*(Desk(http, f"kpl_{n}").get("/v1/segments") for n in range(5)))
        assert len(await deeds(admin, outcome="refused")) == 2
    async with served_here(stage) as edge, client_of(edge) as http:
        rows = await deeds(Desk(http, await stage.key("admin")), outcome="refused")
    counts = {"key": 0, "unknown": 0}
    for row in rows:
        counts[row["actor_kind"]] += row["details"].get("count", 1)
    assert counts == {"key": 200, "unknown": 200}
    assert len(rows) == 4
    assert await findings(stage.owner_url) == []


async def test_kinds_without_end_are_one_kind(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_tally, "KINDS_MAX", 3)
    async with served_here(stage) as edge:
        paths = ("segments", "coupons", "events?after=0", "program", "program/versions", "program/draft", "keys")
        for path in paths:
            async with client_of(edge) as http:
                await Desk(http, "nothing").get(f"/v1/{path}")
    async with served_here(stage) as edge, client_of(edge) as http:
        rows = await deeds(Desk(http, await stage.key("admin")), outcome="refused")
    told_of = [(row["action"], row["details"].get("count", 1)) for row in rows]
    assert told_of == [("others", 3), ("program", 1), ("feed", 1), ("coupons", 1), ("segments", 1)]


async def test_whoever_asks_for_customers_that_are_not_there_is_told_of(admin: Desk, support: Desk, till: Desk) -> None:
    nobody = "01890000-0000-7000-8000-0000000000ff"
    for _ in range(3):
        for what in ("", "/balance", "/history", "/lots"):
            refused(await support.get(f"/v1/customers/{nobody}{what}"), 404, "customer_not_found")
    body = {"wallet": "points", "points": 30, "reason": "x"}
    refused(await support.post(f"/v1/customers/{nobody}/adjust", body), 404, "customer_not_found")
    refused(await support.post("/v1/customers/lookup", {"customer": {"phone": PHONE}}), 404, "customer_not_found")
    refused(await till.post("/v1/customers/lookup", {"customer": {"phone": PHONE}}), 404, "customer_not_found")
    await all_written(admin)
    rows = await deeds(admin, outcome="refused")
    assert sorted(row["action"] for row in rows) == ["adjust", "balance", "customer", "history", "lookup", "lots"]
    for row in rows:
        assert (row["actor"], row["object"], row["details"]) == (
            support.key.split("_")[2], "", {"code": "customer_not_found"},
        )  # fmt: skip


async def test_what_marketers_make_is_told_by_pool_and_number(admin: Desk, till: Desk) -> None:
    """Never by a code or a number, which are worth something."""
    customer = await till.register(phone=PHONE)
    made = await admin.good("POST", "/v1/coupons", {"pool": "spring", "count": 3})
    await admin.good("POST", "/v1/coupons", {"code": "PUBLIC-77", "uses": 5})
    cards = await admin.good("POST", "/v1/gift-cards", {"wallet": "points", "count": 2, "units": 500})
    await admin.good("POST", "/v1/segments", {"id": "vip"})
    await admin.good("POST", "/v1/segments/vip/members", {"add": [{"phone": PHONE}]})
    await admin.good("POST", f"/v1/customers/{customer}/events", {"type": "review"})
    rows = await deeds(admin)
    told = {(row["action"], row["object"]): row["details"] for row in rows}
    assert told["make_coupons", "coupons"] in ({"pool": "spring", "count": 3}, {"count": 1})
    assert {"pool": "spring", "count": 3} in [row["details"] for row in rows if row["action"] == "make_coupons"]
    assert told["make_gift_cards", "gift-cards"] == {"wallet": "points", "count": 2, "units": 500}
    assert told["change_members", "segments/vip"] == {"add": 1, "remove": 0, "id": "vip"}
    assert told["post_event", f"customers/{customer}"].items() >= {"type": "review"}.items()
    everything = str(rows)
    for secret in (*made["codes"], *cards["numbers"], "PUBLIC-77", PHONE):
        assert secret not in everything


async def test_reasons_that_wait_for_a_second_person_are_read_by_nobody_unnoted(admin: Desk, support: Desk) -> None:
    await support.good("GET", "/v1/adjustments")
    (row,) = await deeds(admin, action="adjustments")
    assert (row["actor"], row["details"]) == (support.key.split("_")[2], {"unmasked": True})


async def test_going_back_to_an_earlier_program_is_told(admin: Desk) -> None:
    await admin.publish(small_program())
    again = await admin.good("POST", "/v1/program/versions/1/republish")
    (row,) = await deeds(admin, action="republish")
    assert (row["object"], row["outcome"]) == ("program/versions/1", "done")
    assert row["details"]["version"] == again["version"]


async def test_of_whoever_reads_very_many_each_is_told(
    admin: Desk, support: Desk, till: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_tally, "KINDS_MAX", 2)
    customers = [await till.register() for _ in range(6)]
    for customer in customers:
        await support.good("GET", f"/v1/customers/{customer}")
    rows = await deeds(admin, action="customer")
    assert [row["object"] for row in rows] == [f"customers/{customer}" for customer in reversed(customers)]


async def test_it_is_searched_by_each_of_its_words(admin: Desk, till: Desk) -> None:
    customer = await till.register()
    rows = await deeds(admin)
    (draft,) = await deeds(admin, action="put_draft")
    assert await deeds(admin, actor=draft["actor"], object="program/draft", outcome="done") == [draft]
    assert draft in await deeds(admin, actor=draft["actor"])
    until, newer = draft["at"], [row for row in rows if row["id"] > draft["id"]]
    assert [row["id"] for row in await deeds(admin, **{"from": until})] == [row["id"] for row in (*newer, draft)]
    assert all(row["at"] < until for row in await deeds(admin, until=until))
    assert await deeds(admin, object=f"customers/{customer}") == []
    assert [row["id"] for row in rows] == sorted((row["id"] for row in rows), reverse=True)
    for wrong in ("outcome=good", "from=yesterday", "actor=", "who=me", "cursor=x"):
        refused(await admin.get(f"/v1/audit-log?{wrong}"), 422, "validation_error")


async def test_only_an_admin_reads_it(till: Desk, stage: Stage) -> None:
    for role in ("shop", "marketer", "analyst", "support", "ops"):
        desk = Desk(till.http, await stage.key(role, shop="S1" if role == "shop" else None))
        refused(await desk.get("/v1/audit-log"), 403, "insufficient_scope")


async def test_no_personal_data_and_no_key_stands_in_it(
    admin: Desk, support: Desk, till: Desk, owner: asyncpg.Connection
) -> None:
    customer = await till.register(phone=PHONE, name="Anna Petrova", email="anna@example.com", card="4276550011112222")
    await support.good("PATCH", f"/v1/customers/{customer}", {"phone": "+79005554434", "name": "Petrova Anna"})
    await support.good("GET", f"/v1/customers/{customer}")
    card = await support.good("POST", f"/v1/customers/{customer}/cards", {"number": "4276550011113333"})
    assert card
    await support.good("POST", f"/v1/customers/{customer}/cards/4276550011113333/block")
    await Desk(till.http, PHONE).get(f"/v1/coupons/{PHONE}")
    await all_written(admin)
    everything = str(await owner.fetch("select row_to_json(audit_log)::text from audit_log"))
    assert "block_card" in everything
    assert "unauthenticated" in everything
    for secret in ("900555443", "Petrova", "anna@", "427655001111", admin.key, support.key, till.key):
        assert secret not in everything, secret


async def test_where_the_log_cannot_be_written_people_wait_and_tills_sell(
    admin: Desk, till: Desk, owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_log, "NOTE_SECONDS", 0.3)
    customer = await till.register()
    await owner.execute("alter table audit_log add constraint shut check (false) not valid")
    body = {"wallet": "points", "points": 30, "reason": "x"}
    refused(await admin.post(f"/v1/customers/{customer}/adjust", body, key="once"), 503, "unavailable")
    assert (await till.accrue(customer)).status_code == 201
    await owner.execute("alter table audit_log drop constraint shut")
    await asyncio.sleep(2.5)  # The longest pause of the log's.
    again = await admin.post(f"/v1/customers/{customer}/adjust", body, key="once")
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (201, "true")
    assert await admin.balance(customer, min_version=2) == 130
    rows = await deeds(admin, action="adjust")
    assert [row["details"].get("replayed", False) for row in rows] == [True, False]


async def test_two_processes_have_two_chains_that_name_each_other(stage: Stage) -> None:
    async with served_here(stage) as one, client_of(one) as http:
        first = Desk(http, await stage.key("admin"))
        await first.publish(small_program())
        async with served_here(stage) as other, client_of(other) as http_of_other:
            second = Desk(http_of_other, first.key)
            await second.good("POST", "/v1/segments", {"id": "vip"})
            await asyncio.sleep(0.2)
            rows = await deeds(second)
    assert len({row["instance"] for row in rows}) == 2
    (later,) = [row for row in rows if row["action"] == "log_heads" and row["details"]]
    (named,) = later["details"].items()
    published = next(row for row in rows if row["action"] == "publish")
    assert named == (published["instance"], f"{published['seq']} {published['hash']}")
    assert datetime.fromisoformat(later["at"]) > datetime.fromisoformat(published["at"])
    assert await findings(stage.owner_url) == []


async def test_an_import_is_told_by_its_sums(admin: Desk, stage: Stage, tmp_path: Path) -> None:
    path = tmp_path / "Anna Petrova.csv"
    path.write_text(f"phone,name,points:points\n{PHONE},Anna,250\n,,5\n")
    settings, url = stage.settings(), stage.database_url
    for _ in range(2):
        await load(path, settings=settings, keyring=stage.keyring(), database_url=url, say=lambda _: None)
    (again, first) = await deeds(admin, action="load")
    assert (first["actor_kind"], first["ip"], first["request_id"]) == ("operator", "", "")
    assert first["actor"]
    sums = {"customers": 1, "loaded_before": 0, "postings": 1, "refused_rows": 1}
    assert first["details"] == {**sums, "sha256": first["details"]["sha256"]}
    assert (again["details"]["customers"], again["details"]["loaded_before"]) == (0, 1)
    assert "Anna" not in str(await deeds(admin))


async def test_an_import_that_cannot_be_read_did_nothing(admin: Desk, stage: Stage, tmp_path: Path) -> None:
    with pytest.raises(CannotStart):
        await load(
            tmp_path / "nothing.csv",
            settings=stage.settings(),
            keyring=stage.keyring(),
            database_url=stage.database_url,
            say=lambda _: None,
        )
    assert await deeds(admin, action="load") == []


async def test_who_is_frozen_and_thawed_is_told(admin: Desk, till: Desk, stage: Stage) -> None:
    customer = await till.register()
    assert (await till.accrue(customer)).status_code == 201
    async with auditor(stage) as (audit, _):
        await plant(stage, "update customers set paid = paid + 1")
        await go_over(audit)
        await plant(stage, "update customers set paid = paid - 1")
        await go_over(audit)
    rows = await deeds(admin, actor="self_audit")
    assert [told(deed) for deed in rows] == [
        ("thaw", f"customers/{customer}", "done"),
        ("freeze", f"customers/{customer}", "done"),
    ]
    assert {deed["actor_kind"] for deed in rows} == {"service"}


async def test_keys_are_told_whichever_way_they_are_made(admin: Desk, stage: Stage) -> None:
    made = await admin.good("POST", "/v1/keys", {"role": "pos", "shops": ["S1"], "terminal": "T9"})
    more = {"signed_by": None, "certificate_sha256": None, "partner": None, "terminal": "T8"}
    text = await asyncio.to_thread(
        key_command.create, stage.database_url, env=KeyEnv.LIVE, role="pos", shops=["S1"], **more
    )
    by_command = orjson.loads(text)
    await asyncio.to_thread(key_command.revoke, stage.database_url, by_command["id"])
    with pytest.raises(CannotStart):
        await asyncio.to_thread(key_command.revoke, stage.database_url, "nothing")
    await admin.good("POST", f"/v1/keys/{made['id']}/revoke")
    rows = [deed for deed in await deeds(admin) if "key" in deed["action"]]
    assert [(deed["actor_kind"], *told(deed)) for deed in rows] == [
        ("key", "revoke_key", f"keys/{made['id']}", "done"),
        ("operator", "revoke_key", f"keys/{by_command['id']}", "done"),
        ("operator", "create_key", f"keys/{by_command['id']}", "done"),
        ("key", "create_key", f"keys/{made['id']}", "done"),
    ]
    for key in (made["key"], by_command["key"]):
        assert key not in str(rows)
        assert key.rsplit("_", 1)[1] not in str(rows)
