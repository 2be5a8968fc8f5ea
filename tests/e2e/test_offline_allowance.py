"""Units taken without connection: a till may check the allowance by itself, and what was taken is settled when the
receipt comes in, also where it was more than there is.
"""

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import jwt
import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.domain.allowances import Allowance
from app.flows.ports import fresh_ids
from app.vault import KeyringAllowances
from app.verification import findings
from tests.e2e.checks import refused
from tests.e2e.offline import ago, look_up, pointers_of, posted, problem_of, read_allowance, receipt, upload
from tests.kit import Desk, Stage, client_of, line, refund, served_here, small_program
from tests.storm.audit import audit


async def rich(till: Desk, units: int) -> str:
    """A customer with so many points."""
    customer = await till.register()
    if units:
        assert (await till.accrue(customer, line(price=units * 100))).status_code == 201
    return customer


async def allowance_of(till: Desk, customer: str) -> dict[str, Any]:
    allowance = await look_up(till, id=customer)
    assert allowance is not None
    return allowance


def spent(customer: str, allowance: dict[str, Any], units: int, *, number: str | None = None) -> dict[str, Any]:
    """A receipt of 1,000.00, made now, closed to accruals, that took so many points."""
    return receipt(
        customer,
        line(price=100_000, no=["accrue"]),
        number=number,
        executed_at=ago(seconds=0),
        redeem={allowance["wallet"]: units},
        allowance=allowance["token"],
    )


async def books_are_right(stage: Stage, owner: asyncpg.Connection) -> None:
    assert await findings(stage.owner_url) == []
    await audit(owner)


async def test_a_till_reads_the_allowance_by_the_public_keys_alone(till: Desk) -> None:
    customer = await rich(till, 500)
    allowance = await allowance_of(till, customer)
    assert (allowance["wallet"], allowance["units"]) == ("points", 300)
    claims = await read_allowance(till, allowance["token"])
    assert claims.keys() == {"iss", "aud", "sub", "wallet", "units", "iat", "exp", "jti"}
    assert (claims["sub"], claims["wallet"], claims["units"]) == (customer, "points", 300)
    until = datetime.fromisoformat(allowance["until"])
    assert int(until.timestamp()) == claims["exp"]
    assert claims["exp"] - claims["iat"] == 24 * 3600
    other = await allowance_of(till, customer)
    assert (await read_allowance(till, other["token"]))["jti"] != claims["jti"]


async def test_units_taken_under_it_are_redeemed(till: Desk, stage: Stage, owner: asyncpg.Connection) -> None:
    customer = await rich(till, 500)
    allowance = await allowance_of(till, customer)
    (result,) = await upload(till, spent(customer, allowance, 120))
    sold = result["purchase"]
    assert ("debt" in result, "over_allowance" in result) == (False, False)
    assert sold["totals"]["redeemed_units"] == {"points": 120}
    assert (sold["totals"]["redeemed"], sold["totals"]["paid"]) == (12_000, 88_000)
    assert sold["balances"]["points"]["available"] == 380
    (history, *_) = (await till.good("GET", f"/v1/customers/{customer}/history"))["items"]
    assert history["reason"] == "offline"
    await books_are_right(stage, owner)


async def test_shares_steps_floors_and_strength_were_the_tills_business(till: Desk, admin: Desk) -> None:
    customer = await till.register(phone="+79001230000")
    await till.accrue(customer, line(price=50_000))
    allowance = await allowance_of(till, customer)
    await admin.publish(
        small_program(redemption={"max_share": "0.10", "step": 50, "min_units": 50, "strength": {"phone": 0}})
    )
    taken = receipt(
        {"phone": "+79001230000"},
        line(1, price=3_000, min_price=3_000, discount=1_000),
        line(2, price=1_000, no=["redeem"]),
        executed_at=ago(seconds=0),
        redeem={"points": 23},
        allowance=allowance["token"],
    )
    (sold,) = await posted(till, taken)
    assert [each["redeemed"] for each in sold["lines"]] == [1_533, 767]
    (sold,) = await posted(till, taken | {"receipt": {"number": "fits"}, "redeem": {"points": 20}})
    assert [each["redeemed"] for each in sold["lines"]] == [2_000, 0]
    (result,) = await upload(till, taken | {"receipt": {"number": "more"}, "redeem": {"points": 31}})
    assert pointers_of(result) == {"/redeem/points"}


