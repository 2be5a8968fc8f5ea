"""A deed and an adjustment as the service tells them."""

from uuid import UUID

from app.domain.abuse.tills import AlertKind
from app.flows.ports_adjustments import Adjustment, AdjustmentState
from app.flows.ports_alerts import Alert, AlertState, Raised
from app.flows.ports_audit_log import ActorKind, Deed, LogRow
from tests.api import samples

ALERT = UUID("01890000-0000-7000-8000-0000000000a2")
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


def alert() -> Alert:
    facts = {"limit": 5, "count": 6}
    raised = Raised(AlertKind.SAME_CUSTOMER, "S1", "T1", samples.CUSTOMER, samples.NOON.date(), facts, samples.PURCHASE)
    return Alert(ALERT, raised, samples.NOON, samples.NOON, AlertState.NEW)


def adjustment() -> Adjustment:
    return Adjustment(
        id=ADJUSTMENT,
        customer=samples.CUSTOMER,
        wallet="points",
        points=5_000,
        reason="an apology",
        asked_by="k-support",
        hand="k-support",
        asked_at=samples.NOON,
        expires_at=samples.NOON,
        state=AdjustmentState.PENDING,
    )
