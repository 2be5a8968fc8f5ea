"""Receipts made without connection: posted once whatever is sent again, decided by the program of their time, each
refused by itself.
"""

import asyncio
from datetime import UTC, datetime, timedelta
from time import perf_counter
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from app.verification import findings
from tests.e2e.checks import refused
from tests.e2e.offline import PATH, ago, pointers_of, posted, problem_of, receipt, upload
from tests.kit import Desk, Stage, line, purchase, refund, small_program
from tests.storm.audit import audit


async def test_a_receipt_is_posted_like_a_purchase(till: Desk, owner: asyncpg.Connection) -> None:
    customer = await till.register()
    when = ago(hours=3)
    (sold,) = await posted(till, receipt(customer, line(price=25000, discount=5000), number="1", executed_at=when))
    assert sold["state"] == "committed"
    assert datetime.fromisoformat(sold["at"]) == datetime.fromisoformat(when)
    assert sold["totals"]["discount"] == 5000
    assert sold["totals"]["paid"] == 20000
    assert sold["totals"]["accrued"] == {"points": 200}
    assert sold["offline"] == {"debt": {}, "over_allowance": 0, "frozen": False}
    assert await till.balance(customer, min_version=1) == 200
    shown = await till.good("GET", f"/v1/purchases/{sold['id']}")
    assert {name: value for name, value in shown.items() if name != "returned"} == sold
    (tx,) = await owner.fetch("select kind, receipt, at, shop, terminal from audit_tx")
    assert tuple(tx) == ("purchase", "1", datetime.fromisoformat(when), "S1", "T1")
    await audit(owner, acknowledged=[sold["tx_id"]])


async def test_nobodys_receipt_brings_nothing_and_is_posted(till: Desk) -> None:
    (sold,) = await posted(till, receipt(None, line(price=25000, discount=25000)))
    assert (sold["customer"], sold["totals"]["paid"], sold["totals"]["accrued"]) == (None, 0, {"points": 0})


async def test_discounts_given_are_facts(till: Desk, admin: Desk) -> None:
    await admin.publish(
        small_program(
            lanes=[{"id": "off", "combine": "all"}],
            rules=[
                {"id": "ten", "kind": "discount", "give": {"percent": "10"}},
                {"id": "base", "kind": "bonus", "give": {"per": {"amount": 100, "units": 1}}},
                {"id": "full", "kind": "bonus", "on": {"discounted": False}, "give": {"units": 7}},
            ],
        )
    )
    customer = await till.register()
    (sold,) = await posted(
        till,
        receipt(
            customer,
            line(1, price=10000, discount=3000, min_price=9000),
            line(2, price=10000, no=["discount"]),
            executed_at=ago(seconds=0),
        ),
    )
    assert [each["discount"] for each in sold["lines"]] == [3000, 0]
    assert {effect["rule"]: effect["given"] for effect in sold["effects"]} == {"base": 170, "full": 7}
    told = await till.good("GET", f"/v1/purchases/{sold['id']}/explain")
    verdicts = {each["rule"]: (each["verdict"], each["because"]) for each in told["explain"]}
    assert verdicts["ten"] == ("skipped", "offline")
    assert sold["hints"] == []


async def test_sent_again_it_answers_the_same_purchase(till: Desk, owner: asyncpg.Connection) -> None:
    customer = await till.register()
    receipts = [receipt(customer, number=str(number)) for number in range(4)]
    first = await upload(till, *receipts[:3])
    second = await upload(till, *receipts[1:])
    assert [result["replayed"] for result in first] == [False] * 3
    assert [result["replayed"] for result in second] == [True, True, False]
    assert [result["purchase"] for result in second[:2]] == [result["purchase"] for result in first[1:]]
    assert await till.balance(customer, min_version=4) == 400
    assert await owner.fetchval("select count(*) from audit_tx") == 4
    await audit(owner)


async def test_the_whole_call_is_answered_with_the_same_bytes(till: Desk) -> None:
    customer = await till.register()
    body = [receipt(customer, number="1"), receipt("nobody", number="2")]
    first = await till.post(PATH, body, key="upload")
    again = await till.post(PATH, body, key="upload")
    assert (again.status_code, again.content) == (200, first.content)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    refused(await till.post(PATH, [receipt(customer)], key="upload"), 422, "idempotency_key_reused")
    state = await till.good("GET", "/v1/requests/upload")
    assert (state["state"], state["status"], state["body"]) == ("done", 200, first.json())


