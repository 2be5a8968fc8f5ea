"""The table of all operations; the edge serves it, the OpenAPI document lists it."""

from app.api import (
    backtests,
    cards,
    coupons,
    customers,
    draws,
    events,
    feed,
    holds,
    ledger,
    ledger_findings,
    offline,
    ops,
    prize_draws,
    programs,
    purchases,
    segments,
)
from app.api.calls import Operation

OPERATIONS: tuple[Operation, ...] = (
    *purchases.OPERATIONS,
    *holds.OPERATIONS,
    *offline.OPERATIONS,
    *customers.OPERATIONS,
    *cards.OPERATIONS,
    *events.OPERATIONS,
    *feed.OPERATIONS,
    *coupons.OPERATIONS,
    *segments.OPERATIONS,
    *programs.OPERATIONS,
    *backtests.OPERATIONS,
    *draws.OPERATIONS,
    *prize_draws.OPERATIONS,
    *ledger.OPERATIONS,
    *ledger_findings.OPERATIONS,
    *ops.OPERATIONS,
)
