"""Signing in at an identity provider (OpenID Connect): one in a process of its own, and all that can go wrong."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from time import perf_counter
from urllib.parse import parse_qs, urlsplit

import asyncpg
import httpx
import pytest

from app import identity_provider
from app.api.edge import Edge
from app.config import BadSetting, Settings
from app.flows import sessions
from app.flows.sign_in import state_of
from app.this_machine import is_private
from tests.e2e.checks import refused
from tests.e2e.people import HERE, Browser, browser_of, keeper_of
from tests.kit import Desk, Stage, served_here
from tests.provider import CLIENT, SECRET, RunningProvider, running_provider

ROLES = "CN=boss=admin, promo=marketer,help=support"
METADATA = "/.well-known/openid-configuration"
HELPER = {"sub": "u1", "groups": ["help", "tennis"]}


@pytest.fixture(scope="module")
def process() -> Iterator[RunningProvider]:
    with running_provider() as provider:
        yield provider


@pytest.fixture
def provider(process: RunningProvider) -> RunningProvider:
    """With nothing wrong, and a helper signed in there."""
    process.control(user=HELPER)
    return process


def settings_for(provider: RunningProvider) -> dict[str, str]:
    return {
        "oidc_client_id": CLIENT,
        "oidc_client_secret": SECRET,
        "oidc_roles": ROLES,
        "oidc_issuer": provider.issuer,
    }


@pytest.fixture
async def edge(stage: Stage, provider: RunningProvider) -> AsyncIterator[Edge]:
    async with served_here(stage, **settings_for(provider)) as edge:
        yield edge


@pytest.fixture
async def browser(edge: Edge) -> AsyncIterator[Browser]:
    async with browser_of(edge) as browser:
        yield browser


async def at_provider(address: str) -> str:
    """What the provider, where somebody is signed in, sends the browser back to: path and query."""
    async with httpx.AsyncClient() as http:
        answer = await http.get(address)
    assert answer.status_code == 302, answer.text
    back = answer.headers["location"]
    assert back.startswith(f"{HERE}/v1/sign-in/callback?")
    return str(back.removeprefix(HERE))


async def begin(browser: Browser) -> str:
    """The provider's answer to a sign-in that this browser has begun."""
    sent = await browser.get("/v1/sign-in")
    assert sent.status_code == 303, sent.text
    return await at_provider(sent.headers["location"])


async def sign_in(browser: Browser) -> httpx.Response:
    return await browser.get(await begin(browser))


async def test_whoever_the_provider_knows_is_signed_in(
    browser: Browser, provider: RunningProvider, admin: Desk, owner: asyncpg.Connection
) -> None:
    sent = await browser.get("/v1/sign-in")
    asked = {name: values[0] for name, values in parse_qs(urlsplit(sent.headers["location"]).query).items()}
    assert asked.keys() == {
        "response_type", "client_id", "redirect_uri", "scope", "state", "nonce", "code_challenge",
        "code_challenge_method",
    }  # fmt: skip
    assert asked["code_challenge_method"] == "S256"
    assert "; Path=/; Max-Age=600; HttpOnly; SameSite=Lax" in sent.headers["set-cookie"]
    assert browser.http.cookies["kopilka-sign-in"] not in sent.headers["location"]

    answer = await browser.get(await at_provider(sent.headers["location"]))
    assert (answer.status_code, answer.headers["location"]) == (303, f"{HERE}/v1/session"), answer.text
    assert "kopilka-sign-in" not in browser.http.cookies
    shown = (await browser.get("/v1/session")).json()
    assert shown["role"] == "support"
    browser.guard = shown["csrf_token"]
    assert (await browser.send("POST", "/v1/customers", {"card": "C1"})).status_code == 201
    row = await owner.fetchrow("select id, issuer, subject, password, login from people")
    assert tuple(row) == (shown["id"], provider.issuer, "u1", None, None)
    (deed,) = (await admin.good("GET", "/v1/audit-log?action=sign_in"))["items"]
    assert (deed["actor_kind"], deed["actor"], deed["details"]) == ("person", shown["id"], {"by": "provider"})


