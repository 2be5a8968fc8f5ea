"""People as an admin sees them: listed, and disabled, by which they are out at once."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from app.api.edge import Edge
from app.deed_log import command_deed, note_command
from app.domain.ledger.audit import Check
from app.flows import sessions
from app.verification import findings
from tests.e2e.checks import refused
from tests.e2e.people import Browser, account_of, browser_of, keeper_of
from tests.kit import Desk, Stage, served_here

NOBODY = "p_000000000000"


@pytest.fixture
async def boss(stage: Stage, edge: Edge) -> AsyncIterator[Browser]:
    """An admin who has signed in."""
    async with browser_of(edge) as browser:
        assert (await browser.sign_in(await account_of(stage, browser, login="boss", role="admin"))).status_code == 200
        yield browser


async def test_an_admin_sees_who_may_sign_in(stage: Stage, boss: Browser, edge: Edge) -> None:
    async with keeper_of(stage) as people:
        made = [(await people.create(login=f"anna-{n}", role="support"))[0] for n in range(4)]
    listed: list[dict[str, object]] = []
    cursor = ""
    while True:
        page = (await boss.get(f"/v1/people?limit=2{cursor}")).json()
        listed += page["items"]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert [each["id"] for each in listed[1:]] == made
    assert (listed[0]["login"], listed[0]["role"], listed[0]["is_set_up"]) == ("boss", "admin", True)
    assert (listed[1]["is_set_up"], listed[1]["signed_in_at"], listed[1]["disabled_at"]) == (False, None, None)
    assert not {"password", "code_secret", "invitation"} & listed[0].keys()
    async with browser_of(edge) as browser:
        await browser.sign_in(await account_of(stage, browser, login="anna", role="support"))
        refused(await browser.get("/v1/people"), 403, "insufficient_scope")
        refused(await browser.send("POST", f"/v1/people/{made[0]}/disable"), 403, "insufficient_scope")


async def test_whoever_is_disabled_is_out_at_once(
    stage: Stage, edge: Edge, boss: Browser, admin: Desk, owner: asyncpg.Connection
) -> None:
    async with browser_of(edge) as browser, served_here(stage) as another, browser_of(another) as elsewhere:
        anna = await account_of(stage, browser)
        await browser.sign_in(anna)
        elsewhere.http.cookies.set("kopilka", browser.http.cookies["kopilka"])
        for each in (browser, elsewhere):
            assert (await each.get("/v1/session")).status_code == 200
        path = f"/v1/people/{anna.id}/disable"
        answer = await boss.send("POST", path, Idempotency_Key="out")
        assert (answer.status_code, answer.json()["id"]) == (200, anna.id)
        assert answer.json()["disabled_at"] is not None
        refused(await browser.get("/v1/session"), 401, "unauthenticated")  # Not a moment later.
        assert await owner.fetchval("select count(*) from sessions where person = $1", anna.id) == 0
        await asyncio.sleep(sessions.SESSION_SECONDS)
        refused(await elsewhere.get("/v1/session"), 401, "unauthenticated")
        refused(await elsewhere.sign_in(anna), 401, "unauthenticated")
        again = await boss.send("POST", path, Idempotency_Key="out")
        assert (again.content, again.headers["Idempotent-Replayed"]) == (answer.content, "true")
        assert (await boss.send("POST", path)).json() == answer.json()
    refused(await boss.send("POST", f"/v1/people/{NOBODY}/disable"), 404, "not_found")
    refused(await boss.send("POST", "/v1/people/x/disable"), 404, "not_found")
    deeds = (await admin.good("GET", f"/v1/audit-log?object=people/{anna.id}&action=disable_person"))["items"]
    assert len(deeds) == 3
    assert (await boss.get("/v1/session")).status_code == 200


async def test_an_invitation_of_whoever_is_disabled_is_none(stage: Stage, boss: Browser) -> None:
    async with keeper_of(stage) as people:
        person, invitation = await people.create(login="anna", role="support")
    assert (await boss.send("POST", f"/v1/people/{person}/disable")).status_code == 200
    body = {"invitation": invitation, "password": "correct horse battery"}
    refused(await boss.send("POST", "/v1/session/set-up", body), 401, "unauthenticated")


@pytest.mark.parametrize(
    "change",
    [
        "role = 'admin'",
        "login = 'mallory'",
        "password = 'x'",
        "code_secret = 'x'",
        "code_step = 0",
        "invitation = null, invited_until = null, password = 'x'",
        "disabled_at = null",
        "disabled_at = disabled_at + interval '1 year'",
        "created_at = created_at - interval '1 day'",
    ],
)
async def test_with_the_applications_role_nobody_becomes_somebody_else(stage: Stage, edge: Edge, change: str) -> None:
    """An account that is in use, and one that is disabled: neither is changed but by an invitation."""
    async with browser_of(edge) as browser:
        assert (await browser.sign_in(await account_of(stage, browser))).status_code == 200
        async with keeper_of(stage) as people:
            await people.disable((await account_of(stage, browser, login="boris")).id)
    application = await asyncpg.connect(stage.database_url)
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await application.execute(f"update people set {change}")
    finally:
        await application.close()


async def test_an_account_that_the_log_does_not_know_is_found(stage: Stage, owner: asyncpg.Connection) -> None:
    """Whoever may insert people may make one; an hour later it is told of, until it is disabled."""
    async with keeper_of(stage) as people:
        known, _ = await people.create(login="anna", role="admin")
        unknown, _ = await people.create(login="boris", role="admin")
        await note_command(
            stage.database_url, command_deed("create_person", object=f"people/{known}", details={"role": "admin"})
        )
        assert await findings(stage.owner_url) == []
        await owner.execute(
            "set session_replication_role = replica; update people set created_at = created_at - interval '2 hours'"
        )
        found = [finding.tx for finding in await findings(stage.owner_url) if finding.check is Check.PERSON_UNNOTED]
        assert found == [f"people/{unknown}"]
        await people.disable(unknown)
        assert await findings(stage.owner_url) == []