async def test_changed_or_posted_on_line_before_it_is_a_duplicate(till: Desk) -> None:
    customer = await till.register()
    (sold,) = await posted(till, receipt(customer, number="1"))
    online = (await till.accrue(customer, receipt="2")).json()
    changed, before = await upload(
        till, receipt(customer, line(price=99900), number="1"), receipt(customer, number="2")
    )
    assert problem_of(changed, 409, "duplicate_receipt")["original_tx_id"] == sold["tx_id"]
    assert problem_of(before, 409, "duplicate_receipt")["original_tx_id"] == online["tx_id"]
    problem = refused(await till.accrue(customer, receipt="1"), 409, "duplicate_receipt")
    assert problem["original_tx_id"] == sold["tx_id"]
    assert await till.balance(customer, min_version=2) == 200


async def test_a_callers_key_never_meets_a_receipts(till: Desk) -> None:
    customer = await till.register()
    await posted(till, receipt(customer, number="7"))
    for key in ("7", "offline", "offline7"):
        assert (await till.post("/v1/accrue", purchase(customer), key=key)).status_code == 201


async def test_a_refusal_doesnt_use_up_the_receipt(till: Desk, owner: asyncpg.Connection) -> None:
    customer = await till.register()
    await owner.execute("update customers set is_blocked = true")
    one = receipt(customer, number="1")
    (result,) = await upload(till, one)
    problem_of(result, 409, "customer_blocked")
    await owner.execute("update customers set is_blocked = false")
    await posted(till, one)


async def test_one_bad_receipt_refuses_no_other(till: Desk, owner: asyncpg.Connection) -> None:
    customer = await till.register()
    good = receipt(customer, number="good")
    bad: list[tuple[dict[str, Any], str]] = [
        (receipt(customer, line(price=-1)), "/basket/lines/0/price"),
        (receipt(customer, line(price=10**30)), "/basket/lines/0/price"),
        (receipt(customer, line(price=100, discount=101)), "/basket/lines/0/discount"),
        (receipt(customer, line(1), line(1)), "/basket/lines/1/id"),
        (receipt(customer, quote="x"), "/quote"),
        (receipt(customer, expect={"paid": 1}), "/expect"),
        (receipt(customer, at=ago(hours=1)), "/at"),
        (receipt(customer, redeem={"points": "max"}), "/redeem"),
        (receipt(customer, redeem={"rewards": {"x": 1}}), "/redeem"),
        (receipt(customer, redeem={"points": -1}), "/redeem/points"),
        (receipt(customer, executed_at=ago(days=31)), "/executed_at"),
        (receipt(customer, executed_at=ago(minutes=-6)), "/executed_at"),
        (receipt(customer, executed_at="yesterday"), "/executed_at"),
        (receipt({"phone": "12"}), "/customer/phone"),
        (receipt(customer, line(name="a\x00b")), "/basket/lines/0/name"),
        (receipt(customer, line(name="\ud800")), "/basket/lines/0/name"),
        (receipt(customer, number="\ud800"), "/receipt/number"),
        ({}, "/executed_at"),
        (receipt(customer, number="good"), "/receipt/number"),
    ]
    results = await upload(till, good, *(each for each, _ in bad), receipt(customer, number="last"))
    assert [result["status"] for result in results] == [201, *[422] * len(bad), 201]
    for (_, pointer), result in zip(bad, results[1:], strict=False):
        assert pointer in {error["pointer"] for error in result["problem"]["errors"]}, result
    assert results[0]["receipt"] == {"shop": "S1", "terminal": "T1", "number": "good"}
    assert await owner.fetchval("select count(*) from audit_tx") == 2
    await audit(owner)


async def test_unknown_customers_and_foreign_shops_are_refused_by_themselves(till: Desk) -> None:
    unknown, foreign, deep, good = await upload(
        till,
        receipt({"phone": "+79009999999"}, number="1"),
        receipt(None, number="2") | {"receipt": {"number": "2", "shop": "S9"}},
        receipt(None, line(tags=[[[[[]]]]]), number="3"),
        receipt(None, number="1"),
    )
    problem_of(unknown, 404, "customer_not_found")
    problem_of(foreign, 403, "insufficient_scope")
    assert pointers_of(deep) == {"/basket/lines/0/tags/0"}
    assert pointers_of(good) == {"/receipt/number"}


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 422, "validation_error"),
        ([], 422, "validation_error"),
        ([1, 2], 422, "validation_error"),
        ([[]], 422, "validation_error"),
        ("x", 422, "validation_error"),
        ([{}] * 501, 422, "limit_exceeded"),
        (b"[{]", 400, "malformed_request"),
        (b'[{"a":1,"a":2}]', 400, "malformed_request"),
        (b"[" + b" " * (4 * 1024 * 1024) + b"{}]", 413, "payload_too_large"),
    ],
)
async def test_what_is_no_list_of_receipts_is_refused_whole(
    till: Desk, owner: asyncpg.Connection, body: Any, status: int, code: str
) -> None:
    refused(await till.post(PATH, body, key="bad"), status, code)
    assert await owner.fetchval("select count(*) from claims where kind = 'r'") == 0
    assert await owner.fetchval("select count(*) from audit_tx") == 0
    (result,) = await upload(till, receipt(None), key="bad")  # The key is not used up either.
    assert result["status"] == 201


