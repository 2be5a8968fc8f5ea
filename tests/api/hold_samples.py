"""Holds for tests of the edge."""

from datetime import UTC, datetime
from typing import Any

from app.flows.results import HoldPosted, HoldView
from tests.api import samples

EXPIRES_AT = datetime(2026, 11, 21, 9, 15, tzinfo=UTC)


def held_basket() -> dict[str, Any]:
    return samples.purchase() | {"ttl_seconds": 60}


def posted(*, state: str = "held", is_release: bool = False) -> HoldPosted:
    return HoldPosted(
        id=samples.PURCHASE,
        tx_id=samples.RETURN,
        version=44,
        state=state,
        expires_at=EXPIRES_AT,
        balances=samples.BALANCES,
        wallet=None if is_release else "points",
        points=None if is_release else 300,
        given_back={"points": 300} if is_release else None,
        expired_again={} if is_release else None,
    )


def view() -> HoldView:
    return HoldView(
        id=samples.PURCHASE,
        shop="S1",
        state="held",
        kind="purchase",
        expires_at=EXPIRES_AT,
        customer=samples.CUSTOMER,
        wallets={"points": 50},
        resolved_tx=None,
    )
