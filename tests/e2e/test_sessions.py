"""Local accounts and sessions through HTTP: signing in, what a session may, how it ends, how guesses are counted."""

import asyncio
from collections.abc import AsyncIterator
from statistics import median
from time import perf_counter
from typing import Any

import asyncpg
import pytest

from app.api.edge import Edge
from app.flows import sessions
from app.flows.keep_people import BadPerson
from app.flows.sessions import digest_of
from tests.e2e.checks import refused
from tests.e2e.people import PASSWORD, Browser, LocalAccount, account_of, browser_of, keeper_of
from tests.kit import Desk, Stage, served_here

PUBLIC = "https://kopilka.example"


@pytest.fixture
async def browser(edge: Edge) -> AsyncIterator[Browser]:
    async with browser_of(edge) as browser:
        yield browser


@pytest.fixture
async def anna(stage: Stage, browser: Browser) -> LocalAccount:
    """In support."""
    return await account_of(stage, browser)


async def is_in(browser: Browser) -> bool:
    status = (await browser.get("/v1/session")).status_code
    assert status in {200, 401}
    return status == 200


async def test_an_invitation_sets_a_password_once(stage: Stage, browser: Browser, owner: asyncpg.Connection) -> None:
    async with keeper_of(stage) as people:
        _, invitation = await people.create(login="boris", role="analyst")
        with pytest.raises(BadPerson, match="boris"):
            await people.create(login="boris", role="admin")
    body = {"invitation": invitation, "password": PASSWORD}
    for weak in ("short", "a" * 40, "boris is my name"):
        problem = refused(
            await browser.send("POST", "/v1/session/set-up", {**body, "password": weak}), 422, "validation_error"
        )
        assert problem["errors"][0]["pointer"] == "/password"
    assert (await browser.send("POST", "/v1/session/set-up", body)).status_code == 200
    refused(await browser.send("POST", "/v1/session/set-up", body), 401, "unauthenticated")
    row = await owner.fetchrow("select * from people")
    assert row["password"].startswith("$argon2id$v=19$m=47104,t=1,p=1$")
    assert row["invitation"] is None


async def test_an_old_invitation_is_none(stage: Stage, browser: Browser, owner: asyncpg.Connection) -> None:
    async with keeper_of(stage) as people:
        _, invitation = await people.create(login="boris", role="analyst")
    await owner.execute("update people set invited_until = clock_timestamp() - interval '1 second'")
    body = {"invitation": invitation, "password": PASSWORD}
    refused(await browser.send("POST", "/v1/session/set-up", body), 401, "unauthenticated")


async def test_a_session_calls_what_its_role_may(
    browser: Browser, anna: LocalAccount, admin: Desk, owner: asyncpg.Connection
) -> None:
    answer = await browser.sign_in(anna)
    assert answer.status_code == 200, answer.text
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("kopilka=")
    assert cookie.endswith("; Path=/; Max-Age=43200; HttpOnly; SameSite=Lax")
    shown = (await browser.get("/v1/session")).json()
    assert (shown["id"], shown["role"], shown["csrf_token"]) == (anna.id, "support", browser.guard)
    token = browser.http.cookies["kopilka"]
    assert await owner.fetchval("select digest from sessions") == digest_of(token)

    made = await browser.send("POST", "/v1/customers", {"card": "C77"}, Idempotency_Key="one")
    assert made.status_code == 201, made.text
    again = await browser.send("POST", "/v1/customers", {"card": "C77"}, Idempotency_Key="one")
    assert (again.content, again.headers["Idempotent-Replayed"]) == (made.content, "true")
    customer = made.json()["id"]
    body = {"wallet": "points", "points": 5, "reason": "sorry"}
    assert (await browser.send("POST", f"/v1/customers/{customer}/adjust", body)).status_code == 201
    refused(await browser.send("POST", "/v1/keys", {"role": "admin"}), 403, "insufficient_scope")
    refused(await browser.get("/v1/keys"), 403, "insufficient_scope")
    (deed, *_) = (await admin.good("GET", "/v1/audit-log?action=adjust"))["items"]
    assert (deed["actor_kind"], deed["actor"]) == ("person", anna.id)


