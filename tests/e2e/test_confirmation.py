"""Confirming a redemption: the code that is sent, what it is bound to, how often it may be tried."""

import stat
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from redis.asyncio import Redis

from app.domain.identifiers import Identifier, IdentifierKind
from app.storage.engine import Database
from app.vault import KeyringVault
from app.wiring import snapshots_of
from tests.e2e.checks import refused
from tests.e2e.codes import (
    PHONE,
    age,
    challenged,
    code_in,
    confirmed,
    is_dead,
    paying,
    ready,
    rich,
    sent,
    use_up,
    wrong,
)
from tests.kit import Desk, Stage, client_of, line, purchase, served_here, small_program


async def test_the_same_call_with_the_code_redeems(till: Desk, admin: Desk, stage: Stage) -> None:
    customer = await ready(admin, till)
    body = paying(50, receipt="R-77")
    challenge = await challenged(till, "/v1/accrue", body, key="one-key")
    (message,) = sent(stage)
    assert (message["phone"], message["email"]) == (PHONE, None)
    assert all(said in message["text"] for said in ("points: 50", "S1", "R-77", "3 min"))
    response = await till.post("/v1/accrue", confirmed(body, challenge, code_in(message)), key="one-key")
    assert response.status_code == 201
    assert response.json()["totals"]["redeemed_units"] == {"points": 50}
    assert await till.balance(customer) == response.json()["balances"]["points"]["available"]
    assert len(sent(stage)) == 1


async def test_a_repeated_confirmed_call_is_answered_as_before_long_after_its_code(
    till: Desk, admin: Desk, stage: Stage, owner: asyncpg.Connection
) -> None:
    await ready(admin, till)
    body = paying()
    challenge = await challenged(till, "/v1/accrue", body, key="k")
    body = confirmed(body, challenge, code_in(sent(stage)[0]))
    first = await till.post("/v1/accrue", body, key="k")
    await age(owner, 1000)
    again = await till.post("/v1/accrue", body, key="k")
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert is_dead(await till.post("/v1/accrue", body, key="another"))


async def test_a_right_code_pays_for_one_receipt_once(till: Desk, admin: Desk, stage: Stage) -> None:
    customer = await ready(admin, till)
    body = paying()
    challenge = await challenged(till, "/v1/accrue", body)
    body = confirmed(body, challenge, code_in(sent(stage)[0]))
    await till.good("POST", "/v1/accrue", body)
    refused(await till.post("/v1/accrue", body), 409, "duplicate_receipt")
    assert is_dead(await till.post("/v1/accrue", body | {"receipt": {"number": "another"}}))
    assert await till.balance(customer) == 1000 - 50 + 50


async def test_wrong_codes_are_counted_and_then_the_challenge_is_dead(till: Desk, admin: Desk, stage: Stage) -> None:
    customer = await ready(admin, till)
    body = paying()
    challenge = await challenged(till, "/v1/accrue", body)
    code = code_in(sent(stage)[0])
    await use_up(till, "/v1/accrue", body, challenge, code)
    assert is_dead(await till.post("/v1/accrue", confirmed(body, challenge, code)))
    assert await till.balance(customer) == 1000


@pytest.mark.parametrize(
    "change",
    [
        {"redeem": {"points": 51}},
        {"redeem": {"points": "max"}},
        {"basket": {"lines": [line(price=10001)]}},
        {"basket": {"lines": [line(), line(2)]}},
        {"basket": {"lines": [line()], "coupons": ["X"]}},
        {"receipt": {"number": "another"}},
        {"receipt": {"number": "R-1", "shift": "2"}},
        {"customer": {"phone": "+79001234568"}},
    ],
    ids=str,
)
async def test_a_code_is_good_for_what_was_told_and_nothing_else(
    till: Desk, admin: Desk, stage: Stage, change: dict[str, Any]
) -> None:
    await ready(admin, till)
    await rich(admin, till, phone="+79001234568")
    body = paying(50, receipt="R-1")
    challenge = await challenged(till, "/v1/accrue", body)
    code = code_in(sent(stage)[0])
    assert is_dead(await till.post("/v1/accrue", confirmed(body, challenge, code) | change))
    # Nor is such a call a try; and how the same customer is named, and how it is paid, is no change.
    other = {"customer": {"card": "77"}, "basket": {"lines": [line()], "payments": [{"method": "cash", "amount": 1}]}}
    sale = await till.good("POST", "/v1/accrue", confirmed(body, challenge, code) | other)
    assert sale["totals"]["redeemed_units"] == {"points": 50}