async def test_three_megabytes_are_taken(till: Desk) -> None:
    lines = [line(place, name="x" * 200) for place in range(1, 250)]
    results = await upload(till, *(receipt(None, *lines) for _ in range(40)))
    assert {result["status"] for result in results} == {201}


async def test_five_hundred_receipts_in_a_call(till: Desk, stage: Stage, owner: asyncpg.Connection) -> None:
    customers = [await till.register() for _ in range(50)]
    receipts = [
        receipt(customers[number % 50], line(price=10000 + number), number=str(number), executed_at=ago(minutes=number))
        for number in range(500)
    ]
    began = perf_counter()
    results = await upload(till, *receipts)
    seconds = perf_counter() - began
    assert [result["receipt"]["number"] for result in results] == [str(number) for number in range(500)]
    assert {result["status"] for result in results} == {201}
    assert seconds < 9, f"{seconds:.1f} s"
    again = await upload(till, *receipts)
    assert [result["purchase"] for result in again] == [result["purchase"] for result in results]
    assert all(result["replayed"] for result in again)
    # Of each customer those made earlier were posted earlier.
    out_of_order = await owner.fetch("""
        select customer_id from (
            select customer_id, at, lag(at) over (partition by customer_id order by version) as before from audit_tx
        ) t where before > at""")
    assert out_of_order == []
    await audit(owner)
    assert await findings(stage.owner_url) == []


async def test_the_version_at_the_time_of_the_deal_decides(till: Desk, admin: Desk) -> None:
    customer = await till.register()
    await asyncio.sleep(0.05)
    between = ago(seconds=0)
    await asyncio.sleep(0.05)
    version = await admin.publish(
        small_program(rules=[{"id": "base", "kind": "bonus", "give": {"per": {"amount": 100, "units": 2}}}])
    )
    assert version == 2
    later = ago(seconds=0)
    early, then, now = await posted(
        till,
        receipt(customer, executed_at=ago(days=20)),
        receipt(customer, executed_at=between),
        receipt(customer, executed_at=later),
    )
    assert [each["program"] for each in (early, then, now)] == [1, 1, 2]
    assert [each["totals"]["accrued"]["points"] for each in (early, then, now)] == [100, 100, 200]


async def test_a_lot_that_has_ended_expires_in_the_same_posting(
    till: Desk, admin: Desk, owner: asyncpg.Connection, stage: Stage
) -> None:
    await admin.publish(small_program(wallets={"points": {"value": 100, "expire_after_days": 10}}))
    customer = await till.register()
    await till.accrue(customer, line(price=5000))
    late, fresh = ago(days=12), ago(days=9)
    version = await owner.fetchval("select max(version) from programs")
    await owner.execute("update programs set published_at = published_at - interval '20 days'")
    old, young = await posted(till, receipt(customer, executed_at=late), receipt(customer, executed_at=fresh))
    assert (old["program"], young["program"]) == (version, version)
    assert old["balances"]["points"]["available"] == 50
    assert young["balances"]["points"]["available"] == 150
    lots = (await till.good("GET", f"/v1/customers/{customer}/lots"))["items"]
    assert [lot["remaining"] for lot in lots] == [100, 50]  # The late one ends first, so it is spent first.
    ends = [datetime.fromisoformat(lot["expires_at"]) for lot in lots]
    assert timedelta(hours=20) < ends[0] - datetime.now(UTC) < timedelta(hours=28)
    await audit(owner)
    assert await findings(stage.owner_url) == []


async def test_late_receipts_leave_earlier_spendings_alone(till: Desk, owner: asyncpg.Connection) -> None:
    customer = await till.register()
    first = (await till.accrue(customer)).json()
    spent = (await till.accrue(customer, line(price=10000), redeem={"points": 60})).json()
    before = await owner.fetch("select * from audit_entry order by entry_id")
    await posted(till, receipt(customer, executed_at=ago(days=3)))
    after = await owner.fetch("select * from audit_entry order by entry_id")
    assert [row for row in after if row["tx_id"] in {first["tx_id"], spent["tx_id"]}] == before
    back = await till.good("POST", f"/v1/purchases/{spent['id']}/returns", refund())
    assert back["given_back"] == {"points": 60}
    await audit(owner)