async def test_the_same_key_of_two_people_is_two_keys(stage: Stage, edge: Edge, admin: Desk) -> None:
    answers = []
    for login in ("anna", "boris"):
        async with browser_of(edge) as browser:
            await browser.sign_in(await account_of(stage, browser, login=login))
            answers.append(await browser.send("POST", "/v1/customers", {"card": f"C-{login}"}, Idempotency_Key="one"))
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json()["id"] != answers[1].json()["id"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"X_CSRF_Token": ""},
        {"X_CSRF_Token": "0" * 64},
        {"Origin": "https://evil.example"},
        {"Origin": "null", "Sec_Fetch_Site": ""},
        {"Origin": "http://127.0.0.1:8001", "Sec_Fetch_Site": ""},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site", "Origin": ""},
        {"Sec_Fetch_Site": "none", "Origin": ""},
        {"Sec_Fetch_Site": "", "Origin": ""},
    ],
    ids=str,
)
async def test_a_write_of_another_page_is_refused(
    browser: Browser, anna: LocalAccount, wrong: dict[str, str], owner: asyncpg.Connection
) -> None:
    assert (await browser.sign_in(anna)).status_code == 200
    refused(await browser.send("POST", "/v1/customers", {"card": "C1"}, **wrong), 403, "insufficient_scope")
    refused(await browser.send("DELETE", "/v1/session", **wrong), 403, "insufficient_scope")
    assert await owner.fetchval("select count(*) from customers") == 0
    assert await is_in(browser)


async def test_a_guard_is_good_for_its_own_session_only(stage: Stage, edge: Edge, browser: Browser) -> None:
    anna = await account_of(stage, browser)
    await browser.sign_in(anna)
    async with browser_of(edge) as other:
        await other.sign_in(anna)
        assert other.guard != browser.guard
        crossed = await other.send("POST", "/v1/customers", {"card": "C1"}, X_CSRF_Token=browser.guard)
        refused(crossed, 403, "insufficient_scope")


async def test_another_page_signs_nobody_in(browser: Browser, anna: LocalAccount) -> None:
    body = {"login": "anna", "password": PASSWORD, "code": anna.code()}
    answer = await browser.send("POST", "/v1/session", body, Origin="https://evil.example", Sec_Fetch_Site="cross-site")
    refused(answer, 403, "insufficient_scope")


async def test_a_key_comes_before_a_session(browser: Browser, anna: LocalAccount, admin: Desk) -> None:
    await browser.sign_in(anna)
    answer = await browser.http.get("/v1/session", headers={"Authorization": f"Bearer {admin.key}"})
    assert answer.json()["role"] == "admin"
    assert answer.json()["csrf_token"] is None
    answer = await browser.http.get("/v1/session", headers={"Authorization": "Bearer x"})
    refused(answer, 401, "unauthenticated")


@pytest.mark.parametrize(
    "cookie", ["", "kopilka=", "kopilka=x", f"kopilka={'x' * 43}", f"kopilka={'x' * 43}; kopilka={'y' * 43}", "other=1"]
)
async def test_what_is_no_session_is_the_same_401(edge: Edge, till: Desk, cookie: str) -> None:
    async with browser_of(edge) as browser:
        answers = [
            await browser.http.get("/v1/session", headers=headers)
            for headers in ({"Cookie": cookie}, {"Authorization": "Bearer x"})
        ]
    told = [refused(answer, 401, "unauthenticated") for answer in answers]
    for each in told:
        each.pop("request_id")
    assert told[0] == told[1]


async def test_signing_out_ends_it_everywhere(
    stage: Stage, edge: Edge, browser: Browser, anna: LocalAccount, admin: Desk
) -> None:
    await browser.sign_in(anna)
    token = browser.http.cookies["kopilka"]
    async with served_here(stage) as another, browser_of(another) as elsewhere:
        elsewhere.http.cookies.set("kopilka", token)
        assert await is_in(elsewhere)
        answer = await browser.send("DELETE", "/v1/session")
        assert answer.json() == {"state": "ended"}
        assert "kopilka=; Path=/; Max-Age=0" in answer.headers["set-cookie"]
        async with browser_of(edge) as thief:
            thief.http.cookies.set("kopilka", token)
            assert not await is_in(thief)
        await asyncio.sleep(sessions.SESSION_SECONDS)
        assert not await is_in(elsewhere)
    deeds = (await admin.good("GET", f"/v1/audit-log?actor={anna.id}"))["items"]
    assert [deed["action"] for deed in deeds] == ["sign_out", "sign_in", "set_up_person"]
    assert {deed["actor_kind"] for deed in deeds} == {"person"}