async def test_a_code_of_another_terminals_receipt_is_none(till: Desk, admin: Desk, stage: Stage) -> None:
    await ready(admin, till)
    other = Desk(till.http, await stage.key("pos", shop="S1", terminal="T2"))
    body = paying(50, receipt="R-1")
    challenge = await challenged(till, "/v1/accrue", body)
    assert is_dead(await other.post("/v1/accrue", confirmed(body, challenge, code_in(sent(stage)[0]))))


async def test_who_has_confirmed_pays_and_not_who_has_their_phone_since(
    till: Desk, admin: Desk, stage: Stage, owner: asyncpg.Connection
) -> None:
    before = await ready(admin, till)
    body = paying()
    challenge = await challenged(till, "/v1/accrue", body)
    after = await rich(admin, till, phone="+79001234568")
    await admin.good("PATCH", f"/v1/customers/{before}", {"phone": "+79001234569"})
    await admin.good("PATCH", f"/v1/customers/{after}", {"phone": PHONE})
    database = Database(stage.database_url)
    await database.open()
    cache = snapshots_of(stage.keyring(), database, stage.redis_url)
    async with Redis.from_url(stage.redis_url) as redis:
        await redis.flushall()
    try:  # As a cache that has missed the change would have it.
        digest = KeyringVault(stage.keyring()).digest(Identifier(IdentifierKind.PHONE, PHONE))
        await cache.put_owner(digest, UUID(before), mark=(await cache.find(digest))[1].mark)
        response = await till.post("/v1/accrue", confirmed(body, challenge, code_in(sent(stage)[0])))
    finally:
        await cache.close()
        await database.close()
    refused(response, 403, "confirmation_required")
    assert (
        await owner.fetchval("select tries_left from challenges where id = $1", UUID(challenge)) == 5
    )  # It was right.
    assert [await till.balance(each) for each in (before, after)] == [1000, 1000]


async def test_a_code_ends_after_three_minutes(
    till: Desk, admin: Desk, stage: Stage, owner: asyncpg.Connection
) -> None:
    await ready(admin, till)
    body = paying()
    challenge = await challenged(till, "/v1/accrue", body)
    code = code_in(sent(stage)[0])
    await age(owner, 170)
    refused(await till.post("/v1/accrue", confirmed(body, challenge, wrong(code))), 403, "confirmation_failed")
    await age(owner, 11)
    assert is_dead(await till.post("/v1/accrue", confirmed(body, challenge, code)))


async def test_what_is_no_challenge_is_dead(till: Desk, admin: Desk) -> None:
    await ready(admin, till)
    for challenge in ("01890000-0000-7000-8000-000000000000", "x", "' or true --"):
        assert is_dead(await till.post("/v1/accrue", confirmed(paying(), challenge, "123456")))
    for mistake in ({}, {"challenge_id": "x"}, {"challenge_id": "x", "code": 123456}, {"code": "1", "x": 1}, "123456"):
        refused(await till.post("/v1/accrue", paying() | {"confirmation": mistake}), 422, "validation_error")


