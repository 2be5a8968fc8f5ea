"""Books filled through the real service: every kind of posting, debts, refusals, and purchases of nobody."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg

from tests.kit import Desk, Stage, client_of, line, purchase, refund, served_here, small_program

_SOON = timedelta(seconds=1.5)  # Some ten requests, a few milliseconds each.

PROGRAM: Mapping[str, Any] = {
    "wallets": {
        "points": {"value": 100, "expire_after_days": 30},
        "cashback": {"value": 1, "activate_after_days": 10, "debt": "clamp"},
    },
    "redemption": {"wallets": ["points", "cashback"]},
    "rules": [
        {"id": "base", "kind": "bonus", "give": {"per": {"amount": 1000, "units": 1}}},
        {"id": "cash", "kind": "cashback", "give": {"percent": "1"}},
    ],
}

# What the first one lacks: full sets, own terms, limits, draws, acts, a window of tiers.
LATER: Mapping[str, Any] = {
    **PROGRAM,
    "wallets": {
        **PROGRAM["wallets"],
        "stamps": {"value": 0, "convert": {"every": 10, "into": "points", "units": 50}},
    },
    "tiers": [{"id": "plain", "from": 0}, {"id": "gold", "from": 100_000}],
    "tier_policy": {"window": "year", "down": "end_of_window"},
    "rules": [
        *PROGRAM["rules"],
        {"id": "stamp", "kind": "bonus", "give": {"units": 4, "wallet": "stamps"}},
        {
            "id": "short",
            "kind": "bonus",
            "give": {"units": 20, "expire_after_days": 5},
            "limit": {"customer": {"max": 500, "uses": 9, "period": "year"}, "budget": 1000},
        },
        {
            "id": "lucky",
            "kind": "random_reward",
            "give": {
                "draw": {
                    "algorithm": "independent",
                    "chance": "1",
                    "prizes": [{"id": "p", "weight": 1, "units": 30, "stock": 9}],
                }
            },
        },
        {
            "id": "welcome",
            "kind": "bonus",
            "when": {"event": ["review"]},
            "give": {"units": 15},
            "limit": {"customer": {"uses": 3}, "uses": 10},
        },
    ],
}


@dataclass(slots=True)
class Books:
    """Ids by name: customers `anna`, `boris`, `vera`, `galya`, `dina`, and the transactions that plants are made in."""

    ids: dict[str, str]

    def sql(self, text: str) -> str:
        """`:name` stands for an id, quoted; a colon inside a word, as in `program:issued`, and two stay."""
        return re.sub(r"(?<![\w:]):([a-z]\w*)", lambda name: f"'{self.ids[name[1]]}'", text)


async def fill(stage: Stage) -> Books:
    """A database that the audit must find nothing in."""
    async with served_here(stage) as edge, client_of(edge) as http:
        admin = Desk(http, await stage.key("admin"))
        till = Desk(http, await stage.key("pos", shop="S1", terminal="T1"))
        await admin.publish(small_program(**PROGRAM))
        anna, boris, vera, galya, dina = [await till.register() for _ in range(5)]
        ids = {"anna": anna, "boris": boris, "vera": vera, "galya": galya, "dina": dina}
        ids["nobody"] = "00000000-0000-0000-0000-000000000000"
        # Vera's first purchase becomes active, her second expires, while the others are served.
        now = datetime.now(UTC)
        before = await _bought(till, vera, line(price=50_000), at=(now - timedelta(days=10) + _SOON).isoformat())
        ids["ripening"] = before["id"]
        await _bought(till, vera, line(price=30_000), at=(now - timedelta(days=30) + _SOON).isoformat())
        await _fill_anna(till, admin, anna, ids)
        await _fill_boris(till, boris, ids)
        ids["anonymous"] = (await _bought(till, None, line(price=9_900)))["id"]
        await till.good("POST", f"/v1/purchases/{ids['anonymous']}/returns", refund())
        await asyncio.sleep(_SOON.total_seconds())
        await _fill_vera(till, vera, ids)
        await admin.publish(small_program(**LATER))
        await _fill_galya(till, admin, galya, ids)
        await _fill_dina(till, dina, ids)
    await _name_txs(stage, ids)
    return Books(ids)


async def _fill_anna(till: Desk, admin: Desk, anna: str, ids: dict[str, str]) -> None:
    first = await _bought(till, anna, line(price=100_000), line(2, price=20_000, qty="0.5"))
    ids["first"] = first["id"]
    spending = await _bought(till, anna, line(price=30_000, qty=3), redeem={"points": 40})
    ids["spending"] = spending["id"]
    back = await till.good("POST", f"/v1/purchases/{spending['id']}/returns", refund(("1", 1)))
    ids["back"] = back["id"]
    gift = {
        "customer": {"id": anna},
        "wallet": "points",
        "points": 5,
        "reason": "gift",
        "receipt": {"number": "gift-1"},
    }
    ids["gift"] = (await till.good("POST", "/v1/redeem", gift))["tx_id"]
    for units in (12, -4):
        correction = {"wallet": "points", "points": units, "reason": "correction"}
        ids["adjusted"] = (await admin.good("POST", f"/v1/customers/{anna}/adjust", correction))["tx_id"]
    refused = await till.post("/v1/redeem", {**gift, "points": 10_000, "receipt": {"number": "gift-2"}})
    assert refused.json()["code"] == "insufficient_points"
    ids["last"] = (await _bought(till, anna, line(price=7_000)))["id"]


async def _fill_boris(till: Desk, boris: str, ids: dict[str, str]) -> None:
    """Points spent before their purchase comes back whole: a debt, of which the next purchase covers a part."""
    bought = await _bought(till, boris, line(price=50_000))
    await _bought(till, boris, line(price=6_000), redeem={"points": 50})
    debt = await till.good("POST", f"/v1/purchases/{bought['id']}/returns", refund())
    assert debt["balances"]["points"]["available"] == -49
    ids["debt"] = debt["id"]
    ids["returned"] = bought["id"]
    covering = await _bought(till, boris, line(price=20_000))
    assert covering["balances"]["points"]["available"] == -29


async def _fill_vera(till: Desk, vera: str, ids: dict[str, str]) -> None:
    """What time has brought is posted first; then cashback is spent that its return can't have back."""
    spent = await _bought(till, vera, line(price=10_000), redeem={"cashback": 800})
    assert spent["balances"]["cashback"] == {"available": 0, "pending": 92, "held": 0}
    back = await till.good("POST", f"/v1/purchases/{ids['ripening']}/returns", refund())
    assert back["clamped"] == {"cashback": 500}