async def test_whoever_is_disabled_is_out_within_seconds_and_stays_out(
    stage: Stage, browser: Browser, anna: LocalAccount
) -> None:
    await browser.sign_in(anna)
    assert await is_in(browser)
    async with keeper_of(stage) as people:
        await people.disable(anna.id)
    await asyncio.sleep(sessions.SESSION_SECONDS)
    assert not await is_in(browser)
    refused(await browser.sign_in(anna), 401, "unauthenticated")


async def test_a_reset_takes_everything_away(stage: Stage, browser: Browser, owner: asyncpg.Connection) -> None:
    anna = await account_of(stage, browser)
    await browser.sign_in(anna)
    async with keeper_of(stage) as people:
        invitation = await people.reset(anna.id)
    assert await owner.fetchval("select count(*) from sessions") == 0
    refused(await browser.sign_in(anna), 401, "unauthenticated")
    body = {"invitation": invitation, "password": "another horse battery"}
    assert (await browser.send("POST", "/v1/session/set-up", body)).status_code == 200
    refused(await browser.sign_in(anna, password="another horse battery"), 401, "unauthenticated")  # The old secret.


@pytest.mark.parametrize(
    "change",
    ["seen_at = seen_at - interval '30 minutes'", "expires_at = clock_timestamp()"],
)
async def test_a_session_ends_by_itself(
    browser: Browser, anna: LocalAccount, owner: asyncpg.Connection, change: str
) -> None:
    await browser.sign_in(anna)
    lasts = await owner.fetchval("select expires_at - created_at from sessions")
    assert abs(lasts.total_seconds() - 43_200) < 1
    await owner.execute(f"update sessions set {change}")
    assert not await is_in(browser)


async def test_its_use_is_noted_once_a_minute(browser: Browser, anna: LocalAccount, owner: asyncpg.Connection) -> None:
    await browser.sign_in(anna)
    first = await owner.fetchval("select seen_at from sessions")
    assert await is_in(browser)
    assert await owner.fetchval("select seen_at from sessions") == first
    await owner.execute("update sessions set seen_at = seen_at - interval '29 minutes'")
    await asyncio.sleep(sessions.SESSION_SECONDS)
    assert await is_in(browser)
    assert await owner.fetchval("select seen_at from sessions") >= first


async def test_a_code_is_good_once_also_at_once(edge: Edge, anna: LocalAccount, owner: asyncpg.Connection) -> None:
    body = {"login": "anna", "password": PASSWORD, "code": anna.code()}
    async with browser_of(edge) as browser:
        answers = await asyncio.gather(*(browser.send("POST", "/v1/session", body) for _ in range(5)))
        assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401, 401]
    assert await owner.fetchval("select count(*) from sessions") == 1


async def test_a_code_older_than_the_last_one_is_used_up_too(browser: Browser, anna: LocalAccount) -> None:
    earlier, later = anna.code(), anna.code()
    assert (await browser.sign_in(anna, code=later)).status_code == 200
    for used in (later, earlier):
        refused(await browser.sign_in(anna, code=used), 401, "unauthenticated")


