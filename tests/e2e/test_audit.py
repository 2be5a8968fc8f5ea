"""What accountants see: the audit views, sums to zero, versions without gaps, and a chain anyone can recompute."""

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import asyncpg
import pytest

from tests.e2e.checks import ago, by
from tests.kit import Desk, Stage, line, purchase, refund, small_program

# CONTRACT, section 5.
VIEWS: Mapping[str, str] = {
    "audit_tx": "tx_id, kind, idempotency_key, shop, terminal, receipt, customer_id, version, parent_tx, program, at,"
    " created_at, hash",
    "audit_entry": "entry_id, tx_id, account, customer_id, wallet, amount, lot_id, rule",
    "audit_balance": "customer_id, wallet, available, pending, held, version",
    "audit_lot": "customer_id, wallet, lot_id, tx_id, remaining, active_at, expires_at",
    "audit_hold": "hold_id, customer_id, wallet, amount, state, expires_at, tx_id, resolved_tx",
    "audit_purchase_line": "purchase_id, line_id, qty, qty_returned, wallet, accrued, taken_back, redeemed, given_back",
    "audit_event": "event_id, tx_id, customer_id, version, published_at",
    "audit_day": "day, account, wallet, opening, in, out, closing",
}
WALLETS = {"points": {"value": 100, "activate_after_days": 2, "expire_after_days": 30}, "cashback": {"value": 1}}
RULES = [
    {"id": "base", "kind": "bonus", "give": {"per": {"amount": 100, "units": 1}}},
    {"id": "card", "kind": "bonus", "when": {"payment": {"method": "card"}}, "give": {"units": 7}},
    {"id": "back", "kind": "cashback", "give": {"percent": "1"}},
]


@pytest.fixture
async def story(till: Desk, admin: Desk) -> dict[str, Any]:
    """A customer's life with a posting of nearly every kind, one of somebody else's, and one of nobody's."""
    await admin.publish(small_program(wallets=WALLETS, rules=RULES, redemption={"wallets": ["points", "cashback"]}))
    customer, other = await till.register(phone="+79001234567"), await till.register()

    async def sell(whose: str | None, *lines: dict[str, Any], receipt: str, **more: Any) -> dict[str, Any]:
        key = f'"{receipt[-1]}\\'  # Printable, and awkward in JSON.
        sold = await till.post("/v1/accrue", purchase(whose, *lines, receipt=receipt, **more), key=key)
        assert sold.status_code == 201, sold.text
        answer: dict[str, Any] = sold.json()
        return answer

    # Its points activate a moment after they were posted, and those of the second are over on arrival.
    active_at = ago(seconds=-0.5)
    two_days_before = (active_at - timedelta(days=2)).isoformat()
    first = await sell(customer, line(price=50000), receipt='№ "1\\b\t1', at=two_days_before)
    await sell(customer, receipt="2", at=ago(days=31).isoformat())
    await sell(other, line(price=100), receipt="3")
    anonymous = await sell(None, receipt="4")
    await admin.good(
        "POST", f"/v1/customers/{customer}/adjust", {"wallet": "cashback", "points": 5000, "reason": "moved in"}
    )
    basket = purchase(customer)["basket"] | {"payments": [{"method": "card", "amount": 1}]}
    basket["lines"] = [line(1, price=30000, qty=3), line(2, price=777, no=["accrue", "redeem"])]
    second = await sell(customer, receipt="5", redeem={"cashback": 4001}, basket=basket)
    returned = await till.good("POST", f"/v1/purchases/{second['id']}/returns", refund(("1", "1.5"), receipt="6"))
    await till.good("POST", f"/v1/purchases/{anonymous['id']}/returns", refund(receipt="7"))
    await asyncio.sleep(max((active_at - ago()).total_seconds(), 0) + 0.01)
    spent = {"customer": {"id": customer}, "wallet": "cashback", "points": 100, "receipt": {"number": "8"}}
    redeemed = await till.good("POST", "/v1/redeem", {**spent, "reason": "a mug"})
    return {
        "customer": customer,
        "other": other,
        "anonymous": anonymous,
        "first": first,
        "second": second,
        "returned": returned,
        "redeemed": redeemed,
    }


async def test_the_views_have_the_columns_of_the_contract(owner: asyncpg.Connection, till: Desk) -> None:
    for view, columns in VIEWS.items():
        found = await owner.fetch(
            "select column_name from information_schema.columns where table_name = $1 order by ordinal_position", view
        )
        assert [row["column_name"] for row in found] == columns.split(", "), view


