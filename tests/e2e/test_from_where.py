"""From where somebody asks: what a trusted proxy says of it, in the limits of sign-ins and in the audit log alike."""

import asyncio
from typing import Any

import asyncpg
import httpx
import pytest

from app.api.edge import Edge
from tests.e2e.people import Browser, account_of, browser_of
from tests.kit import Desk, Stage, live, served_here

PUBLIC = "https://kopilka.example"
PROXY, ANOTHER, STRANGER = "10.1.2.3", "10.1.9.9", "203.0.113.9"
NOBODY = {"login": "nobody", "password": "wrong wrong wrong", "code": "000000"}


async def guess(browser: Browser, number: int, **headers: str) -> int:
    body = {**NOBODY, "login": f"nobody-{number}"}
    return (await browser.send("POST", "/v1/session", body, **headers)).status_code


async def places(edge: Edge, stage: Stage, *, count: int) -> list[str]:
    """Addresses of the refusals in the audit log, once there are so many."""
    admin = await stage.key("admin")
    rows: list[dict[str, Any]] = []
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=edge), base_url="http://kopilka") as http:
        for _ in range(50):
            rows = (await Desk(http, admin).good("GET", "/v1/audit-log?outcome=refused"))["items"]
            if len(rows) >= count:
                break
            await asyncio.sleep(0.1)
    return sorted(row["ip"] for row in rows)


async def test_guests_behind_a_proxy_are_counted_one_by_one_and_told_by_their_addresses(stage: Stage) -> None:
    settings = {"sign_in_tries_address": 2, "trusted_proxies": "10.1.0.0/16", "public_url": PUBLIC}
    async with served_here(stage, **settings) as edge, browser_of(edge, origin=PUBLIC, address=PROXY) as browser:
        # What the guest has sent stands left of what the proxies have added.
        chain = "192.0.2.{}, 198.51.100.7, " + ANOTHER
        statuses = [await guess(browser, n, X_Forwarded_For=chain.format(n)) for n in range(4)]
        assert statuses == [401, 401, 429, 429]
        assert await guess(browser, 9, X_Forwarded_For="198.51.100.8") == 401
        # Addresses of one network of IPv6 are one guest there, too.
        statuses = [await guess(browser, n, X_Forwarded_For=f"192.0.2.1, 2001:db8::{n}") for n in range(10, 13)]
        assert statuses == [401, 401, 429]
        told = set(await places(edge, stage, count=6))
        assert told == {"198.51.100.7", "198.51.100.8", "2001:db8::10", "2001:db8::11", "2001:db8::12"}


@pytest.mark.parametrize("address", [STRANGER, "10.2.2.3"])
async def test_a_forged_way_gives_no_more_tries_and_no_other_place(stage: Stage, address: str) -> None:
    settings = {"sign_in_tries_address": 2, "trusted_proxies": "10.1.0.0/16", "public_url": PUBLIC}
    async with served_here(stage, **settings) as edge, browser_of(edge, origin=PUBLIC, address=address) as browser:
        statuses = []
        for number in range(4):
            lie = f"192.0.2.{number}"
            forged = {"X_Forwarded_For": f"{lie}, {PROXY}", "Forwarded": f"for={lie}", "X_Real_IP": lie}
            statuses.append(await guess(browser, number, **forged))
        assert statuses == [401, 401, 429, 429]
        assert set(await places(edge, stage, count=2)) == {address}


async def test_a_sign_in_is_told_by_where_the_person_is(stage: Stage, owner: asyncpg.Connection) -> None:
    async with (
        served_here(stage, trusted_proxies=PROXY, public_url=PUBLIC) as edge,
        browser_of(edge, origin=PUBLIC, address=PROXY) as browser,
        httpx.AsyncClient(transport=httpx.ASGITransport(app=edge), base_url="http://kopilka") as http,
    ):
        admin = Desk(http, await stage.key("admin"))
        anna = await account_of(stage, browser)
        body = {"login": "anna", "password": "correct horse battery", "code": anna.code()}
        answer = await browser.send("POST", "/v1/session", body, X_Forwarded_For=f"192.0.2.1, {STRANGER}")
        browser.guard = answer.json()["csrf_token"]
        made = await browser.send("POST", "/v1/customers", {"card": "C1"}, X_Forwarded_For=STRANGER)
        assert made.status_code == 201
        rows = (await admin.good("GET", f"/v1/audit-log?actor={anna.id}"))["items"]
        assert [(row["action"], row["ip"]) for row in rows] == [
            ("register", STRANGER), ("sign_in", STRANGER), ("set_up_person", PROXY),
        ]  # fmt: skip
        assert await owner.fetchval("select count(*) from sign_in_tries") == 1


async def test_a_real_server_hears_it_from_the_proxy_alone(stage: Stage) -> None:
    """On a socket of loopback: uvicorn would believe that address's forwarding headers by default."""
    admin = await stage.key("admin")
    for proxies, seen in ((PROXY, "127.0.0.1"), ("127.0.0.1", STRANGER)):
        async with live(stage, TRUSTED_PROXIES=proxies) as service, httpx.AsyncClient(base_url=service.url) as http:
            headers = {"X-Forwarded-For": f"192.0.2.1, {STRANGER}"}
            desk = Desk(http, admin)
            made = await desk.call("POST", "/v1/customers", {"card": f"C-{proxies}"}, headers=headers)
            assert made.status_code == 201
            (row, *_) = (await desk.good("GET", "/v1/audit-log?action=register"))["items"]
            assert row["ip"] == seen