async def test_nobody_is_signed_in_under_a_token_that_was_there_before(
    stage: Stage, edge: Edge, browser: Browser, anna: LocalAccount, owner: asyncpg.Connection
) -> None:
    """Whoever plants a cookie, made up or of a session of their own, gets nothing by somebody's signing in with it."""
    async with browser_of(edge) as thief:
        await thief.sign_in(await account_of(stage, thief, login="boris", role="analyst"))
        boris = (await thief.get("/v1/session")).json()["id"]
        for planted in ("x" * 43, thief.http.cookies["kopilka"]):
            sent = {"Cookie": f"kopilka={planted}"}
            body = {"login": "anna", "password": PASSWORD, "code": anna.code()}
            answer = await browser.send("POST", "/v1/session", body, **sent)
            assert answer.status_code == 200, answer.text
            token = answer.headers["set-cookie"].removeprefix("kopilka=").partition(";")[0]
            assert token != planted
            assert digest_of(token) in [row["digest"] for row in await owner.fetch("select digest from sessions")]
            browser.http.cookies.clear()
        assert (await thief.get("/v1/session")).json()["id"] == boris
        thief.http.cookies.set("kopilka", "x" * 43)
        assert not await is_in(thief)


async def test_whatever_is_wrong_is_told_alike(browser: Browser, anna: LocalAccount, stage: Stage) -> None:
    async with keeper_of(stage) as people:
        await people.create(login="boris", role="admin")  # Not set up yet.
    told = []
    for wrong in ({"password": "wrong"}, {"code": "000000"}, {"login": "nobody"}, {"login": "boris"}):
        problem = refused(await browser.sign_in(anna, **wrong), 401, "unauthenticated")
        problem.pop("request_id")
        told.append(problem)
    assert all(each == told[0] for each in told)


async def test_known_and_unknown_logins_take_as_long(stage: Stage, owner: asyncpg.Connection) -> None:
    seconds: dict[str, list[float]] = {"anna": [], "nobody": []}
    async with served_here(stage, sign_in_tries=0, sign_in_tries_address=0) as edge, browser_of(edge) as browser:
        anna = await account_of(stage, browser)
        for _ in range(12):
            for login, taken in seconds.items():
                began = perf_counter()
                refused(await browser.sign_in(anna, login=login, password="wrong wrong"), 401, "unauthenticated")
                taken.append(perf_counter() - began)
    known, unknown = (median(taken[2:]) for taken in seconds.values())
    assert abs(known - unknown) < 0.4 * max(known, unknown), (known, unknown)
    assert unknown > 0.005


@pytest.mark.parametrize("login", ["anna", "nobody"])
async def test_guesses_are_counted_however_many_come_at_once(
    stage: Stage, browser: Browser, anna: LocalAccount, login: str, owner: asyncpg.Connection
) -> None:
    body = {"login": login, "password": "wrong wrong wrong", "code": "000000"}
    answers = await asyncio.gather(*(browser.send("POST", "/v1/session", body) for _ in range(14)))
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [401] * 10 + [429] * 4
    late = refused(next(answer for answer in answers if answer.status_code == 429), 429, "rate_limited")
    assert 800_000 < late["retry_after_ms"] <= 900_000
    # The right password doesn't help either, in another process with an empty cache.
    async with served_here(stage) as another, browser_of(another) as elsewhere:
        refused(await elsewhere.sign_in(anna, login=login), 429, "rate_limited")
        await owner.execute("update sign_in_tries set began_at = began_at - interval '15 minutes'")
        if login == "anna":
            assert (await elsewhere.sign_in(anna)).status_code == 200


async def test_addresses_are_counted_and_a_network_is_one(stage: Stage) -> None:
    async with served_here(stage, sign_in_tries_address=3, public_url=PUBLIC) as edge:
        statuses = []
        for place in range(5):
            address = f"2001:db8::{place}"
            async with browser_of(edge, origin=PUBLIC, address=address) as browser:
                body = {"login": f"guess-{place}", "password": "wrong", "code": "000000"}
                statuses.append((await browser.send("POST", "/v1/session", body)).status_code)
        assert statuses == [401, 401, 401, 429, 429]
        async with browser_of(edge, origin=PUBLIC, address="2001:db8:0:1::1") as browser:
            body = {"login": "guess-9", "password": "wrong", "code": "000000"}
            assert (await browser.send("POST", "/v1/session", body)).status_code == 401


async def test_an_address_beyond_its_tries_adds_no_row(stage: Stage, owner: asyncpg.Connection) -> None:
    async with served_here(stage, sign_in_tries_address=3) as edge, browser_of(edge) as browser:
        for n in range(12):
            body = {"login": f"guess-{n}", "password": "wrong", "code": "000000"}
            await browser.send("POST", "/v1/session", body)
    assert await owner.fetchval("select count(*) from sign_in_tries") == 1 + 3