async def test_the_application_can_add_to_history_and_not_change_it(
    stage: Stage, till: Desk, owner: asyncpg.Connection
) -> None:
    await till.accrue(await till.register())
    application = await asyncpg.connect(stage.database_url)
    try:
        assert await application.fetchval("select current_user") == "loyalty_app"
        assert await application.fetchval("select count(*) from audit_entry") == 2
        for statement in (
            "update entries set amount = amount",
            "update txs set receipt = 'other'",
            "delete from entries",
            "delete from txs",
            "truncate entries",
            "truncate txs",
            "drop table entries",
            "alter table entries disable trigger all",
            "delete from claims",
            "update claims set answer_id = digest",
            "delete from lots",
            "delete from purchases",
            "delete from events",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await application.execute(statement)
    finally:
        await application.close()
    for statement in ("update entries set amount = amount", "delete from txs"):
        with pytest.raises(asyncpg.PostgresError):  # Nor by accident, whoever owns the tables.
            await owner.execute(statement)


async def test_every_transaction_sums_to_zero_and_has_an_event(
    story: dict[str, Any], owner: asyncpg.Connection
) -> None:
    assert await owner.fetch("select tx_id from audit_entry group by tx_id, wallet having sum(amount) <> 0") == []
    assert await owner.fetch("select tx_id from audit_tx except select tx_id from audit_event") == []
    strangers = "select tx_id from audit_entry except select tx_id from audit_tx"
    assert await owner.fetch(strangers) == []
    mismatched = (
        "select e.event_id from audit_event e join audit_tx t using (tx_id)"
        " where e.version <> t.version or e.customer_id is distinct from t.customer_id"
    )
    assert await owner.fetch(mismatched) == []


async def test_versions_have_no_gaps_and_what_time_brought_stands_before_what_met_it(
    story: dict[str, Any], owner: asyncpg.Connection
) -> None:
    rows = await owner.fetch(
        "select kind, version, idempotency_key is null as along, receipt, shop, terminal, parent_tx, program"
        " from audit_tx where customer_id = $1 order by version",
        story["customer"],
    )
    assert [row["version"] for row in rows] == list(range(1, len(rows) + 1))
    kinds = [row["kind"] for row in rows]
    without_time = [kind for kind in kinds if kind != "activate"]
    assert without_time == ["purchase", "purchase", "adjust", "purchase", "return", "redeem"]
    assert [row["along"] for row in rows] == [kind == "activate" for kind in kinds]
    back = rows[kinds.index("return")]
    assert (back["receipt"], back["shop"], back["terminal"], back["parent_tx"], back["program"]) == (
        "6",
        "S1",
        "T1",
        story["second"]["tx_id"],
        2,
    )
    nobodys = await owner.fetch(
        "select kind, version, idempotency_key is null as along from audit_tx where customer_id is null order by tx_id"
    )
    assert [tuple(row) for row in nobodys] == [("purchase", 0, False), ("return", 0, False)]


async def test_balances_are_the_sums_of_their_entries_and_of_their_lots(
    story: dict[str, Any], till: Desk, owner: asyncpg.Connection
) -> None:
    rows = await owner.fetch("select * from audit_balance")
    assert {row["customer_id"] for row in rows} == {story["customer"], story["other"]}
    for row in rows:
        for account in ("available", "pending", "held"):
            posted = await owner.fetchval(
                "select coalesce(sum(amount), 0) from audit_entry"
                " where customer_id = $1 and wallet = $2 and account = $3",
                row["customer_id"],
                row["wallet"],
                f"customer:{account}",
            )
            assert row[account] == posted, (row["wallet"], account)
        in_lots = await owner.fetchval(
            "select coalesce(sum(remaining), 0) from audit_lot where customer_id = $1 and wallet = $2",
            row["customer_id"],
            row["wallet"],
        )
        assert row["available"] + row["pending"] == in_lots
    mine = {row["wallet"]: row for row in rows if row["customer_id"] == story["customer"]}
    answered = story["redeemed"]["balances"]
    assert {wallet: mine[wallet]["available"] for wallet in mine} == {
        wallet: answered[wallet]["available"] for wallet in answered
    }
    assert mine["points"]["version"] == story["redeemed"]["version"]


async def test_each_purchase_line_has_its_rows(story: dict[str, Any], owner: asyncpg.Connection) -> None:
    async def lines(purchase_id: str) -> list[tuple[Any, ...]]:
        rows = await owner.fetch(
            "select line_id, qty::text::numeric, qty_returned, wallet, accrued, taken_back, redeemed, given_back"
            " from audit_purchase_line where purchase_id = $1 order by line_id, wallet",
            purchase_id,
        )
        return [(row[0], float(row[1]), float(row[2]), *list(row)[3:]) for row in rows]

    second = story["second"]
    # 90,777 less 4,001: line 1 paid 85,999 and brings 859 points + 7, and cashback of 1 %, 859.
    assert second["totals"]["paid"] == 90777 - 4001
    assert second["lines"][0]["accrued"] == {"points": 866, "cashback": 859}
    assert await lines(second["id"]) == [
        ("1", 3.0, 1.5, "cashback", 859, 430, 4001, 2001),
        ("1", 3.0, 1.5, "points", 866, 433, 0, 0),
        ("2", 1.0, 0.0, None, 0, 0, 0, 0),
    ]
    assert await lines(story["anonymous"]["id"]) == [("1", 1.0, 1.0, None, 0, 0, 0, 0)]
    assert story["returned"]["taken_back"] == {"points": 433, "cashback": 430}
    assert story["returned"]["given_back"] == {"cashback": 2001}


async def test_entries_name_their_rule_and_their_lot(story: dict[str, Any], owner: asyncpg.Connection) -> None:
    rows = await owner.fetch(
        "select account, wallet, amount, rule, lot_id from audit_entry where tx_id = $1 order by entry_id",
        story["second"]["tx_id"],
    )
    issued = [row for row in rows if row["account"] == "customer:pending"]
    assert [(row["rule"], row["amount"]) for row in issued] == [("base", 859), ("card", 7)]
    assert len({row["lot_id"] for row in issued}) == 1  # Points of one purchase in one wallet expire together.
    spent = [row for row in rows if row["account"] == "customer:available" and row["amount"] < 0]
    assert sum(row["amount"] for row in spent) == -4001
    assert all(row["lot_id"] for row in spent)
    against = {row["account"]: row["amount"] for row in rows if row["account"].startswith("program:")}
    assert against.keys() == {"program:redeemed", "program:issued"}
    assert sum(row["amount"] for row in rows if row["account"] == "program:issued") == -866 - 859


async def test_anyone_can_recompute_the_chain(story: dict[str, Any], till: Desk, owner: asyncpg.Connection) -> None:
    """By the front page of the OpenAPI document alone, on the views alone."""
    columns = VIEWS["audit_tx"].split(", ")
    entries: dict[str, list[dict[str, Any]]] = {}
    for row in await owner.fetch("select * from audit_entry order by entry_id"):
        entries.setdefault(row["tx_id"], []).append({name: row[name] for name in VIEWS["audit_entry"].split(", ")})
    heads: dict[str | None, bytes] = {}
    links = 0
    for row in await owner.fetch("select * from audit_tx order by version, tx_id"):
        document = {
            name: _utc(row[name]) if isinstance(row[name], datetime) else row[name]
            for name in columns
            if name not in {"hash", "created_at"}
        }
        document["entries"] = entries.pop(row["tx_id"], [])
        canonical = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        head = bytes(32) if row["customer_id"] is None else heads.get(row["customer_id"], bytes(32))
        assert row["hash"] == sha256(head + canonical).digest(), (row["kind"], row["version"])
        heads[row["customer_id"]] = row["hash"]
        links += 1
    assert (entries, links >= 9) == ({}, True)
    stored = by("id", [dict(row) for row in await owner.fetch("select id::text as id, head from customers")])
    assert {customer: stored[customer]["head"] for customer in stored} == {
        customer: head for customer, head in heads.items() if customer is not None
    }


async def test_the_daily_account_opens_where_the_day_before_closed(
    story: dict[str, Any], owner: asyncpg.Connection
) -> None:
    rows = await owner.fetch('select day, account, wallet, opening, "in", "out", closing from audit_day')
    assert rows
    for row in rows:
        posted = await owner.fetchrow(
            "select coalesce(sum(amount) filter (where amount > 0), 0),"
            " coalesce(-sum(amount) filter (where amount < 0), 0)"
            " from audit_entry where account = $1 and wallet = $2",
            row["account"],
            row["wallet"],
        )
        days = [each for each in rows if (each["account"], each["wallet"]) == (row["account"], row["wallet"])]
        assert (sum(each["in"] for each in days), sum(each["out"] for each in days)) == tuple(posted)
        assert row["closing"] == row["opening"] + row["in"] - row["out"]
        assert min(days, key=lambda each: each["day"])["opening"] == 0
    by_wallet: dict[str, int] = {}
    last = max(row["day"] for row in rows)
    for row in rows:
        if row["day"] == last:
            by_wallet[row["wallet"]] = by_wallet.get(row["wallet"], 0) + row["closing"]
    assert set(by_wallet.values()) == {0}


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
