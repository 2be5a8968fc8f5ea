"""The calls of those who run the service: is the process up, can it serve, and its figures."""

from app.api import answers
from app.api.answers_schema import LiveAnswer, ReadyAnswer
from app.api.calls import Call, Operation
from app.domain.rejections import Rejection
from app.flows.ports_audit import Figures
from app.flows.requests import Answer
from app.telemetry import METRICS_TYPE, Reading, render_metrics


async def live(_call: Call) -> Answer:
    return Answer(200, answers.to_bytes({"status": "ok"}))


async def ready(call: Call) -> Answer:
    """A dead cache is `degraded` and still ready."""
    parts = await call.service.is_ready()
    status = "ok" if all(state == "ok" for state in parts.values()) else "degraded"
    return Answer(200, answers.to_bytes({"status": status, **parts}))


async def metrics(call: Call) -> Answer:
    """Also while the database is away, or the service isn't open yet."""
    figures = await call.opened.figures() if call.opened is not None else None
    return Answer(200, render_metrics(_readings(figures)))


def _readings(figures: Figures | None) -> list[Reading]:
    is_up = Reading("kopilka_database_up", "Whether the database has told what follows", {"": int(figures is not None)})
    if figures is None:
        return [is_up]
    age = {} if figures.pass_age is None else {"": figures.pass_age}
    return [
        is_up,
        Reading("kopilka_audit_findings", "What the self-audit has found, still open", figures.findings, "check"),
        Reading("kopilka_audit_pass_age_seconds", "Since the whole ledger was gone over", age),
        # No counter: two workers' readings differ by some seconds, and what runs back would count as begun anew.
        Reading("kopilka_audit_customers_checked", "Customers gone over, ever", {"": figures.customers_checked}),
        Reading("kopilka_customers_frozen", "Who may redeem nothing until the books add up", {"": figures.frozen}),
        Reading("kopilka_holds_open", "Holds neither captured nor released", {"": figures.holds_open}),
        Reading("kopilka_holds_overdue", "Of them past their end, not posted yet", {"": figures.holds_overdue}),
        Reading("kopilka_events_waiting", "Events without a place in the feed yet", {"": figures.events_waiting}),
        Reading("kopilka_alerts_new", "Alerts that nobody has looked at yet", figures.alerts, "kind"),
        Reading("kopilka_duty_age_seconds", "Since a background duty ended well", figures.duty_ages, "duty"),
    ]


OPERATIONS = (
    Operation(
        method="GET",
        path="/health/live",
        name="live",
        summary="The process is up",
        tag="Operations",
        handler=live,
        roles=None,
        answers={200: LiveAnswer},
    ),
    Operation(
        method="GET",
        path="/health/ready",
        name="ready",
        summary="Migrations at head, database writable; a dead cache is `degraded`, still 200",
        tag="Operations",
        handler=ready,
        roles=None,
        answers={200: ReadyAnswer},
        refusals=(Rejection.UNAVAILABLE,),
    ),
    Operation(
        method="GET",
        path="/metrics",
        name="metrics",
        summary="Prometheus text",
        tag="Operations",
        handler=metrics,
        roles=None,
        answers={200: None},
        media_type=METRICS_TYPE,
    ),
)
