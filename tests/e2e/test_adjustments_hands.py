"""A second person is another person: not another key of the first, and not the same one again, little by little."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import httpx
import pytest

from app.api.edge import Edge
from app.verification import findings
from tests.e2e.checks import refused
from tests.e2e.people import Browser, account_of, browser_of
from tests.e2e.test_adjustments import ask, kinds
from tests.kit import Desk, Stage, client_of, served_here, small_program

ABOVE = 1000


@pytest.fixture
async def edge(stage: Stage) -> AsyncIterator[Edge]:
    async with served_here(stage, adjust_confirm_above=ABOVE) as edge:
        yield edge


@pytest.fixture
async def anna(stage: Stage, edge: Edge) -> AsyncIterator[Browser]:
    """An admin who has signed in."""
    async with browser_of(edge) as browser:
        assert (await browser.sign_in(await account_of(stage, browser, role="admin"))).status_code == 200
        yield browser


@pytest.fixture
async def boris(stage: Stage, edge: Edge) -> AsyncIterator[Browser]:
    async with browser_of(edge) as browser:
        account = await account_of(stage, browser, login="boris", role="support")
        assert (await browser.sign_in(account)).status_code == 200
        yield browser


async def key_by(maker: Browser | Desk, http: httpx.AsyncClient, role: str = "support") -> Desk:
    body = {"role": role}
    made = await (maker.send("POST", "/v1/keys", body) if isinstance(maker, Browser) else maker.post("/v1/keys", body))
    assert made.status_code == 201, made.text
    return Desk(http, made.json()["key"])


async def asked_by(browser: Browser, customer: str, points: int = 5000) -> httpx.Response:
    body = {"wallet": "points", "points": points, "reason": "sorry"}
    return await browser.send("POST", f"/v1/customers/{customer}/adjust", body)


async def test_a_person_decides_nothing_of_their_own_by_session_or_key(
    till: Desk, anna: Browser, boris: Browser, http: httpx.AsyncClient, owner: asyncpg.Connection, stage: Stage
) -> None:
    customer = await till.register()
    path = f"/v1/adjustments/{(await asked_by(anna, customer)).json()['id']}"
    hers = await key_by(anna, http, "admin")
    of_hers = await key_by(hers, http)
    for verb in ("approve", "decline"):
        refused(await anna.send("POST", f"{path}/{verb}"), 403, "insufficient_scope")
        for desk in (hers, of_hers):
            refused(await desk.post(f"{path}/{verb}"), 403, "insufficient_scope")
    assert await kinds(owner, customer) == []
    assert (await boris.send("POST", f"{path}/approve")).status_code == 201
    assert await kinds(owner, customer) == ["adjust"]
    assert await findings(stage.owner_url) == []


async def test_what_a_key_of_theirs_has_asked_is_theirs(
    till: Desk, anna: Browser, boris: Browser, http: httpx.AsyncClient
) -> None:
    customer = await till.register()
    hers = await key_by(anna, http)
    path = f"/v1/adjustments/{await ask(hers, customer)}"
    refused(await anna.send("POST", f"{path}/approve"), 403, "insufficient_scope")
    refused(await (await key_by(anna, http)).post(f"{path}/approve"), 403, "insufficient_scope")
    assert (await boris.send("POST", f"{path}/approve")).status_code == 201


async def test_who_rotates_a_key_has_seen_the_new_one(
    till: Desk, anna: Browser, http: httpx.AsyncClient, stage: Stage
) -> None:
    made_here = Desk(http, await stage.key("support"))
    (view,) = [each for each in (await anna.get("/v1/keys")).json()["items"] if each["role"] == "support"]
    made = await anna.send("POST", f"/v1/keys/{view['id']}/rotate")
    rotated = Desk(http, made.json()["key"])
    customer = await till.register()
    path = f"/v1/adjustments/{(await asked_by(anna, customer)).json()['id']}/approve"
    refused(await rotated.post(path), 403, "insufficient_scope")
    assert (await made_here.post(path)).status_code == 201


async def test_keys_that_one_key_has_made_are_one_hand(till: Desk, admin: Desk, http: httpx.AsyncClient) -> None:
    one, two = await key_by(admin, http), await key_by(admin, http)
    customer = await till.register()
    path = f"/v1/adjustments/{await ask(one, customer)}/approve"
    for desk in (one, two, admin):
        refused(await desk.post(path), 403, "insufficient_scope")


async def test_nor_does_the_database_let_one_hand_decide(
    till: Desk, anna: Browser, http: httpx.AsyncClient, stage: Stage
) -> None:
    await asked_by(anna, await till.register())
    await key_by(anna, http)
    alone = """
        update adjustments set state = 'approved', decided_at = clock_timestamp(),
            decided_by = (select id from keys where made_by is not null)
    """
    connection = await asyncpg.connect(stage.database_url)
    try:
        with pytest.raises(asyncpg.CheckViolationError):
            await connection.execute(alone)
    finally:
        await connection.close()


@pytest.mark.parametrize("last", [401, -401])
async def test_many_small_ones_are_one_large_one(
    till: Desk,
    anna: Browser,
    boris: Browser,
    http: httpx.AsyncClient,
    owner: asyncpg.Connection,
    stage: Stage,
    last: int,
) -> None:
    customer, another = await till.register(), await till.register()
    assert (await asked_by(anna, customer, 600)).status_code == 201
    waits = await asked_by(anna, customer, last)
    assert waits.status_code == 202
    by_key = await (await key_by(anna, http)).post(
        f"/v1/customers/{customer}/adjust", {"wallet": "points", "points": last, "reason": "x"}
    )
    assert by_key.status_code == 202
    assert (await asked_by(anna, customer, 400)).status_code == 201
    assert (await asked_by(anna, customer, 1)).status_code == 202
    assert (await asked_by(anna, another, 1000)).status_code == 201
    assert (await asked_by(boris, customer, 1000)).status_code == 201
    # What a second person has approved counts for neither.
    assert (await boris.send("POST", f"/v1/adjustments/{waits.json()['id']}/approve")).status_code == 201
    assert (await asked_by(boris, customer, 1)).status_code == 202
    assert await kinds(owner, customer) == ["adjust"] * 4
    assert await findings(stage.owner_url) == []


async def test_each_wallet_and_each_day_has_its_own_sum(
    till: Desk, anna: Browser, admin: Desk, owner: asyncpg.Connection
) -> None:
    await admin.publish(small_program(wallets={"points": {"value": 100}, "stamps": {"value": 0}}))
    customer = await till.register()
    assert (await asked_by(anna, customer, 1000)).status_code == 201
    body = {"wallet": "stamps", "points": 1000, "reason": "x"}
    assert (await anna.send("POST", f"/v1/customers/{customer}/adjust", body)).status_code == 201
    assert (await asked_by(anna, customer, 1)).status_code == 202
    long_ago = "regexp_replace(memory::text, '20..-..-..', '2026-01-01', 'g')::jsonb"
    await owner.execute(f"update customers set memory = {long_ago} where memory ? 'pace'")
    assert (await asked_by(anna, customer, 1)).status_code == 201


async def test_small_ones_at_once_in_two_processes_are_counted_exactly(
    till: Desk, http: httpx.AsyncClient, stage: Stage, owner: asyncpg.Connection
) -> None:
    customer = await till.register()
    key = await stage.key("support")
    body = {"wallet": "points", "points": 300, "reason": "x"}
    async with served_here(stage, adjust_confirm_above=ABOVE) as other, client_of(other) as there:
        desks = [Desk(http, key), Desk(there, key)]
        asks = [
            desks[number % 2].post(f"/v1/customers/{customer}/adjust", body, key=f"small-{number}")
            for number in range(10)
        ]
        answers = await asyncio.gather(*asks)
        statuses = sorted(answer.status_code for answer in answers)
        assert statuses == [201] * 3 + [202] * 7
        for number, answer in enumerate(answers):
            again = await desks[0].post(f"/v1/customers/{customer}/adjust", body, key=f"small-{number}")
            assert (again.status_code, again.content) == (answer.status_code, answer.content)
            assert again.headers["Idempotent-Replayed"] == "true"
    assert await kinds(owner, customer) == ["adjust"] * 3