async def test_hours_and_windows_go_by_the_time_of_the_deal(till: Desk, admin: Desk) -> None:
    start = datetime.now(UTC) - timedelta(hours=5)
    await admin.publish(
        small_program(
            rules=[
                {
                    "id": "window",
                    "kind": "bonus",
                    "give": {"units": 9},
                    "from": start.isoformat(),
                    "until": (start + timedelta(hours=1)).isoformat(),
                }
            ]
        )
    )
    customer = await till.register()
    inside = receipt(customer, executed_at=(start + timedelta(minutes=30)).isoformat())
    outside = receipt(customer, executed_at=ago(hours=1))
    # Both are earlier than any version; the first one, which has other rules, decides.
    assert [each["program"] for each in await posted(till, inside, outside)] == [1, 1]


async def test_limits_go_by_the_databases_clock(till: Desk, admin: Desk, owner: asyncpg.Connection) -> None:
    await admin.publish(
        small_program(
            rules=[
                {
                    "id": "daily",
                    "kind": "bonus",
                    "give": {"units": 10},
                    "limit": {"customer": {"max": 15, "period": "day"}},
                }
            ]
        )
    )
    await owner.execute("update programs set published_at = published_at - make_interval(days => 10 * (3 - version))")
    customer = await till.register()
    sold = await posted(till, *(receipt(customer, executed_at=ago(days=days)) for days in (3, 2, 1)))
    assert [each["totals"]["accrued"]["points"] for each in sold] == [10, 5, 0]


async def test_draws_are_of_the_day_on_which_they_are_made(till: Desk, admin: Desk) -> None:
    draw = {"algorithm": "independent", "chance": "1", "prizes": [{"id": "p", "weight": 1, "units": 5}]}
    program = small_program(rules=[{"id": "lucky", "kind": "random_reward", "give": {"draw": draw}}])
    await admin.publish(program)
    customer = await till.register()
    body = receipt(customer, executed_at=ago(seconds=0))
    (sold,) = await posted(till, body)
    (drawn,) = sold["draws"]
    assert (drawn["rule"], drawn["prize"], sold["totals"]["accrued"]["points"]) == ("lucky", "p", 5)
    today = datetime.now(ZoneInfo(program["timezone"])).date()
    day = await till.good("GET", f"/v1/draws/{today}")
    assert day["commitment"] is not None
    (again,) = await upload(till, body)
    assert again["purchase"]["draws"] == [drawn]


async def test_a_busy_customer_is_waited_for(till: Desk, owner: asyncpg.Connection) -> None:
    customer, other = await till.register(), await till.register()
    async with owner.transaction():
        await owner.execute("select from customers where id = $1 for update", customer)
        under_way = asyncio.create_task(upload(till, receipt(customer), receipt(other)))
        await asyncio.sleep(1.5)
        assert not under_way.done()
    assert [result["status"] for result in await under_way] == [201, 201]


async def test_what_has_no_outcome_yet_is_asked_for_again(till: Desk, stage: Stage, owner: asyncpg.Connection) -> None:
    customer, other = await till.register(), await till.register()
    body = [receipt(customer, number="1"), receipt(other, number="2")]
    async with owner.transaction():
        await owner.execute("select from customers where id = $1 for update", customer)
        problem = refused(await till.post(PATH, body, key="upload"), 503, "busy")
        assert problem["retryable"] is True
    assert (await till.good("GET", "/v1/requests/upload"))["state"] == "unknown"
    answer = await till.post(PATH, body, key="upload")
    assert [(result["status"], result["replayed"]) for result in answer.json()["results"]] == [
        (201, False),
        (201, True),
    ]
    await audit(owner)
    assert await findings(stage.owner_url) == []


async def test_any_shop_key_of_a_till_may_upload_and_nobody_else(till: Desk, stage: Stage) -> None:
    web = Desk(till.http, await stage.key("shop", shop="W1", terminal="web"))
    (result,) = await upload(web, receipt(None))
    assert result["receipt"]["shop"] == "W1"
    person = Desk(till.http, await stage.key("admin"))
    missing, named = await upload(
        person, receipt(None, number="a"), receipt(None) | {"receipt": {"number": "b", "shop": "S5"}}
    )
    assert pointers_of(missing) == {"/receipt/shop"}
    assert named["status"] == 201
    for role in ("marketer", "analyst", "support", "ops"):
        other = Desk(till.http, await stage.key(role))
        refused(await other.post(PATH, [receipt(None)]), 403, "insufficient_scope")


async def test_without_a_program_the_call_is_refused(http: Any, stage: Stage, owner: asyncpg.Connection) -> None:
    till = Desk(http, await stage.key("pos", shop="S1", terminal="T1"))
    refused(await till.post(PATH, [receipt(None)], key="early"), 404, "not_found")
    assert await owner.fetchval("select count(*) from claims") == 0