async def _fill_galya(till: Desk, admin: Desk, galya: str, ids: dict[str, str]) -> None:
    """Half a purchase comes back, then a whole one, whose draw the next takes over; an act; stamps become points; and a
    gift card is sold.
    """
    half = await _bought(till, galya, line(price=10_000, qty=2))
    ids["half"] = half["id"]
    assert [draw["prize"] for draw in half["draws"]] == ["p"]
    await till.good("POST", f"/v1/purchases/{half['id']}/returns", refund(("1", 1)))
    for name in ("cancelled", "repeated"):
        ids[name] = (await _bought(till, galya, line(price=20_000)))["id"]
        if name == "cancelled":
            await till.good("POST", f"/v1/purchases/{ids[name]}/returns", refund())
    ids["act"] = (await admin.good("POST", f"/v1/customers/{galya}/events", {"type": "review"}))["tx_id"]
    full = await _bought(till, galya, line(price=30_000))
    ids["full"] = full["id"]
    assert full["balances"]["stamps"]["available"] == 0
    made = await admin.good("POST", "/v1/gift-cards", {"wallet": "points", "units": 500, "expire_after_days": 7})
    sold = f"/v1/gift-cards/{made['numbers'][0]}/activate"
    await till.good("POST", sold, {"receipt": {"number": "card-1"}})
    last = await _bought(till, galya, line(price=5_000))
    await till.good("POST", f"/v1/purchases/{last['id']}/returns", refund())