async def test_who_gets_none(till: Desk, admin: Desk, stage: Stage, owner: asyncpg.Connection) -> None:
    poor, customer = await rich(till, 0), await rich(till, 40)
    phone = await till.register(phone="+79001230001")
    await till.accrue(phone, line(price=50_000))
    assert await look_up(till, id=poor) is None
    await admin.publish(small_program(redemption={"step": 30, "strength": {"phone": 100, "card": None}}))
    assert (await allowance_of(till, customer))["units"] == 30
    by_phone = await look_up(till, phone="+79001230001")
    assert by_phone is not None
    assert by_phone["units"] == 90
    assert (await allowance_of(till, phone))["units"] == 300
    await admin.publish(small_program(redemption={"min_units": 50}))
    assert await look_up(till, id=customer) is None
    await admin.publish(small_program(redemption={"strength": {"phone": 0}}))
    assert await look_up(till, phone="+79001230001") is None
    await admin.publish(small_program(wallets={"points": {"value": 0}}))
    assert await look_up(till, id=phone) is None
    await admin.publish(small_program())
    await owner.execute("update customers set is_blocked = true, revision = revision + 1")
    async with served_here(stage, offline_allowance_units=0) as edge, client_of(edge) as http:
        assert await look_up(Desk(http, till.key), id=customer) is None


async def test_terms_are_settings(till: Desk, stage: Stage) -> None:
    customer = await rich(till, 100)
    async with (
        served_here(stage, offline_allowance_units=7, offline_allowance_hours=2) as edge,
        client_of(edge) as http,
    ):
        allowance = await allowance_of(Desk(http, till.key), customer)
    assert allowance["units"] == 7
    left = datetime.fromisoformat(allowance["until"]) - datetime.now(UTC)
    assert timedelta(minutes=118) < left <= timedelta(hours=2)


async def test_redeeming_needs_an_allowance(till: Desk) -> None:
    customer, other = await rich(till, 100), await rich(till, 100)
    allowance, foreign = await allowance_of(till, customer), await allowance_of(till, other)
    good = spent(customer, allowance, 10)
    without, of_other, nobodys, broken = await upload(
        till,
        {name: value for name, value in good.items() if name != "allowance"} | {"receipt": {"number": "1"}},
        good | {"allowance": foreign["token"], "receipt": {"number": "2"}},
        {name: value for name, value in good.items() if name != "customer"} | {"receipt": {"number": "3"}},
        good | {"allowance": "x.y.z", "receipt": {"number": "4"}},
    )
    assert pointers_of(without) == pointers_of(of_other) == pointers_of(broken) == {"/allowance"}
    assert pointers_of(nobodys) == {"/customer"}
    assert await till.balance(customer, min_version=1) == 100
    (result,) = await upload(till, good)
    assert result["status"] == 201


def forged(token: str) -> dict[str, str]:
    """Tokens that look like it and aren't."""
    head, body, signature = token.split(".")
    claims = orjson.loads(base64.urlsafe_b64decode(body + "=="))
    header = jwt.get_unverified_header(token)
    stranger = Ed25519PrivateKey.generate()

    def part(document: object) -> str:
        return base64.urlsafe_b64encode(orjson.dumps(document)).rstrip(b"=").decode()

    return {
        "more units": f"{head}.{part(claims | {'units': 100_000})}.{signature}",
        "no algorithm": f"{part({'alg': 'none', 'typ': 'JWT'})}.{body}.",
        "a secret that is public": jwt.encode(
            claims, header["kid"] * 2, algorithm="HS256", headers={"kid": header["kid"]}
        ),
        "another key": jwt.encode(claims, stranger, algorithm="EdDSA", headers={"kid": header["kid"]}),
        "no signature": f"{head}.{body}.",
        "nothing": "",
    }


async def test_forged_allowances_are_refused(till: Desk, owner: asyncpg.Connection) -> None:
    customer = await rich(till, 100)
    allowance = await allowance_of(till, customer)
    fakes = forged(allowance["token"])
    receipts = [spent(customer, allowance | {"token": token}, 10) for token in fakes.values()]
    for name, result in zip(fakes, await upload(till, *receipts), strict=True):
        assert pointers_of(result) == {"/allowance"}, name
    assert await owner.fetchval("select count(*) from counters where name like 'allowance/%'") == 0