async def test_a_person_is_the_same_the_next_time_and_has_the_role_of_that_day(
    browser: Browser, provider: RunningProvider, owner: asyncpg.Connection
) -> None:
    people = set()
    for groups, role in (
        (["help"], "support"),
        (["promo", "help"], "marketer"),
        (["help", "CN=boss"], "admin"),
    ):
        provider.control(user={"sub": "u1", "groups": groups})
        assert (await sign_in(browser)).status_code == 303
        shown = (await browser.get("/v1/session")).json()
        assert shown["role"] == role
        people.add(shown["id"])
    assert len(people) == 1
    provider.control(user={"sub": "u2", "groups": "help"})  # One group, not in a list.
    assert (await sign_in(browser)).status_code == 303
    assert await owner.fetchval("select count(*) from people") == 2


async def test_whoever_has_no_group_here_is_refused_and_out(
    browser: Browser, edge: Edge, provider: RunningProvider, owner: asyncpg.Connection
) -> None:
    assert (await sign_in(browser)).status_code == 303
    for groups in (["tennis"], [], None, {"help": True}, 7):
        provider.control(user={"sub": "u1", "groups": groups})
        async with browser_of(edge) as other:
            refused(await sign_in(other), 403, "insufficient_scope")
    assert await owner.fetchval("select count(*) from sessions") == 0


async def test_whoever_is_disabled_here_is_refused(browser: Browser, stage: Stage, provider: RunningProvider) -> None:
    await sign_in(browser)
    person = (await browser.get("/v1/session")).json()["id"]
    async with keeper_of(stage) as people:
        await people.disable(person)
        assert (await people.people())[0].disabled_at is not None
    await asyncio.sleep(sessions.SESSION_SECONDS)
    refused(await browser.get("/v1/session"), 401, "unauthenticated")
    refused(await sign_in(browser), 403, "insufficient_scope")


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
@pytest.mark.parametrize(
    "flaw",
    [
        "issuer", "audience", "no_party", "party", "nonce", "expired", "future", "subject", "none", "secret", "public",
        "unknown_key", "another_key", "changed", "mixed_up", "unnamed", "no:iss", "no:sub", "no:aud", "no:exp",
        "no:iat", "no:nonce",
    ],
)  # fmt: skip
async def test_a_token_with_a_flaw_signs_nobody_in(
    browser: Browser, provider: RunningProvider, owner: asyncpg.Connection, flaw: str, algorithm: str
) -> None:
    provider.control(flaw=flaw, rotate=algorithm)
    refused(await sign_in(browser), 401, "unauthenticated")
    assert "kopilka" not in browser.http.cookies
    assert await owner.fetchval("select count(*) from people") == 0
    provider.control()
    assert (await sign_in(browser)).status_code == 303


async def test_keys_are_rotated_at_any_time(browser: Browser, provider: RunningProvider) -> None:
    for algorithm in ("ES256", "RS256", "ES256"):
        assert (await sign_in(browser)).status_code == 303
        provider.control(rotate=algorithm)
        await browser.send("DELETE", "/v1/session")
    # A key that isn't there after asking isn't asked for again at once.
    asked = provider.asked().count("/keys")
    for _ in range(5):
        provider.control(flaw="unknown_key")
        refused(await sign_in(browser), 401, "unauthenticated")
    assert provider.asked().count("/keys") - asked <= 1


async def test_only_the_browser_that_began_it_can_end_it(
    browser: Browser, edge: Edge, provider: RunningProvider
) -> None:
    back = await begin(browser)
    async with browser_of(edge) as other:
        refused(await other.get(back), 401, "unauthenticated")  # It has no cookie.
        await begin(other)
        refused(await other.get(back), 401, "unauthenticated")  # It has another.
    assert (await browser.get(back)).status_code == 303
    refused(await browser.get(back), 401, "unauthenticated")  # Once.


