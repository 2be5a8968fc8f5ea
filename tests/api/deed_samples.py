"""A deed and an adjustment as the service tells them."""

from uuid import UUID

from app.flows.ports_adjustments import Adjustment, AdjustmentState
from app.flows.ports_audit_log import ActorKind, Deed, LogRow
from tests.api import samples

ADJUSTMENT = UUID("01890000-0000-7000-8000-0000000000a1")


def row() -> LogRow:
    deed = Deed(
        ActorKind.KEY,
        "k-admin",
        "publish",
        object="program/publish",
        ip="192.0.2.1",
        request_id="r1",
        details={"version": 8},
    )
    return LogRow(UUID(int=7), "0123456789ab", 1, samples.NOON, deed, bytes(32))


def adjustment() -> Adjustment:
    return Adjustment(
        id=ADJUSTMENT,
        customer=samples.CUSTOMER,
        wallet="points",
        points=5_000,
        reason="an apology",
        asked_by="k-support",
        asked_at=samples.NOON,
        expires_at=samples.NOON,
        state=AdjustmentState.PENDING,
    )
