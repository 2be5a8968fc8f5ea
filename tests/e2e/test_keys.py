"""Keys over HTTP: made once, two a terminal, rotated, revoked; when each was used last."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import pytest

from app.domain.key_text import CHECK_LENGTH, KeyEnv, may_be_key
from app.flows import callers
from app.storage.key_rounds import digest_of
from app.storage.keys import create_key, revoke_key
from tests.e2e.checks import pointers, refused
from tests.kit import Desk, Stage, client_of, served_here

TILL = {"role": "pos", "shops": ["S9"], "terminal": "T9"}
QUOTE: dict[str, Any] = {"basket": {"lines": []}}


async def sells(desk: Desk) -> bool:
    """Whether the key is good; 404 says that there is no program."""
    response = await desk.post("/v1/quote", QUOTE)
    assert response.status_code in {200, 401, 404}, response.text
    return response.status_code != 401


async def test_a_key_is_made_shown_once_and_works(admin: Desk, owner: asyncpg.Connection) -> None:
    made = await admin.good("POST", "/v1/keys", TILL, key="make-1")
    assert may_be_key(made["key"], env=KeyEnv.LIVE)
    assert made["key"].split("_")[2] == made["id"]
    assert (made["role"], made["shops"], made["terminal"]) == ("pos", ["S9"], "T9")
    assert await sells(Desk(admin.http, made["key"]))

    again = await admin.post("/v1/keys", TILL, key="make-1")
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (201, "true")
    assert again.json() == {**made, "key": None}
    asked = await admin.good("GET", "/v1/requests/make-1")
    assert asked["body"] == again.json()
    (listed,) = [each for each in (await admin.good("GET", "/v1/keys"))["items"] if each["id"] == made["id"]]
    assert "key" not in listed
    assert await owner.fetchval("select count(*) from keys where digest = $1", digest_of(made["key"])) == 1
    secret = made["key"].split("_", 3)[3]
    assert await holders_of(owner, secret[:20]) == []


async def holders_of(owner: asyncpg.Connection, text: str) -> list[str]:
    """The tables in which a text stands anywhere."""
    tables = await owner.fetch("select tablename as name from pg_tables where schemaname = 'public'")
    return [
        table["name"]
        for table in tables
        if await owner.fetchval(
            f"select exists (select from {table['name']} t where t::text like $1 or t::text like $2)",
            f"%{text}%",
            f"%{text.encode().hex()}%",
        )
    ]


async def test_a_terminal_has_two_live_keys_and_no_third(admin: Desk) -> None:
    first = await admin.good("POST", "/v1/keys", TILL)
    second = await admin.good("POST", f"/v1/keys/{first['id']}/rotate")
    assert second["replaces"] == first["id"]
    assert second["key"] != first["key"]
    same = ("role", "shops", "terminal", "partner", "signed_by", "certificate_sha256")
    assert [second[name] for name in same] == [first[name] for name in same]
    assert await sells(Desk(admin.http, first["key"]))
    assert await sells(Desk(admin.http, second["key"]))

    for path, body in (("/v1/keys", TILL), (f"/v1/keys/{second['id']}/rotate", {})):
        problem = refused(await admin.post(path, body), 422, "limit_exceeded")
        assert pointers(problem) == {"/terminal"}
        assert first["id"] in problem["errors"][0]["message"]
        assert second["id"] in problem["errors"][0]["message"]
    other = await admin.good("POST", "/v1/keys", {**TILL, "terminal": "T10"})
    assert other["replaces"] is None

    revoked = await admin.good("POST", f"/v1/keys/{first['id']}/revoke")
    assert revoked["revoked_at"]
    refused(await admin.post(f"/v1/keys/{first['id']}/rotate"), 404, "not_found")
    assert (await admin.good("POST", f"/v1/keys/{first['id']}/revoke"))["revoked_at"] == revoked["revoked_at"]
    await admin.good("POST", "/v1/keys", TILL)


async def test_of_many_at_once_two_are_made(admin: Desk) -> None:
    answers = await asyncio.gather(*(admin.post("/v1/keys", TILL) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [201, 201, *[422] * 6]


async def test_people_and_shops_have_as_many_keys_as_they_need(admin: Desk) -> None:
    for body in ({"role": "support"}, {"role": "shop", "shops": ["W1", "S9"]}):
        for _ in range(3):
            await admin.good("POST", "/v1/keys", body)


async def test_a_shop_s_keys_that_name_a_terminal_count_as_the_terminal_s(admin: Desk) -> None:
    """Both write as that terminal: its idempotency keys, its receipts."""
    shop = {"role": "shop", "shops": ["W1", "S9"], "terminal": "WEB"}
    first = await admin.good("POST", "/v1/keys", shop)
    await admin.good("POST", "/v1/keys", {"role": "pos", "shops": ["W1"], "terminal": "WEB"})
    for body in (shop, {"role": "pos", "shops": ["W1"], "terminal": "WEB"}):
        refused(await admin.post("/v1/keys", body), 422, "limit_exceeded")
    refused(await admin.post(f"/v1/keys/{first['id']}/rotate"), 422, "limit_exceeded")
    await admin.good("POST", "/v1/keys", {**shop, "terminal": "WEB-2"})
    await admin.good("POST", "/v1/keys", {**shop, "shops": ["S9"]})
    await admin.good("POST", f"/v1/keys/{first['id']}/revoke")
    await admin.good("POST", "/v1/keys", shop)


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"role": "cashier"}, "/role"),
        ({"shops": []}, "/shops"),
        ({"shops": ["S1", "S2"]}, "/shops"),
        ({"shops": ["S 1"]}, "/shops"),
        ({"terminal": None}, "/terminal"),
        ({"terminal": "a\nb"}, "/terminal"),
        ({"role": "support"}, "/shops"),
        ({"role": "support", "shops": [], "terminal": None, "partner": "P"}, "/partner"),
        ({"signed_by": "no key"}, "/signed_by"),
        ({"certificate_sha256": "00"}, "/certificate_sha256"),
    ],
)
async def test_what_no_key_can_be_is_refused(admin: Desk, change: dict[str, Any], pointer: str) -> None:
    assert pointers(refused(await admin.post("/v1/keys", {**TILL, **change}), 422, "validation_error")) == {pointer}
    assert len((await admin.good("GET", "/v1/keys"))["items"]) == 1


async def test_keys_that_are_not_there_are_not_found(admin: Desk) -> None:
    for key_id in ("000000000000", "x", "0f1e2d3c4b5A"):
        for act in ("rotate", "revoke"):
            refused(await admin.post(f"/v1/keys/{key_id}/{act}"), 404, "not_found")


async def test_keys_are_listed_page_by_page_the_oldest_first(admin: Desk) -> None:
    made = [(await admin.good("POST", "/v1/keys", {"role": "analyst"}))["id"] for _ in range(5)]
    seen, path = [], "/v1/keys?limit=2"
    while path:
        page = await admin.good("GET", path)
        seen += [each["id"] for each in page["items"]]
        path = f"/v1/keys?limit=2&cursor={page['next']}" if page["next"] else ""
    assert seen[1:] == made  # The first is the admin's own.
    refused(await admin.get("/v1/keys?cursor=nonsense"), 422, "validation_error")


async def test_making_and_revoking_stand_in_the_audit_log(admin: Desk, owner: asyncpg.Connection) -> None:
    made = await admin.good("POST", "/v1/keys", TILL)
    second = await admin.good("POST", f"/v1/keys/{made['id']}/rotate")
    await admin.good("POST", f"/v1/keys/{made['id']}/revoke")
    rows = await owner.fetch("select actor, action, object, details::text from audit_log where object like 'keys/%'")
    assert {(row["action"], row["object"]) for row in rows} == {
        ("create_key", f"keys/{made['id']}"),
        ("rotate_key", f"keys/{made['id']}"),
        ("revoke_key", f"keys/{made['id']}"),
    }
    assert {row["actor"] for row in rows} == {admin.key.split("_")[2]}
    told = "".join(row["details"] for row in rows)
    assert second["id"] in told
    assert made["key"].split("_", 3)[3] not in told


async def test_a_typo_costs_no_statement(till: Desk, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Looked at through the one way to the database that callers have."""
    async with served_here(stage) as edge, client_of(edge) as http:
        asked: list[bytes] = []
        reads = edge._service._use.callers._reads  # type: ignore[union-attr]

        async def caller(digest: bytes) -> None:
            asked.append(digest)

        monkeypatch.setattr(reads, "caller", caller)
        typos = [till.key[:-1] + ("0" if till.key[-1] != "0" else "1"), till.key[:-2], till.key + "0", "kpl_live_x_y"]
        for typo in (*typos, till.key.replace("live", "test")):
            refused(await Desk(http, typo).post("/v1/quote", QUOTE), 401, "unauthenticated")
        assert asked == []
        refused(await Desk(http, till.key).post("/v1/quote", QUOTE), 401, "unauthenticated")
        assert asked == [digest_of(till.key)]


