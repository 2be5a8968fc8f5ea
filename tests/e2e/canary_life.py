"""What else happens to a customer and to the people of a shop, for the canary test: codes, apps, receipts made without
connection, draws, coupons, approvals, alerts, a back-test, somebody who signs in.
"""

import asyncio
from base64 import b32encode
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import orjson

from app.domain.abuse.tills import TillLimits
from tests.e2e.checks import refused
from tests.e2e.codes import app_of, challenged, code_in, confirmed, sent, wrong
from tests.e2e.offline import ago, receipt
from tests.e2e.people import PASSWORD, Browser, account_of
from tests.e2e.test_alerts import watched
from tests.kit import Desk, Stage, line, small_program

STRENGTH = {"strength": {"phone": 1, "card": 1, "code": 500}}
BACKTEST_SECONDS_MAX = 30


async def confirmations(till: Desk, admin: Desk, stage: Stage, *, phone: str) -> None:
    """A redemption that is confirmed by a code that was sent, after a wrong one; another that never is."""
    await admin.publish(small_program(redemption=STRENGTH))
    spending = {"customer": {"phone": phone}, "wallet": "points", "points": 5, "reason": "gift"}
    for number, is_confirmed in (("C1", True), ("C2", False)):
        body = {**spending, "receipt": {"number": number}}
        challenge = await challenged(till, "/v1/redeem", body)
        code = code_in(sent(stage)[-1])
        refused(await till.post("/v1/redeem", confirmed(body, challenge, wrong(code))), 403, "confirmation_failed")
        if is_confirmed:
            assert (await till.post("/v1/redeem", confirmed(body, challenge, code))).status_code == 201
    await admin.publish(small_program())


async def app_code(till: Desk, admin: Desk, customer: str) -> bytes:
    """The app's code finds the customer and pays; its secret."""
    app = await app_of(admin, customer)
    await till.good("POST", "/v1/customers/lookup", {"customer": {"code": app.code()}})
    spending = {"customer": {"code": app.code()}, "wallet": "points", "points": 5, "reason": "gift"}
    await till.good("POST", "/v1/redeem", {**spending, "receipt": {"number": "AC1"}})
    return app.secret


async def receipts_made_offline(till: Desk, *, phone: str, stranger: str) -> None:
    """One good, one of somebody unknown, one that can't be read."""
    found = await till.good("POST", "/v1/customers/lookup", {"customer": {"phone": phone}})
    good = receipt({"phone": phone}, line(price=100_000), number="F1", executed_at=ago(seconds=0))
    if allowance := found.get("offline_allowance"):
        good |= {"redeem": {allowance["wallet"]: 1}, "allowance": allowance["token"]}
    other = receipt({"phone": stranger}, number="F2")
    wrong = receipt({"phone": phone}, number="F3", birthday="1987-10-23")
    answer = await till.good("POST", "/v1/receipts/offline", orjson.dumps([good, other, wrong]))
    assert [each["status"] for each in answer["results"]] == [201, 404, 422]


async def marketing(till: Desk, admin: Desk, customer: str, *, phone: str) -> None:
    """A code of the customer's own, a gift card that is sold to them, a draw that they take part in."""
    await admin.good("POST", "/v1/coupons", {"code": "CANARY10", "customer": {"phone": phone}})
    await admin.good("GET", "/v1/coupons/CANARY10")
    made = await admin.good("POST", "/v1/gift-cards", {"wallet": "points", "units": 100, "count": 1})
    buying = {"receipt": {"number": "GC1"}}
    await till.good("POST", f"/v1/gift-cards/{made['numbers'][0]}/activate", buying)
    start = datetime.now(UTC) + timedelta(seconds=1)
    times = {"from": start.isoformat(), "until": (start + timedelta(minutes=30)).isoformat()}
    await admin.good(
        "POST", "/v1/prize-draws", {"id": "fair", **times, "prizes": [{"id": "tv", "count": 1, "gift": "TV"}]}
    )
    await asyncio.sleep(1)
    sold = await till.accrue({"phone": phone}, line(price=10_000))
    assert sold.status_code == 201


async def approvals(first: Desk, second: Desk, customer: str, *, reason: str) -> None:
    """Adjustments above the declared sum: one that is approved, one declined, one that waits."""
    body = {"wallet": "points", "points": 5_000, "reason": reason}
    asked = [await first.good("POST", f"/v1/customers/{customer}/adjust", body) for _ in range(3)]
    await second.good("POST", f"/v1/adjustments/{asked[0]['id']}/approve")
    await second.good("POST", f"/v1/adjustments/{asked[1]['id']}/decline")
    waiting = (await second.good("GET", "/v1/adjustments"))["items"]
    assert [each["reason"] for each in waiting] == [reason]


async def alerts(stage: Stage, admin: Desk) -> None:
    """Something is unusual, and somebody has looked at it."""
    assert await watched(stage, TillLimits(same_customer=2, returns=1, sum_times=4))
    (first, *_) = (await admin.good("GET", "/v1/alerts"))["items"]
    await admin.good("POST", f"/v1/alerts/{first['id']}", {"state": "seen"})


async def backtest(admin: Desk) -> bytes:
    """A draft is tried on what was sold; its report."""
    await admin.good("PUT", "/v1/program/draft", small_program())
    asked = await admin.good("POST", "/v1/program/draft/backtest", {})
    path = f"/v1/program/backtests/{asked['id']}"
    found: dict[str, Any] = {}
    for _ in range(BACKTEST_SECONDS_MAX * 5):
        found = await admin.good("GET", path)
        if found["state"] != "running":
            break
        await asyncio.sleep(0.2)
    assert found["state"] == "done", found
    return (await admin.get(f"{path}/report")).content


async def somebody_signs_in(stage: Stage, http: httpx.AsyncClient, *, login: str) -> dict[str, list[Any]]:
    """An account of support, set up, signed in to with a wrong password and with the right one; its secrets."""
    browser = Browser(http, str(http.base_url).rstrip("/"))
    account = await account_of(stage, browser, login=login)
    assert (await browser.sign_in(account, password=PASSWORD + "!")).status_code == 401
    assert (await browser.sign_in(account)).status_code == 200
    assert (await browser.get("/v1/session")).status_code == 200
    return {
        "password": [PASSWORD],
        "authenticator": [account.secret, b32encode(account.secret).decode()],
        "session": list(http.cookies.values()),
        "session's guard": [browser.guard],
    }
