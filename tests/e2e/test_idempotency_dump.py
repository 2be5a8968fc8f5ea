"""What stands beside a used key in the database: enough to know a repeated request, nothing for who has a dump."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest

from app.api.body import fingerprint
from app.vault import KeyringVault
from app.verification import findings
from tests.e2e.checks import refused
from tests.kit import Desk, Stage, client_of, line, purchase, served_here, small_program

PHONE = "+79005551234"
PERSON = {"phone": PHONE}
ONE = {"receipt": {"number": "OFF1"}, "executed_at": "2026-11-20T10:00:00+03:00", "customer": PERSON,
       "basket": {"lines": [line()]}}  # fmt: skip
# By the way they take through the service: outside the rounds, a round at a glance, one under locks, many receipts.
WRITES: Mapping[str, tuple[str, Any, Any]] = {
    "register": ("/v1/customers", PERSON, {"phone": "+79005551235"}),
    "accrue": ("/v1/accrue", purchase(PERSON, receipt="A1"), purchase(PERSON, receipt="A2")),
    "redeem": (
        "/v1/redeem",
        {"customer": PERSON, "wallet": "points", "points": 5, "reason": "mug", "receipt": {"number": "R1"}},
        {"customer": PERSON, "wallet": "points", "points": 6, "reason": "mug", "receipt": {"number": "R1"}},
    ),
    "offline": ("/v1/receipts/offline", [ONE], [{**ONE, "receipt": {"number": "OFF2"}}]),
}
# As docs/personal-data.md has it.
FORGET = """
update claims set fingerprint = null where fingerprint is not null and answer_id <
    (lpad(to_hex((extract(epoch from $1::timestamptz) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid
"""


async def write_all(till: Desk, place: int) -> dict[str, httpx.Response]:
    """place: 1 for the request, 2 for another one under its key."""
    return {name: await till.post(WRITES[name][0], WRITES[name][place], key=name) for name in WRITES}


def known_to(attacker: str) -> UUID:
    """What somebody who knows all of a request but the secrets would look for in a dump."""
    path, body, _ = WRITES[attacker]
    return UUID(bytes=fingerprint(method="POST", path=path.encode(), query=b"", document=body))


async def stored(owner: asyncpg.Connection) -> set[UUID]:
    return {row[0] for row in await owner.fetch("select fingerprint from claims where fingerprint is not null")}


async def test_a_dump_does_not_tell_whose_phone_it_was(till: Desk, owner: asyncpg.Connection) -> None:
    assert {answer.status_code for answer in (await write_all(till, 1)).values()} <= {200, 201}
    found = await stored(owner)
    assert len(found) >= len(WRITES) + 1  # The offline receipt has one of its own.
    offline = UUID(bytes=fingerprint(method="POST", path=b"/v1/receipts/offline", query=b"", document=ONE))
    assert not found & {offline, *(known_to(name) for name in WRITES)}


async def test_every_process_with_the_secrets_knows_a_repeated_request(till: Desk, stage: Stage) -> None:
    first = await write_all(till, 1)
    async with served_here(stage) as edge, client_of(edge) as http:
        again = await write_all(Desk(http, till.key), 1)
        others = await write_all(Desk(http, till.key), 2)
    for name, answer in again.items():
        assert (answer.status_code, answer.content) == (first[name].status_code, first[name].content), name
        assert answer.headers["Idempotent-Replayed"] == "true", name
        refused(others[name], 422, "idempotency_key_reused")


async def test_keys_used_before_the_hash_was_keyed_are_repeated_until_they_are_forgotten(
    stage: Stage, owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = await stage.key("pos", shop="S1", terminal="T1")
    with monkeypatch.context() as before:
        before.setattr(KeyringVault, "keyed", lambda _, fingerprint: fingerprint)
        async with served_here(stage) as edge, client_of(edge) as http:
            await Desk(http, await stage.key("admin")).publish(small_program())
            first = await write_all(Desk(http, key), 1)
    assert await stored(owner) >= {known_to(name) for name in WRITES}
    async with served_here(stage) as edge, client_of(edge) as http:
        till = Desk(http, key)
        for name, answer in (await write_all(till, 1)).items():
            assert (answer.content, answer.headers["Idempotent-Replayed"]) == (first[name].content, "true"), name
        for answer in (await write_all(till, 2)).values():
            refused(answer, 422, "idempotency_key_reused")
        upgraded = await owner.fetchval("select clock_timestamp()")
        later = await till.good("POST", "/v1/accrue", purchase(PERSON, receipt="A9"), key="later")
        await owner.execute(FORGET, upgraded)
        assert not await stored(owner) & {known_to(name) for name in WRITES}
        refused(await till.post("/v1/accrue", WRITES["accrue"][1], key="accrue"), 422, "idempotency_key_reused")
        assert await till.good("POST", "/v1/accrue", purchase(PERSON, receipt="A9"), key="later") == later
    assert await findings(stage.owner_url) == []
