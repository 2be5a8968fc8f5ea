"""Holds in the database: the plans of their statements, and a decision that comes back as it was kept."""

import re
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from app.domain.decision import Decision
from app.flows.ledger_port import HeldSale
from app.storage import holds, holds_over, hot_reads, ledger, reads
from app.storage.holds import sale_from_json, sale_to_json
from tests.kit import Desk, line, purchase, small_program
from tests.storage.plans import KEPT, MADE, plan_of

_IDS = [UUID(int=n) for n in range(1, 4)]
_NOW = datetime(2040, 1, 1, tzinfo=UTC)
# A third of them open, a few of each customer: among a handful any index would do.
FILL = """
insert into holds (id, customer_id, kind, shop, terminal, program, at, expires_at, state, resolved_tx, units, answer)
select gen_random_uuid(), lpad(to_hex(n % 1000), 32, '0')::uuid, 'redeem', 'S1', 'T1', 1, now(),
    now() + n * interval '1 second', case when n % 3 = 0 then 'held' else 'captured' end,
    case when n % 3 = 0 then null else gen_random_uuid() end, '[]', ''
from generate_series(1, 6000) n
"""
_GROWING = r"Seq Scan on (holds|purchases|customers|txs|lots|entries)"


@pytest.mark.parametrize(
    ("statement", "arguments", "index"),
    [
        (ledger.TAKE, ([],), "holds_due"),
        (holds.DUE_HOLDERS, (_NOW, 100), "holds_due"),
        (holds.HOLD_OWNERS, (_IDS,), "holds_pkey"),
        (holds.LOCK_HOLDS, (_IDS, _IDS), "holds_pkey"),
        (holds.LOCK_HOLDS, (_IDS, _IDS), "holds_open"),
        (holds.LOCK_NOBODYS, (_NOW, 100), "holds_open"),
        (holds.RESOLVE_HOLDS, (_IDS, _IDS, ["expired"] * 3, _IDS), "holds_pkey"),
        (holds.READ_HOLD, (_IDS[0],), "holds_pkey"),
        (holds_over.OVER, (1000,), "holds_due"),
        (holds_over.CODES_OVER, (["A"], ["p"]), r"coupons_(pkey|pool) on [^\n]*\n\s*Index Cond: .*code = ANY"),
        (hot_reads.READ_BOOKS, (_IDS,), "holds_open"),
        (reads.PURCHASE, (_IDS[0],), "holds_pkey"),
        (ledger.STORED_ANSWERS, ledger.bounded(_IDS), "holds_pkey"),
        (ledger.LOCK_PURCHASES, (_IDS,), "purchases_other_pkey"),
        (ledger.LOCK_PURCHASES, (_IDS,), "holds_pkey"),
        (ledger.PREVIOUS_AT, (_IDS, _IDS), "purchases_other_pkey"),
    ],
)
async def test_a_statement_of_holds_uses_its_index(
    owner: asyncpg.Connection, till: Desk, statement: str, arguments: tuple[object, ...], index: str
) -> None:
    assert await till.register()
    await owner.execute(FILL)
    await owner.execute("analyze holds")
    async with owner.transaction():
        await owner.execute("set local enable_seqscan = off")
        plan = await plan_of(owner, statement, *arguments)
    assert not re.search(_GROWING, plan), plan
    assert re.search(index, plan), plan


@pytest.mark.parametrize("mode", [KEPT, MADE])
async def test_whether_a_hold_is_over_is_one_look_at_the_index(
    owner: asyncpg.Connection, till: Desk, mode: str
) -> None:
    """The first entry tells, however many holds are open."""
    assert await till.register()
    async with owner.transaction():
        plan = await plan_of(owner, ledger.TAKE, [], mode=mode)
    assert re.search(r"Limit .*\n\s*->  Index Only Scan using holds_due on holds", plan), plan


async def _held(owner: asyncpg.Connection, till: Desk, body: dict[str, Any]) -> bytes:
    """What is kept of a held basket's decision."""
    held = await till.good("POST", "/v1/holds", body)
    stored = await owner.fetchval("select decision from holds where id = $1::text::uuid", held["id"])
    assert isinstance(stored, bytes)
    return stored


async def test_a_decision_comes_back_as_it_was_kept(owner: asyncpg.Connection, admin: Desk, till: Desk) -> None:
    """With discounts, redemption, a reward and its code, coupons, limits, a draw, verdicts with needs, and hints."""
    draw = {
        "algorithm": "bag",
        "size": 10,
        "prizes": [{"id": "p", "weight": 10, "units": 30, "stock": 9}],
    }
    await owner.execute("insert into coupon_pools (id, uses_max, created_by) values ('gifts', 1, 'test')")
    await owner.execute("insert into coupons (code, pool, uses_max, created_by) values ('GIFT', 'gifts', 1, 'test')")
    await owner.execute("insert into coupons (code, uses_max, created_by) values ('SPRING', 5, 'test')")
    rules: list[dict[str, Any]] = [
        {
            "id": "off",
            "kind": "discount",
            "when": {"coupon": ["SPRING"]},
            "give": {"percent": "10"},
            "limit": {"receipt": 700, "customer": {"max": 900, "uses": 3, "period": "month"}, "budget": 10**6},
        },
        {"id": "steps", "kind": "discount", "give": {"steps": [{"min": 10**6, "percent": "5"}]}},
        {"id": "base", "kind": "bonus", "give": {"per": {"amount": 100, "units": 1}}},
        {"id": "far", "kind": "bonus", "when": {"basket_total": {"min": 10**9}}, "give": {"units": 5}},
        {"id": "code", "kind": "reward", "give": {"coupon": "gifts"}},
        {"id": "lucky", "kind": "random_reward", "give": {"draw": draw}},
    ]
    await admin.publish(small_program(rules=rules))
    customer = await admin.register(name="Anna")
    await admin.good("POST", f"/v1/customers/{customer}/adjust", {"wallet": "points", "points": 50, "reason": "test"})
    body = purchase(customer, line(1, price=9999, qty="1.345"), line(2, price=501, no=["redeem"]), redeem={"points": 7})
    body["basket"]["coupons"] = ["spring", "nonsense"]
    stored = await _held(owner, till, body)
    sale = sale_from_json(stored)
    assert isinstance(sale, HeldSale)
    assert isinstance(sale.decision, Decision)
    assert sale_to_json(sale) == stored
    assert sale_from_json(sale_to_json(sale)) == sale
    decision = sale.decision
    assert (decision.draws[0].prize, decision.draws[0].day.year >= 2020, sale.customer_name) == ("p", True, "An***")
    assert {effect.rule for effect in decision.effects} == {"off", "base", "code", "lucky"}
    assert [use.name for use in decision.uses if use.by_line]
    assert {coupon.word.value for coupon in decision.coupons} == {"applied", "unknown"}
    assert next(each for each in decision.verdicts if each.rule == "far").need is not None
    assert decision.hints
    captured = await till.good("POST", f"/v1/holds/{(await owner.fetchval('select id::text from holds'))}/capture", {})
    assert captured["totals"]["paid"] == decision.paid
    assert captured["effects"][-1]["rule"] == "lucky"
    assert [hint["rule"] for hint in captured["hints"]] == [hint.rule for hint in decision.hints]
    left = await owner.fetchrow("select decision, basket, state from holds")
    assert tuple(left) == (None, None, "captured")