async def test_an_allowance_had_to_be_good_when_the_receipt_was_made(till: Desk, stage: Stage) -> None:
    customer = await rich(till, 100)
    now = datetime.now(UTC).replace(microsecond=0)
    over = now - timedelta(days=2)
    signer = KeyringAllowances(stage.keyring())
    token = signer.sign(
        Allowance(next(fresh_ids()), customer, "points", 50, over - timedelta(days=1), over)  # type: ignore[arg-type]
    )
    body = spent(customer, {"wallet": "points", "token": token}, 10)
    late, just, wallet = await upload(
        till,
        body | {"receipt": {"number": "1"}, "executed_at": (over + timedelta(seconds=1)).isoformat()},
        body | {"receipt": {"number": "2"}, "executed_at": over.isoformat()},
        body | {"receipt": {"number": "3"}, "executed_at": over.isoformat(), "redeem": {"cash": 5}},
    )
    assert pointers_of(late) == {"/allowance"}
    assert just["status"] == 201
    assert pointers_of(wallet) == {"/redeem/cash"}


async def test_units_beyond_the_allowance_are_posted_and_said(
    till: Desk, stage: Stage, owner: asyncpg.Connection
) -> None:
    customer = await rich(till, 1_000)
    allowance = await allowance_of(till, customer)
    first, second = await upload(till, spent(customer, allowance, 200), spent(customer, allowance, 150))
    assert ("over_allowance" in first, second["over_allowance"], "debt" in second) == (False, 50, False)
    (third,) = await upload(till, spent(customer, allowance, 10))  # The tally goes on from call to call.
    assert third["over_allowance"] == 10
    assert third["purchase"]["offline"] == {"debt": {}, "over_allowance": 10, "frozen": False}
    assert await till.balance(customer, min_version=4) == 640
    newest = (await till.good("GET", f"/v1/customers/{customer}/history"))["items"][0]
    assert newest["reason"] == "offline_over_allowance"
    name = "allowance/" + (await read_allowance(till, allowance["token"]))["jti"]
    assert await owner.fetchval("select used from counters where name = $1", name) == 360
    await books_are_right(stage, owner)


async def test_what_is_beyond_the_allowance_is_an_alert_once(till: Desk, stage: Stage) -> None:
    customer, support = await rich(till, 1_000), Desk(till.http, await stage.key("support"))
    allowance = await allowance_of(till, customer)
    within, beyond = spent(customer, allowance, 200), spent(customer, allowance, 150)
    (first,) = await upload(till, within)
    assert "over_allowance" not in first
    assert (await support.good("GET", "/v1/alerts"))["items"] == []
    sent = [await upload(till, beyond, key="same") for _ in range(2)] + [await upload(till, beyond)]
    (alert,) = (await support.good("GET", "/v1/alerts?kind=offline_beyond_allowance"))["items"]
    assert (alert["shop"], alert["terminal"], alert["customer"]) == ("S1", "T1", customer)
    assert (alert["state"], alert["times"]) == ("new", 1)
    assert alert["tx_id"] == sent[0][0]["purchase"]["tx_id"]
    assert alert["facts"] == {"allowed": 300, "beyond": 50}
    await upload(till, *(spent(customer, allowance, 10) for _ in range(3)))
    (alert,) = (await support.good("GET", "/v1/alerts"))["items"]
    assert alert["times"] == 4


async def test_two_tills_that_spend_the_same_points_make_a_debt_that_the_next_accrual_covers(
    till: Desk, stage: Stage, owner: asyncpg.Connection
) -> None:
    neighbour = Desk(till.http, await stage.key("pos", shop="S1", terminal="T2"))
    customer = await rich(till, 100)
    here, there = await allowance_of(till, customer), await allowance_of(neighbour, customer)
    (first,) = await upload(till, spent(customer, here, 100))
    (second,) = await upload(neighbour, spent(customer, there, 80))
    assert ("debt" in first, second["debt"], "over_allowance" in second) == (False, {"points": 80}, False)
    assert second["purchase"]["balances"]["points"]["available"] == -80
    assert (await till.good("GET", f"/v1/customers/{customer}/history"))["items"][0]["reason"] == "offline_debt"
    assert await look_up(till, id=customer) is None
    (again,) = await upload(neighbour, spent(customer, there, 80) | {"executed_at": ago(seconds=0)})
    assert again["debt"] == {"points": 80}
    await books_are_right(stage, owner)
    covered = (await till.accrue(customer, line(price=20_000))).json()
    assert covered["balances"]["points"]["available"] == 40
    await books_are_right(stage, owner)