async def test_signing_in_forgets_the_accounts_tries_and_old_ones(
    browser: Browser, anna: LocalAccount, owner: asyncpg.Connection
) -> None:
    for _ in range(9):
        await browser.sign_in(anna, password="wrong", code="000000")
    anna.used = 0
    assert (await browser.sign_in(anna)).status_code == 200
    assert await owner.fetch("select tries from sign_in_tries order by tries") == [(9,)]  # The address's.


async def test_tries_are_tallied_in_the_audit_log(browser: Browser, anna: LocalAccount, admin: Desk) -> None:
    for _ in range(3):
        await browser.sign_in(anna, password="wrong", code="000000")
    rows: list[dict[str, Any]] = []
    for _ in range(50):
        rows = (await admin.good("GET", "/v1/audit-log?action=sign_in"))["items"]
        if rows:
            break
        await asyncio.sleep(0.1)
    (deed,) = rows  # The first of the minute; the others are one row with their count when it is over.
    assert (deed["actor_kind"], deed["outcome"], deed["ip"]) == ("unknown", "refused", "127.0.0.1")
    assert deed["details"] == {"code": "unauthenticated"}
    assert deed["object"] == f"people/{anna.id}"


async def test_the_log_tells_whose_account_was_tried_and_never_what_was_typed(
    stage: Stage, owner: asyncpg.Connection
) -> None:
    """Also of who may not sign in, and of tries beyond the limit; who mistypes a login might have typed a password."""
    async with served_here(stage, sign_in_tries=1) as edge, browser_of(edge) as browser:
        anna = await account_of(stage, browser)
        async with keeper_of(stage) as people:
            boris, _ = await people.create(login="boris", role="admin")
            await people.disable(boris)
        for login in ("anna", "anna", "boris", "hunter2hunter2"):
            await browser.sign_in(anna, login=login, password="wrong wrong wrong")
    rows = await owner.fetch("select object, details ->> 'code' as code from audit_log where action = 'sign_in'")
    assert sorted((row["object"], row["code"]) for row in rows) == sorted(
        [
            (f"people/{anna.id}", "unauthenticated"),
            (f"people/{anna.id}", "rate_limited"),
            (f"people/{boris}", "unauthenticated"),
            ("", "unauthenticated"),
        ]
    )
    assert not await owner.fetchval("select exists (select from audit_log a where a::text like '%hunter2%')")


async def test_without_a_public_name_nobody_signs_in_from_elsewhere(stage: Stage, edge: Edge) -> None:
    """Whatever they call us."""
    for address, status in (("203.0.113.9", 403), ("10.0.0.7", 403), ("", 403), ("127.0.0.1", 200), ("::1", 200)):
        async with browser_of(edge, address=address) as browser:
            anna = await account_of(stage, browser, login=f"anna-{abs(hash(address))}")
            assert (await browser.sign_in(anna)).status_code == status, address


async def test_elsewhere_people_sign_in_by_the_public_name_only(stage: Stage, edge: Edge) -> None:
    async with browser_of(edge, origin="http://kopilka.example") as browser:
        body = {"login": "anna", "password": PASSWORD, "code": "000000"}
        refused(await browser.send("POST", "/v1/session", body), 403, "insufficient_scope")
    async with served_here(stage, public_url="https://kopilka.example/") as public:
        async with browser_of(public, origin="https://kopilka.example") as browser:
            anna = await account_of(stage, browser)
            answer = await browser.sign_in(anna)
            cookie = answer.headers["set-cookie"]
            assert cookie.startswith("__Host-kopilka=")
            assert cookie.endswith("; Path=/; Max-Age=43200; HttpOnly; SameSite=Lax; Secure")
            assert await is_in(browser)
            assert (await browser.send("DELETE", "/v1/session")).status_code == 200
        async with browser_of(public, origin="https://evil.example") as browser:
            refused(await browser.sign_in(anna), 403, "insufficient_scope")