async def test_units_without_a_basket_and_holds_are_confirmed_likewise(till: Desk, admin: Desk, stage: Stage) -> None:
    customer = await ready(admin, till)
    units = {"customer": {"phone": PHONE}, "wallet": "points", "points": 300, "reason": "a mug"}
    calls = (
        ("/v1/redeem", units | {"receipt": {"number": "A"}}),
        ("/v1/holds", units | {"receipt": {"number": "B"}}),
        ("/v1/holds", paying(90, receipt="C", ttl_seconds=60)),
    )
    for place, (path, body) in enumerate(calls):
        challenge = await challenged(till, path, body)
        code = code_in(sent(stage)[place])
        refused(await till.post(path, confirmed(body, challenge, wrong(code))), 403, "confirmation_failed")
        assert (await till.post(path, confirmed(body, challenge, code))).status_code == 201
    balance = await till.good("GET", f"/v1/customers/{customer}/balance")
    assert (balance["wallets"]["points"]["available"], balance["wallets"]["points"]["held"]) == (310, 390)


async def test_a_confirmed_call_may_still_not_take_more_than_there_is(till: Desk, admin: Desk, stage: Stage) -> None:
    await ready(admin, till, points=60)
    body = paying(61)
    challenge = await challenged(till, "/v1/accrue", body)  # Before a stranger learns of a balance.
    body = confirmed(body, challenge, code_in(sent(stage)[0]))
    assert refused(await till.post("/v1/accrue", body), 409, "insufficient_points")["available"] == 60


async def test_a_gift_card_is_its_bearers_and_needs_no_confirmation(till: Desk, admin: Desk, stage: Stage) -> None:
    redemption = {"strength": {"phone": 0, "card": 20}}
    await admin.publish(small_program(redemption=redemption))
    made = await admin.good("POST", "/v1/gift-cards", {"wallet": "points", "count": 1, "units": 300})
    who = {"card": made["numbers"][0]}
    await till.good("POST", f"/v1/gift-cards/{who['card']}/activate", {"receipt": {"number": "G"}})
    quote = await till.good("POST", "/v1/quote", purchase(who, redeem={"points": "max"}))
    assert quote["totals"]["redeemed_units"] == {"points": 100}
    assert "strength" not in quote["redeem"]["wallets"]["points"]["terms"]
    await till.good("POST", "/v1/accrue", paying(100, who=who))
    units = {"customer": who, "wallet": "points", "points": 100, "reason": "a mug"}
    await till.good("POST", "/v1/redeem", units | {"receipt": {"number": "A"}})
    await till.good("POST", "/v1/holds", units | {"receipt": {"number": "B"}})
    assert sent(stage) == []


async def test_what_needs_no_confirmation_sends_nothing(
    till: Desk, admin: Desk, stage: Stage, owner: asyncpg.Connection
) -> None:
    customer = await ready(admin, till)
    for body in (purchase({"phone": PHONE}), paying(20), paying(100, who={"card": "77"}), paying("max")):
        await till.good("POST", "/v1/accrue", body)
    refused(await till.post("/v1/quote", paying(50)), 403, "confirmation_required")  # Writes nothing.
    refused(await till.post("/v1/accrue", paying(5000, who={"id": customer})), 403, "confirmation_required")
    assert len(sent(stage)) == 1
    assert await owner.fetchval("select count(*) from challenges") == 1


async def test_all_that_is_taken_is_told_in_the_language_of_the_call(till: Desk, admin: Desk, stage: Stage) -> None:
    wallets = {"points": {"value": 100}, "cashback": {"value": 1}}
    gift = {"id": "mug", "kind": "reward", "give": {"gift": "MUG"}, "cost": {"points": 30}}
    program = small_program(wallets=wallets, redemption={"wallets": ["points", "cashback"], "strength": {"phone": 20}})
    program["rules"].append(gift)
    await admin.publish(program)
    customer = await rich(admin, till, phone=PHONE)
    present = {"wallet": "cashback", "points": 1000, "reason": "a present"}
    await admin.good("POST", f"/v1/customers/{customer}/adjust", present)
    body = purchase({"phone": PHONE}, redeem={"points": 40, "cashback": "max", "rewards": {"mug": 1}})
    response = await till.post("/v1/accrue", body, headers={"Accept-Language": "ru"})
    refused(response, 403, "confirmation_required")
    (message,) = sent(stage)
    assert message["text"].startswith("Код ")
    assert all(said in message["text"] for said in ("points: 70", "cashback: 1000", "mug: 1"))
    sale = await till.good("POST", "/v1/accrue", confirmed(body, response.json()["challenge_id"], code_in(message)))
    assert sale["totals"]["redeemed_units"] == {"points": 70, "cashback": 1000}


