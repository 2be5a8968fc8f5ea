"""Lists of a customer: postings with their reasons, open lots in spending order; page by page."""

from datetime import timedelta
from typing import Any

from tests.e2e.checks import ago, instant, refused
from tests.kit import Desk, line, refund, small_program


async def pages(desk: Desk, path: str, *, limit: int) -> list[list[dict[str, Any]]]:
    """All pages of a list."""
    found, cursor = [], ""
    while True:
        page = await desk.good("GET", f"{path}?limit={limit}{cursor}")
        assert page.keys() == {"items", "next"}
        found.append(page["items"])
        if page["next"] is None:
            return found
        cursor = f"&cursor={page['next']}"


async def test_history_tells_each_posting_with_its_reason_rule_receipt_and_lot(till: Desk, admin: Desk) -> None:
    customer = await till.register()
    bought = (await till.accrue(customer, line(price=10000), receipt="A-1")).json()
    await admin.good(
        "POST", f"/v1/customers/{customer}/adjust", {"wallet": "points", "points": 50, "reason": "an apology"}
    )
    spent = await till.good(
        "POST",
        "/v1/redeem",
        {
            "customer": {"id": customer},
            "wallet": "points",
            "points": 20,
            "receipt": {"number": "A-2"},
            "reason": "a mug",
        },
    )
    back = await till.good("POST", f"/v1/purchases/{bought['id']}/returns", refund(receipt="A-3"))
    items = (await till.good("GET", f"/v1/customers/{customer}/history"))["items"]
    assert [(item["kind"], item["version"]) for item in items] == [
        ("return", 4),
        ("redeem", 3),
        ("adjust", 2),
        ("purchase", 1),
    ]
    returned, redeemed, adjusted, purchase = items
    assert purchase["tx_id"] == bought["tx_id"]
    assert purchase["receipt"] == {"shop": "S1", "terminal": "T1", "number": "A-1"}
    (issued,) = [entry for entry in purchase["entries"] if entry["account"] == "customer:available"]
    assert (issued["wallet"], issued["amount"], issued["rule"]) == ("points", 100, "base")
    assert issued["lot"] is not None
    assert (adjusted["reason"], redeemed["reason"], redeemed["tx_id"]) == ("an apology", "a mug", spent["tx_id"])
    assert (returned["tx_id"], returned["purchase"]) == (back["tx_id"], bought["id"])
    assert returned["receipt"]["number"] == "A-3"


async def test_history_comes_in_pages_without_gaps(till: Desk) -> None:
    customer = await till.register()
    for _ in range(7):
        await till.accrue(customer)
    found = await pages(till, f"/v1/customers/{customer}/history", limit=3)
    assert [[item["version"] for item in page] for page in found] == [[7, 6, 5], [4, 3, 2], [1]]
    whole = await till.good("GET", f"/v1/customers/{customer}/history?limit=7")
    assert (len(whole["items"]), whole["next"]) == (7, None)


async def test_lots_are_listed_in_spending_order_and_spent_in_it(till: Desk, admin: Desk) -> None:
    """Earliest expiry first, never-expiring last, then earlier activation."""
    customer = await till.register()
    bought = {}
    for days, price, expiry in ((1, 10000, None), (5, 20000, 200), (5, 30000, 100), (9, 40000, None)):
        await admin.publish(small_program(wallets={"points": {"value": 100, "expire_after_days": expiry}}))
        at = ago(days=days)
        answer = await till.accrue(customer, line(price=price), at=at.isoformat())
        bought[price // 100] = (answer.json()["tx_id"], at, expiry)
    (items,) = await pages(till, f"/v1/customers/{customer}/lots", limit=10)
    assert [item["remaining"] for item in items] == [300, 200, 400, 100]
    for item in items:
        tx_id, at, expiry = bought[item["remaining"]]
        assert item.keys() == {"id", "wallet", "remaining", "active_at", "expires_at", "tx_id"}
        assert (item["wallet"], item["tx_id"], instant(item["active_at"])) == ("points", tx_id, at)
        if expiry is None:
            assert item["expires_at"] is None
        else:
            assert instant(item["expires_at"]) == at + timedelta(days=expiry)
    assert await pages(till, f"/v1/customers/{customer}/lots", limit=2) == [items[:2], items[2:]]
    await till.accrue(customer, line(price=70100, no=["accrue"]), redeem={"points": 701})
    (left,) = await pages(till, f"/v1/customers/{customer}/lots", limit=10)
    assert [(item["id"], item["remaining"]) for item in left] == [(items[2]["id"], 199), (items[3]["id"], 100)]


async def test_a_page_has_1_to_100_items(till: Desk) -> None:
    customer = await till.register()
    for path in ("history", "lots"):
        for query in ("limit=0", "limit=101", "limit=x", "limit=-1", "cursor=%20", "cursor=bm9wZQ", "page=2"):
            refused(await till.get(f"/v1/customers/{customer}/{path}?{query}"), 422, "validation_error")
        assert await till.good("GET", f"/v1/customers/{customer}/{path}?limit=100") == {"items": [], "next": None}