async def test_a_code_that_was_stolen_is_worth_nothing(browser: Browser, edge: Edge) -> None:
    """Also with the thief's own state: verifier and nonce are those of the browser that began it, and never twice."""
    stolen = parse_qs(urlsplit(await begin(browser)).query)["code"][0]
    async with browser_of(edge) as thief:
        begun = [(await thief.get("/v1/sign-in")).headers["location"] for _ in range(2)]
        own = urlsplit(await at_provider(begun[-1]))
        told = {name: values[0] for name, values in parse_qs(own.query).items()} | {"code": stolen}
        refused(await thief.http.get(own.path, params=told), 401, "unauthenticated")
    asked = [parse_qs(urlsplit(address).query) for address in begun]
    for name in ("state", "nonce", "code_challenge"):
        assert asked[0][name] != asked[1][name], name


async def test_a_callback_that_nobody_asked_for_is_refused(browser: Browser, provider: RunningProvider) -> None:
    path = "/v1/sign-in/callback"
    refused(await browser.get(f"{path}?state=x&code=y"), 401, "unauthenticated")
    await begin(browser)
    refused(await browser.get(f"{path}?state=x&code=y"), 401, "unauthenticated")
    refused(await browser.get(f"{path}?state=x&error=access_denied"), 401, "unauthenticated")
    refused(await browser.get(f"{path}?code=y"), 422, "validation_error")
    back = await begin(browser)
    state = parse_qs(urlsplit(back).query)["state"][0]
    refused(await browser.get(f"{path}?state={state}&code=made-up&iss={provider.issuer}"), 401, "unauthenticated")