async def test_a_customer_is_sent_five_codes_in_ten_minutes_and_twenty_a_day(
    till: Desk, admin: Desk, stage: Stage, owner: asyncpg.Connection
) -> None:
    await ready(admin, till)
    for _ in range(4):
        for _ in range(5):
            await challenged(till, "/v1/accrue", paying())
        problem = await till.post("/v1/accrue", paying())
        assert refused(problem, 429, "rate_limited")["retryable"] is True
        assert int(problem.headers["Retry-After"]) > 0
        await age(owner, 601)
    refused(await till.post("/v1/accrue", paying()), 429, "rate_limited")
    await rich(admin, till, phone="+79001234568")
    await challenged(till, "/v1/accrue", paying(who={"phone": "+79001234568"}))  # Another's codes are another's.
    await age(owner, 86_400)
    await challenged(till, "/v1/accrue", paying())
    assert len(sent(stage)) == 22


async def test_a_terminal_has_so_many_codes_sent(stage: Stage) -> None:
    async with served_here(stage, challenges_terminal_max=2) as edge, client_of(edge) as http:
        admin = Desk(http, await stage.key("admin"))
        tills = [Desk(http, await stage.key("pos", shop="S1", terminal=name)) for name in ("T1", "T2")]
        await ready(admin, tills[0])
        for _ in range(2):
            await challenged(tills[0], "/v1/accrue", paying())
        refused(await tills[0].post("/v1/accrue", paying()), 429, "rate_limited")
        await challenged(tills[1], "/v1/accrue", paying())


async def test_whom_nothing_reaches_is_told_so(till: Desk, admin: Desk, stage: Stage) -> None:
    await ready(admin, till, phone=None, external_id="crm")
    problem = refused(await till.post("/v1/accrue", paying(101, who={"card": "77"})), 403, "confirmation_required")
    assert "challenge_id" not in problem
    assert "no address" in problem["detail"]
    assert sent(stage) == []


async def test_a_code_that_could_not_be_sent_is_a_503(till: Desk, admin: Desk, stage: Stage) -> None:
    await ready(admin, till)
    (stage.data_dir / "messages.jsonl").mkdir()
    assert refused(await till.post("/v1/accrue", paying()), 503, "unavailable")["retryable"] is True


async def test_the_file_is_its_owners_and_the_database_has_no_code(
    till: Desk, admin: Desk, stage: Stage, owner: asyncpg.Connection
) -> None:
    await ready(admin, till)
    await challenged(till, "/v1/accrue", paying())
    assert stat.S_IMODE((stage.data_dir / "messages.jsonl").stat().st_mode) == 0o600
    row = await owner.fetchrow("select to_jsonb(c)::text as text from challenges c")
    assert row is not None
    code = code_in(sent(stage)[0])
    assert code not in row["text"]
    assert code.encode().hex() not in row["text"]
    assert PHONE.lstrip("+") not in row["text"]


@pytest.mark.parametrize(
    "deed", ["tries_left = 5", "expires_at = expires_at + interval '1 hour'", "code = decode(repeat('00', 16), 'hex')"]
)
async def test_nobody_makes_more_tries_of_a_challenge(
    till: Desk, admin: Desk, stage: Stage, owner: asyncpg.Connection, deed: str
) -> None:
    await ready(admin, till)
    body = paying()
    challenge = await challenged(till, "/v1/accrue", body)
    await use_up(till, "/v1/accrue", body, challenge, code_in(sent(stage)[0]))
    connection = await asyncpg.connect(stage.database_url)
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(f"update challenges set {deed}")
    finally:
        await connection.close()