async def test_a_key_of_an_earlier_release_goes_on_working(till: Desk, owner: asyncpg.Connection) -> None:
    old = till.key[:-CHECK_LENGTH]
    await owner.execute("set session_replication_role = replica")  # A key that is there is never changed.
    await owner.execute("update keys set digest = $1 where id = $2", digest_of(old), till.key.split("_")[2])
    assert await sells(Desk(till.http, old))


async def test_a_copy_of_the_live_database_takes_no_live_keys(till: Desk, stage: Stage) -> None:
    async with served_here(stage, key_env="test") as edge, client_of(edge) as http:
        assert not await sells(Desk(http, till.key))
        made = await create_key(stage.owner_url, role="admin", shops=[], terminal=None, env=KeyEnv.TEST)
        key = (await Desk(http, made.key).good("POST", "/v1/keys", TILL))["key"]
        assert key.startswith("kpl_test_")
        assert await sells(Desk(http, key))


async def test_the_last_use_is_written_at_the_end_and_once_a_minute(
    stage: Stage, owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, idle = await stage.key("pos", shop="S1", terminal="T1"), await stage.key("support")
    used, unused = key.split("_")[2], idle.split("_")[2]

    async def last(key_id: str) -> datetime | None:
        at: datetime | None = await owner.fetchval("select last_used_at from keys where id = $1", key_id)
        return at

    async with served_here(stage) as edge, client_of(edge) as http:
        assert await sells(Desk(http, key))
        assert await last(used) is None
    now: datetime = await owner.fetchval("select clock_timestamp()")
    at = await last(used)
    assert at is not None
    assert (at.second, at.microsecond) == (0, 0)
    assert timedelta(0) <= now - at < timedelta(seconds=70)
    assert await last(unused) is None

    await owner.execute("update keys set last_used_at = last_used_at - interval '1 day'")
    monkeypatch.setattr(callers, "USES_SECONDS", 0.2)
    async with served_here(stage) as edge, client_of(edge) as http:
        assert await sells(Desk(http, key))
        for _ in range(50):
            if (await last(used) or at) > at - timedelta(hours=1):
                break
            await asyncio.sleep(0.1)
        admin = Desk(http, await stage.key("admin"))
        listed = {each["id"]: each["last_used_at"] for each in (await admin.good("GET", "/v1/keys"))["items"]}
        assert datetime.fromisoformat(listed[used]) > at - timedelta(hours=1)
        assert listed[unused] is None


async def test_an_earlier_use_never_replaces_a_later_one(stage: Stage, owner: asyncpg.Connection) -> None:
    key = await stage.key("pos", shop="S1", terminal="T1")
    await owner.execute("update keys set last_used_at = '2100-01-01'")
    async with served_here(stage) as edge, client_of(edge) as http:
        assert await sells(Desk(http, key))
    assert (await owner.fetchval("select last_used_at from keys")).year == 2100


async def test_a_body_that_comes_slowly_outlives_no_key(
    till: Desk, stage: Stage, owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever has a revoked key may have begun any number of requests before."""
    monkeypatch.setattr(callers, "KEY_SECONDS", 0.3)

    async def slowly() -> Any:
        yield b'{"basket": {"lines": [{"id": "1", "price": 100, "qty": 1}]},'
        await asyncio.sleep(0.2)
        assert await revoke_key(stage.owner_url, till.key.split("_")[2])
        await asyncio.sleep(1.2)
        yield b'"receipt": {"number": "slow"}}'

    headers = {"Authorization": f"Bearer {till.key}", "Content-Type": "application/json", "Idempotency-Key": "slow"}
    refused(await till.http.post("/v1/accrue", content=slowly(), headers=headers), 401, "unauthenticated")
    assert await owner.fetchval("select count(*) from purchases") == 0