@pytest.mark.parametrize("flaw", ["silent", "metadata", "plain"])
async def test_a_provider_that_fails_is_503(
    stage: Stage, provider: RunningProvider, flaw: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that says nothing is asked again a moment later."""
    monkeypatch.setattr(identity_provider, "SILENT_SECONDS", 0.5)
    asked = provider.asked().count(METADATA)
    provider.control(flaw=flaw)
    async with served_here(stage, **settings_for(provider)) as edge, browser_of(edge) as browser:
        for _ in range(5):
            refused(await browser.get("/v1/sign-in"), 503, "unavailable")
        provider.control()
        assert provider.asked().count(METADATA) == asked + 1
        await asyncio.sleep(0.5)
        assert (await sign_in(browser)).status_code == 303


async def test_a_code_that_the_provider_stumbles_over_keeps_nobody_out(
    browser: Browser, provider: RunningProvider
) -> None:
    back = await begin(browser)
    provider.control(flaw="drip")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(identity_provider, "PATIENCE_SECONDS", 0.5)  # Each byte comes in time, all of them don't.
        began = perf_counter()
        refused(await browser.get(back), 503, "unavailable")
        assert perf_counter() - began < 5
        patch.setattr(identity_provider, "PATIENCE_SECONDS", 60)
        patch.setattr(identity_provider, "EXCHANGE_SECONDS", 0.5)
        provider.control()
        back = await begin(browser)
        provider.control(flaw="drip")
        refused(await browser.get(back), 503, "unavailable")
    provider.control()
    assert (await sign_in(browser)).status_code == 303


async def test_callbacks_are_counted_by_address_before_the_provider_is_asked(
    stage: Stage, provider: RunningProvider, owner: asyncpg.Connection
) -> None:
    """Whoever begins it can make up the code for a state of their own; our secret goes with each question."""
    token = "x" * 43
    path = f"/v1/sign-in/callback?state={state_of(token)}&iss={provider.issuer}&code="
    asked = provider.asked().count("/token")
    settings = {**settings_for(provider), "sign_in_tries_address": 3}
    async with served_here(stage, **settings) as edge, browser_of(edge) as browser:
        browser.http.cookies.set("kopilka-sign-in", token)
        statuses = [(await browser.get(f"{path}made-up-{n}")).status_code for n in range(10)]
        assert statuses == [401] * 3 + [429] * 7
        refused(await browser.get("/v1/sign-in"), 429, "rate_limited")
        assert await owner.fetchval("select count(*) from sign_in_tries") == 1
    assert provider.asked().count("/token") == asked + 3


async def test_whoever_signs_in_has_their_tries_back(stage: Stage, provider: RunningProvider) -> None:
    async with served_here(stage, **settings_for(provider), sign_in_tries_address=3) as edge:
        for _ in range(4):
            async with browser_of(edge) as browser:
                assert (await sign_in(browser)).status_code == 303


async def test_whom_to_trust_is_read_when_the_service_starts_and_never_again(
    browser: Browser, provider: RunningProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes up to 60 ms, in which no till is answered."""
    back, asked, read = await begin(browser), provider.asked().count("/token"), []
    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", lambda *_, **__: read.append(1))
    refused(await browser.get(f"{back}&code=made-up".replace("code=", "was=", 1)), 401, "unauthenticated")
    assert provider.asked().count("/token") == asked + 1
    assert read == []


async def test_a_provider_that_is_gone_is_503(stage: Stage) -> None:
    with running_provider() as gone:
        settings = settings_for(gone)
    async with served_here(stage, **settings) as edge, browser_of(edge) as browser:
        refused(await browser.get("/v1/sign-in"), 503, "unavailable")


async def test_roles_may_stand_deeper_in_the_token(stage: Stage, provider: RunningProvider) -> None:
    provider.control(user={"sub": "u1", "realm_access": {"roles": ["promo"]}})
    claim = {"oidc_roles_claim": "realm_access.roles"}
    async with served_here(stage, **settings_for(provider), **claim) as edge, browser_of(edge) as browser:
        assert (await sign_in(browser)).status_code == 303
        assert (await browser.get("/v1/session")).json()["role"] == "marketer"


async def test_without_a_provider_there_is_nowhere_to_go(stage: Stage) -> None:
    async with served_here(stage) as edge, browser_of(edge) as browser:
        refused(await browser.get("/v1/sign-in"), 404, "not_found")


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("OIDC_ISSUER", {"OIDC_ISSUER": "http://id.example"}),
        ("OIDC_ISSUER", {"OIDC_ISSUER": "ldap://id.example"}),
        ("OIDC_ISSUER", {"OIDC_CLIENT_ID": ""}),
        ("OIDC_ISSUER", {"OIDC_ROLES": ""}),
        ("OIDC_ROLES", {"OIDC_ROLES": "help=pos"}),
        ("OIDC_ROLES", {"OIDC_ROLES": "help"}),
        ("OIDC_SCOPE", {"OIDC_SCOPE": "profile"}),
        ("PUBLIC_URL", {"PUBLIC_URL": "http://kopilka.example"}),
        ("PUBLIC_URL", {"PUBLIC_URL": "https://kopilka.example/path"}),
        ("PUBLIC_URL", {"PUBLIC_URL": "https://user@kopilka.example"}),
    ],
)
def test_a_setting_that_would_not_be_safe_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, name: str, change: dict[str, str]
) -> None:
    good = {"OIDC_ISSUER": "https://id.example/realm", "OIDC_CLIENT_ID": "kopilka", "OIDC_ROLES": "help=support"}
    for variable, value in {**good, **change}.items():
        monkeypatch.setenv(variable, value)
    with pytest.raises(BadSetting, match=f"^setting {name} "):
        Settings.read()


def test_the_secret_of_the_client_is_never_shown() -> None:
    assert "s3cret" not in repr(Settings(oidc_client_secret="s3cret"))


@pytest.mark.parametrize(
    ("address", "is_so"),
    [
        ("https://id.example/token", True),
        ("http://127.0.0.1:9/token", True),
        ("http://id.example/token", False),
        ("http://127.0.0.1.example/token", False),
        ("file:///etc/passwd", False),
        ("https://", False),
        ("http://[::1", False),
    ],
)
def test_codes_and_keys_travel_where_nobody_reads_along(address: str, is_so: bool) -> None:
    assert is_private(address) is is_so