async def test_a_debt_is_made_also_where_returns_may_make_none(
    till: Desk, admin: Desk, stage: Stage, owner: asyncpg.Connection
) -> None:
    await admin.publish(small_program(wallets={"points": {"value": 100, "debt": "clamp"}}))
    customer = await rich(till, 100)
    allowance = await allowance_of(till, customer)
    problem = refused(
        await till.post("/v1/redeem", {"customer": {"id": customer}, "wallet": "points", "points": 101,
                                       "receipt": {"number": "r"}, "reason": "gift"}),
        409, "insufficient_points",
    )  # fmt: skip
    assert problem["available"] == 100
    _, result = await upload(till, spent(customer, allowance, 100), spent(customer, allowance, 30))
    assert (result["debt"], result["over_allowance"]) == ({"points": 30}, 30)
    await books_are_right(stage, owner)


async def test_its_own_accrual_covers_a_receipts_debt(till: Desk, stage: Stage, owner: asyncpg.Connection) -> None:
    customer = await rich(till, 10)
    allowance = await allowance_of(till, customer)
    (result,) = await upload(
        till,
        receipt(
            customer,
            line(price=10_000),
            executed_at=ago(seconds=0),
            redeem={"points": 30},
            allowance=allowance["token"],
        ),
    )
    assert result["debt"] == {"points": 20}
    assert result["purchase"]["balances"]["points"]["available"] == 50  # 70 for what was paid, less the 20.
    await books_are_right(stage, owner)


async def test_a_replayed_debt_is_said_again(till: Desk) -> None:
    customer = await rich(till, 10)
    allowance = await allowance_of(till, customer)
    body = spent(customer, allowance, 30)
    (first,), (second,) = await upload(till, body), await upload(till, body)
    assert (first["replayed"], second["replayed"]) == (False, True)
    assert {**first, "replayed": None} == {**second, "replayed": None}
    assert (second["debt"], second["over_allowance"]) == ({"points": 20}, 20)


@pytest.mark.parametrize("covers_first", [False, True])
async def test_a_return_gives_back_what_was_owed_too(
    till: Desk, stage: Stage, owner: asyncpg.Connection, *, covers_first: bool
) -> None:
    customer = await rich(till, 100)
    allowance = await allowance_of(till, customer)
    body = spent(customer, allowance, 140)
    body["basket"]["lines"] = [
        line(1, price=10_000, qty=3, no=["accrue"]),
        line(2, price=10_000, no=["accrue"]),
    ]
    (result,) = await upload(till, body)
    purchase_id = result["purchase"]["id"]
    assert result["debt"] == {"points": 40}
    if covers_first:
        await till.accrue(customer, line(price=10_000))
    had = await till.balance(customer, min_version=3 if covers_first else 2)
    given = 0
    for back in (refund(("1", 1)), refund(("1", 2)), refund()):
        answer = await till.good("POST", f"/v1/purchases/{purchase_id}/returns", back)
        given += answer["given_back"]["points"]
        assert answer["balances"]["points"]["available"] == had + given
        await books_are_right(stage, owner)
    assert given == 140


async def test_a_frozen_customers_units_are_gone_already(till: Desk, stage: Stage, owner: asyncpg.Connection) -> None:
    customer = await rich(till, 100)
    allowance = await allowance_of(till, customer)
    await owner.execute("update customers set frozen_at = now(), revision = revision + 1")
    (result,) = await upload(till, spent(customer, allowance, 30))
    assert result["status"] == 201
    assert result["purchase"]["offline"]["frozen"] is True
    assert await till.balance(customer, min_version=2) == 70


async def test_a_blocked_customers_receipt_is_refused(till: Desk, owner: asyncpg.Connection) -> None:
    customer = await rich(till, 100)
    allowance = await allowance_of(till, customer)
    await owner.execute("update customers set is_blocked = true, revision = revision + 1")
    (result,) = await upload(till, spent(customer, allowance, 30))
    problem_of(result, 409, "customer_blocked")


async def test_an_allowance_nobody_needs_is_not_looked_at(till: Desk) -> None:
    (result,) = await upload(till, receipt(None, allowance="whatever"))
    assert result["status"] == 201
