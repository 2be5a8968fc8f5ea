"""A return that shares its round with purchases of the same customer."""

import asyncio
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from app.storage import ledger
from app.verification import findings
from tests.kit import Desk, Stage, purchase, refund


async def test_a_whole_return_beside_an_older_deal_knows_the_last_purchase(
    till: Desk, stage: Stage, owner: asyncpg.Connection
) -> None:
    customer, *others = [await till.register() for _ in range(3)]
    now = datetime.now(UTC)
    latest, older = (now - timedelta(hours=1)).isoformat(), now - timedelta(hours=2)
    bought = await till.good("POST", "/v1/accrue", purchase(customer, at=latest))
    # The first two are under way while the others gather, so the last two share a round.
    answers = await asyncio.gather(
        *(till.accrue(other) for other in others),
        till.accrue(customer, at=older.isoformat()),
        till.post(f"/v1/purchases/{bought['id']}/returns", refund()),
    )
    assert [answer.status_code for answer in answers] == [201] * 4
    last = await owner.fetchval("select last_purchase_at from customers where id::text = $1", customer)
    assert last == older
    assert await findings(stage.owner_url) == []


async def test_only_who_may_return_the_latest_is_asked_for_the_one_before(
    till: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes through all purchases of the customer; nobody has most of all."""
    customer = await till.register()
    older, latest = [await till.good("POST", "/v1/accrue", purchase(customer)) for _ in range(2)]
    nobodys = await till.good("POST", "/v1/accrue", purchase(None))
    monkeypatch.setattr(ledger, "PREVIOUS_AT", "no statement")
    for one in (older, nobodys):
        await till.good("POST", f"/v1/purchases/{one['id']}/returns", refund())
    refused = await till.post(f"/v1/purchases/{latest['id']}/returns", refund())
    assert refused.status_code == 500
