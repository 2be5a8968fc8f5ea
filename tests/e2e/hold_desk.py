"""What tests of holds ask for, and how they look behind the curtain."""

from collections.abc import Mapping
from typing import Any

import asyncpg

from tests.e2e.checks import entries
from tests.kit import Desk, purchase
from tests.storm.audit import audit

ROWS = """
select (select count(*) from txs) as txs, (select count(*) from entries) as entries,
    (select count(*) from holds) as holds, (select count(*) from purchases) as purchases,
    (select coalesce(sum(version), 0) from customers)::bigint as versions,
    (select count(*) from counters where used > 0) as counters
"""
HOLDS = """
select wallet, amount, state, tx_id, resolved_tx from audit_hold where hold_id = $1 order by wallet
"""
# An open hold's units are the customer's held balance, and its lots' held units.
HELD_AGREE = """
select b.customer_id, b.wallet, b.held, coalesce(h.amount, 0) as by_holds, coalesce(l.held, 0) as by_lots
from audit_balance b
left join (
    select customer_id, wallet, sum(amount) as amount from audit_hold where state = 'held' group by 1, 2
) h using (customer_id, wallet)
left join (
    select customer_id::text as customer_id, wallet, sum(held) as held from lots group by 1, 2
) l using (customer_id, wallet)
where b.held <> coalesce(h.amount, 0) or b.held <> coalesce(l.held, 0)
"""
RESOLVED_ONCE = """
select h.hold_id, h.state, h.resolved_tx, count(t.tx_id) from audit_hold h
left join audit_tx t on t.parent_tx = h.hold_id and t.kind in ('capture', 'release')
group by 1, 2, 3
having count(distinct t.tx_id) <> case h.state when 'held' then 0 else 1 end
    or (h.state <> 'held' and min(t.tx_id) <> h.resolved_tx)
"""
OPEN_COUNTED = """
select c.id, c.holds, count(h.id) from customers c left join holds h on h.customer_id = c.id and h.state = 'held'
group by 1, 2 having c.holds <> count(h.id)
"""


async def give(office: Desk, customer: str, points: int, *, wallet: str = "points") -> None:
    body = {"wallet": wallet, "points": points, "reason": "for the test"}
    await office.good("POST", f"/v1/customers/{customer}/adjust", body)


def units(customer: str, points: int, *, receipt: str, **more: Any) -> dict[str, Any]:
    """The body of a hold without a basket."""
    return {
        "customer": {"id": customer},
        "wallet": "points",
        "points": points,
        "receipt": {"number": receipt},
        "reason": "a mug",
        **more,
    }


async def place(till: Desk, customer: str | None, *lines: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """The answer of a held basket."""
    answer: dict[str, Any] = await till.good("POST", "/v1/holds", purchase(customer, *lines, **more))
    return answer


async def capture(till: Desk, hold: str, *lines: tuple[str, int | str]) -> dict[str, Any]:
    body = {"lines": [{"id": line_id, "qty": qty} for line_id, qty in lines]} if lines else {}
    answer: dict[str, Any] = await till.good("POST", f"/v1/holds/{hold}/capture", body)
    return answer


async def release(till: Desk, hold: str) -> dict[str, Any]:
    answer: dict[str, Any] = await till.good("POST", f"/v1/holds/{hold}/release")
    return answer


async def balances(till: Desk, customer: str, wallet: str = "points") -> tuple[int, int]:
    """Available and held."""
    answer = await till.good("GET", f"/v1/customers/{customer}/balance")
    found = answer["wallets"][wallet]
    return found["available"], found["held"]


async def rows(owner: asyncpg.Connection) -> dict[str, int]:
    """How much has been written so far."""
    return dict(await owner.fetchrow(ROWS))


async def holds(owner: asyncpg.Connection, hold: str) -> list[dict[str, Any]]:
    return [dict(row) for row in await owner.fetch(HOLDS, hold)]


async def check(owner: asyncpg.Connection) -> None:
    """The books, and what is special to holds."""
    await audit(owner)
    assert await owner.fetch(HELD_AGREE) == []
    assert await owner.fetch(RESOLVED_ONCE) == []
    assert await owner.fetch(OPEN_COUNTED) == []


__all__ = ["balances", "capture", "check", "entries", "give", "holds", "place", "release", "rows", "units"]