async def _fill_dina(till: Desk, dina: str, ids: dict[str, str]) -> None:
    """Holds of every end: captured in part and half of that returned, captured without a basket, released, over by
    time, open; and nobody's.
    """
    await _bought(till, dina, line(price=90_000))

    async def held(**more: Any) -> str:
        lines = (line(price=20_000), line(2, price=30_000, qty=2))
        return str((await till.good("POST", "/v1/holds", purchase(dina, *lines, **more)))["id"])

    brief = {**_redeem(dina, 3), "ttl_seconds": 1}
    ids["expired"] = (await till.good("POST", "/v1/holds", brief))["id"]
    over_at = asyncio.get_running_loop().time() + 1.1
    ids["captured"] = await held(redeem={"points": 40})
    some = {"lines": [{"id": "2", "qty": 1}]}
    captured = await till.good("POST", f"/v1/holds/{ids['captured']}/capture", some)
    assert 0 < captured["totals"]["redeemed_units"]["points"] < 40
    ids["capture"] = captured["tx_id"]
    for name, units in (("paid", 6), ("released", 8), ("open_units", 2)):
        ids[name] = (await till.good("POST", "/v1/holds", _redeem(dina, units)))["id"]
    ids["payment"] = (await till.good("POST", f"/v1/holds/{ids['paid']}/capture"))["tx_id"]
    ids["release"] = (await till.good("POST", f"/v1/holds/{ids['released']}/release"))["tx_id"]
    ids["let_go"] = await held()
    await till.good("POST", f"/v1/holds/{ids['let_go']}/release")
    for name in ("nobodys", "nobodys_open"):
        ids[name] = (await till.good("POST", "/v1/holds", purchase(None)))["id"]
    ids["nobodys_capture"] = (await till.good("POST", f"/v1/holds/{ids['nobodys']}/capture"))["tx_id"]
    await asyncio.sleep(max(0, over_at - asyncio.get_running_loop().time()))
    ids["open"] = await held(redeem={"points": 7})
    some = refund(("2", "0.5"))
    ids["of_captured"] = (await till.good("POST", f"/v1/purchases/{ids['captured']}/returns", some))["id"]


def _redeem(customer: str, units: int) -> dict[str, Any]:
    """Also the body of a hold, which stays open for a day."""
    return {
        "customer": {"id": customer},
        "wallet": "points",
        "points": units,
        "reason": "gift",
        "receipt": {"number": f"units-{units}"},
        "ttl_seconds": 86_400,
    }


async def _bought(till: Desk, customer: str | None, *lines: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    bought: dict[str, Any] = await till.good("POST", "/v1/accrue", purchase(customer, *lines, **more))
    return bought


async def _name_txs(stage: Stage, ids: dict[str, str]) -> None:
    """The postings that time made, and lots, which have no answer of their own."""
    connection = await asyncpg.connect(stage.owner_url)
    try:
        statement = "select customer_id, tx_id from audit_tx where receipt = 'card-1'"
        ids["card"], ids["load"] = await connection.fetchrow(statement)
        for kind in ("activate", "expire"):
            statement = "select tx_id from audit_tx where customer_id = $1 and kind = $2"
            ids[kind] = await connection.fetchval(statement, ids["vera"], kind)
        statement = "select tx_id from audit_tx where parent_tx = $1 and kind = 'release'"
        ids["ended"] = await connection.fetchval(statement, ids["expired"])
        statement = "select tx_id::text from lots where customer_id::text = $1 and held > 0"
        ids["set_aside_of"] = await connection.fetchval(statement, ids["dina"])
        statement = "select lot_id from audit_lot where tx_id = $1 and wallet = 'points'"
        ids["lot"] = await connection.fetchval(statement, ids["first"])
        statement = "select lot_id from audit_lot where tx_id = $1 and wallet = 'cashback'"
        ids["pending_lot"] = await connection.fetchval(statement, ids["first"])
    finally:
        await connection.close()
